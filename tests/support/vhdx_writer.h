/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a VHDX in memory, straight from [MS-VHDX], together with a model of what its guest reads: for tests, which
 * then damage the image byte by byte.  Broken allocation or files are assertions.
 *
 * Of a block in state 7 every third sector (counted from the disk's beginning) is the parent's, unless `bits` says which.
 * Bits of other blocks are clear, and every block has its bytes in the file, whatever its state.
 * Layout: log at 1 MiB, metadata and BAT behind it, bitmaps of sectors, then the blocks, last one first unless `ascending`
 * or `order` says otherwise.
 */
#ifndef LIFTFS_TESTS_VHDX_WRITER_H
#define LIFTFS_TESTS_VHDX_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/guid.h"
#include "disk/backing.h"

#define VHDX_W_MIB ((uint64_t)1 << 20)
#define VHDX_W_WINDOW ((uint64_t)64 << 10)

/* Items of the metadata table, in the order in which they are written. */
enum vhdx_w_item { VHDX_W_PARAMETERS, VHDX_W_SIZE, VHDX_W_DISK_ID, VHDX_W_LOGICAL, VHDX_W_PHYSICAL, VHDX_W_ITEMS };

struct vhdx_image {
	/* What to write; 0 is the default in brackets. */
	uint64_t size;        /* [5 MiB] */
	uint32_t block_size;  /* [1 MiB] */
	uint32_t sector_size; /* logical [512] */
	uint32_t log_len;     /* [1 MiB] */
	bool fixed, has_parent, ascending;
	const uint32_t *order;  /* the place of each block among all */
	const uint8_t *states;  /* of each block [all 6, fully present] */
	const uint8_t *bits;    /* of each sector of the disk, lowest first: 1 for its own, where the state is 7 */
	uint64_t seed;          /* of the content */
	const char *data_write; /* GUID [aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee] */
	const uint8_t *parent;  /* what the parent's guest reads, size bytes, if has_parent ... */
	const struct vhdx_image *below; /* ... or the parent itself, of any size */
	/*
	 * For disks that do not fit memory: blocks have content only in their first and last VHDX_W_WINDOW bytes, bytes ends
	 * before them, and there is no guest: vhdx_image_guest() computes it.
	 */
	bool sparse;

	/* What was written. */
	uint8_t *bytes; /* the file; may be cut or damaged */
	size_t len;
	uint8_t *guest; /* size bytes */
	uint64_t n_blocks, log_off, meta_off, bat_off, bat_len, bitmap_off, data_off, file_len;
};

void vhdx_image_build(struct vhdx_image *img);
void vhdx_image_fini(struct vhdx_image *img);

/* What the guest reads, whatever the image is: offset and length are whole sectors. */
void vhdx_image_guest(const struct vhdx_image *img, uint8_t *buf, size_t len, uint64_t off);

/* Writes the file, with holes where it is zero. */
void vhdx_image_write(struct vhdx_image *img, int fd);

uint8_t *vhdx_image_header(struct vhdx_image *img, int which);              /* 1 or 2 */
uint8_t *vhdx_image_region(struct vhdx_image *img, int which);              /* the table's copies, 1 or 2 */
uint8_t *vhdx_image_region_entry(struct vhdx_image *img, int which, int i); /* 0: BAT, 1: metadata */
uint8_t *vhdx_image_item_entry(struct vhdx_image *img, int item); /* of the metadata table; i may be VHDX_W_ITEMS */
uint8_t *vhdx_image_item(struct vhdx_image *img, enum vhdx_w_item item); /* its content */
uint8_t *vhdx_image_bat_entry(struct vhdx_image *img, uint64_t block);
uint8_t *vhdx_image_block(struct vhdx_image *img, uint64_t block); /* its bytes, if the BAT gives it any */

/* Names the parent: the item that has_parent needs, with n pairs of key and value. */
void vhdx_image_set_locator(struct vhdx_image *img, const char *const (*pairs)[2], size_t n);
/* The same with the keys parent_linkage and relative_path. */
void vhdx_image_set_parent(struct vhdx_image *img, const char *linkage, const char *relative);
uint8_t *vhdx_image_locator(struct vhdx_image *img);
uint8_t *vhdx_image_bitmap_entry(struct vhdx_image *img); /* of the BAT, chunk 0 */

/* Renew the checksums of both headers, of both region tables. */
void vhdx_image_seal_headers(struct vhdx_image *img);
void vhdx_image_seal_regions(struct vhdx_image *img);

/* Names a log in both headers. */
void vhdx_image_set_log(struct vhdx_image *img, const struct guid *log);

/* What a log entry does: a page of data, or (NULL) zeros. */
struct vhdx_log_write {
	uint64_t off, len;
	const uint8_t *page;
};
/*
 * Writes an entry at a sector of the ring (it may wrap), flushed and last size those of the file; returns the sector
 * behind it.  tail is a sector too.
 */
size_t vhdx_image_log_entry(struct vhdx_image *img, size_t sector, size_t tail, uint64_t sequence,
			    const struct guid *log, const struct vhdx_log_write *writes, size_t n);
/* Renews the checksum of the entry at a sector. */
void vhdx_image_seal_entry(struct vhdx_image *img, size_t sector);

/* The file without a name: its fd is the caller's to close. */
struct backing vhdx_image_backing(const struct vhdx_image *img);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a dynamic or differencing VHD in memory, straight from the specification, together with a model of what its
 * guest reads: for tests, which then damage the image byte by byte.  Needs no test library.
 *
 * The bytes of a sector whose bit is clear are written all the same: who does not ask the bitmap shows them.
 * Layout: footer's copy, header and BAT where asked for, behind both the locators' texts, then the blocks, last one
 * first unless `ascending` is set, then the footer.
 */
#ifndef LIFTFS_TESTS_VHD_WRITER_H
#define LIFTFS_TESTS_VHD_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VHD_W_KIB ((uint64_t)1 << 10)
#define VHD_W_W2RU UINT32_C(0x57327275)
#define VHD_W_W2KU UINT32_C(0x57326b75)
#define VHD_W_MACX UINT32_C(0x4d616358)
#define VHD_W_TEXT_ROOM 2048 /* bytes of each locator's text */

enum vhd_w_state { VHD_W_ABSENT, VHD_W_FULL, VHD_W_PARTIAL }; /* of a block */

struct vhd_image {
	/* What to write; 0 is the default in brackets. */
	uint64_t size;         /* [320 KiB] */
	uint32_t block_size;   /* [64 KiB] */
	uint32_t type;         /* [3, dynamic]; 4: differencing */
	uint64_t header_off;   /* [512] */
	uint64_t bat_off;      /* [1536]; any byte */
	uint32_t more_entries; /* of the BAT than the disk needs */
	bool ascending;
	bool cut_last;         /* the file's last block, if it is the disk's last, ends with the disk */
	bool short_footer;     /* 511 bytes */
	const char *creator;   /* ["win "] */
	uint8_t id;            /* all 16 bytes of the unique id [0] */
	const uint8_t *states; /* of each block [all full] */
	uint64_t seed;         /* of content and bits */
	const uint8_t *parent; /* what the parent's guest reads */
	uint64_t parent_size;

	/* What was written. */
	uint8_t *bytes; /* the file; may be cut or damaged */
	size_t len;
	uint8_t *guest; /* size bytes */
	uint64_t n_blocks, n_entries, text_off, data_off;
	uint32_t bitmap_len;
};

void vhd_image_build(struct vhd_image *img);
void vhd_image_fini(struct vhd_image *img);

uint8_t *vhd_image_footer(struct vhd_image *img); /* the one at the end */
uint8_t *vhd_image_header(struct vhd_image *img);
uint8_t *vhd_image_bat_entry(struct vhd_image *img, uint64_t block);
uint8_t *vhd_image_bitmap(struct vhd_image *img, uint64_t block);    /* of a block that is there */
uint64_t vhd_image_block_off(struct vhd_image *img, uint64_t block); /* in the file, of its bytes */

/* Puts a 32- or 64-bit value into both footers, or into the header, and renews their checksums. */
void vhd_image_set_footers(struct vhd_image *img, size_t field, size_t width, uint64_t value);
void vhd_image_set_header(struct vhd_image *img, size_t field, size_t width, uint64_t value);
/* Renews the checksum of 512 or 1024 bytes. */
void vhd_seal_footer(uint8_t *raw);
void vhd_seal_header(uint8_t *raw);

/*
 * Names the parent of a differencing disk, whose unique id is 16 times `id`.  The texts are ASCII; in UTF-16 in the
 * file for the codes that say so.
 */
void vhd_image_set_parent(struct vhd_image *img, uint8_t id, const char *name);
void vhd_image_set_locator(struct vhd_image *img, unsigned i, uint32_t code, const char *text);
uint8_t *vhd_image_locator(struct vhd_image *img, unsigned i); /* its 24 bytes; seal the header after a change */
uint8_t *vhd_image_text(struct vhd_image *img, unsigned i);

uint64_t vhd_w_random(uint64_t *state); /* repeatable; *state is not 0 */
void vhd_w_random_states(uint8_t *states, uint64_t n, uint64_t *random);

#endif

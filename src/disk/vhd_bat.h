/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block allocation table of a dynamic or differencing VHD, and the sector bitmaps of its blocks.
 *
 * An entry is the 32-bit number of the sector where a block begins, or ffffffff: there is no such block.  A block is a
 * bitmap of its sectors, highest bit first, padded to 512 bytes; then its bytes.
 *
 *                   dynamic    differencing
 *   no block        zeros      the parent's
 *   bit clear       zeros      the parent's
 *   bit set         here       here
 *
 * Pages of table and bitmaps are read as they are needed (disk/table_cache.h): with blocks of 4 KiB a table of 2040 GiB
 * has 2 GiB.
 *
 * Threads: init alone; the rest from any number of threads.
 */
#ifndef LIFTFS_DISK_VHD_BAT_H
#define LIFTFS_DISK_VHD_BAT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "disk/format.h"
#include "disk/vhd_header.h"

#define VHD_SECTOR_SHIFT 9

struct vhd_bat {
	struct image *img;
	uint64_t bat_off, bat_len, header_off, content_end, disk_size, n_blocks;
	uint32_t block_shift; /* bytes a block */
	uint32_t bitmap_len;  /* bytes, a multiple of 512 */
	bool has_parent;
	atomic_bool warned_clear;
};

/* A run of blocks that are not there, or one block that is. */
struct vhd_run {
	uint64_t n_blocks;
	bool present;
	uint64_t bitmap_off, data_off; /* in the file, if present */
};

/*
 * Header, BAT and content_end (where the footer begins, or the file ends) have been checked against each other.  img,
 * its first file and its cache of tables, outlives the table.
 */
void vhd_bat_init(struct vhd_bat *bat, struct image *img, const struct vhd_header *h, uint64_t header_off,
		  uint64_t disk_size, uint64_t content_end, bool has_parent);

/*
 * The run that begins at `block`, at most `max` blocks; it ends early where a page of the table does.  It fails
 * (ERR_CORRUPT) if that block's entry is bad: bitmap and bytes lie before content_end, but for what is beyond the
 * disk's end in its last block, and apart from the footer's copy, the header and the BAT.
 */
int vhd_bat_run(struct vhd_bat *bat, uint64_t block, uint64_t max, struct vhd_run *out, struct error *err) MUST_CHECK;

/*
 * A run of sectors of a present block, from its sector `first` on, at most `max` (which stay inside block and disk):
 * *here_out says whether their bits are set.  It ends early where a page does.
 */
int vhd_bat_sectors(struct vhd_bat *bat, const struct vhd_run *run, uint64_t first, uint64_t max, bool *here_out,
		    uint64_t *n_out, struct error *err) MUST_CHECK;

#endif

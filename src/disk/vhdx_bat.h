/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block allocation table of a VHDX ([MS-VHDX] 2.2.5): 64-bit entries, bits 0-2 a state, bits 20-63 a file offset in
 * MiB.  After each `chunk` payload blocks comes one entry for the sector bitmap that belongs to them.
 *
 * The table of a disk of 64 TiB can have 512 MiB, so pages of it are read as they are needed (disk/table_cache.h).
 *
 *   state            without parent    with parent
 *   0 not present    zeros             the parent's
 *   1 undefined, 2 zero, 3 unmapped (5: the same by qemu before 1.0): zeros
 *   6 present        data              data
 *   7 partly         error             sector by sector, by the bitmap
 *   4                error             error
 *
 * Threads: init alone; the rest from any number of threads.
 */
#ifndef LIFTFS_DISK_VHDX_BAT_H
#define LIFTFS_DISK_VHDX_BAT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/extent.h"
#include "disk/format.h"
#include "disk/vhdx_header.h"
#include "disk/vhdx_metadata.h"
#include "disk/vhdx_region.h"

struct vhdx_bat {
	struct image *img;
	struct vhdx_view view;
	struct vhdx_regions regions;
	uint64_t log_off;
	uint32_t log_len;
	uint64_t virtual_size, n_blocks;
	uint32_t block_shift, chunk_shift,
		sector_shift; /* bytes a block, blocks a chunk, bytes a sector: powers of two */
	bool has_parent;
	atomic_bool warned_reserved;
};

/* A run of blocks with one answer. */
struct vhdx_run {
	uint64_t n_blocks;
	enum extent_kind kind;
	bool partial; /* kind is EXTENT_DATA, but for each sector the bitmap says whether it is here; n_blocks is 1 */
	uint64_t file_off; /* of the first block's bytes, if data: the run is contiguous in the file */
};

/*
 * The table's region must hold an entry for each block.  The places of regions and log have been checked.  img (its
 * first file and its cache of tables) and what view points to stay the caller's and outlive the table.
 */
int vhdx_bat_init(struct vhdx_bat *bat, struct image *img, const struct vhdx_view *view,
		  const struct vhdx_regions *regions, const struct vhdx_header *header, const struct vhdx_metadata *m,
		  struct error *err) MUST_CHECK;

/*
 * The run that begins at `block`, at most `max` blocks.  It ends early where a page of the table does, and before an
 * entry that is bad; it fails (ERR_CORRUPT) only if the entry of `block` itself is.  Data lies inside the file, but for
 * what is beyond the disk's end in its last block, and apart from headers, regions and log.
 */
int vhdx_bat_run(struct vhdx_bat *bat, uint64_t block, uint64_t max, struct vhdx_run *out,
		 struct error *err) MUST_CHECK;

/*
 * A run of sectors of a partly present block, from its sector `first` on, at most `max` of them (which stay inside the
 * block): *present_out says whether they are here or the parent's.  It may end early.  ERR_CORRUPT if the chunk of the
 * block has no sector bitmap, or one that lies where it must not.
 */
int vhdx_bat_sectors(struct vhdx_bat *bat, uint64_t block, uint64_t first, uint64_t max, bool *present_out,
		     uint64_t *n_out, struct error *err) MUST_CHECK;

/* How many entries a table has for so many blocks. */
uint64_t vhdx_bat_entries(uint64_t n_blocks, uint32_t chunk_shift, bool has_parent);

#endif

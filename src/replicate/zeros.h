/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a disk is known to be zero without reading it, asked for window by window while a scan moves forward, so that
 * the lists stay small on a disk of any size.  What lies beyond the disk's end (a replica's padding) is zero.
 * Not thread-safe: one scan has one owner, or a lock.
 */
#ifndef LIFTFS_REPLICATE_ZEROS_H
#define LIFTFS_REPLICATE_ZEROS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/extent.h"
#include "disk/disk.h"

/* At a fragment each 4 KiB a window's list is 65,536 extents, about 2.5 MiB.  A multiple of every block size. */
#define ZEROS_WINDOW (UINT64_C(256) << 20)

struct zeros {
	struct disk *disk;
	struct extent_list list; /* of [start, end) */
	uint64_t start, end;
	size_t at;               /* the extent that the last question ended in */
	void (*loaded)(void *ctx, const struct extent_list *list, uint64_t start, uint64_t end); /* each window; NULL: nobody */
	void *loaded_ctx;
};

/* Borrows d. */
void zeros_init(struct zeros *z, struct disk *d);
void zeros_fini(struct zeros *z);

/*
 * The run at `off`: zero or data, and where it ends, at most at `limit` (off < limit).  A zero run is followed across
 * windows, a data run ends at the window's end at the latest.  Cheap if each question begins at or after the one
 * before, or a little before its answer's end.
 */
int zeros_run(struct zeros *z, uint64_t off, uint64_t limit, bool *zero_out, uint64_t *end_out,
	      struct error *err) MUST_CHECK;

/*
 * Which of the `n` blocks (at most 64) of `size` bytes from `off` on are zero throughout: bit i for block i.  The last
 * block ends at `limit` at the latest.
 */
int zeros_mask(struct zeros *z, uint64_t off, uint64_t limit, uint64_t size, unsigned n, uint64_t *mask_out,
	       struct error *err) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grains of compressed images as they are after inflating, kept for neighbouring reads, and dropped when they were not
 * used for longest.
 *
 * A grain is known by its file (an index into the disk's files), its number, and its length: a header that somebody changes
 * between two looks at it may say another one.  Who uses one holds it meanwhile.
 *
 * Any number of threads.  Two that want one missing grain fill it once.
 */
#ifndef LIFTFS_DISK_GRAIN_CACHE_H
#define LIFTFS_DISK_GRAIN_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct grain {
	const uint8_t *data;
	size_t len;
	uint64_t index;
	uint32_t file;
};

/* Fills out[0, len), or fails.  Called without the cache's lock, and must not ask the cache itself. */
typedef int grain_fill_fn(void *ctx, uint8_t *out, size_t len, struct error *err);

struct grain_cache;

/* Keeps at most max_bytes of grains, and for that moment more if all of them are held. */
struct grain_cache *grain_cache_new(size_t max_bytes, struct error *err) MUST_CHECK;
void grain_cache_free(struct grain_cache *c); /* nobody holds a grain any more; NULL is welcome */

/*
 * The grain, filled by `fill` if it is not there.  Held until
 * grain_cache_put().  A failure is not kept: the next call tries anew.
 */
const struct grain *grain_cache_get(struct grain_cache *c, uint32_t file, uint64_t index, size_t len,
				    grain_fill_fn *fill, void *ctx, struct error *err) MUST_CHECK;
/* The grain if it is there, held as above; NULL if not, also while somebody fills it. */
const struct grain *grain_cache_find(struct grain_cache *c, uint32_t file, uint64_t index, size_t len) MUST_CHECK;
void grain_cache_put(struct grain_cache *c, const struct grain *grain); /* NULL is welcome */

/* For tests: bytes of grains in memory, and calls of fill so far. */
size_t grain_cache_bytes(struct grain_cache *c);
uint64_t grain_cache_fills(struct grain_cache *c);

#endif

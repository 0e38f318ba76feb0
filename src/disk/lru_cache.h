/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pieces of a disk's files as its readers want them (pages of tables, inflated grains), kept for neighbouring reads,
 * and dropped when they were not used for longest.
 *
 * A piece is known by its file (an index into the disk's files), its place there, in whatever unit the user counts, and
 * its length: a header that somebody changes between two looks at it may say another one.  Who uses one holds it
 * meanwhile: one lock for a piece, none for a byte of it.
 *
 * Any number of threads.  Two that want one missing piece fill it once.
 */
#ifndef LIFTFS_DISK_LRU_CACHE_H
#define LIFTFS_DISK_LRU_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct cached {
	const uint8_t *data;
	size_t len;
	uint64_t at;
	uint32_t file;
};

/* Fills out[0, len), or fails.  Called without the cache's lock, and must not ask the cache itself. */
typedef int cache_fill_fn(void *ctx, uint8_t *out, size_t len, struct error *err);

struct lru_cache;

/* Keeps at most that many pieces and bytes of them (SIZE_MAX: no limit), and for that moment more if all are held. */
struct lru_cache *lru_cache_new(size_t max_pieces, size_t max_bytes, struct error *err) MUST_CHECK;
void lru_cache_free(struct lru_cache *c); /* nobody holds a piece any more; NULL is welcome */

/*
 * The piece, filled by `fill` if it is not there.  Held until lru_cache_put().  A failure is told to all that waited
 * for it, and not kept: the next call tries anew.
 */
const struct cached *lru_cache_get(struct lru_cache *c, uint32_t file, uint64_t at, size_t len, cache_fill_fn *fill,
				   void *ctx, struct error *err) MUST_CHECK;
/* The piece if it is there, held as above; NULL if not, also while somebody fills it. */
const struct cached *lru_cache_find(struct lru_cache *c, uint32_t file, uint64_t at, size_t len) MUST_CHECK;
void lru_cache_put(struct lru_cache *c, const struct cached *piece); /* NULL is welcome */

/* For tests: pieces in memory, their bytes, and calls of fill so far. */
size_t lru_cache_pieces(struct lru_cache *c);
size_t lru_cache_bytes(struct lru_cache *c);
uint64_t lru_cache_fills(struct lru_cache *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of allocation tables, read when they are needed and dropped when they were not used for longest.
 *
 * The tables of an image may be as large as its author likes (128 GiB of grain tables for 64 TiB), so none is loaded as
 * a whole.  A page is 64 KiB of a host file at a multiple of 64 KiB, shorter only where the file ends.
 *
 * The cache is disk/lru_cache.h, where a page is held, given back and counted; its place is its offset in the file.
 */
#ifndef LIFTFS_DISK_TABLE_CACHE_H
#define LIFTFS_DISK_TABLE_CACHE_H

#include "disk/backing.h"
#include "disk/lru_cache.h"

#define TABLE_PAGE_LEN ((size_t)64 << 10)

struct lru_cache *table_cache_new(size_t max_pages, struct error *err) MUST_CHECK;

/* The page of `b`, called `file`, that holds byte off.  Held until lru_cache_put().  ERR_CORRUPT beyond the end. */
const struct cached *table_cache_get(struct lru_cache *c, const struct backing *b, uint32_t file, uint64_t off,
				     struct error *err) MUST_CHECK;

#endif

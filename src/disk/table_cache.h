/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of allocation tables, read when they are needed and dropped when they were not used for longest.
 *
 * The tables of an image may be as large as its author likes (128 GiB of grain tables for 64 TiB), so none is loaded as
 * a whole.  A page is 64 KiB of a host file at a multiple of 64 KiB, shorter only where the file ends.  Who looks
 * something up holds its page meanwhile: one lock for a page, none for an entry.
 *
 * Any number of threads.  Two that want one missing page read it once.
 */
#ifndef LIFTFS_DISK_TABLE_CACHE_H
#define LIFTFS_DISK_TABLE_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "disk/backing.h"

#define TABLE_PAGE_LEN ((size_t)64 << 10)

struct table_page {
	const uint8_t *data;
	size_t len;
	uint64_t off; /* in the file */
	uint32_t file;
};

struct table_cache;

/* Keeps at most max_pages, and for that moment more if all of them are held. */
struct table_cache *table_cache_new(size_t max_pages, struct error *err) MUST_CHECK;
void table_cache_free(struct table_cache *c); /* nobody holds a page any more; NULL is welcome */

/* The page of `b`, which is called `file`, that holds byte off.  Held until table_cache_put(). */
const struct table_page *table_cache_get(struct table_cache *c, const struct backing *b, uint32_t file, uint64_t off,
					 struct error *err) MUST_CHECK;
void table_cache_put(struct table_cache *c, const struct table_page *page); /* NULL is welcome */

/* For tests: pages in memory, and pages read from files so far. */
size_t table_cache_pages(struct table_cache *c);
uint64_t table_cache_reads(struct table_cache *c);

#endif

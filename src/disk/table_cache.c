/* SPDX-License-Identifier: Apache-2.0 */
/*
 * States of an entry, under the cache's lock:
 *
 *   reading   in the table, not in the list; the thread that reads it and those that wait for it hold it
 *   ready     in the table and in the list, most recently used first; evicted from the end if nobody holds it
 *   failed    in neither; each waiter learns why and the last holder frees it
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>

#include "disk/table_cache.h"

#define BUCKETS 1024 /* a power of two */

enum entry_state { ENTRY_READING, ENTRY_READY, ENTRY_FAILED };

struct entry {
	struct table_page page; /* first: what callers see */
	enum entry_state state;
	unsigned holders;
	struct entry *chain;         /* same bucket */
	struct entry *newer, *older; /* the list of ready entries */
	struct error why;            /* failed */
	uint8_t bytes[];
};

struct table_cache {
	pthread_mutex_t lock;
	pthread_cond_t settled; /* an entry left `reading` */
	struct entry *buckets[BUCKETS];
	struct entry *newest, *oldest;
	size_t pages, max_pages;
	uint64_t reads;
};

struct table_cache *table_cache_new(size_t max_pages, struct error *err)
{
	struct table_cache *c = calloc(1, sizeof(*c));

	if (!c) {
		error_errno(err, ENOMEM, "cache of table pages");
		return NULL;
	}
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->settled, NULL);
	c->max_pages = max_pages;
	return c;
}

void table_cache_free(struct table_cache *c)
{
	struct entry *e;

	if (!c)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		for (;;) {
			e = c->buckets[i];
			if (!e)
				break;
			assert(e->holders == 0);
			c->buckets[i] = e->chain;
			free(e);
		}
	}
	pthread_cond_destroy(&c->settled);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static struct entry **bucket_of(struct table_cache *c, uint32_t file, uint64_t off)
{
	uint64_t h = (off / TABLE_PAGE_LEN + ((uint64_t)file << 40)) * UINT64_C(0x9e3779b97f4a7c15);

	return &c->buckets[h >> 54]; /* the top bits, as many as index BUCKETS */
}

static void list_remove(struct table_cache *c, struct entry *e)
{
	*(e->newer ? &e->newer->older : &c->newest) = e->older;
	*(e->older ? &e->older->newer : &c->oldest) = e->newer;
	e->newer = e->older = NULL;
}

static void list_push(struct table_cache *c, struct entry *e)
{
	e->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = e;
	c->newest = e;
}

static void bucket_remove(struct table_cache *c, struct entry *e)
{
	struct entry **at = bucket_of(c, e->page.file, e->page.off);

	while (*at != e)
		at = &(*at)->chain;
	*at = e->chain;
	c->pages--;
}

static void evict_locked(struct table_cache *c)
{
	struct entry *e = c->oldest, *newer;

	for (; e && c->pages >= c->max_pages; e = newer) {
		newer = e->newer;
		if (e->holders > 0)
			continue;
		list_remove(c, e);
		bucket_remove(c, e);
		free(e);
	}
}

static struct entry *find_locked(struct table_cache *c, uint32_t file, uint64_t off)
{
	struct entry *e = *bucket_of(c, file, off);

	while (e && (e->page.file != file || e->page.off != off))
		e = e->chain;
	return e;
}

static struct entry *wait_locked(struct table_cache *c, struct entry *e, struct error *err)
{
	e->holders++;
	while (e->state == ENTRY_READING)
		pthread_cond_wait(&c->settled, &c->lock);
	if (e->state == ENTRY_READY) {
		if (c->newest != e) {
			list_remove(c, e);
			list_push(c, e);
		}
		return e;
	}
	if (err)
		*err = e->why;
	if (--e->holders == 0)
		free(e);
	return NULL;
}

static struct entry *add_locked(struct table_cache *c, uint32_t file, uint64_t off, size_t len, struct error *err)
{
	struct entry **bucket = bucket_of(c, file, off);
	struct entry *e;

	evict_locked(c);
	e = malloc(sizeof(*e) + len);
	if (!e) {
		error_errno(err, ENOMEM, "page of a table");
		return NULL;
	}
	memset(e, 0, sizeof(*e));
	e->page = (struct table_page){ .data = e->bytes, .len = len, .off = off, .file = file };
	e->state = ENTRY_READING;
	e->holders = 1;
	e->chain = *bucket;
	*bucket = e;
	c->pages++;
	c->reads++;
	return e;
}

const struct table_page *table_cache_get(struct table_cache *c, const struct backing *b, uint32_t file, uint64_t off,
					 struct error *err)
{
	uint64_t start = off - off % TABLE_PAGE_LEN;
	struct entry *e;
	size_t len;
	int rc;

	if (off >= b->size) {
		error_set(err, ERR_CORRUPT, "table at %#" PRIx64 ": beyond end of file (%" PRIu64 " bytes)", off,
			  b->size);
		return NULL;
	}
	len = b->size - start < TABLE_PAGE_LEN ? (size_t)(b->size - start) : TABLE_PAGE_LEN;
	LOCK_SCOPE(&c->lock);
	e = find_locked(c, file, start);
	if (e) {
		e = wait_locked(c, e, err);
		return e ? &e->page : NULL;
	}
	e = add_locked(c, file, start, len, err);
	if (!e)
		return NULL;
	pthread_mutex_unlock(&c->lock);
	rc = backing_read(b, e->bytes, len, start, &e->why);
	pthread_mutex_lock(&c->lock);
	e->state = rc == 0 ? ENTRY_READY : ENTRY_FAILED;
	pthread_cond_broadcast(&c->settled);
	if (rc == 0) {
		list_push(c, e);
		return &e->page;
	}
	bucket_remove(c, e);
	if (err)
		*err = e->why;
	if (--e->holders == 0)
		free(e);
	return NULL;
}

void table_cache_put(struct table_cache *c, const struct table_page *page)
{
	struct entry *e = (struct entry *)(uintptr_t)page;

	if (!page)
		return;
	LOCK_SCOPE(&c->lock);
	assert(e->holders > 0 && e->state == ENTRY_READY);
	e->holders--;
}

size_t table_cache_pages(struct table_cache *c)
{
	LOCK_SCOPE(&c->lock);
	return c->pages;
}

uint64_t table_cache_reads(struct table_cache *c)
{
	LOCK_SCOPE(&c->lock);
	return c->reads;
}

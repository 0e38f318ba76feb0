/* SPDX-License-Identifier: Apache-2.0 */
/*
 * States of an entry, under the cache's lock:
 *
 *   filling   in the table, not in the list; the thread that fills it and those that wait for it hold it
 *   ready     in the table and in the list, most recently used first; evicted from the end if nobody holds it
 *   failed    in neither; each waiter learns why and the last holder frees it
 */
#include <config.h>

#include <errno.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "disk/lru_cache.h"

#define BUCKETS 1024 /* a power of two */

enum entry_state { ENTRY_FILLING, ENTRY_READY, ENTRY_FAILED };

struct entry {
	struct cached piece; /* first: what callers see */
	enum entry_state state;
	unsigned holders;
	struct entry *chain;         /* same bucket */
	struct entry *newer, *older; /* the list of ready entries */
	struct error why;            /* failed */
	uint8_t bytes[];
};

struct lru_cache {
	pthread_mutex_t lock;
	pthread_cond_t settled; /* an entry left `filling` */
	struct entry *buckets[BUCKETS];
	struct entry *newest, *oldest;
	size_t pieces, max_pieces;
	size_t bytes, max_bytes;
	uint64_t fills;
};

struct lru_cache *lru_cache_new(size_t max_pieces, size_t max_bytes, struct error *err)
{
	struct lru_cache *c = calloc(1, sizeof(*c));

	if (!c) {
		error_errno(err, ENOMEM, "cache");
		return NULL;
	}
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->settled, NULL);
	c->max_pieces = max_pieces;
	c->max_bytes = max_bytes;
	return c;
}

void lru_cache_free(struct lru_cache *c)
{
	struct entry *e;

	if (!c)
		return;
	while (c->newest) {
		e = c->newest;
		assert(e->holders == 0);
		c->newest = e->older;
		free(e);
	}
	pthread_cond_destroy(&c->settled);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static struct entry **bucket_of(struct lru_cache *c, uint32_t file, uint64_t at)
{
	uint64_t h = (at + ((uint64_t)file << 40)) * UINT64_C(0x9e3779b97f4a7c15);

	return &c->buckets[h >> 54]; /* the top bits, as many as index BUCKETS */
}

static void list_remove(struct lru_cache *c, struct entry *e)
{
	*(e->newer ? &e->newer->older : &c->newest) = e->older;
	*(e->older ? &e->older->newer : &c->oldest) = e->newer;
	e->newer = e->older = NULL;
}

static void list_push(struct lru_cache *c, struct entry *e)
{
	e->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = e;
	c->newest = e;
}

static void bucket_remove(struct lru_cache *c, struct entry *e)
{
	struct entry **at = bucket_of(c, e->piece.file, e->piece.at);

	while (*at != e)
		at = &(*at)->chain;
	*at = e->chain;
	c->pieces--;
	c->bytes -= e->piece.len;
}

static bool is_full(const struct lru_cache *c, size_t len)
{
	return c->pieces >= c->max_pieces || len > c->max_bytes || c->bytes > c->max_bytes - len;
}

/* Makes room for len bytes.  Returns an evicted entry of that length to be used again, or NULL. */
static struct entry *evict_locked(struct lru_cache *c, size_t len)
{
	struct entry *e = c->oldest, *newer, *spare = NULL;

	for (; e && is_full(c, len); e = newer) {
		newer = e->newer;
		if (e->holders > 0)
			continue;
		list_remove(c, e);
		bucket_remove(c, e);
		if (!spare && e->piece.len == len)
			spare = e;
		else
			free(e);
	}
	return spare;
}

static struct entry *find_locked(struct lru_cache *c, uint32_t file, uint64_t at, size_t len)
{
	struct entry *e = *bucket_of(c, file, at);

	while (e && (e->piece.file != file || e->piece.at != at || e->piece.len != len))
		e = e->chain;
	return e;
}

static void touch_locked(struct lru_cache *c, struct entry *e)
{
	if (c->newest == e)
		return;
	list_remove(c, e);
	list_push(c, e);
}

static struct entry *wait_locked(struct lru_cache *c, struct entry *e, struct error *err)
{
	e->holders++;
	while (e->state == ENTRY_FILLING)
		pthread_cond_wait(&c->settled, &c->lock);
	if (e->state == ENTRY_READY) {
		touch_locked(c, e);
		return e;
	}
	if (err)
		*err = e->why;
	if (--e->holders == 0)
		free(e);
	return NULL;
}

static struct entry *add_locked(struct lru_cache *c, uint32_t file, uint64_t at, size_t len, struct error *err)
{
	struct entry **bucket = bucket_of(c, file, at);
	struct entry *e = evict_locked(c, len);

	if (!e)
		e = malloc(sizeof(*e) + len);
	if (!e) {
		error_errno(err, ENOMEM, "piece of a file");
		return NULL;
	}
	memset(e, 0, sizeof(*e));
	e->piece = (struct cached){ .data = e->bytes, .len = len, .at = at, .file = file };
	e->state = ENTRY_FILLING;
	e->holders = 1;
	e->chain = *bucket;
	*bucket = e;
	c->pieces++;
	c->bytes += len;
	c->fills++;
	return e;
}

const struct cached *lru_cache_get(struct lru_cache *c, uint32_t file, uint64_t at, size_t len, cache_fill_fn *fill,
				   void *ctx, struct error *err)
{
	struct entry *e;
	int rc;

	LOCK_SCOPE(&c->lock);
	e = find_locked(c, file, at, len);
	if (e) {
		e = wait_locked(c, e, err);
		return e ? &e->piece : NULL;
	}
	e = add_locked(c, file, at, len, err);
	if (!e)
		return NULL;
	pthread_mutex_unlock(&c->lock);
	rc = fill(ctx, e->bytes, len, &e->why);
	pthread_mutex_lock(&c->lock);
	e->state = rc == 0 ? ENTRY_READY : ENTRY_FAILED;
	pthread_cond_broadcast(&c->settled);
	if (rc == 0) {
		list_push(c, e);
		return &e->piece;
	}
	bucket_remove(c, e);
	if (err)
		*err = e->why;
	if (--e->holders == 0)
		free(e);
	return NULL;
}

const struct cached *lru_cache_find(struct lru_cache *c, uint32_t file, uint64_t at, size_t len)
{
	struct entry *e;

	LOCK_SCOPE(&c->lock);
	e = find_locked(c, file, at, len);
	if (!e || e->state != ENTRY_READY)
		return NULL;
	e->holders++;
	touch_locked(c, e);
	return &e->piece;
}

void lru_cache_put(struct lru_cache *c, const struct cached *piece)
{
	struct entry *e = (struct entry *)(uintptr_t)piece;

	if (!piece)
		return;
	LOCK_SCOPE(&c->lock);
	assert(e->holders > 0 && e->state == ENTRY_READY);
	e->holders--;
}

size_t lru_cache_pieces(struct lru_cache *c)
{
	LOCK_SCOPE(&c->lock);
	return c->pieces;
}

size_t lru_cache_bytes(struct lru_cache *c)
{
	LOCK_SCOPE(&c->lock);
	return c->bytes;
}

uint64_t lru_cache_fills(struct lru_cache *c)
{
	LOCK_SCOPE(&c->lock);
	return c->fills;
}

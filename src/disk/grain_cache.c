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
#include "disk/grain_cache.h"

#define BUCKETS 1024 /* a power of two */

enum entry_state { ENTRY_FILLING, ENTRY_READY, ENTRY_FAILED };

struct entry {
	struct grain grain; /* first: what callers see */
	enum entry_state state;
	unsigned holders;
	struct entry *chain;         /* same bucket */
	struct entry *newer, *older; /* the list of ready entries */
	struct error why;            /* failed */
	uint8_t bytes[];
};

struct grain_cache {
	pthread_mutex_t lock;
	pthread_cond_t settled; /* an entry left `filling` */
	struct entry *buckets[BUCKETS];
	struct entry *newest, *oldest;
	size_t bytes, max_bytes;
	uint64_t fills;
};

struct grain_cache *grain_cache_new(size_t max_bytes, struct error *err)
{
	struct grain_cache *c = calloc(1, sizeof(*c));

	if (!c) {
		error_errno(err, ENOMEM, "cache of grains");
		return NULL;
	}
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->settled, NULL);
	c->max_bytes = max_bytes;
	return c;
}

void grain_cache_free(struct grain_cache *c)
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

static struct entry **bucket_of(struct grain_cache *c, uint32_t file, uint64_t index)
{
	uint64_t h = (index + ((uint64_t)file << 40)) * UINT64_C(0x9e3779b97f4a7c15);

	return &c->buckets[h >> 54]; /* the top bits, as many as index BUCKETS */
}

static void list_remove(struct grain_cache *c, struct entry *e)
{
	*(e->newer ? &e->newer->older : &c->newest) = e->older;
	*(e->older ? &e->older->newer : &c->oldest) = e->newer;
	e->newer = e->older = NULL;
}

static void list_push(struct grain_cache *c, struct entry *e)
{
	e->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = e;
	c->newest = e;
}

static void bucket_remove(struct grain_cache *c, struct entry *e)
{
	struct entry **at = bucket_of(c, e->grain.file, e->grain.index);

	while (*at != e)
		at = &(*at)->chain;
	*at = e->chain;
	c->bytes -= e->grain.len;
}

/* Makes room for len bytes.  Returns an evicted entry of that length to be used again, or NULL. */
static struct entry *evict_locked(struct grain_cache *c, size_t len)
{
	struct entry *e = c->oldest, *newer, *spare = NULL;

	for (; e && c->bytes + len > c->max_bytes; e = newer) {
		newer = e->newer;
		if (e->holders > 0)
			continue;
		list_remove(c, e);
		bucket_remove(c, e);
		if (!spare && e->grain.len == len)
			spare = e;
		else
			free(e);
	}
	return spare;
}

static struct entry *find_locked(struct grain_cache *c, uint32_t file, uint64_t index, size_t len)
{
	struct entry *e = *bucket_of(c, file, index);

	while (e && (e->grain.file != file || e->grain.index != index || e->grain.len != len))
		e = e->chain;
	return e;
}

static void touch_locked(struct grain_cache *c, struct entry *e)
{
	if (c->newest == e)
		return;
	list_remove(c, e);
	list_push(c, e);
}

static struct entry *wait_locked(struct grain_cache *c, struct entry *e, struct error *err)
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

static struct entry *add_locked(struct grain_cache *c, uint32_t file, uint64_t index, size_t len, struct error *err)
{
	struct entry **bucket = bucket_of(c, file, index);
	struct entry *e = evict_locked(c, len);

	if (!e)
		e = malloc(sizeof(*e) + len);
	if (!e) {
		error_errno(err, ENOMEM, "grain");
		return NULL;
	}
	memset(e, 0, sizeof(*e));
	e->grain = (struct grain){ .data = e->bytes, .len = len, .index = index, .file = file };
	e->state = ENTRY_FILLING;
	e->holders = 1;
	e->chain = *bucket;
	*bucket = e;
	c->bytes += len;
	c->fills++;
	return e;
}

const struct grain *grain_cache_get(struct grain_cache *c, uint32_t file, uint64_t index, size_t len,
				    grain_fill_fn *fill, void *ctx, struct error *err)
{
	struct entry *e;
	int rc;

	LOCK_SCOPE(&c->lock);
	e = find_locked(c, file, index, len);
	if (e) {
		e = wait_locked(c, e, err);
		return e ? &e->grain : NULL;
	}
	e = add_locked(c, file, index, len, err);
	if (!e)
		return NULL;
	pthread_mutex_unlock(&c->lock);
	rc = fill(ctx, e->bytes, len, &e->why);
	pthread_mutex_lock(&c->lock);
	e->state = rc == 0 ? ENTRY_READY : ENTRY_FAILED;
	pthread_cond_broadcast(&c->settled);
	if (rc == 0) {
		list_push(c, e);
		return &e->grain;
	}
	bucket_remove(c, e);
	if (err)
		*err = e->why;
	if (--e->holders == 0)
		free(e);
	return NULL;
}

const struct grain *grain_cache_find(struct grain_cache *c, uint32_t file, uint64_t index, size_t len)
{
	struct entry *e;

	LOCK_SCOPE(&c->lock);
	e = find_locked(c, file, index, len);
	if (!e || e->state != ENTRY_READY)
		return NULL;
	e->holders++;
	touch_locked(c, e);
	return &e->grain;
}

void grain_cache_put(struct grain_cache *c, const struct grain *grain)
{
	struct entry *e = (struct entry *)(uintptr_t)grain;

	if (!grain)
		return;
	LOCK_SCOPE(&c->lock);
	assert(e->holders > 0 && e->state == ENTRY_READY);
	e->holders--;
}

size_t grain_cache_bytes(struct grain_cache *c)
{
	LOCK_SCOPE(&c->lock);
	return c->bytes;
}

uint64_t grain_cache_fills(struct grain_cache *c)
{
	LOCK_SCOPE(&c->lock);
	return c->fills;
}

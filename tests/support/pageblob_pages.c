/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "support/pageblob_fields.h"
#include "support/pageblob_pages.h"

#define CHUNK_LEN ((uint64_t)64 << 10)
#define CHUNK_PAGES (CHUNK_LEN / PAGEBLOB_PAGE)

struct pageblob_chunk {
	unsigned refs; /* copies that share it; with more than one it is not changed */
	unsigned n_valid;
	bool valid[CHUNK_PAGES];
	uint64_t stamp[CHUNK_PAGES];
	uint8_t data[CHUNK_LEN]; /* zeros where a page is not valid */
};

static void put(struct pageblob_chunk *c)
{
	if (--c->refs == 0)
		free(c);
}

/* Where the first chunk at or after `index` is, or would be. */
static size_t lower_bound(const struct pageblob_pages *p, uint64_t index)
{
	size_t lo = 0, hi = p->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (p->v[mid].index < index)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct pageblob_chunk *find(const struct pageblob_pages *p, uint64_t index)
{
	size_t i = lower_bound(p, index);

	return i < p->n && p->v[i].index == index ? p->v[i].chunk : NULL;
}

static struct pageblob_chunk *own(struct pageblob_slot *slot)
{
	struct pageblob_chunk *copy;

	if (slot->chunk->refs == 1)
		return slot->chunk;
	copy = pageblob_alloc(1, sizeof(*copy));
	memcpy(copy, slot->chunk, sizeof(*copy));
	copy->refs = 1;
	slot->chunk->refs--;
	slot->chunk = copy;
	return copy;
}

static struct pageblob_chunk *own_or_add(struct pageblob_pages *p, uint64_t index)
{
	size_t i = lower_bound(p, index);

	if (i < p->n && p->v[i].index == index)
		return own(&p->v[i]);
	if (p->n == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 16;
		p->v = pageblob_grow(p->v, p->cap, sizeof(*p->v));
	}
	memmove(&p->v[i + 1], &p->v[i], (p->n - i) * sizeof(*p->v));
	p->n++;
	p->v[i].index = index;
	p->v[i].chunk = pageblob_alloc(1, sizeof(struct pageblob_chunk));
	p->v[i].chunk->refs = 1;
	return p->v[i].chunk;
}

void pageblob_pages_write(struct pageblob_pages *p, uint64_t off, size_t len, const void *data, uint64_t stamp)
{
	const uint8_t *from = data;

	while (len > 0) {
		struct pageblob_chunk *c = own_or_add(p, off / CHUNK_LEN);
		uint64_t at = off % CHUNK_LEN;
		size_t part = len < CHUNK_LEN - at ? len : (size_t)(CHUNK_LEN - at);

		memcpy(c->data + at, from, part);
		for (uint64_t i = at / PAGEBLOB_PAGE; i < (at + part) / PAGEBLOB_PAGE; i++) {
			c->n_valid += !c->valid[i];
			c->valid[i] = true;
			c->stamp[i] = stamp;
		}
		off += part;
		from += part;
		len -= part;
	}
}

static void clear_in_chunk(struct pageblob_slot *slot, uint64_t at, uint64_t len)
{
	struct pageblob_chunk *c = own(slot);

	memset(c->data + at, 0, len);
	for (uint64_t i = at / PAGEBLOB_PAGE; i < (at + len) / PAGEBLOB_PAGE; i++) {
		c->n_valid -= c->valid[i];
		c->valid[i] = false;
	}
}

void pageblob_pages_clear(struct pageblob_pages *p, uint64_t off, uint64_t len)
{
	uint64_t end = off + len;
	size_t first = lower_bound(p, off / CHUNK_LEN), kept = first, i;

	for (i = first; i < p->n && p->v[i].index * CHUNK_LEN < end; i++) {
		uint64_t base = p->v[i].index * CHUNK_LEN;
		uint64_t from = off > base ? off - base : 0;
		uint64_t to = end - base < CHUNK_LEN ? end - base : CHUNK_LEN;

		if (to - from < CHUNK_LEN)
			clear_in_chunk(&p->v[i], from, to - from);
		if (to - from == CHUNK_LEN || p->v[i].chunk->n_valid == 0)
			put(p->v[i].chunk);
		else
			p->v[kept++] = p->v[i];
	}
	if (kept == i)
		return;
	memmove(&p->v[kept], &p->v[i], (p->n - i) * sizeof(*p->v));
	p->n -= i - kept;
}

void pageblob_pages_read(const struct pageblob_pages *p, uint64_t off, size_t len, void *out)
{
	uint8_t *to = out;

	while (len > 0) {
		const struct pageblob_chunk *c = find(p, off / CHUNK_LEN);
		uint64_t at = off % CHUNK_LEN;
		size_t part = len < CHUNK_LEN - at ? len : (size_t)(CHUNK_LEN - at);

		if (c)
			memcpy(to, c->data + at, part);
		else
			memset(to, 0, part);
		off += part;
		to += part;
		len -= part;
	}
}

void pageblob_pages_copy(struct pageblob_pages *to, const struct pageblob_pages *from)
{
	to->v = pageblob_alloc(from->n, sizeof(*to->v));
	to->n = to->cap = from->n;
	for (size_t i = 0; i < from->n; i++) {
		to->v[i] = from->v[i];
		to->v[i].chunk->refs++;
	}
}

void pageblob_pages_fini(struct pageblob_pages *p)
{
	for (size_t i = 0; i < p->n; i++)
		put(p->v[i].chunk);
	free(p->v);
	*p = (struct pageblob_pages){ 0 };
}

enum kind { NOTHING, WRITTEN, CLEARED };

static enum kind page_kind(const struct pageblob_chunk *c, const struct pageblob_chunk *old, bool diff, uint64_t since,
			   uint64_t i)
{
	if (c && c->valid[i])
		return !diff || c->stamp[i] > since ? WRITTEN : NOTHING;
	return diff && old && old->valid[i] ? CLEARED : NOTHING;
}

/* The first chunk at or after `index` that either copy has; UINT64_MAX if there is none. */
static uint64_t next_chunk(const struct pageblob_pages *p, const struct pageblob_pages *prev, uint64_t index)
{
	uint64_t found = UINT64_MAX;
	size_t i = lower_bound(p, index);

	if (i < p->n)
		found = p->v[i].index;
	if (!prev)
		return found;
	i = lower_bound(prev, index);
	return i < prev->n && prev->v[i].index < found ? prev->v[i].index : found;
}

bool pageblob_pages_next(const struct pageblob_pages *p, const struct pageblob_pages *prev, uint64_t since,
			 uint64_t from, uint64_t end, struct pageblob_range *out)
{
	enum kind open = NOTHING;
	uint64_t start = 0, stop = 0;

	for (uint64_t index = next_chunk(p, prev, from / CHUNK_LEN); index != UINT64_MAX && index * CHUNK_LEN < end;
	     index = next_chunk(p, prev, index + 1)) {
		const struct pageblob_chunk *c = find(p, index), *old = prev ? find(prev, index) : NULL;

		if (open != NOTHING && index * CHUNK_LEN != stop)
			break;
		for (uint64_t i = 0; i < CHUNK_PAGES; i++) {
			uint64_t off = index * CHUNK_LEN + i * PAGEBLOB_PAGE;
			enum kind kind = page_kind(c, old, prev != NULL, since, i);

			if (off < from || off >= end)
				continue;
			if (open != NOTHING && kind != open)
				goto found;
			if (kind == NOTHING)
				continue;
			if (open == NOTHING)
				start = off;
			open = kind;
			stop = off + PAGEBLOB_PAGE;
		}
	}
	if (open == NOTHING)
		return false;
found:
	*out = (struct pageblob_range){ .start = start, .end = stop, .cleared = open == CLEARED };
	return true;
}

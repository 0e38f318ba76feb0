/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "support/pageblob_store.h"

struct pageblob_container *pageblob_store_find(struct pageblob_store *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i]->name, name) == 0)
			return s->v[i];
	return NULL;
}

/* ETags are unique over all blobs and, as far as time goes on, over restarts. */
static void next_etag(struct pageblob_store *s, char out[PAGEBLOB_ETAG_LEN])
{
	uint64_t now = clock_realtime_ns() / 100;

	s->last_etag = now > s->last_etag ? now : s->last_etag + 1;
	snprintf(out, PAGEBLOB_ETAG_LEN, "\"0x8D%015" PRIX64 "\"", s->last_etag & UINT64_C(0xfffffffffffffff));
}

struct pageblob_container *pageblob_store_add(struct pageblob_store *s, const char *name)
{
	struct pageblob_container *c = pageblob_alloc(1, sizeof(*c));

	c->name = pageblob_strdup(name);
	s->v = pageblob_grow(s->v, s->n + 1, sizeof(*s->v));
	s->v[s->n++] = c;
	pageblob_container_touch(s, c);
	return c;
}

static void blob_free(struct pageblob_blob *b)
{
	for (int i = 0; i < PROP_COUNT; i++)
		free(b->property[i]);
	pageblob_fields_fini(&b->metadata);
	pageblob_pages_fini(&b->pages);
	free(b->name);
	free(b);
}

void pageblob_store_remove(struct pageblob_store *s, struct pageblob_container *c)
{
	size_t i = 0;

	while (s->v[i] != c)
		i++;
	memmove(&s->v[i], &s->v[i + 1], (s->n - i - 1) * sizeof(*s->v));
	s->n--;
	for (i = 0; i < c->n; i++)
		blob_free(c->v[i]);
	pageblob_fields_fini(&c->metadata);
	free(c->v);
	free(c->name);
	free(c);
}

void pageblob_store_fini(struct pageblob_store *s)
{
	while (s->n > 0)
		pageblob_store_remove(s, s->v[s->n - 1]);
	free(s->v);
	s->v = NULL;
}

static int compare(const struct pageblob_blob *b, const char *name, const char *snapshot)
{
	int order = strcmp(b->name, name);

	if (order != 0)
		return order;
	if (!snapshot)
		return 1;
	if (!*b->snapshot || !*snapshot)
		return !*b->snapshot - !*snapshot;
	return strcmp(b->snapshot, snapshot);
}

size_t pageblob_container_seek(const struct pageblob_container *c, const char *name, const char *snapshot)
{
	size_t lo = 0, hi = c->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (compare(c->v[mid], name, snapshot) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct pageblob_blob *pageblob_container_find(struct pageblob_container *c, const char *name, const char *snapshot)
{
	size_t i = pageblob_container_seek(c, name, snapshot ? snapshot : "");

	return i < c->n && compare(c->v[i], name, snapshot ? snapshot : "") == 0 ? c->v[i] : NULL;
}

static void insert(struct pageblob_container *c, struct pageblob_blob *b)
{
	size_t i = pageblob_container_seek(c, b->name, b->snapshot);

	c->v = pageblob_grow(c->v, c->n + 1, sizeof(struct pageblob_blob *));
	memmove(&c->v[i + 1], &c->v[i], (c->n - i) * sizeof(*c->v));
	c->v[i] = b;
	c->n++;
}

struct pageblob_blob *pageblob_container_add(struct pageblob_store *s, struct pageblob_container *c, const char *name)
{
	struct pageblob_blob *b = pageblob_alloc(1, sizeof(*b));

	b->name = pageblob_strdup(name);
	pageblob_blob_reset(s, b);
	insert(c, b);
	return b;
}

void pageblob_container_remove(struct pageblob_container *c, struct pageblob_blob *b)
{
	size_t i = pageblob_container_seek(c, b->name, b->snapshot);

	memmove(&c->v[i], &c->v[i + 1], (c->n - i - 1) * sizeof(*c->v));
	c->n--;
	blob_free(b);
}

/* Snapshots are named by their time, and no two may have one: a clock that stands still is moved on. */
static void next_snapshot(struct pageblob_store *s, char out[PAGEBLOB_SNAPSHOT_LEN])
{
	uint64_t now = clock_realtime_ns() / 100;
	char text[CLOCK_TEXT_LEN];

	s->last_snapshot_100ns = now > s->last_snapshot_100ns ? now : s->last_snapshot_100ns + 1;
	clock_format_iso(s->last_snapshot_100ns / 10000000 * 1000000000, text);
	snprintf(out, PAGEBLOB_SNAPSHOT_LEN, "%.19s.%07" PRIu64 "Z", text, s->last_snapshot_100ns % 10000000);
}

struct pageblob_blob *pageblob_container_snapshot(struct pageblob_store *s, struct pageblob_container *c,
						  struct pageblob_blob *b, const struct pageblob_fields *metadata)
{
	struct pageblob_blob *copy = pageblob_alloc(1, sizeof(*copy));

	*copy = *b;
	copy->name = pageblob_strdup(b->name);
	copy->pages = (struct pageblob_pages){ 0 };
	copy->metadata = (struct pageblob_fields){ 0 };
	copy->lease = (struct pageblob_lease){ 0 };
	pageblob_pages_copy(&copy->pages, &b->pages);
	pageblob_fields_copy(&copy->metadata, metadata ? metadata : &b->metadata);
	for (int i = 0; i < PROP_COUNT; i++)
		copy->property[i] = b->property[i] ? pageblob_strdup(b->property[i]) : NULL;
	next_snapshot(s, copy->snapshot);
	insert(c, copy);
	return copy;
}

void pageblob_blob_reset(struct pageblob_store *s, struct pageblob_blob *b)
{
	pageblob_pages_fini(&b->pages);
	pageblob_fields_fini(&b->metadata);
	for (int i = 0; i < PROP_COUNT; i++) {
		free(b->property[i]);
		b->property[i] = NULL;
	}
	b->generation = ++s->last_generation;
	b->created_ns = clock_realtime_ns();
	b->sequence = b->size = 0;
}

void pageblob_blob_touch(struct pageblob_store *s, struct pageblob_blob *b, uint64_t lease_now_ns)
{
	next_etag(s, b->etag);
	b->modified_ns = clock_realtime_ns();
	pageblob_lease_written(&b->lease, lease_now_ns);
}

void pageblob_container_touch(struct pageblob_store *s, struct pageblob_container *c)
{
	next_etag(s, c->etag);
	c->modified_ns = clock_realtime_ns();
}

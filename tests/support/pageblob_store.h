/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the page-blob server holds: containers, blobs and their snapshots, in memory.  No rules of the service beyond
 * what a number or time must be: those are the operations' (pageblob_op_*.c).  The server's lock is held by every
 * caller.
 */
#ifndef LIFTFS_TESTS_PAGEBLOB_STORE_H
#define LIFTFS_TESTS_PAGEBLOB_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/pageblob_fields.h"
#include "support/pageblob_lease.h"
#include "support/pageblob_pages.h"

#define PAGEBLOB_SNAPSHOT_LEN 32 /* 2026-11-21T22:00:00.1234567Z and the NUL */
#define PAGEBLOB_ETAG_LEN 24     /* with its quotes and the NUL */

/* Headers that a client may set and gets back. */
enum pageblob_property { PROP_TYPE, PROP_ENCODING, PROP_LANGUAGE, PROP_MD5, PROP_CACHE, PROP_DISPOSITION, PROP_COUNT };

struct pageblob_blob {
	char *name;
	char snapshot[PAGEBLOB_SNAPSHOT_LEN]; /* "": the blob itself */
	uint64_t size, sequence;
	char etag[PAGEBLOB_ETAG_LEN];
	uint64_t modified_ns, created_ns;
	uint64_t generation; /* changes when Put Blob replaces the blob: no difference across it */
	uint64_t stamp;      /* of the last page write */
	struct pageblob_pages pages;
	struct pageblob_fields metadata;
	char *property[PROP_COUNT]; /* NULL: not set */
	struct pageblob_lease lease;
};

struct pageblob_container {
	char *name;
	char etag[PAGEBLOB_ETAG_LEN];
	uint64_t modified_ns;
	struct pageblob_fields metadata;
	struct pageblob_blob **v; /* by name, then snapshot, the blob itself after its snapshots */
	size_t n;
};

struct pageblob_store {
	struct pageblob_container **v;
	size_t n;
	uint64_t last_etag, last_snapshot_100ns, last_generation;
};

struct pageblob_container *pageblob_store_find(struct pageblob_store *s, const char *name);
struct pageblob_container *pageblob_store_add(struct pageblob_store *s, const char *name);
void pageblob_store_remove(struct pageblob_store *s, struct pageblob_container *c);
void pageblob_store_fini(struct pageblob_store *s);

/* `snapshot` "" or NULL: the blob itself. */
struct pageblob_blob *pageblob_container_find(struct pageblob_container *c, const char *name, const char *snapshot);
/* Index of the first entry not before (name, snapshot) in the order above; snapshot NULL: before all of that name. */
size_t pageblob_container_seek(const struct pageblob_container *c, const char *name, const char *snapshot);
struct pageblob_blob *pageblob_container_add(struct pageblob_store *s, struct pageblob_container *c, const char *name);
void pageblob_container_remove(struct pageblob_container *c, struct pageblob_blob *b);

/* A copy of b as it is now, with a new time as its name; metadata NULL: b's. */
struct pageblob_blob *pageblob_container_snapshot(struct pageblob_store *s, struct pageblob_container *c,
						  struct pageblob_blob *b, const struct pageblob_fields *metadata);

/* Empties b as Put Blob does: pages, metadata and properties go, lease and snapshots stay. */
void pageblob_blob_reset(struct pageblob_store *s, struct pageblob_blob *b);
/* New ETag and Last-Modified; an expired lease is gone. */
void pageblob_blob_touch(struct pageblob_store *s, struct pageblob_blob *b, uint64_t lease_now_ns);
void pageblob_container_touch(struct pageblob_store *s, struct pageblob_container *c);

#endif

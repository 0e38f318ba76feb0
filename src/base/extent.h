/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extents: a disk's or replica's bytes as runs with one answer to "where is it?".
 *
 * A list is contiguous and ascending: each extent begins where the one before ended.  Adding merges neighbours that say
 * the same (kind, depth, and host file with a continuing offset), so that a list is as short as its content allows.
 * Not thread-safe: one list has one owner.
 */
#ifndef LIFTFS_BASE_EXTENT_H
#define LIFTFS_BASE_EXTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

enum extent_kind {
	EXTENT_DATA,   /* stored somewhere: reading it may return anything */
	EXTENT_ZERO,   /* known to read as zeros, from tables or holes: need not be read */
	EXTENT_ABSENT, /* this layer says nothing: ask the parent.  Never in what disk_extents() returns */
};

#define EXTENT_NO_FILE UINT32_MAX

struct extent {
	uint64_t off, len; /* bytes of the disk; len > 0 */
	enum extent_kind kind;
	uint32_t depth;    /* which image of the chain answered: 0 the leaf */
	uint32_t file;     /* index of the host file that holds the bytes verbatim, or EXTENT_NO_FILE (compressed) */
	uint64_t file_off; /* where in that file; 0 with EXTENT_NO_FILE */
};

struct extent_list {
	struct extent *v;
	size_t n, cap;
};

/* Appends e, merging it with the last one where they say the same; e->off must be the end of the list (any if empty). */
int extent_list_add(struct extent_list *list, const struct extent *e, struct error *err) MUST_CHECK;
/* The same for a run without a host file. */
int extent_list_add_run(struct extent_list *list, uint64_t off, uint64_t len, enum extent_kind kind, uint32_t depth,
			struct error *err) MUST_CHECK;

/* The extent that holds off, by binary search; NULL if the list does not cover it. */
const struct extent *extent_list_find(const struct extent_list *list, uint64_t off);

/* Is any byte of [off, off + len) anything but known to be zero?  Also where the list says nothing. */
bool extent_list_has_data(const struct extent_list *list, uint64_t off, uint64_t len);

/* Bytes of the given kind. */
uint64_t extent_list_bytes(const struct extent_list *list, enum extent_kind kind);

/* Empties, keeping the memory; frees it. */
void extent_list_clear(struct extent_list *list);
void extent_list_fini(struct extent_list *list);

static inline void cleanup_extent_list(struct extent_list *list)
{
	extent_list_fini(list);
}

#endif

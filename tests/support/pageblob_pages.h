/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pages of one blob or snapshot: sparse, 512 bytes each, kept in chunks of 64 KiB that copies share until one of
 * them writes.  A page is valid from its first write (of zeros too) to its clearing; what is not valid reads as zeros.
 *
 * Each valid page knows the stamp of the write that made it, which is how a difference against an older copy is found.
 * The caller locks: two copies that share chunks are one object for locking.  Reading a copy while others are written
 * is safe without the lock, as a shared chunk is never changed.
 */
#ifndef LIFTFS_TESTS_PAGEBLOB_PAGES_H
#define LIFTFS_TESTS_PAGEBLOB_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGEBLOB_PAGE 512

struct pageblob_chunk;
struct pageblob_slot {
	uint64_t index; /* of the chunk: its offset / 64 KiB */
	struct pageblob_chunk *chunk;
};

struct pageblob_pages {
	struct pageblob_slot *v; /* ascending */
	size_t n, cap;
};

/* All offsets and lengths here are multiples of 512, but for pageblob_pages_read. */
void pageblob_pages_write(struct pageblob_pages *p, uint64_t off, size_t len, const void *data, uint64_t stamp);
void pageblob_pages_clear(struct pageblob_pages *p, uint64_t off, uint64_t len);
void pageblob_pages_read(const struct pageblob_pages *p, uint64_t off, size_t len, void *out);
void pageblob_pages_copy(struct pageblob_pages *to, const struct pageblob_pages *from); /* to is empty */
void pageblob_pages_fini(struct pageblob_pages *p);

struct pageblob_range {
	uint64_t start, end; /* bytes, end exclusive */
	bool cleared;        /* only in a difference: valid in the older copy, and not any more */
};

/*
 * The first range at or after `from` and before `end`; false if there is none.  Without `prev` ranges of valid pages;
 * with it those written after the stamp `since` and those cleared.  Neighbours of one kind are one range.
 */
bool pageblob_pages_next(const struct pageblob_pages *p, const struct pageblob_pages *prev, uint64_t since,
			 uint64_t from, uint64_t end, struct pageblob_range *out);

#endif

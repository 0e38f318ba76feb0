/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What blockmap.c (entries) and blockmap_work.c (the file behind them) share; nobody else includes it.
 *
 * Entries are read through a shared read-only mapping of the current file, committed or working, and written by pwrite:
 * both see the page cache.  Nothing is written through a mapping, because a full disk would then be a SIGBUS instead of
 * an error.  (A file that is cut short under the mapping, or a disk that cannot read it, still ends the process; for
 * the replica that is a crash like any other.)
 *
 * A page is in one of these states; only a holder of the lock changes it, anybody may read it:
 *   PAGE_STORED   in the file, checksum not yet looked at      -> GOOD; or UNKNOWN, counted as bad
 *   PAGE_GOOD     in the file, checksum was right
 *   PAGE_UNKNOWN  all unknown, whatever the file holds there
 *   PAGE_ZERO     all zero, whatever the file holds there
 *   PAGE_DIRTY    in the working copy, changed since the last commit: sums[] is stale
 * A set makes a page DIRTY first; if that fails, or the write of an entry, the map has failed: every get is unknown
 * from then on, and every commit fails with the error of then.
 */
#ifndef LIFTFS_MAP_BLOCKMAP_PRIV_H
#define LIFTFS_MAP_BLOCKMAP_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "map/blockmap_file.h"

enum page_state { PAGE_STORED, PAGE_GOOD, PAGE_UNKNOWN, PAGE_ZERO, PAGE_DIRTY };

struct blockmap {
	struct blockmap_header header;
	struct blockmap_layout layout;
	int dirfd;      /* the caller's */
	char *name;     /* in dirfd */
	char *work;     /* NAME.work */
	int fd;         /* current file; -1: created and never written to */
	bool writable;  /* fd is the working copy */
	uint8_t *_Atomic bytes; /* its mapping, layout.file_size bytes; NULL while fd is -1 */
	struct blockmap_bytes { /* of the file before, which gets may still be reading: kept until the next change of files */
		uint8_t *at;
		uint64_t len;
	} before;
	uint64_t *sums; /* the page table */
	_Atomic uint8_t *states;
	pthread_mutex_t lock;
	_Atomic uint64_t bad_pages;
	_Atomic uint64_t dropped; /* file offset up to which memory was given back */
	_Atomic bool failed;
	struct error failure; /* under the lock */
};

/* The first failure stays. */
void blockmap_fail(struct blockmap *m, const struct error *cause);

/* Ends the mapping of the file before: nobody reads it any more. */
void blockmap_forget_before(struct blockmap *m);
/* Maps layout->file_size bytes of fd for reading. */
uint8_t *blockmap_map(int fd, const struct blockmap_layout *layout, struct error *err) MUST_CHECK;
/* Entries of page p that are blocks of the map: fewer than 256 in the last. */
uint64_t blockmap_page_entries(const struct blockmap_layout *l, uint64_t p);
int blockmap_unlink_work(int dirfd, const char *work, struct error *err) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a file system lies: a partition, or a logical volume of several pieces.  All that is read of a guest comes through
 * here, so that one budget bounds it: bytes, time, and somebody who asks to stop.  One thread.
 */
#ifndef LIFTFS_GUEST_VOLUME_H
#define LIFTFS_GUEST_VOLUME_H

#include "base/cancel.h"
#include "disk/disk.h"

struct look_budget {
	uint64_t bytes_left;
	uint64_t deadline_ns; /* clock_monotonic_ns(); 0: none */
	struct cancel *cancel; /* or NULL */
	bool spent;            /* bytes or time came to their end: what was not looked at by then never will be */
};

/* -1 with ERR_CANCELLED, or with ERR_UNSUPPORTED when time is over.  For loops that read little. */
int look_budget_check(struct look_budget *b, struct error *err) MUST_CHECK;

/* Takes len bytes off the budget, also for what is made up and not read: a file of holes is as long as somebody says. */
int look_budget_take(struct look_budget *b, uint64_t len, struct error *err) MUST_CHECK;

#define VOLUME_RUNS_MAX 4096

struct volume_run {
	uint64_t off, len; /* of the volume: ascending, without gaps, from 0 */
	uint64_t disk_off;
};

struct volume {
	struct disk *d;
	struct look_budget *budget;
	char name[160]; /* "partition 2", "logical volume vg/root" */
	uint64_t size;
	struct volume_run *runs;
	size_t n_runs;
};

/* One piece of the disk, which lies within it. */
int volume_init(struct volume *v, struct disk *d, struct look_budget *budget, uint64_t off, uint64_t len,
		struct error *err) MUST_CHECK;
/* Appends a piece; ERR_CORRUPT if it lies outside the disk, or if there are more than VOLUME_RUNS_MAX. */
int volume_add(struct volume *v, uint64_t disk_off, uint64_t len, struct error *err) MUST_CHECK;
void volume_fini(struct volume *v);
static inline void cleanup_volume(struct volume *v)
{
	volume_fini(v);
}

/*
 * All of [off, off + len) or an error: ERR_CORRUPT beyond the volume's end, what the disk says, ERR_UNSUPPORTED when the budget
 * is spent, ERR_CANCELLED.
 */
int volume_read(struct volume *v, void *buf, size_t len, uint64_t off, struct error *err) MUST_CHECK;

/* Which byte of the disk is it?  That of the last piece's end for what lies beyond. */
uint64_t volume_on_disk(const struct volume *v, uint64_t off);

#endif

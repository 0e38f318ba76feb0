/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks every table of a disk's chain and says what is wrong or odd there, without reading the data: ranges that cannot be
 * read, and ranges that share the bytes of one file, which no writer means to do.  Compressed data is read, since it
 * carries a checksum.
 */
#ifndef LIFTFS_DISK_CHECK_H
#define LIFTFS_DISK_CHECK_H

#include "base/cancel.h"
#include "disk/disk.h"

enum disk_check_kind {
	DISK_CHECK_DAMAGED, /* reading the range fails */
	DISK_CHECK_SHARED,  /* the range lies where another range of the disk lies too: both read, and the same */
};

struct disk_check_finding {
	enum disk_check_kind kind;
	uint64_t off, len; /* bytes of the disk */
	char msg[ERROR_MSG_MAX];
};

/*
 * Memory: 24 bytes for each run of data.  Beyond this many, which is 64 GiB in lone grains of 64 KiB, sharing is looked for
 * among the first of them only, and the result says so.
 */
#define DISK_CHECK_RUNS_MAX ((size_t)1 << 20)
#define DISK_CHECK_FINDINGS_MAX 1000                /* after which the walk ends */
#define DISK_CHECK_DAMAGE_MAX (UINT64_C(512) << 20) /* bytes of damage, after which it ends too: 2^20 steps */

struct disk_check_result {
	uint64_t data, zero, damaged; /* bytes of the disk */
	size_t findings;              /* that were handed to `found` */
	bool ended_early;             /* too many findings, or too much damage: the rest was not looked at */
	bool sharing_partly;          /* too many runs to compare all */
};

/*
 * Calls `found` for each finding, damaged ranges in disk order, then shared ones.  Fails only if the walk itself cannot go
 * on (memory, cancel): damage is a finding, not a failure.
 */
int disk_check(struct disk *d, struct cancel *cancel, void (*found)(void *ctx, const struct disk_check_finding *f),
	       void *ctx, struct disk_check_result *out, struct error *err) MUST_CHECK;

#endif

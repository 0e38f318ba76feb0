/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing two disks, bit for bit, reading only what holds data on either side. */
#ifndef LIFTFS_REPLICATE_VERIFY_H
#define LIFTFS_REPLICATE_VERIFY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cancel.h"
#include "disk/disk.h"

#define VERIFY_MISMATCHES_MAX 1000

struct verify_options {
	bool strict;      /* sizes must be equal too; else they may differ by what is zero */
	bool digest;      /* also SHA-256 and Merkle root of A's flat content */
	bool remote;      /* a side answers requests: it is read in few large ones */
	unsigned threads; /* 0: one a CPU, at most 8 */
	struct cancel *cancel;
	_Atomic uint64_t *bytes_done; /* for progress; may be NULL */
};

struct verify_result {
	bool match;
	uint64_t bytes_compared; /* of the longer disk, zeros known from both sides included */
	uint64_t size_a, size_b;
	struct verify_range {
		uint64_t off, len;
	} *mismatches; /* ascending, merged, to the byte */
	size_t n_mismatches;
	bool truncated; /* more than VERIFY_MISMATCHES_MAX */
	char sha256[65], merkle_root[65]; /* hex; "" without digest */
};

/* 0: compared (look at match); -1: could not be compared. */
int verify_disks(struct disk *a, struct disk *b, const struct verify_options *opt, struct verify_result *out,
		 struct error *err) MUST_CHECK;
void verify_result_fini(struct verify_result *r);

#endif

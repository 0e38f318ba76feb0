/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of a disk, or of a fleet, is zeros, and how much is there more than once, by the hashes of its blocks.
 *
 * Zeros are counted exactly.  Of the others a sample by hash is kept: those whose low k bits are zero, k growing when `room` is full, so
 * that memory is bounded whatever the fleet's size, and every copy of a block is either in the sample or not.  While k is 0
 * the share is exact; then the standard error is about sqrt(1 / distinct blocks in the sample): 0.2 % with 2^18 of them.
 *
 * One thread at a time; threads that look at disks of their own fill one each, and one of them merges.
 */
#ifndef LIFTFS_GUEST_BLOCK_STATS_H
#define LIFTFS_GUEST_BLOCK_STATS_H

#include "base/cancel.h"
#include "disk/disk.h"

#define BLOCK_STATS_BLOCK ((size_t)64 << 10)
#define BLOCK_STATS_ROOM ((size_t)1 << 20) /* hashes: 24 MiB of memory */

struct block_stats;

/* room: a power of two, at least 64. */
struct block_stats *block_stats_new(size_t room, struct error *err) MUST_CHECK;
void block_stats_free(struct block_stats *s);
DEFINE_CLEANUP(cleanup_block_stats, struct block_stats *, block_stats_free);

/* A hash of 128 bits, good in each bit. */
void block_stats_add(struct block_stats *s, uint64_t lo, uint64_t hi);
void block_stats_add_zeros(struct block_stats *s, uint64_t blocks);
/* from is left as it was.  The rooms may differ. */
void block_stats_merge(struct block_stats *s, const struct block_stats *from);

struct block_shares {
	uint64_t blocks, zero; /* exact */
	uint64_t sampled;      /* non-zero ones that the next two are concluded from */
	double duplicate;      /* share of the non-zero blocks that are copies of another: 0 to 1; 0 without any */
	double error;          /* standard error of `duplicate` */
};
void block_stats_shares(const struct block_stats *s, struct block_shares *out);

typedef void (*block_hash_fn)(const void *ctx, const void *buf, size_t len, uint64_t *lo_out, uint64_t *hi_out);

/* Reads all of a disk that may hold data, in blocks of BLOCK_STATS_BLOCK; the last may be shorter. */
int block_stats_scan(struct block_stats *s, struct disk *d, block_hash_fn hash, const void *hash_ctx, struct cancel *cancel,
		     struct error *err) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what shall happen to each block of a unit to the fewest operations that do it.  Pure: no I/O, nothing allocated.
 *
 * A unit is a run of neighbouring blocks that a scan worker read at once.  Writes join neighbouring blocks up to 4 MiB;
 * clears join without limit.  A block that is skipped is never touched by an operation, not even to join two others: it
 * has no INTENT in the journal.
 *
 * Where the replica was known to be zero before, zero sectors at the two ends of a write are not sent.  They belong to
 * the block nonetheless: when the operation is acknowledged, each of its blocks holds its whole new content.
 */
#ifndef LIFTFS_MAP_COALESCE_H
#define LIFTFS_MAP_COALESCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COALESCE_WRITE_MAX (UINT64_C(4) << 20) /* bytes of one write */
#define COALESCE_SECTOR 512

enum coalesce_action {
	COALESCE_SKIP,  /* the replica holds this content */
	COALESCE_WRITE, /* send it */
	COALESCE_CLEAR, /* it is zero, the replica is not known to be */
};

struct coalesce_block {
	uint64_t blk; /* index in the map; the next element has the next one */
	enum coalesce_action action;
	bool known_zero_before; /* the map said BLOCK_ZERO when the block was looked at, before its INTENT */
};

struct coalesce_op {
	uint64_t off, len;   /* bytes of the replica, multiples of 512; a write: at most 4 MiB */
	const uint8_t *data; /* of off, in the unit's buffer; NULL: clear */
	uint64_t blk, count; /* the blocks that it finishes */
};

struct coalesce_unit {
	const struct coalesce_block *blocks;
	size_t n;
	uint64_t off;        /* of the first block in the replica */
	uint64_t len;        /* of all; only the last block may be shorter than block_size */
	uint64_t block_size; /* at most COALESCE_WRITE_MAX, a multiple of 512 */
	const uint8_t *data; /* len bytes; the parts of blocks that are not written are not looked at */
};

/*
 * Fills ops, ascending and disjoint, which has room for u->n; returns how many.  Each block to write or clear is in
 * exactly one; a run to write that is all zero where zero was known becomes a clear, since an operation must finish it.
 */
size_t coalesce(const struct coalesce_unit *u, struct coalesce_op *ops);

/* If b is a clear that begins where the clear a ends, makes one of both: for clears that reach from unit to unit. */
bool coalesce_join_clears(struct coalesce_op *a, const struct coalesce_op *b);

#endif

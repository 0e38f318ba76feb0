/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots: the engine's memory, made once.  A slot carries one unit from the scan to the acknowledgement of its last
 * operation.
 *
 *   state      owner                      goes to
 *   idle       the pool                   scanning: a worker took it for a pass
 *   scanning   one worker                 idle (nothing differs), queued
 *   queued     the pass's queue           in flight (its INTENTs are durable), idle (the pass has stopped)
 *   in flight  target and ack thread      idle, when the last operation is done.  An operation that is refused for the
 *                                         lease is meanwhile on the pass's list, and goes to the target once more
 *
 * Everything of a slot belongs to its owner; it changes hands under the engine's lock.
 */
#ifndef LIFTFS_REPLICATE_SLOT_H
#define LIFTFS_REPLICATE_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "map/blockmap.h"
#include "map/coalesce.h"
#include "replicate/engine.h"
#include "target/target.h"

#define SLOT_BLOCKS (ENGINE_UNIT / BLOCK_SIZE_MIN) /* 64: so many operations at most, too */

struct slot;
struct run;

struct slot_op {
	struct target_op op;
	struct slot *slot;
	uint64_t blk, count;  /* the blocks that op makes known */
	unsigned renewals;    /* of the run's lease when it was submitted */
	unsigned refusals;    /* for the lease, so far */
	struct slot_op *next; /* done, and waiting for the ack thread; or refused */
};

struct slot {
	struct slot *next; /* idle or queued */
	struct slot *all;  /* the pool's whole list */
	struct run *run;
	uint8_t *data;     /* ENGINE_UNIT bytes: the unit's content from its first block on */
	uint64_t first;    /* block */
	unsigned n_ops, ops_left;
	struct coalesce_block blocks[SLOT_BLOCKS]; /* what shall happen to each */
	struct block_hash hash[SLOT_BLOCKS];       /* of blocks to write */
	struct coalesce_op plan[SLOT_BLOCKS];
	struct slot_op ops[SLOT_BLOCKS];
};

/* Under the lock of the engine that it belongs to. */
struct slot_pool {
	struct slot *idle, *all;
	unsigned n, n_idle;
};

int slot_pool_init(struct slot_pool *p, unsigned n, struct error *err) MUST_CHECK;
void slot_pool_fini(struct slot_pool *p); /* all idle, or half made */
struct slot *slot_take_locked(struct slot_pool *p); /* NULL if none is idle */
void slot_put_locked(struct slot_pool *p, struct slot *s);

/* Appends the operation.  There is room. */
void slot_add_op(struct slot *s, const struct coalesce_op *op);

/* Turns what shall happen to the n blocks from s->first on, `len` bytes, into operations. */
void slot_build_ops(struct slot *s, unsigned n, uint64_t len, uint64_t block_size);

#endif

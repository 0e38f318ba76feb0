/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine's rooms share: engine.c (threads, passes, the end), claim.c, peek.c and scan.c (workers), send.c (journal, target, acks).
 * Nobody else includes it.
 *
 * Threads: `n_workers` scan workers and one ack thread for the engine; for each pass the caller of engine_run(), who
 * writes INTENTs, syncs and submits.  Completions of the target only put the operation on the ack thread's list.
 *
 * Deadlock cannot happen for want of slots: a worker takes the slot before it claims; who waits for one holds none; a
 * slot that was handed over comes back without the help of workers.
 *
 * Locks, in this order: a run's claim_lock; the engine's lock; done_lock.  No lock is held while anything reads, hashes,
 * journals or submits, but claim_lock while the source is asked for extents.
 */
#ifndef LIFTFS_REPLICATE_ENGINE_PRIV_H
#define LIFTFS_REPLICATE_ENGINE_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "map/hasher.h"
#include "replicate/slot.h"
#include "replicate/zeros.h"

/* One read: large enough for the storage, small enough for the second-level cache until it is hashed. */
#define SCAN_PIECE (UINT64_C(1) << 20)

/* A zero run looks whether the pass has stopped each so many blocks. */
#define STOP_CHECK_BLOCKS 65536

/*
 * A piece of the disk, in disk order: either
 *   data   blocks of one slot's worth, at most ENGINE_UNIT bytes; those known to be zero are marked and not read
 *   zero   a run of blocks that are known to be zero, of any length; nothing is read
 */
struct scan_unit {
	uint64_t blk, count;
	bool zero;
	uint64_t zero_mask;   /* of data: bit i, block blk + i is known to be zero */
	uint64_t proven_mask; /* of data: it is what the map says, if the map knows it */
};

/*
 * What a worker claims at a time: 64 MiB of data.  As much as that, one worker after the other, reads a file as fast as one
 * reader from its beginning to its end; in turns of a few MiB two of them spoil the host's readahead for each other.
 */
#define SCAN_RANGE_UNITS 16
struct scan_range {
	struct scan_range *next; /* of the run's open or idle ones */
	unsigned n, at;          /* units, and the first that is not done */
	struct scan_unit unit[SCAN_RANGE_UNITS];
};

/* One engine_run(). */
struct run {
	struct engine *e;
	struct pass *pass;
	struct hasher hasher;
	uint64_t block_size, content_size, blocks; /* blocks of content: the footer is the one after the last */

	/* Claiming: under claim_lock. */
	pthread_mutex_t claim_lock;
	struct zeros zeros;
	uint64_t front; /* first block that nobody has claimed */

	/*
	 * Ranges: as many as there are workers, which is enough, since nobody claims while one is open.  Under the engine's lock:
	 * open ones were left for want of a slot, idle ones are done; the others belong to the workers that have them.
	 */
	struct scan_range *ranges, *open, *idle_ranges;

	/* Under the engine's lock. */
	struct run *next;            /* of the engine's ring */
	unsigned workers;            /* that have one of its ranges */
	unsigned held;               /* slots, in whatever state */
	bool exhausted;              /* everything is claimed; open ranges may be left */
	struct slot *queue, **tail;  /* to be sent, in order */
	struct slot_op *refused;     /* for the lease: to be sent again once it is renewed */
	pthread_cond_t moved;        /* something came to the queue, a slot or a worker left: the caller waits for it */
	struct error err;            /* the first */
	_Atomic bool stop;           /* set with err: claims and sends end */
	struct cancel stopped;       /* the same, for who waits for its share of the rate */

	unsigned renewals;           /* of the lease, after refusals; the caller's */
};

struct engine {
	pthread_mutex_t lock;
	pthread_cond_t work; /* a run came, a slot came back, something stopped: workers wait for it */
	struct slot_pool pool;
	struct run *ring;    /* the run whose turn it is; its next ... */
	unsigned n_runs;
	bool shutdown;

	pthread_mutex_t done_lock;
	pthread_cond_t done_cond;
	struct slot_op *done, **done_tail;
	bool done_shutdown;

	struct worker {
		pthread_t thread;
		struct engine *e;
		uint8_t *piece;       /* SCAN_PIECE bytes */
		struct scan_waits {
			long sleeps, faults; /* of the thread, before the read in hand */
		} waits;
		unsigned cold_pieces; /* > 0: reads wait for the storage */
		unsigned no_peeks;    /* > 0: so many units are read without a look, since many blocks differed */
		uint64_t hashed;      /* blocks of the unit in hand */
	} *workers;
	pthread_t acker;
	unsigned n_workers; /* started */
	bool acker_started;
};

/* The first error stays; ends the pass.  Not under the engine's lock. */
void run_fail(struct run *r, const struct error *cause);
/* The same, of the target's doing. */
void run_fail_by_target(struct run *r, const struct error *cause);
static inline bool run_stopped(const struct run *r)
{
	return atomic_load_explicit(&r->stop, memory_order_relaxed);
}
/* Has the token been set?  Then the run fails with it.  True: stop. */
bool run_cancelled(struct run *r);

/* A slot for r, when it may have one; waits.  NULL: the run stopped. */
struct slot *run_slot_get(struct run *r);
void run_slot_put(struct run *r, struct slot *s);
/* Hands over a slot with operations. */
void run_queue(struct run *r, struct slot *s);

/* The same without waiting: NULL also if it may not have one now. */
struct slot *run_slot_try(struct run *r);

static inline void progress_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* Bytes of `count` blocks from blk on; the last one may be short. */
static inline uint64_t run_bytes(const struct run *r, uint64_t blk, uint64_t count)
{
	uint64_t off = blk * r->block_size, len = count * r->block_size;

	return len < r->content_size - off ? len : r->content_size - off;
}

/*
 * Which of the n blocks from blk on, which lie wholly inside the source, are what the map says: bit i, block blk + i, counted as
 * read and hashed.  Of the others nothing is known: read them.
 */
uint64_t peek_blocks(struct run *r, struct worker *w, uint64_t blk, unsigned n);

/* Fills a range that is done with what comes next.  1: claimed; 0: nothing is left (or the run stopped); -1 with err. */
int claim_range(struct run *r, struct scan_range *range, struct error *err) MUST_CHECK;

/*
 * The next unit of the range, or of another one if that is done.  *slot, which has no operations, is handed over if it got
 * some, and then NULL.  Failures go to run_fail().  False: nothing was left to claim, or the run stopped.
 */
bool scan_step(struct run *r, struct scan_range *range, struct slot **slot, struct worker *w);

/* Makes the slots' INTENTs durable, with one sync, and submits their operations; after a failure gives them back. */
void send_batch(struct run *r, struct slot *list);
/* Renews the lease and submits these operations once more, or has them end with their refusal. */
void send_again(struct run *r, struct slot_op *list);
/* The ack thread's body. */
void *send_acks(void *engine);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine: one pass over a disk.  Reads what must be read, hashes, compares with the map, sends what differs, journals.
 *
 *   claim -> scan worker 1..N: read, all zero?, hash, same as map? --yes--> next
 *                 | no: slot
 *                 v
 *            journal thread: INTENT for a batch of slots, one fsync, submit --> target
 *                 ^ acknowledged: ACK, map entry, slot back to the pool
 *
 * Invariants (ARCHITECTURE.md, "The cycle"):
 *  - no write to a block leaves before its INTENT is durable; from INTENT to ACK the map says unknown;
 *  - a block is claimed once a pass, so within an epoch it has one content; its buffer is kept until the answer;
 *  - an unknown block is always sent: written, or cleared if it is zero;
 *  - a block that the map says is zero and that is zero is neither read (if the extents say so) nor sent;
 *  - the footer is one more block.
 *
 * Memory: slots of ENGINE_UNIT bytes from one pool for all disks of the process are the only backpressure.
 */
#ifndef LIFTFS_REPLICATE_ENGINE_H
#define LIFTFS_REPLICATE_ENGINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/rate_limit.h"
#include "disk/disk.h"
#include "disk/vhd_footer.h"
#include "map/blockmap.h"
#include "map/journal.h"
#include "replicate/layers.h"
#include "target/target.h"

#define ENGINE_UNIT (UINT64_C(4) << 20) /* bytes of a slot: one write of the target, and a whole number of blocks */

/* Counted while the pass runs; relaxed atomics, read by whoever shows progress. */
struct pass_progress {
	_Atomic uint64_t bytes_done;     /* of the disk: read, or skipped on evidence */
	_Atomic uint64_t bytes_read;     /* from the source's host files */
	_Atomic uint64_t blocks_hashed, blocks_changed;
	_Atomic uint64_t bytes_sent;     /* acknowledged writes, without the footer */
	_Atomic uint64_t bytes_cleared;  /* acknowledged clears */
	_Atomic uint64_t blocks_proven;  /* not read, because the files of the chain that they come from are unchanged */
};

/* One of them as it is now.  Any thread. */
static inline uint64_t pass_counter(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

struct pass {
	struct disk *source;      /* not NULL */
	struct blockmap *map;     /* gets a working copy before the first INTENT; of the replica's content size */
	struct journal *journal;
	struct replica *replica;  /* claimed: its epoch is set */
	uint8_t footer[VHD_FOOTER_LEN];
	/* Every file of the chain is proven unchanged since the map's clean point: only unknown blocks are read. */
	bool unchanged;
	struct layers *layers;    /* else: which of its parts are, and what this pass finds of them; may be NULL */
	struct cancel *cancel;    /* may be NULL */
	/* Boot-time clock: nothing is claimed from then on, and the footer, which says that all is there, is not sent.  0: to the end. */
	uint64_t until_ns;
	struct rate_limit *rate;  /* of what is sent; NULL: none */
	struct pass_progress *progress;
	/*
	 * Writes were refused since the lease had run out: renews it, once, on the thread that runs the pass.  0: nobody else
	 * wrote, and what was refused is sent again, the same bytes.  NULL: such a refusal ends the pass.
	 */
	int (*renew)(void *ctx, struct error *err);
	void *renew_ctx;
	bool target_failed;       /* out: it was the target, not the source or this host, that ended the pass */
};

#define PASS_RESENDS 5 /* of one write after as many lapses of the lease: more is no outage */

struct engine;
struct engine_config {
	unsigned scan_threads; /* in all; 0: one a CPU, at most 8 */
	/* In all; 0: 16, of which a pass alone gets 12.  Peak memory is slots x ENGINE_UNIT, 1 MiB a thread, and a little */
	unsigned slots;
};
struct engine *engine_new(const struct engine_config *config, struct error *err) MUST_CHECK;
void engine_free(struct engine *e);
DEFINE_CLEANUP(cleanup_engine, struct engine *, engine_free);

/*
 * Runs the pass to its end: every block compared and everything sent acknowledged, or the first error (cancelled
 * included), after which nothing is in flight and the journal says what is known.  Any number of passes over different
 * replicas at once share the engine's threads and slots fairly; one whose target does not answer keeps no other waiting.
 */
int engine_run(struct engine *e, struct pass *p, struct error *err) MUST_CHECK;

/* The oracle: the same result, one block at a time in the caller's thread, in a hundred plain lines. */
int serial_run(struct pass *p, struct error *err) MUST_CHECK;

#endif

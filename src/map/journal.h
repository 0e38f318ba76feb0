/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of a replica: what happened since the map was committed, in the order in which it became true.
 *
 * One file beside the map, append-only.  Its header names the map's liftfs id and the generation that it extends: a
 * journal of another generation is ignored.  Each record has its own checksum; replay stops at the first bad one (a
 * torn tail after a crash), and the journal is cut there before anything is appended.
 *
 *   record    durable before                             meaning
 *   DISTRUST  the lease is acquired anew, or the claim   what map and journal say about blocks is void
 *   CLAIM     the request that raises the number         the number is ours; the cycle is open
 *   INTENT    the first write to the blocks is sent      the blocks are unknown
 *   ACK       nothing (group commit)                     the block holds this; losing it costs one re-send
 *   CLEAN     the snapshot request                       every entry is true while the live version is this one
 *   POINT     (bookkeeping)                              the recovery point of this cycle is snapshot S
 *
 * "Durable" is the caller's: journal_sync() returns when everything appended before it is on stable storage; concurrent
 * callers share one fsync.  Appends and syncs from any number of threads; records of one thread keep their order.
 * A failed write or fsync poisons the journal: every later call fails with the same error.
 *
 * A torn tail is not damage.  Records say how much of the file was durable when they were written, so that a bad record
 * which was durable once is told from a torn one: it is ERR_CORRUPT, and so is a bad header (a new file gets its name
 * when it is whole).  Dropping the records behind it silently would lose an INTENT.
 *
 * The file's layout: journal_record.h.
 */
#ifndef LIFTFS_MAP_JOURNAL_H
#define LIFTFS_MAP_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/guid.h"
#include "map/hasher.h"

enum journal_type {
	JOURNAL_DISTRUST = 1,
	JOURNAL_CLAIM,
	JOURNAL_INTENT,
	JOURNAL_ACK,
	JOURNAL_CLEAN,
	JOURNAL_POINT,
	JOURNAL_LEASE, /* a new lease GUID, durable before it is used */
};

struct journal_clean {
	uint64_t cycle, number;
	struct guid token;
	bool fuzzy;
	const char *version;     /* at most 511 bytes */
	const char *fingerprint; /* F0 as the evidence writes it; at most 32 KiB */
};

/* One record as replay hands it out; pointers are valid during the callback only. */
struct journal_record {
	enum journal_type type;
	uint64_t number;            /* CLAIM */
	uint64_t blk, count;        /* INTENT, ACK: count blocks from blk; the callee checks that the map has them */
	bool zero;                  /* ACK: count blocks from blk are zero, hash unused; else count is 1 */
	struct block_hash hash;     /* ACK */
	struct journal_clean clean; /* CLEAN */
	const char *snapshot;       /* POINT */
	struct guid lease_id;       /* LEASE */
};

typedef int (*journal_replay_fn)(void *ctx, const struct journal_record *r, struct error *err);

struct journal;

/*
 * Opens the journal `name` in dirfd for the map's generation; each intact record goes to `replay` in order (its failure
 * ends the open).  A missing or empty one, and one of another generation or id, is started anew and empty.  What was
 * replayed may be in the page cache only: journal_sync() before anything is done because of it.  The caller keeps dirfd
 * open as long as the journal, and holds the replica's lock.
 */
struct journal *journal_open(int dirfd, const char *name, const struct guid *liftfs_id, uint64_t generation,
			     journal_replay_fn replay, void *ctx, struct error *err) MUST_CHECK;
void journal_close(struct journal *j); /* NULL is welcome; what was not synced may be lost */
DEFINE_CLEANUP(cleanup_journal, struct journal *, journal_close);

int journal_distrust(struct journal *j, struct error *err) MUST_CHECK;
int journal_claim(struct journal *j, uint64_t number, struct error *err) MUST_CHECK;
int journal_lease(struct journal *j, const struct guid *lease_id, struct error *err) MUST_CHECK;
int journal_intent(struct journal *j, uint64_t blk, uint64_t count, struct error *err) MUST_CHECK;
int journal_ack(struct journal *j, uint64_t blk, const struct block_hash *hash, struct error *err) MUST_CHECK;
/* n neighbouring blocks from blk with a hash each: one record for up to 4094. */
int journal_acks(struct journal *j, uint64_t blk, const struct block_hash *hashes, size_t n,
		 struct error *err) MUST_CHECK;
int journal_ack_zero(struct journal *j, uint64_t blk, uint64_t count, struct error *err) MUST_CHECK;
int journal_clean(struct journal *j, const struct journal_clean *c, struct error *err) MUST_CHECK;
int journal_point(struct journal *j, const char *snapshot, struct error *err) MUST_CHECK;

int journal_sync(struct journal *j, struct error *err) MUST_CHECK;

/*
 * After the map was committed as `generation`: begins an empty journal for it, which replaces this one with the next
 * journal_sync(), durably and with what was appended until then; before that whoever opens it finds the old one, of a generation
 * that is ignored.  Alone: no other call at the same time.  A failure poisons the journal, since nobody would read what the old
 * file still took.
 */
int journal_restart(struct journal *j, uint64_t generation, struct error *err) MUST_CHECK;

uint64_t journal_bytes(const struct journal *j); /* size of the file: when it pays to commit the map */
int journal_fd(const struct journal *j);         /* for the born mark */

/* The mark as the file has it; "" if none was written, or it was damaged. */
const char *journal_born(const struct journal *j);
/*
 * Writes the mark of this file, durably, in place, unless it has it; make_born as in blockmap_commit().  Files that
 * journal_restart() makes afterwards are marked in the same way before they get their name.  A failure poisons the journal.
 */
int journal_mark_born(struct journal *j, int (*make_born)(int fd, char *out, size_t len, struct error *err),
		      struct error *err) MUST_CHECK;

#endif

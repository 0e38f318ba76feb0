/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One disk on its way through a cycle: the steps of the protocol that concern it alone.  For the rooms of the cycle only:
 *
 *   cycle.c        the VM: order of the steps, evidence, points, the outcome
 *   cycle_disk.c   opening, fence and clean point, commit, abandoning
 *   cycle_enter.c  creating, going on, learning what is there
 *   cycle_size.c   disks that grow or shrink
 *   cycle_trust.c  lease, and what of map and journal may be believed
 *   cycle_claim.c  numbers and metadata
 *   cycle_point.c  a VM's recovery points: this cycle's, and those that the last one left undone
 *   cycle_copy.c   the copy of the block map beside the replica
 *   cycle_confirm.c  disks of which nothing is to be done
 *
 *	state       after                          what may follow
 *	opened      disk_run_open                  disk_run_approach, or the end
 *	approached  lease held, trust decided      disk_run_finish, disk_run_enter
 *	entered     claimed, map trusted or        engine_run; disk_run_claim_again and engine_run once more, of a source
 *	            rebuilt                        whose files' times had to settle
 *	scanned     engine_run ended well          disk_run_fence
 *	fenced      CLEAN is durable               disk_run_point or disk_run_publish, disk_run_commit
 *	committed   map durable, lease released    the end
 *
 * A disk that fails after its claim keeps its lease unless it was fenced: the next run proves by renewing it that nobody else
 * wrote.  disk_run_abandon() fences what can be, so that another host need not wait.
 */
#ifndef LIFTFS_REPLICATE_CYCLE_DISK_H
#define LIFTFS_REPLICATE_CYCLE_DISK_H

#include "base/parse.h"
#include "replicate/cycle.h"
#include "replicate/lease_keeper.h"

enum trust { TRUST_UNDECIDED, TRUST, REBUILD, STOP }; /* of what map and journal say */

/* What of the source is proven to be as at the last clean point. */
enum proof {
	PROOF_NONE,
	PROOF_PARTS, /* what comes from files that are unchanged: replicate/layers.h */
	PROOF_WHOLE, /* every file is */
};

struct disk_run {
	const struct cycle_options *opt;
	const struct cycle_vm *vm;
	struct cycle_disk *d;
	struct disk *source;
	struct replica *replica;
	struct replica *copy; /* of its map; opened when first needed */
	struct replica_state rs;
	struct evidence f0;
	uint64_t opened_ns; /* the source; boot-time clock */
	uint64_t settled_ns; /* same clock: when the stamps of f0 will have settled; of a cycle that sends until then */
	enum proof proof;
	const struct guid *token; /* of the VM's cycle */
	bool no_state;     /* the replica was there before its state */
	bool is_new;       /* no cycle went through it yet, as its metadata say */
	bool created;      /* by this run */
	bool seeded;       /* by this run: carried here, and not compared yet */
	bool source_failed; /* d->err is the source's, or this host's, and not the target's */
	enum trust trust;  /* once it is approached */
	const char *why;   /* a phrase, if it is not TRUST */
	bool fresh;        /* never claimed, and holds nothing: all zero */
	bool leased, claimed, scanned, fenced;
	uint64_t content;  /* bytes of the replica without the footer */
	uint64_t number;   /* our epoch */
	char version[TARGET_VERSION_LEN]; /* as the last of our conditional requests left it */
	uint64_t live_number, live_size;
	bool live_leased;        /* by anybody */
	struct target_meta meta; /* of the live replica, as looked at last */
	struct cancel stop;      /* this disk's: the run's own token, or a lost lease */
	struct lease_keeper *keeper;
};

/* Opens the source, the state and the replica; identity, size and name are checked.  Nothing is changed on the target. */
int disk_run_open(struct disk_run *r, struct error *err) MUST_CHECK;

/* The source anew, for its files' times to have settled before anything is read of it. */
int disk_run_reopen(struct disk_run *r, struct error *err) MUST_CHECK;

/* Is the replica as the last clean point left it?  0 and *same; for a disk that need not be read. */
int disk_run_check_unchanged(struct disk_run *r, bool *same, struct error *err) MUST_CHECK;

/* Steps 1 to 3: create, lease, decide what is believed.  Nothing is claimed or written. */
int disk_run_approach(struct disk_run *r, struct error *err) MUST_CHECK;

/* Steps 4 and 5: claim, resize, rebuild. */
int disk_run_enter(struct disk_run *r, struct error *err) MUST_CHECK;

/* Damage that was read while the files changed is what a writer had not finished: the failure becomes one to try again. */
void disk_run_blame_change(struct disk_run *r);

/* Steps 8 and 9.  `fuzzy`: this clean point proves nothing and makes no recovery point.  Takes over r->f0.
 * `disks` 0: the pass was cut short, and no cycle is counted. */
int disk_run_fence(struct disk_run *r, const struct guid *token, const char *moment, unsigned disks, bool fuzzy,
		   struct error *err) MUST_CHECK;

/* Step 10: the snapshot of the clean point rs.last, found by its token if it is there already.  Fills d->snapshot. */
int disk_run_point(struct disk_run *r, struct error *err) MUST_CHECK;

/* In its place, for a cycle that ends well without one. */
int disk_run_publish(struct disk_run *r, struct error *err) MUST_CHECK;

/* Steps 11 to 14. */
int disk_run_commit(struct disk_run *r, struct error *err) MUST_CHECK;

/* After a failure: fences and commits what was acknowledged if that can be done, else leaves the lease to run out. */
void disk_run_abandon(struct disk_run *r);

void disk_run_close(struct disk_run *r);

static inline bool disk_run_good(const struct disk_run *r)
{
	return r->d->err.code == ERR_NONE;
}
/* d->err is set: the outcome is that, said from the disk's point of view. */
void disk_run_failed(struct disk_run *r);

/* What it says of the source that it looked the same before and after: `frozen` is somebody's word. */
enum consistency cycle_consistency(const struct evidence *f0, bool frozen);

/* ---- cycle_confirm.c ---- */

/* The outcome of a disk of which nothing was to be done since the clean point of `cycle`. */
void cycle_skip(struct cycle_disk *d, uint64_t cycle);
/* What was asked of the replica (may be NULL) is added to the disk's counters. */
void cycle_add_requests(struct cycle_disk *d, const struct replica *replica);

/* ---- cycle_point.c: of all disks of a VM ---- */

/*
 * Before anything of the VM is claimed: a crash came between clean points and snapshots.  Makes those that are missing, as the
 * versions are still what they were; none if the point cannot come to be any more.  A disk without an answer fails.
 */
void cycle_finish_points(struct disk_run *runs, size_t n);
/* Step 10 for all.  All are fenced, none fuzzy.  True if the recovery point exists. */
bool cycle_make_points(struct disk_run *runs, size_t n);

/* ---- between the rooms ---- */

#define NUMBER_STEP_BITS 31 /* random part of a number: makes it a signature of who drew it */

/* Of the live replica as looked at last; "" for what it does not have. */
const char *disk_run_meta(const struct disk_run *r, const char *key);
/* Looks anew: version, number, size, metadata. */
int disk_run_look(struct disk_run *r, bool *exists, struct error *err) MUST_CHECK;

/* cycle_disk.c: size, name and texts, before anything else; fills d->virtual_size. */
int disk_run_check_source(struct disk_run *r, struct error *err) MUST_CHECK;
/* Is the disk the one of this id? */
int disk_run_check_identity(const struct disk_run *r, const char *known, struct error *err) MUST_CHECK;
/* cycle_enter.c: by its metadata alone. */
int disk_run_check_foreign(const struct disk_run *r, struct error *err) MUST_CHECK;
/* One more thing worth a line. */
void disk_run_warn(struct disk_run *r, const char *fmt, ...) PRINTF_FMT(2, 3);
#define LEASE_TRIES 3 /* of one request, after as many lapses */
/*
 * Was it refused since the lease had run out, and is that renewed now?  Then *why is empty and the request may be sent again: nobody
 * else wrote.  Else *why is the failure.
 */
bool disk_run_renewed(struct disk_run *r, struct error *why);

/* cycle_size.c */
/* A disk that is shorter than `known`, or than its replica, needs a person's word; `our_size`: however long the replica is. */
int disk_run_check_size(const struct disk_run *r, uint64_t known, bool our_size, struct error *err) MUST_CHECK;
/* The disk's size as the live replica's metadata have it; 0: they do not. */
uint64_t disk_run_told_size(const struct disk_run *r);
/* After the claim: map and replica get the disk's size. */
int disk_run_resize(struct disk_run *r, struct error *err) MUST_CHECK;

/* cycle_claim.c: metadata of the live replica, who it is and who holds it. */
int disk_run_live_meta(const struct disk_run *r, struct target_meta *out, struct error *err) MUST_CHECK;
int disk_run_write_meta(struct disk_run *r, struct error *err) MUST_CHECK;
/*
 * Raises the number until it holds.  We have the lease, so nobody else can have written: a version that moved is a late
 * duplicate of our own, as long as the number is ours and the lease can still be renewed.  Somebody with a copy of our state
 * can hold that very lease: then the number is not ours.  `believe`: what is known of the content was decided by the version.
 */
int disk_run_raise(struct disk_run *r, const char *what, bool believe, struct error *err) MUST_CHECK;
/* Step 4: the first raise, and with it or after it the metadata.  r->claimed as soon as the number is ours. */
int disk_run_claim(struct disk_run *r, bool believe, struct error *err) MUST_CHECK;

/* Is the live replica there, and the epoch ours?  Looks anew. */
int disk_run_check_epoch(struct disk_run *r, struct error *err) MUST_CHECK;
/*
 * Step 4 once more, before a second pass of one cycle: within an epoch a block has one content, and the source may have moved since
 * the first.  Everything that was sent is acknowledged.
 */
int disk_run_claim_again(struct disk_run *r, struct error *err) MUST_CHECK;

/* cycle_trust.c */
/* Step 2.  A refusal changes nothing on the target. */
int disk_run_lease(struct disk_run *r, struct error *err) MUST_CHECK;
/* Step 3: r->trust and r->why.  Fails with 78 if it takes a person's word to go on. */
int disk_run_decide(struct disk_run *r, struct error *err) MUST_CHECK;
/* How much the replica holds, for people. */
void disk_run_data_text(struct disk_run *r, char out[FORMAT_TEXT_LEN]);
/* Fails with what --adopt would read. */
int disk_run_need_adopt(struct disk_run *r, const char *why, struct error *err);
/* Does the live replica have another liftfsid than the state here? */
bool disk_run_is_another(const struct disk_run *r);

/* cycle_copy.c */
/* After a commit, under the lease.  Never fails: a warning says that it did. */
void disk_run_update_copy(struct disk_run *r);
/* Under the lease, looked at, before step 3: if nothing here tells what is live, the copy does, if it is right; the state is
 * then clean at the live version, and r->no_state false. */
int disk_run_take_copy(struct disk_run *r, struct error *err) MUST_CHECK;
/*
 * Before anything else, with opt->seed: the map of a replica that was carried here; r->rs is clean at the live version where it was
 * taken over.  A replica that the seed has, and that is not here yet, is ERR_CONFLICT.
 */
int disk_run_seed(struct disk_run *r, bool exists, struct error *err) MUST_CHECK;
int disk_run_not_carried(const struct disk_run *r, struct error *err);

/* rebuild.c: every block of the map from what the replica holds at this version. */
int replica_rebuild(struct replica *replica, struct blockmap *map, const char *version, struct cancel *cancel,
		    struct error *err) MUST_CHECK;
/* Bytes that a rebuild would read. */
int replica_data_bytes(struct replica *replica, uint64_t content, uint64_t *out, struct error *err) MUST_CHECK;

/* recovery_point.c */
/* After this failure the disk's cycle ends; after any other it only has no recovery point. */
bool recovery_point_stops(const struct error *why);
int recovery_point_meta(const struct disk_run *r, struct target_meta *out, struct error *err) MUST_CHECK;

#endif

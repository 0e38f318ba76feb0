/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One disk on its way through a cycle: the steps of the protocol that concern it alone.  For the rooms of the cycle only:
 *
 *   cycle.c        the VM: order of the steps, evidence, points, the outcome
 *   cycle_disk.c   opening, fence and clean point, commit, abandoning
 *   cycle_enter.c  creating, going on, resizing, learning what is there
 *   cycle_trust.c  lease, and what of map and journal may be believed
 *   cycle_claim.c  numbers and metadata
 *   cycle_copy.c   the copy of the block map beside the replica
 *
 *	state       after                          what may follow
 *	opened      disk_run_open                  disk_run_enter, or the end
 *	entered     lease held, claimed, map       engine_run
 *	            trusted or rebuilt
 *	scanned     engine_run ended well          disk_run_fence
 *	fenced      CLEAN is durable               disk_run_point, disk_run_commit
 *	committed   map durable, lease released    the end
 *
 * A disk that fails after its claim keeps its lease unless it was fenced: the next run proves by renewing it that nobody else
 * wrote.  disk_run_abandon() fences what can be, so that another host need not wait.
 */
#ifndef LIFTFS_REPLICATE_CYCLE_DISK_H
#define LIFTFS_REPLICATE_CYCLE_DISK_H

#include "replicate/cycle.h"
#include "replicate/lease_keeper.h"

struct disk_run {
	const struct cycle_options *opt;
	const struct cycle_vm *vm;
	struct cycle_disk *d;
	struct disk *source;
	struct replica *replica;
	struct replica *copy; /* of its map; opened when first needed */
	struct replica_state rs;
	struct evidence f0;
	bool unchanged;    /* every file proven as at the last clean point */
	bool created;      /* by this run */
	bool seeded;       /* by this run: carried here, and not compared yet */
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

/* Is the replica as the last clean point left it?  0 and *same; for a disk that need not be read. */
int disk_run_check_unchanged(struct disk_run *r, bool *same, struct error *err) MUST_CHECK;

/* Steps 1 to 5: create, lease, decide, finish a recovery point that is missing, claim, resize, rebuild. */
int disk_run_enter(struct disk_run *r, struct error *err) MUST_CHECK;

/* Steps 8 and 9.  `fuzzy`: this clean point proves nothing and makes no recovery point.  Takes over r->f0.
 * `disks` 0: the pass was cut short, and no cycle is counted. */
int disk_run_fence(struct disk_run *r, const struct guid *token, const char *moment, unsigned disks, bool fuzzy,
		   struct error *err) MUST_CHECK;

/* Step 10: the snapshot of the clean point rs.last, found by its token if it is there already.  Fills d->snapshot. */
int disk_run_point(struct disk_run *r, struct error *err) MUST_CHECK;

/* Steps 11 to 14. */
int disk_run_commit(struct disk_run *r, struct error *err) MUST_CHECK;

/* After a failure: fences and commits what was acknowledged if that can be done, else leaves the lease to run out. */
void disk_run_abandon(struct disk_run *r);

void disk_run_close(struct disk_run *r);

/* ---- between the rooms ---- */

#define NUMBER_STEP_BITS 31 /* random part of a number: makes it a signature of who drew it */

/* Of the live replica as looked at last; "" for what it does not have. */
const char *disk_run_meta(const struct disk_run *r, const char *key);
/* Looks anew: version, number, size, metadata. */
int disk_run_look(struct disk_run *r, bool *exists, struct error *err) MUST_CHECK;

/* cycle_claim.c: metadata of the live replica, who it is and who holds it. */
int disk_run_live_meta(const struct disk_run *r, struct target_meta *out, struct error *err) MUST_CHECK;
int disk_run_write_meta(struct disk_run *r, struct error *err) MUST_CHECK;
/*
 * Raises the number until it holds.  We have the lease, so nobody else can have written: a version that moved is a late
 * duplicate of our own, as long as the number is ours and the lease can still be renewed.  Somebody with a copy of our state
 * can hold that very lease: then the number is not ours.  `believe`: what is known of the content was decided by the version.
 */
int disk_run_raise(struct disk_run *r, const char *what, bool believe, struct error *err) MUST_CHECK;

/* cycle_trust.c */
enum trust { TRUST, REBUILD, STOP };
/* Step 2.  A refusal changes nothing on the target. */
int disk_run_lease(struct disk_run *r, struct error *err) MUST_CHECK;
/* Step 3.  *why: one phrase, if not TRUST. */
int disk_run_decide(struct disk_run *r, bool no_state, enum trust *out, const char **why, struct error *err) MUST_CHECK;
/* Fails with what --adopt would read. */
int disk_run_need_adopt(struct disk_run *r, const char *why, struct error *err);

/* cycle_copy.c */
/* After a commit, under the lease.  Never fails: a warning says that it did. */
void disk_run_update_copy(struct disk_run *r);
/* Under the lease, looked at, before step 3: if nothing here tells what is live, the copy does, if it is right; the state is
 * then clean at the live version, and *no_state false. */
int disk_run_take_copy(struct disk_run *r, bool *no_state, struct error *err) MUST_CHECK;
/*
 * Before anything else, with opt->seed: the map of a replica that was carried here.  *no_state is false where it was taken over.  A
 * replica that the seed has, and that is not here yet, is ERR_CONFLICT.
 */
int disk_run_seed(struct disk_run *r, bool exists, bool *no_state, struct error *err) MUST_CHECK;
#define READING_NOTICE_BYTES (UINT64_C(10) << 30)
/* Is so much worth a line before it is read back? */
bool disk_run_reading_notice(const char *name, uint64_t bytes, char out[256]);

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

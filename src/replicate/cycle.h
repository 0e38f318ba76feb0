/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One cycle over the disks of one VM, by the protocol of ARCHITECTURE.md ("The cycle"): lease, look, claim, rebuild, scan and
 * send, barrier, fence, clean point, recovery point, commit, release.  The disks are fingerprinted before the first byte
 * of the first and after the last byte of the last, and committed together under one token.
 */
#ifndef LIFTFS_REPLICATE_CYCLE_H
#define LIFTFS_REPLICATE_CYCLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cancel.h"
#include "disk/disk.h"
#include "replicate/engine.h"
#include "replicate/state.h"
#include "target/target.h"

enum cycle_kind { CYCLE_INITIAL, CYCLE_DELTA };
enum cycle_result {
	CYCLE_OK,
	CYCLE_FUZZY,
	CYCLE_SKIPPED,
	CYCLE_FAILED,
	CYCLE_PARKED, /* failed, and going on later may help: told to stop, or the target is not reached or too busy */
};

struct cycle_options {
	struct target *target;
	struct state *state;
	struct engine *engine;
	struct cancel *cancel;
	bool full;           /* read everything: no evidence */
	bool adopt;          /* rebuild the map from what is there instead of stopping with 78 */
	bool replace;        /* the replica of another disk, or one that somebody else changed, may be overwritten */
	bool no_points;
	bool break_lease;    /* a person's word: whoever holds the replica is gone */
	bool shrink;         /* a disk that became shorter may cut its replica off */
	bool frozen;         /* the user's word that the source does not change */
	struct target *seed; /* where replicas that are here without a state were made; NULL: none (replicate/seed.h) */
	struct rate_limit *rate; /* of what is sent, for all disks together; NULL: none (base/rate_limit.h) */
	uint64_t block_size; /* of a new replica; 0: by size */
	const char *host;
	uint64_t settle_worth; /* more data than this is worth waiting for its files' times to settle; 0: 1 GiB */
	bool serial;         /* the oracle instead of the engine; for tests */
};

struct cycle_disk {
	/* In: owned by the caller, valid during the cycle. */
	const char *name;        /* replica's, escaped, ends in .vhd */
	const char *source_path; /* of the leaf, below SOURCE */
	const char *source_id;   /* the root's own id, or "" */
	struct backing_root *root;

	/* Out. */
	enum cycle_result result;
	enum cycle_kind kind;
	uint64_t cycle, virtual_size, data_bytes;
	enum consistency consistency; /* of the source while it was read */
	const char *read_why;       /* why everything was read, a phrase; NULL if nothing was or it is the first cycle */
	struct pass_progress progress;
	struct {
		uint64_t writes, clears, reads, others;
	} requests;
	uint64_t retries;
	uint64_t started_ns, finished_ns; /* realtime */
	char snapshot[TARGET_POINT_LEN];  /* "" if none was made */
	_Atomic bool active;              /* being read or sent now */
	char version[TARGET_VERSION_LEN]; /* of a replica that was skipped; else undefined */
	bool unverified;                  /* the replica was carried there and not compared since; known unless err is set */
	char warning[256];                /* something worth a line: rebuilt, renamed, resized; "" if nothing */
	struct error err;

	/* Of whoever keeps count of cycles: trying again does not help any more, a person must act. */
	bool given_up;
};

struct cycle_vm {
	const char *name;
	struct cycle_disk *disks;
	size_t n;
	char point[CLOCK_TEXT_LEN]; /* out: the recovery point's name, "" if none was made */
};

/* 0 if every disk is ok, skipped or fuzzy; -1 with the first error by weight otherwise.  Each disk has its own outcome. */
int cycle_run(struct cycle_vm *vm, const struct cycle_options *opt, struct error *err) MUST_CHECK;

/* What a cycle would do, changing nothing: fills kind, virtual_size, data_bytes (to be sent at most), err. */
int cycle_plan(struct cycle_vm *vm, const struct cycle_options *opt, struct error *err) MUST_CHECK;

/* What a cycle that skipped a disk left, for the next one. */
struct cycle_left {
	uint64_t cycle;
	const char *version, *glance; /* of the replica; the latter settled, or "" */
	bool unverified;
};
/*
 * In place of cycle_run(), for a disk that something else proves to be as it was then: its files, and map and journal here.  What
 * is left to ask is whether the replica is, too.  If so (*same) the disk has the outcome that cycle_run() would give it, else none.
 * Any number of disks at once.
 */
/* By left->glance: not the same means that a look will tell. */
int cycle_confirm_by_glance(struct cycle_disk *d, struct target *target, const struct cycle_left *left, bool *same,
			    struct error *err) MUST_CHECK;
/* Then by a look.  *glance was taken before it: if it is the same, both tell of one state, and so does d->unverified. */
int cycle_confirm_by_look(struct cycle_disk *d, struct target *target, const struct cycle_left *left, struct target_glance *glance,
			  bool *same, struct error *err) MUST_CHECK;

#endif

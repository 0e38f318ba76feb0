/* SPDX-License-Identifier: Apache-2.0 */
/* Many VMs, a few at once: one cycle over each, and what their outcomes come to. */
#ifndef LIFTFS_REPLICATE_RUN_H
#define LIFTFS_REPLICATE_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "replicate/cycle.h"
#include "replicate/retention.h"

struct run_vm {
	struct cycle_vm cycle;
	bool no_points; /* this VM's cycle makes no recovery point: not all of its disks are in it */
	struct {            /* what became of its recovery points, if run_options.keep had them pruned */
		size_t points, snapshots; /* removed */
		struct error err;         /* why not all are; no failure of the cycle */
	} pruned;
	bool unchanged; /* in: each disk has its outcome already, by cycle_confirm_by_glance() or _by_look(): nothing is run */
	_Atomic bool done;
};

struct run_options {
	const struct cycle_options *cycle;
	unsigned jobs; /* VMs at once; 0: 1 */
	bool plan;     /* cycle_plan() instead of cycle_run() */
	/* After a VM's cycle made a recovery point, those of this VM that go by the policy are removed.  NULL, or without any
	 * rule: none.  A disk with PRUNE_POINTS_WARN snapshots or more gets a warning. */
	const struct retention_policy *keep;
	/* Called when a VM is finished, on the thread that ran it, one call at a time; may be NULL. */
	void (*finished)(void *ctx, struct run_vm *vm);
	/* Called for each snapshot that `keep` had removed, before its VM is finished and never during another call; may be NULL. */
	void (*removed)(void *ctx, const char *replica, const char *point);
	void *ctx;
};

/*
 * Runs every VM in order of the array, `jobs` at once; one without disks is passed over.  Each disk has its own outcome; one VM's failure stops no other.
 * Once the cancel token is set no VM is begun: its disks fail with ERR_CANCELLED.  -1 only if no thread could be started.
 */
int run_vms(struct run_vm *vms, size_t n, const struct run_options *opt, struct error *err) MUST_CHECK;

/* What the exit status of a disk's outcome is: 78 if it was given up, a failure's, 75 if fuzzy, else 0. */
int run_disk_status(const struct cycle_disk *d);

/* "ok", "fuzzy", "skipped", "parked" or "failed"; "initial" or "delta": as documents and the database have them. */
const char *run_result_name(const struct cycle_disk *d);
const char *run_kind_name(enum cycle_kind kind);

#endif

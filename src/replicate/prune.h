/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removes recovery points by policy.
 *
 * The policy is asked for the complete points of each VM.  Whatever it says, the point whose cycle was the last stays.
 * An incomplete one is what a crash left, of a cycle or of a prune, or one that is being made just now, perhaps by another
 * host.  It goes only if its cycle is over: a complete point of the VM was made in a later epoch of a replica that both have,
 * or, where they share none, more than a day later.
 *
 * Only snapshots are deleted, one request each, the oldest points first; of a point, the snapshots of replicas that the last
 * point has too come last.  So a crash in between leaves an incomplete point that the next prune can tell is over.
 * No lease is needed, and a cycle that runs meanwhile is not disturbed.
 */
#ifndef LIFTFS_REPLICATE_PRUNE_H
#define LIFTFS_REPLICATE_PRUNE_H

#include "replicate/points.h"
#include "replicate/retention.h"

#define PRUNE_POINTS_WARN 50 /* of one disk: from here on somebody should prune */

enum prune_fate {
	PRUNE_OTHER,    /* of a VM that was not asked for */
	PRUNE_KEPT,     /* for `reasons` */
	PRUNE_PENDING,  /* kept: incomplete, and may yet be completed */
	PRUNE_DROPPED,  /* goes by the policy */
	PRUNE_LEFTOVER, /* goes: incomplete for good */
};

struct prune_verdict {
	enum prune_fate fate;
	unsigned reasons;  /* enum retention_reason */
	size_t removed;    /* snapshots */
	struct error err;  /* why it is not gone, if it should be */
};

/* Is this VM's turn?  Of all its points. */
typedef bool prune_takes(void *ctx, const struct point *v, size_t n);

struct prune_options {
	struct target *target;
	const struct retention_policy *policy; /* some rule is given */
	struct cancel *cancel;                 /* may be NULL */
	bool dry_run;
	prune_takes *takes; /* NULL: every VM */
	void *ctx;          /* of takes */
	/* Called for each snapshot that is gone, with the replica's name and the point's, on the caller's thread; may be NULL. */
	void (*removed)(void *ctx, const char *replica, const char *point);
	void *removed_ctx;
};

struct prune_result {
	struct points points;
	struct prune_verdict *v; /* in step with points.v; NULL: nothing was judged */
	size_t points_removed;   /* wholly */
	size_t snapshots_removed;
};

/* What should become of each point: verdicts_out has as many as p has points.  Pure, but for the zone. */
int prune_plan(const struct points *p, const struct retention_policy *policy, prune_takes *takes, void *ctx,
	       struct prune_verdict *verdicts_out, struct error *err) MUST_CHECK;

/*
 * Every VM of the target, or those that opt takes.  -1 if nothing could be listed, or with the first error of a point that
 * is not gone as it should be: `out` says what is.  A VM's failure stops no other VM, but for refused rights and a cancel.
 */
int prune_run(const struct prune_options *opt, struct prune_result *out, struct error *err) MUST_CHECK;

/*
 * One VM, by its name and the names of its replicas; opt->takes is not asked.  One list a replica; only where a point looks
 * incomplete, as one with a disk that the VM no longer has, the whole target is listed.
 */
int prune_vm(const struct prune_options *opt, const char *vm, const char *const *replicas, size_t n,
	     struct prune_result *out, struct error *err) MUST_CHECK;

/* Snapshots of this replica that are there now, somebody else's too. */
size_t prune_snapshots_left(const struct prune_result *r, const char *replica);

void prune_result_fini(struct prune_result *r);
static inline void cleanup_prune_result(struct prune_result *r)
{
	prune_result_fini(r);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A target before another one, in which chosen operations go wrong: refused, applied with the answer lost, delayed,
 * torn, or applied much later.  Rules are asked in the order in which they were added; the first that fires decides.
 * All functions may be called from any thread; rules are added before the target is used.
 */
#ifndef LIFTFS_TESTS_TARGET_FAULT_H
#define LIFTFS_TESTS_TARGET_FAULT_H

#include "target_mem.h"

enum fault_action {
	FAULT_NONE,
	FAULT_BEFORE, /* fails with `code`; the target behind never sees it */
	FAULT_AFTER,  /* takes effect; answered with `code`, as if the answer was lost */
	FAULT_DELAY,  /* `ms` later; writes behind it wait too */
	FAULT_TEAR,   /* of a write or clear the first half takes effect; others as FAULT_BEFORE */
	/* Answered with `code`; arrives at fault_release_late(), or as `after` says.  Writes, clears, create, raise, snapshot,
	 * lease, and only before an in-memory target; others as FAULT_BEFORE */
	FAULT_LATE,
	FAULT_TWICE, /* as if nothing was; once more as FAULT_LATE, which its kinds are too */
	FAULT_STALE, /* of a look: answered with what fault_remember_look() saw */
	FAULT_CALL, /* call(ctx) first, then as if nothing was: what others do at that moment */
	FAULT_DIE,  /* this and everything after it fails with ERR_CANCELLED and never arrives: the host is gone */
};

struct fault_rule {
	unsigned kinds; /* of enum mem_kind */
	unsigned leases; /* of MEM_LEASE only these: 1 << enum target_lease_action; 0: all */
	uint64_t nth;   /* which of those kinds, from 1; 0: each one */
	enum fault_action action;
	enum error_code code; /* ERR_NONE: ERR_NETWORK */
	int detail;
	unsigned ms;
	uint64_t after; /* of FAULT_LATE: mem_send_late(), so that it arrives when the host is gone, too; 0: not */
	const char *name; /* only of this replica; NULL: any */
	void (*call)(void *ctx);
	void *ctx;
};

struct fault;

struct fault *fault_new(void);
void fault_free(struct fault *f); /* after its targets; late requests that are left never arrive */
void fault_add(struct fault *f, const struct fault_rule *rule);
/* Each operation of these kinds meets one of the actions (a mask of 1 << enum fault_action) with this probability. */
void fault_add_random(struct fault *f, unsigned kinds, unsigned actions, unsigned per_mille, uint64_t seed);
/* Writes of the replica of this name get no answer until another name, or "", is held. */
void fault_hold(struct fault *f, const char *replica_name);
size_t fault_held(struct fault *f); /* replicas whose writes wait now */
/* Forgets the rules and random faults, and whether the host died; the counts stay. */
void fault_clear(struct fault *f);

/* Takes `inner`, which is closed with it or on failure. */
struct target *fault_target_open(struct fault *f, struct target *inner, struct error *err) MUST_CHECK;

uint64_t fault_seen(struct fault *f);  /* operations so far, of all kinds */
uint64_t fault_fired(struct fault *f); /* of these, how many met a fault */
/* Late requests arrive now, oldest first; how many there were.  Their answers interest nobody. */
size_t fault_release_late(struct fault *f);
/* For FAULT_STALE: the replica of this name as it is now. */
int fault_remember_look(struct fault *f, struct target *t, const char *name, struct error *err) MUST_CHECK;

#endif

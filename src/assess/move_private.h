/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a plan, in this order.  Only src/assess includes this.  They fail for want of memory, or as said. */
#ifndef LIFTFS_ASSESS_MOVE_PRIVATE_H
#define LIFTFS_ASSESS_MOVE_PRIVATE_H

#include "assess/move.h"
#include "assess/wave_graph.h"

/* Machines that go together, whatever else is decided. */
struct wave_group {
	size_t first, n; /* in wave_units.order, and so by name */
	size_t rank;     /* of the first of them in by_name */
	size_t n_devtest;
	size_t *needs, n_needs; /* groups that it depends on, all with smaller numbers */
	bool held; /* it waits for a machine that is not ready */
	bool high_criticality, high_complexity;
	double priority;
	size_t wave;
};

struct wave_units {
	size_t *by_name; /* machines, by name, UUID and origin */
	size_t *order;   /* machines, by group and in it by name */
	size_t n;
	struct wave_edge *sharing; /* places in by_name of two machines that share a disk */
	size_t n_sharing;
	struct wave_group *groups; /* each after those that it depends on */
	size_t n_groups;
	size_t *needs, n_needs; /* what all groups' needs point into */
};

void wave_units_fini(struct wave_units *u);
static inline void cleanup_wave_units(struct wave_units *u)
{
	wave_units_fini(u);
}

/* move_shared.c: by_name, sharing, and of disks that are counted elsewhere with which machine. */
int move_find_shared(struct move *m, struct wave_units *u, struct error *err) MUST_CHECK;

/* move_load.c: disks, load, time, churn, change_rate and fixed_s of each machine.  ERR_CORRUPT: the catalogue has no
 * standard HDD. */
int move_find_loads(const struct catalogue *c, const struct move_options *o, struct move *m,
		    struct error *err) MUST_CHECK;

/* wave_units.c: row, complexity, criticality, priority, held_by; groups; notices. */
int move_find_units(const struct move_options *o, struct move *m, struct wave_units *u, struct error *err) MUST_CHECK;

/* waves.c: the waves with their machines and broken conditions, and each machine's wave. */
int move_place(const struct move_options *o, struct move *m, struct wave_units *u, struct error *err) MUST_CHECK;

/* wave_judge.c: loads, times, cycles, confidence, risk, reasons; then what to fix first. */
void move_judge(const struct move_options *o, struct move *m, const size_t *by_name);
int move_find_fixes(struct move *m, struct error *err) MUST_CHECK;

/* Is the machine's way into a wave closed by its own verdict? */
static inline bool move_not_ready(const struct move_vm *v)
{
	return v->vm->azure.verdict == VERDICT_NOT_READY || v->vm->azure.verdict == VERDICT_UNKNOWN;
}

static inline bool move_devtest(const struct move_vm *v)
{
	return v->row && v->row->devtest;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often cycles run, and where that settles.  Pure.
 *
 * The next cycle begins half as long after the previous one's end as that took, but not before 1 hour and not after 12.
 * A cycle sends what changed since the previous one began.
 */
#ifndef LIFTFS_ASSESS_CADENCE_H
#define LIFTFS_ASSESS_CADENCE_H

#include <stdbool.h>

#define CADENCE_WAIT_MIN_S 3600.0
#define CADENCE_WAIT_MAX_S 43200.0

/* Seconds from the end of a cycle that took so long to the begin of the next. */
double cadence_wait(double cycle_s);

struct cadence {
	double cycle_s;    /* what one takes */
	double interval_s; /* from the begin of one to the begin of the next */
	double lag_s;      /* how old the replica is at worst: when the next cycle is about to end */
};

/*
 * Solves cycle = fixed + share x (cycle + wait(cycle)), share being the bytes that change a second by those that are
 * sent a second.  There is one solution if that is below 1; else changes outrun the line, and the result is false.  That
 * bytes written twice between two cycles are sent once is not in it: it is an upper bound.
 */
bool cadence_settle(double fixed_s, double share, struct cadence *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to wait for an answer, from how long answers took: four times the smoothed time and its deviation, for as many
 * bytes; at least PATIENCE_MIN_MS, since a service may think for seconds, at most PATIENCE_MAX_MS, after which it has given
 * up itself.  Each time-out without an answer since doubles it, so that a slow line is not mistaken for a dead one for ever.
 * A request that takes longer is ended, and counts as congestion: the next one carries less.  Pure; the caller has the lock.
 */
#ifndef LIFTFS_TARGET_PATIENCE_H
#define LIFTFS_TARGET_PATIENCE_H

#include <stdint.h>

#define PATIENCE_MIN_MS 10000u
#define PATIENCE_MAX_MS 120000u

struct patience { /* all zeros: nothing is known, and PATIENCE_MAX_MS is what is waited */
	uint64_t mean_us, deviation_us, mean_bytes; /* smoothed; mean_bytes at least 1 once there is a sample */
	unsigned timed_out;                         /* in a row */
};

/* An answer came, whatever it said. */
void patience_answered(struct patience *p, uint64_t elapsed_us, uint64_t bytes);
void patience_timed_out(struct patience *p);
/* For a request or an answer that carries so many bytes. */
unsigned patience_ms(const struct patience *p, uint64_t bytes);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "assess/cadence.h"

#define WAIT_SHARE 0.5 /* of the previous cycle */

double cadence_wait(double cycle_s)
{
	double wait = cycle_s * WAIT_SHARE;

	if (wait < CADENCE_WAIT_MIN_S)
		return CADENCE_WAIT_MIN_S;
	return wait > CADENCE_WAIT_MAX_S ? CADENCE_WAIT_MAX_S : wait;
}

/* The wait is constant, then grows, then is constant again: each piece is solved, and the solution lies in one of them.
 */
static double settled(double fixed_s, double share)
{
	double growing = 1 - share * (1 + WAIT_SHARE);
	double t = (fixed_s + share * CADENCE_WAIT_MIN_S) / (1 - share);

	if (t <= CADENCE_WAIT_MIN_S / WAIT_SHARE)
		return t;
	if (growing > 0 && fixed_s / growing < CADENCE_WAIT_MAX_S / WAIT_SHARE)
		return fixed_s / growing;
	return (fixed_s + share * CADENCE_WAIT_MAX_S) / (1 - share);
}

bool cadence_settle(double fixed_s, double share, struct cadence *out)
{
	if (!(share < 1))
		return false;
	out->cycle_s = settled(fixed_s, share);
	out->interval_s = out->cycle_s + cadence_wait(out->cycle_s);
	out->lag_s = out->interval_s + out->cycle_s;
	return true;
}

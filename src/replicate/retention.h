/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which recovery points a policy keeps.
 *
 * Each rule is asked by itself, from the newest point to the oldest, and a point that any rule keeps is kept:
 *
 *	last N                     the N newest
 *	within D                   those made less than D before the newest (not before now: a host that was off loses nothing)
 *	hourly, daily, weekly,     the newest point of each hour, day, ISO week (from Monday) and month, of the N newest of
 *	monthly N                  these that have a point at all
 *
 * Hours, days, weeks and months are those of the host's zone; an hour that its clock shows twice in autumn is two.
 * The newest point is kept by every rule.  Pure, but for the zone.
 */
#ifndef LIFTFS_REPLICATE_RETENTION_H
#define LIFTFS_REPLICATE_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct retention_policy { /* 0: no such rule */
	unsigned last, hourly, daily, weekly, monthly;
	uint64_t within_ms;
};

enum retention_reason {
	RETENTION_LAST = 1 << 0,
	RETENTION_WITHIN = 1 << 1,
	RETENTION_HOURLY = 1 << 2,
	RETENTION_DAILY = 1 << 3,
	RETENTION_WEEKLY = 1 << 4,
	RETENTION_MONTHLY = 1 << 5,
	RETENTION_NEWEST = 1 << 6, /* for the caller: what was made last is kept, whatever its moment says */
};
#define RETENTION_REASONS 7

/* Is there any rule? */
bool retention_given(const struct retention_policy *p);

/* moments_ns ascend; reasons_out[i] is 0 if the i-th goes, else a set of retention_reason.  Some rule is given. */
void retention_apply(const struct retention_policy *p, const uint64_t *moments_ns, size_t n, unsigned *reasons_out);

/* "last, daily": the reasons for people; "" for none. */
#define RETENTION_TEXT_LEN 64
void retention_text(unsigned reasons, char out[RETENTION_TEXT_LEN]);
/* The reason's name, "daily"; i from 0 to RETENTION_REASONS - 1, of the bit 1 << i. */
const char *retention_reason_name(unsigned i);

#endif

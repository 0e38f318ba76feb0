/* SPDX-License-Identifier: Apache-2.0 */
/* When a watch begins its next round, and when it tries what was parked again.  Pure; times are clock_boottime_ns(). */
#ifndef LIFTFS_TOOLS_SYNC_SCHEDULE_H
#define LIFTFS_TOOLS_SYNC_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#define SYNC_MINUTE_MS UINT64_C(60000)
#define SYNC_REST_MIN_MS (60 * SYNC_MINUTE_MS)      /* between rounds if no interval is given */
#define SYNC_REST_MAX_MS (12 * 60 * SYNC_MINUTE_MS)

/*
 * From beginning to beginning by the interval, at once if the round took longer.  Without one (0): half the time of the round
 * after its end, at least an hour and at most twelve; at once after a round that made first copies: what changed while they
 * were made is best sent soon.
 */
uint64_t sync_schedule_next(uint64_t began_ns, uint64_t ended_ns, uint64_t interval_ms, bool first_copies);

/* How long after the n-th failure in a row (from 1): 1, 2, 4 ... minutes, at most the interval (0: the least rest). */
uint64_t sync_schedule_retry_ms(unsigned n, uint64_t interval_ms);

#endif

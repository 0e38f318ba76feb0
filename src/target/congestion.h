/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much a replica may have in flight: a window of requests, and the bytes of one request (the chunk).
 *
 * Additive increase, multiplicative decrease.  What says "congested" is 503, 429, 500 OperationTimedOut and our own
 * time-outs; it halves both, once for all requests that were under way at that moment, since they share one cause.  A
 * run of successes grows the chunk back first (a request costs the same whatever it carries), then the window. Pure:
 * the caller brings the time and the lock.
 */
#ifndef LIFTFS_TARGET_CONGESTION_H
#define LIFTFS_TARGET_CONGESTION_H

#include <stdbool.h>
#include <stdint.h>

/* 256 KiB at 500 requests/s, one blob's limit, still is more than its 60 MiB/s. */
#define CONGESTION_CHUNK_MIN (256u << 10)
#define CONGESTION_CHUNK_MAX (4u << 20)
#define CONGESTION_GROW_AFTER 16 /* successes in a row, times the window */

struct congestion {
	unsigned window, window_max; /* requests; at least 1 */
	uint32_t chunk;              /* bytes, a power of two */
	unsigned successes;          /* since the last change */
	uint64_t halved_ns;          /* when; 0: never */
};

void congestion_init(struct congestion *c, unsigned window_max);
/* Of a request that began at started_ns.  True if it changed something, for the log. */
bool congestion_signal(struct congestion *c, uint64_t started_ns, uint64_t now_ns);
/* Likewise; a success of a request from before the last halving tells nothing. */
bool congestion_success(struct congestion *c, uint64_t started_ns);

#endif

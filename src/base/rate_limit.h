/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One budget of bytes a second for everybody who sends, as a calendar has it.
 *
 * Who wants to send takes its bytes before; they are granted in the order of asking, one request at a time, so that a busy
 * disk does not starve others.  There is no credit for quiet times: after a request of n bytes at a rate of r the next one
 * is granted n/r seconds later, so the burst is one request.  A change of the calendar, or a minute in which another of its
 * rules begins, holds for those who wait, too.  Rules are read in the host's zone, by the wall clock of the moment: an hour
 * that daylight saving repeats or leaves out is one.
 *
 * Waiting is done in poll(2), without turning: a waiter wakes when it is its turn, when a minute ends, or to stop.
 * Any thread may call.
 */
#ifndef LIFTFS_BASE_RATE_LIMIT_H
#define LIFTFS_BASE_RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/calendar.h"
#include "base/cancel.h"
#include "base/cleanup.h"

#define RATE_CLEAR_BYTES 512 /* what a request without content is counted as: about its headers */

struct rate_limit;

/* NULL: no limit, until one is set. */
struct rate_limit *rate_limit_new(const struct calendar *calendar, struct error *err) MUST_CHECK;
void rate_limit_free(struct rate_limit *r); /* nobody waits; NULL is welcome */
DEFINE_CLEANUP(cleanup_rate_limit, struct rate_limit *, rate_limit_free);

/* From now on; what is owed for bytes already granted is paid at the new rate. */
void rate_limit_set(struct rate_limit *r, const struct calendar *calendar);

/*
 * Returns when the bytes may be sent.  -1 with ERR_CANCELLED as soon as either token is set (each may be NULL): nothing is
 * taken.  r NULL, or 0 bytes: at once.
 */
int rate_limit_take(struct rate_limit *r, uint64_t bytes, struct cancel *stop, struct cancel *also,
		    struct error *err) MUST_CHECK;

/* The rate that holds now: 0: paused; CALENDAR_UNLIMITED. */
uint64_t rate_limit_now(struct rate_limit *r);
/* Does anybody wait for its turn? */
bool rate_limit_waiting(struct rate_limit *r);

/* ---- the arithmetic, pure ---- */

struct rate_debt {
	double bytes;     /* granted and not yet paid for */
	uint64_t last_ns; /* up to when it was paid */
};

/* Pays for the time since the last call, and gives how long the debt will last: 0: a request may be granted; UINT64_MAX: for ever. */
uint64_t rate_debt_pay(struct rate_debt *d, uint64_t rate, uint64_t now_ns);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One token that says "stop": a flag for loops and an eventfd for waits.  Set once, by any thread or a signal handler
 * (cancel_set is async-signal-safe); never taken back.
 */
#ifndef LIFTFS_BASE_CANCEL_H
#define LIFTFS_BASE_CANCEL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/error.h"

struct cancel {
	atomic_int level; /* CANCEL_* */
	int event_fd;     /* readable from the first cancel_set() on */
};

enum {
	CANCEL_NONE = 0,
	CANCEL_GENTLE = 1, /* stop claiming work; what is in flight may end (10 s) */
	CANCEL_NOW = 2,    /* drop what is in flight too: the journal knows it */
};

int cancel_init(struct cancel *c, struct error *err) MUST_CHECK;
void cancel_fini(struct cancel *c);
void cancel_set(struct cancel *c, int level); /* a lower level than the present one changes nothing */

/* NULL never cancels. */
static inline int cancel_level(struct cancel *c)
{
	return c ? atomic_load_explicit(&c->level, memory_order_acquire) : CANCEL_NONE;
}

/* -1 with ERR_CANCELLED "stopped" if the token is set, else 0. */
int cancel_check(struct cancel *c, struct error *err) MUST_CHECK;

/* Sleeps at most ms; returns early, with -1 and ERR_CANCELLED, when the token is set. */
int cancel_sleep(struct cancel *c, unsigned ms, struct error *err) MUST_CHECK;

#endif

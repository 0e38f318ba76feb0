/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast work goes, from samples of its counters: bytes read or sent over the last ten seconds or so, and how long what is left
 * will take at that rate.  Times in which nothing may go on, or nothing does, are no part of it.  Pure.
 */
#ifndef LIFTFS_TOOLS_PACE_H
#define LIFTFS_TOOLS_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_MS 500        /* between samples */
#define PACE_SAMPLES 21    /* ten seconds of them */
#define PACE_IDLE_MS 5000  /* without a byte: it stands still */
#define PACE_KNOWN_MS 1500 /* before that a rate foretells nothing */

struct pace_sample {
	uint64_t at_ns; /* clock_monotonic_ns() */
	uint64_t read, sent, left; /* bytes; left: still to be read */
	bool held; /* nothing may go on */
};

struct pace { /* all zeros at first */
	struct pace_sample v[PACE_SAMPLES];
	unsigned n, next;
	uint64_t moved_ns; /* when a counter last moved; 0: no sample yet */
	struct pace_sample last;
};

struct pace_now {
	uint64_t rate;    /* bytes a second: the faster of the two */
	uint64_t left_ms; /* UINT64_MAX: nothing is foretold */
	uint64_t idle_ms; /* since a counter last moved; 0 unless it stands still */
	bool held;
};

void pace_add(struct pace *p, const struct pace_sample *s);
void pace_get(const struct pace *p, struct pace_now *out);

#endif

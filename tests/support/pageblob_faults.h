/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which request goes wrong, and how: the rules described in pageblob_server.h.  Chance depends on the seed, the rule
 * and how many requests the rule has seen, so that the same requests meet the same faults in any order of threads. The
 * server's lock is held by every caller.
 */
#ifndef LIFTFS_TESTS_PAGEBLOB_FAULTS_H
#define LIFTFS_TESTS_PAGEBLOB_FAULTS_H

#include "support/pageblob_server.h"

enum pageblob_action {
	FAULT_NONE,
	FAULT_FAIL,
	FAULT_LOST,
	FAULT_LATE,
	FAULT_DROP,
	FAULT_DELAY,
	FAULT_CUT,
	FAULT_DRIP,
	FAULT_BADCRC,
	FAULT_FLIP,
};

struct pageblob_fault {
	enum pageblob_action action;
	int status;
	char code[64];
	int retry_after_s; /* -1: no such header */
	bool close;        /* no answer at all */
	uint64_t after;    /* late: other writes to wait for, 0 until released; cut: bytes; drip: at once */
	uint64_t at;       /* flip: which byte */
	uint64_t ms;       /* of delay; of each piece of a drip */
};

struct pageblob_rule {
	enum pageblob_op op;
	bool any, writes;             /* instead of op */
	char *blob;                   /* or NULL */
	uint64_t first, count, every; /* 0: not given */
	double chance;                /* 1: always */
	struct pageblob_fault fault;
	uint64_t seen;
};

struct pageblob_faults {
	struct pageblob_rule *v;
	size_t n;
	uint64_t seed;
};

/* Replaces the rules; on failure the old ones stay. */
int pageblob_faults_parse(struct pageblob_faults *f, const char *text, uint64_t seed, struct error *err) MUST_CHECK;
void pageblob_faults_fini(struct pageblob_faults *f);

/* The fault of this request (action FAULT_NONE without one) and how long it is delayed before.  blob may be NULL. */
void pageblob_faults_match(struct pageblob_faults *f, enum pageblob_op op, const char *blob, struct pageblob_fault *out,
			   uint64_t *delay_ms_out);

const char *pageblob_action_name(enum pageblob_action action); /* "" for FAULT_NONE */

#endif

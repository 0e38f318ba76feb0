/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second stage of verify: what workers found of a disk, unit by unit, is put together in the order of their claims, so
 * that mismatches come out ascending and the digests see the content from its first byte to its last.  For verify.c only.
 *
 *	worker:    unit_get, claim, read and compare, leaves, unit_done
 *	reporter:  the unit whose turn it is: SHA-256 of the disk, Merkle tree, list of mismatches; the unit is idle again
 *
 * The disk's own SHA-256 is one stream, which nothing makes parallel: the reporter does little else, and workers stay ahead
 * of it by as many units as there are.  Nobody waits for ever: who waits for a unit has no claim, so that the claim whose
 * turn it is belongs to a worker that goes on.
 */
#ifndef LIFTFS_REPLICATE_VERIFY_REPORT_H
#define LIFTFS_REPLICATE_VERIFY_REPORT_H

#include <pthread.h>

#include <openssl/evp.h>

#include "replicate/merkle.h"
#include "replicate/verify.h"

#define VERIFY_UNIT (UINT64_C(4) << 20) /* one read of a remote side */
#define VERIFY_CHUNKS (VERIFY_UNIT / MERKLE_CHUNK)
#define VERIFY_THREADS_MAX 8
#define VERIFY_UNITS_AHEAD 4 /* beside those of the workers: one that is reported, three that are ready */
#define VERIFY_UNITS_MAX (VERIFY_THREADS_MAX + VERIFY_UNITS_AHEAD)

/* Mismatches: ascending, merged. */
struct verify_found {
	struct verify_range v[VERIFY_MISMATCHES_MAX];
	size_t n;
	bool truncated;
};

struct verify_unit {
	struct verify_unit *next; /* of the idle ones */
	uint64_t off, len, number; /* of the claim */
	bool zero;                 /* on both sides, and of any length; else at most VERIFY_UNIT bytes */
	uint8_t *data;             /* with digest: A's content; VERIFY_UNIT bytes */
	uint8_t leaves[VERIFY_CHUNKS][MERKLE_HASH_LEN]; /* with digest, unless zero: of what A has there */
	struct verify_found found;
};

struct verify_report {
	const struct verify_options *opt;
	uint64_t size_a;

	pthread_mutex_t lock;
	pthread_cond_t idle_cond, done_cond;
	struct verify_unit *idle;
	struct verify_unit *done[VERIFY_UNITS_MAX]; /* by number; those from `turn` on, as many as there are units */
	struct verify_unit *units[VERIFY_UNITS_MAX];
	unsigned n_units;
	unsigned workers; /* that may still hand over units */
	uint64_t turn;    /* the claim that is reported next */
	bool stop;
	struct error err; /* the first */

	/* The reporter's. */
	struct verify_found *found;
	uint64_t bytes;                     /* reported */
	EVP_MD_CTX *flat;
	struct merkle tree;
	uint8_t *zeros;                     /* MERKLE_CHUNK bytes, with digest */
	uint8_t zero_leaf[MERKLE_HASH_LEN]; /* of a whole chunk of zeros; workers read it */
};

/* For `workers` of them; a failure leaves something for verify_report_fini(). */
int verify_report_init(struct verify_report *r, const struct verify_options *opt, uint64_t size_a, unsigned workers,
		       struct error *err) MUST_CHECK;
void verify_report_fini(struct verify_report *r);

/* Adds [off, off + len), which begins at or after the end of what is there. */
void verify_found_add(struct verify_found *f, uint64_t off, uint64_t len);

/* ---- any thread ---- */

/* The first error stays; everybody stops. */
void verify_report_fail(struct verify_report *r, const struct error *cause);
bool verify_report_stopped(struct verify_report *r);

/* ---- workers ---- */

/* A unit with nothing found in it; waits.  NULL: stopped. */
struct verify_unit *verify_unit_get(struct verify_report *r);
/* Hands over a unit that was claimed; numbers are 0, 1, 2 ... without a gap. */
void verify_unit_done(struct verify_report *r, struct verify_unit *u);
/* Once by each worker when it ends; `u` is a unit that was not claimed, or NULL. */
void verify_worker_ends(struct verify_report *r, struct verify_unit *u);

/* ---- the reporter ---- */

/* Until every worker has ended and everything was reported, or somebody failed. */
void verify_report_run(struct verify_report *r);
/* After that: -1 with the error that it ended with.  Else both digests, in hex, if they were asked for. */
int verify_report_end(struct verify_report *r, char sha256[65], char root[65], struct error *err) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lease of one blob: a state machine over a clock that the caller brings.  No HTTP, no locks.
 *
 *   attempt \ state   Available          Leased(A)     Breaking(A)   Broken(A)      Expired(A)
 *   write with A      412                ok            ok            412            412
 *   write with B      412                412           412           412            412
 *   write, no id      ok                 412           412           ok, Available  ok, Available
 *   acquire A / B     ok / ok            ok / 409      409 / 409     ok / ok        ok / ok
 *   renew A           409                ok            409           409            ok
 *   change A to B     409                ok            409           409            409
 *   release A         409                ok            ok            ok             ok
 *   break             409                ok            ok            ok             ok
 *
 * So a renewal after expiry works only as long as nobody wrote or leased.
 */
#ifndef LIFTFS_TESTS_PAGEBLOB_LEASE_H
#define LIFTFS_TESTS_PAGEBLOB_LEASE_H

#include <stdint.h>

enum pageblob_lease_state { LEASE_AVAILABLE, LEASE_LEASED, LEASE_BREAKING, LEASE_BROKEN, LEASE_EXPIRED };

#define PAGEBLOB_LEASE_ID_MAX 40
#define PAGEBLOB_LEASE_INFINITE (-1)

struct pageblob_lease {
	enum pageblob_lease_state state; /* as of the last change: ask pageblob_lease_state() */
	char id[PAGEBLOB_LEASE_ID_MAX];
	int duration_s;  /* or PAGEBLOB_LEASE_INFINITE */
	uint64_t end_ns; /* of a finite lease that is held, or of breaking */
};

/* A refusal: status and code as the service gives them.  Functions below return NULL when the attempt succeeds. */
struct pageblob_refusal {
	int status;
	const char *code;
};

enum pageblob_lease_state pageblob_lease_state(const struct pageblob_lease *l, uint64_t now_ns);

/* `id` is the proposed one, NULL: the server's choice, `fresh`. */
const struct pageblob_refusal *pageblob_lease_acquire(struct pageblob_lease *l, const char *id, const char *fresh,
						      int duration_s, uint64_t now_ns);
const struct pageblob_refusal *pageblob_lease_renew(struct pageblob_lease *l, const char *id, uint64_t now_ns);
const struct pageblob_refusal *pageblob_lease_change(struct pageblob_lease *l, const char *id, const char *proposed,
						     uint64_t now_ns);
const struct pageblob_refusal *pageblob_lease_release(struct pageblob_lease *l, const char *id, uint64_t now_ns);
/* period_s -1: none asked for.  *left_s_out: seconds until the lease is broken. */
const struct pageblob_refusal *pageblob_lease_break(struct pageblob_lease *l, int period_s, uint64_t now_ns,
						    int *left_s_out);

/* May a write (a read) that carries this id (NULL: none) go on? */
const struct pageblob_refusal *pageblob_lease_check_write(const struct pageblob_lease *l, const char *id,
							  uint64_t now_ns);
const struct pageblob_refusal *pageblob_lease_check_read(const struct pageblob_lease *l, const char *id,
							 uint64_t now_ns);
/* A write was applied: an expired or broken lease is gone. */
void pageblob_lease_written(struct pageblob_lease *l, uint64_t now_ns);

#endif

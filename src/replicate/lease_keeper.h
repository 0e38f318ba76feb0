/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renews leases while a cycle runs, every 20 s, and passes the run's cancel on to each disk's own token.  A thread a lease:
 * one whose renewal hangs keeps no other waiting.
 *
 * Inside a cycle a lease is only ever renewed, never acquired: a renewal that is refused means that somebody else may have
 * written, and stops that disk.  A renewal without an answer is tried again a second later: the lease lasts 60 s, and one
 * that ran out can still be renewed as long as nobody else wrote.
 */
#ifndef LIFTFS_REPLICATE_LEASE_KEEPER_H
#define LIFTFS_REPLICATE_LEASE_KEEPER_H

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/guid.h"
#include "target/target.h"

#define LEASE_RENEW_MS 20000

struct lease_keeper;

/* renew_ms: LEASE_RENEW_MS but in tests.  `run` may be NULL. */
struct lease_keeper *lease_keeper_new(struct cancel *run, unsigned renew_ms, struct error *err) MUST_CHECK;
void lease_keeper_free(struct lease_keeper *k);
DEFINE_CLEANUP(cleanup_lease_keeper, struct lease_keeper *, lease_keeper_free);

/* From now on; `stop` is set to CANCEL_NOW if the lease is lost.  Both outlive the entry. */
int lease_keeper_add(struct lease_keeper *k, struct replica *r, const struct guid *id, struct cancel *stop,
		     struct error *err) MUST_CHECK;
/*
 * Now, on the caller's thread: a request was refused since the lease had run out, in a long outage say.  0: it runs again, and nobody
 * else wrote or leased since we held it.  Refused: ERR_BUSY/LEASE, `stop` is set, and the cycle is over.
 */
int lease_keeper_renew(struct lease_keeper *k, struct replica *r, struct error *err) MUST_CHECK;
/* Returns when no renewal of r is under way any more; true if its lease was lost.  One that was not added: false. */
bool lease_keeper_remove(struct lease_keeper *k, struct replica *r);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a watch remembers of VMs and disks from round to round: which were there, what was said of them, and which VMs are
 * parked until when.  A disk that goes on failing in the same way is told of once and then in every tenth round.
 * Not thread-safe, but for sync_known_tell(), of which one call at a time may come from any thread while a round runs.
 */
#ifndef LIFTFS_TOOLS_SYNC_KNOWN_H
#define LIFTFS_TOOLS_SYNC_KNOWN_H

#include "sync_set.h"

#define SYNC_KNOWN_AGAIN 10 /* rounds after which the same failure is told of again */

struct sync_known;
struct sync_known *sync_known_new(struct error *err) MUST_CHECK;
void sync_known_free(struct sync_known *k);

/*
 * A round has found these; `whole`: all that there is, so that what is missing has gone.  Says through `tell` what is new
 * since the last whole round and what has gone, each once; of the first round nothing.
 */
int sync_known_found(struct sync_known *k, const struct sync_set *s, bool whole, void (*tell)(void *ctx, const char *line),
		     void *ctx, struct error *err) MUST_CHECK;

/* Shall this be said of the disk in this round?  NULL: it is well.  Before sync_known_found(): yes. */
bool sync_known_tell(struct sync_known *k, const char *disk, const char *message);

/*
 * What the round came to: VMs of which a disk is to be tried again later are parked, others are not any more; those that were due
 * and were not in it (s NULL: no VM was) wait longer.
 */
void sync_known_ended(struct sync_known *k, const struct sync_set *s, uint64_t now_ns, uint64_t interval_ms);

/* The first moment at which a parked VM is to be tried again; UINT64_MAX: none is parked. */
uint64_t sync_known_retry_ns(const struct sync_known *k);
/* All parked VMs are to be tried again at once. */
void sync_known_retry_now(struct sync_known *k);
/* Is it parked and due at now_ns? */
bool sync_known_is_due(const struct sync_known *k, const char *vm, uint64_t now_ns);

struct sync_known_count {
	size_t vms, parked, failing; /* of VMs; failing: a person must look */
};
void sync_known_count(const struct sync_known *k, struct sync_known_count *out);

static inline void cleanup_sync_known(struct sync_known **k)
{
	sync_known_free(*k);
}

#endif

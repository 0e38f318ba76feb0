/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sync leaves in the state's database, and the one thing that comes back from there: the tenth cycle in a row that
 * came to nothing is no longer one to try again.  Trouble with the database is one warning and fails no cycle.
 */
#ifndef LIFTFS_TOOLS_SYNC_RECORD_H
#define LIFTFS_TOOLS_SYNC_RECORD_H

#include "sync_private.h"

#define SYNC_GIVE_UP 10 /* cycles in a row */

struct sync_record;

/*
 * Records the round's disks and a person's decisions.  run, round and state outlive it.  NULL only if the database was
 * written by a newer liftfs (ERR_REFUSED), or without memory.
 */
struct sync_record *sync_record_begin(const struct sync_run *run, const struct sync_round *round, struct state *state,
				      uint64_t started_ns, struct error *err) MUST_CHECK;
void sync_record_close(struct sync_record *r);
DEFINE_CLEANUP(cleanup_sync_record, struct sync_record *, sync_record_close);

/* For run_vms(): records a VM's cycle, marks disks that are given up, and says what sync_vm_finished() says.  ctx is the
 * record, or NULL. */
void sync_record_vm(void *ctx, struct run_vm *vm);

/*
 * The round ended before its cycles did: every disk that has no outcome has this one.  The tenth time in a row `why` becomes
 * one that a person must act on.
 */
void sync_record_failed(struct sync_record *r, struct sync_set *set, struct error *why);
/* All cycles are over: what waits to be recorded is, meanwhile. */
void sync_record_hurry(struct sync_record *r);
void sync_record_end(struct sync_record *r, int status);

/* A watch has read again what it can; between rounds. */
void sync_record_reloaded(const struct sync_run *run);
/* For run_options.removed: ctx is the record, or NULL. */
void sync_record_removed(void *ctx, const char *replica, const char *point);

#endif

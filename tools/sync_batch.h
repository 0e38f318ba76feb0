/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMs of which there is little to say, told of together: those that wait for it are written at once, by a thread of its own,
 * SYNC_BATCH_MS after the first came, or SYNC_BATCH_MOST of them, so that a long cycle of another VM keeps none of them waiting.
 * What was not written when the process died is not known, which is why only what can be found out again may come here.
 */
#ifndef LIFTFS_TOOLS_SYNC_BATCH_H
#define LIFTFS_TOOLS_SYNC_BATCH_H

#include <stddef.h>

#include "base/cleanup.h"

#define SYNC_BATCH_MS 250
#define SYNC_BATCH_MOST 4096

struct run_vm;
struct sync_batch;

/* write: one call at a time, from the batch's thread or a caller's; it does not call back.  NULL without memory. */
struct sync_batch *sync_batch_new(void (*write)(void *ctx, struct run_vm *const *vms, size_t n), void *ctx);
/* Writes what waits. */
void sync_batch_free(struct sync_batch *b);
DEFINE_CLEANUP(cleanup_sync_batch, struct sync_batch *, sync_batch_free);

/* The VM lives until it was written.  Any thread. */
void sync_batch_add(struct sync_batch *b, struct run_vm *vm);
/* What waits is written at once, and is not waited for. */
void sync_batch_hurry(struct sync_batch *b);
/* Writes what waits; nothing is being written when it returns.  Any thread. */
void sync_batch_flush(struct sync_batch *b);

#endif

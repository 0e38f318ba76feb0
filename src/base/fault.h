/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking at the bytes of a mapped file.  Where the file was cut short meanwhile, or its storage fails, the access itself
 * fails: SIGBUS.  That ends such a look, not the process.
 *
 * A handler for the process is installed when it is not there; what happens outside of a guarded look goes on to whoever handled
 * the signal before.  Any number of threads.
 */
#ifndef LIFTFS_BASE_FAULT_H
#define LIFTFS_BASE_FAULT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Calls look(ctx), which may read [start, start + len).  False: a byte of it could not be read, and look() was left there
 * and then: so it takes no lock, allocates nothing, and leaves in *ctx only what may be half done.  Not nested.
 */
bool fault_guard(const void *start, size_t len, void (*look)(void *ctx), void *ctx);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a file as the pages of the host's cache that hold them, in a pipe: on their way into another file without a copy
 * in between.
 *
 * Each thread has a pipe of its own, made when it is first needed.  Any number of threads.
 */
#ifndef LIFTFS_FS_LENT_H
#define LIFTFS_FS_LENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define LENT_MAX ((size_t)512 << 10) /* with pages cut at both ends, a pipe of 1 MiB: what any user may have */

/*
 * The reading end of the calling thread's pipe, which then holds [off, off + len) of fd, exactly; never waits for somebody to
 * empty it.  Whoever got it empties it, or gives it up with lent_drop(), before the next call.
 *
 * -1: read them.  The file ends before, len is above LENT_MAX, the file system cannot, or there is no pipe for it.
 */
int lent_take(int fd, size_t len, uint64_t off) MUST_CHECK;

/* Gives up the calling thread's pipe and what is in it. */
void lent_drop(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* File I/O that either does all of it or says why not; and what makes a change of a file survive a power loss. */
#ifndef LIFTFS_BASE_IO_H
#define LIFTFS_BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Reads exactly len bytes at off.  A file that ends before is ERR_CORRUPT.  Safe from any number of threads. */
int io_pread(int fd, void *buf, size_t len, uint64_t off, struct error *err) MUST_CHECK;

/* Writes exactly len bytes at off; a short write is continued.  Safe from any number of threads on disjoint ranges. */
int io_pwrite(int fd, const void *buf, size_t len, uint64_t off, struct error *err) MUST_CHECK;

/* Are all bytes zero?  Vectorised by the compiler; an empty range is. */
bool io_is_zero(const void *buf, size_t len);

/*
 * Reads a whole regular file of at most max bytes into a NUL-terminated buffer that the caller frees; len_out may be
 * NULL.  A larger one is ERR_CORRUPT, a folder or device ERR_UNSUPPORTED.
 */
char *io_read_file(int dirfd, const char *path, size_t max, size_t *len_out, struct error *err) MUST_CHECK;

/*
 * Replaces the file `name` in dirfd: writes name.new (mode), fsyncs it, renames it, fsyncs dirfd.  After success the new
 * content is durable; after a failure or a crash the old one is there, whole (or the new one, whole, if nothing but the
 * last fsync failed).  `name` has no '/'.  One caller at a time a name: that is what lock files are for.
 */
int io_replace_file(int dirfd, const char *name, const void *buf, size_t len, unsigned mode, struct error *err)
	MUST_CHECK;

/*
 * The same for what has a checksum of its own and can be made again: a killed process leaves the old content or the new one,
 * but nothing is synced, and after a power cut the file may be void.
 */
int io_replace_derived(int dirfd, const char *name, const void *buf, size_t len, unsigned mode, struct error *err)
	MUST_CHECK;

/* mkdir -p below dirfd (AT_FDCWD allowed), each new folder with `mode` and durable; an existing one is success. */
int io_mkdirs(int dirfd, const char *path, unsigned mode, struct error *err) MUST_CHECK;

/* fsync of a folder (AT_FDCWD allowed), so that a rename or link in it is durable. */
int io_fsync_dir(int dirfd, struct error *err) MUST_CHECK;

/*
 * Opens (creating) and flocks a lock file without waiting.  Returns its fd; closing it releases the lock.  Held by
 * somebody else: -1 with ERR_BUSY, and the file's first line (who) in the message.  File systems without locks:
 * ERR_UNSUPPORTED.  On success writes `who` (one line, of at most 255 bytes) into it.
 */
int io_lock_file(int dirfd, const char *name, const char *who, struct error *err) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What fuzz targets of disk images share: a folder for them, and a use of the disk that they make.  Failures of the
 * system are aborts.
 */
#ifndef LIFTFS_TESTS_FUZZ_DISK_H
#define LIFTFS_TESTS_FUZZ_DISK_H

#include <stddef.h>
#include <stdint.h>

#include "disk/disk.h"

/* A folder in memory or /tmp, made at the first call and removed at exit with the files that fuzz_file() made in it. */
const char *fuzz_folder(void);

/* Opens a file of the folder for writing; the first call for a name makes it.  Its fd stays ours. */
int fuzz_file(const char *name);
void fuzz_write(const char *name, const void *buf, size_t len);

/*
 * Opens the image and reads it here and there; returns the disk, which the caller closes, or NULL if it does not open:
 * then by an error that names the file.  What must hold of a disk that opens: where its extents can be told it can be
 * read, and what they call zero is zero.
 */
struct disk *fuzz_use_disk(const char *name, const struct disk_options *opt);

/* The same, quicker: all extents up to the first error, and of some of them the first and the last bytes. */
struct disk *fuzz_probe_disk(const char *name, const struct disk_options *opt);

#endif

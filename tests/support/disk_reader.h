/* SPDX-License-Identifier: Apache-2.0 */
/* Disks in a test's folder, and whether they are what a model says.  Everything asserts.  Include "unit.h" first. */
#ifndef LIFTFS_TESTS_DISK_READER_H
#define LIFTFS_TESTS_DISK_READER_H

#include "disk/disk.h"
#include "support/scratch.h"

/* Beneath the scratch folder, wherever in it the image lies. */
struct disk *disk_open_in(const struct scratch_dir *s, const char *name, struct error *err);
/* The same of one that opens. */
struct disk *disk_open_ok(const struct scratch_dir *s, const char *name);
/* And of one that does not. */
void assert_disk_refused(const struct scratch_dir *s, const char *name, enum error_code code, const char *msg);

/* A read of [off, off + len) gives what the model of the whole disk has there, and touches nothing behind it. */
void assert_disk_reads(struct disk *d, const uint8_t *model, size_t len, uint64_t off);
/*
 * What extents say of [off, off + len) joins up, and is true of the model: zeros are, and what lies verbatim in a file
 * lies there.
 */
void assert_disk_extents(struct disk *d, const uint8_t *model, uint64_t len, uint64_t off, bool holes);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosted sparse VMDK extents, byte by byte, for tests: small, plain, and easy to damage afterwards.
 *
 *	sector 0 header | 1 to 20 descriptor | 21 grain directory | 22 ... grain tables | 128 ... grains (overHead)
 *
 * All tables exist, one after the other.  Include "unit.h" first.
 */
#ifndef LIFTFS_TESTS_VMDK_WRITER_H
#define LIFTFS_TESTS_VMDK_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "support/scratch.h"

enum {
	VMDK_W_DIR_SECTOR = 21,
	VMDK_W_TABLES_SECTOR = 22,
	VMDK_W_GRAINS_SECTOR = 128,
	VMDK_W_TABLE_LEN = 2048, /* 512 entries */
};

struct vmdk_writer {
	uint8_t *bytes;
	size_t len, cap;
	uint64_t sectors, grain_sectors;
};

/* Begins an image.  descriptor: its text, or NULL for an extent of a split disk.  flags as in the header. */
void vmdk_writer_init(struct vmdk_writer *w, uint64_t sectors, uint64_t grain_sectors, uint32_t flags,
		      const char *descriptor);
void vmdk_writer_fini(struct vmdk_writer *w);

/* Where the grain's entry is in the file, for damaging it. */
size_t vmdk_writer_entry(const struct vmdk_writer *w, uint64_t grain);
void vmdk_writer_set_entry(struct vmdk_writer *w, uint64_t grain, uint32_t value);

/* Appends a grain: pattern_fill of its place in the disk. */
void vmdk_writer_add_grain(struct vmdk_writer *w, uint64_t grain, uint64_t seed);

void vmdk_writer_save(const struct vmdk_writer *w, const struct scratch_dir *s, const char *name);

#endif

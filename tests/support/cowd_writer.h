/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COWD extents, byte by byte, for tests: small, plain, and easy to damage afterwards.
 *
 *	sector 0 header | 4 ... grain directory | grain tables and grains as they come
 *
 * A table exists once one of its grains was added.  Include "unit.h" first.
 */
#ifndef LIFTFS_TESTS_COWD_WRITER_H
#define LIFTFS_TESTS_COWD_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "support/scratch.h"

enum { COWD_W_DIR_SECTOR = 4, COWD_W_TABLE_LEN = 16384 };

struct cowd_writer {
	uint8_t *bytes;
	size_t len, cap;
	uint32_t sectors, grain_sectors;
};

void cowd_writer_init(struct cowd_writer *w, uint32_t sectors, uint32_t grain_sectors);
void cowd_writer_fini(struct cowd_writer *w);

/* Where in the file the grain's entry is; makes its table. */
size_t cowd_writer_entry(struct cowd_writer *w, uint32_t grain);
void cowd_writer_set_entry(struct cowd_writer *w, uint32_t grain, uint32_t value);

/* Appends a grain: pattern_fill of its place in the extent. */
void cowd_writer_add_grain(struct cowd_writer *w, uint32_t grain, uint64_t seed);

void cowd_writer_save(const struct cowd_writer *w, const struct scratch_dir *s, const char *name);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seSparse extents, byte by byte, for tests: small, plain, and easy to damage afterwards.
 *
 *	sector 0 header | 1 volatile header | 2 journal header | 4 journal | 8 grain directory | grain tables | free
 *bitmap | backmap | grains
 *
 * Tables and grains are numbered as they come; a table exists once one of its grains was added.  Include "unit.h"
 *first.
 */
#ifndef LIFTFS_TESTS_SESPARSE_WRITER_H
#define LIFTFS_TESTS_SESPARSE_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "support/scratch.h"

enum {
	SESPARSE_W_DIR_SECTOR = 8,
	SESPARSE_W_GRAIN_LEN = 4096,
	SESPARSE_W_TABLE_LEN = 32768,
	SESPARSE_W_UNMAPPED = 1, /* types of entries */
	SESPARSE_W_ZERO = 2,
	SESPARSE_W_GRAIN = 3,
};

struct sesparse_writer {
	uint8_t *bytes;
	size_t len, cap;
	uint64_t sectors;
	uint64_t tables_sector, grains_sector; /* where the regions begin */
	uint64_t n_tables, max_tables, n_grains, max_grains;
};

/* Begins an extent with room for so many tables and grains.  The file ends with the last grain that was added. */
void sesparse_writer_init(struct sesparse_writer *w, uint64_t sectors, uint64_t max_tables, uint64_t max_grains);
void sesparse_writer_fini(struct sesparse_writer *w);

/* An entry of a table as ESX writes it; n is the grain's number. */
uint64_t sesparse_writer_encode(unsigned type, uint64_t n);

/* Where in the file the grain's entry is; makes its table. */
size_t sesparse_writer_entry(struct sesparse_writer *w, uint64_t grain);
void sesparse_writer_set_entry(struct sesparse_writer *w, uint64_t grain, uint64_t value);

/* Gives the grain the next number: pattern_fill of its place in the extent. */
void sesparse_writer_add_grain(struct sesparse_writer *w, uint64_t grain, uint64_t seed);

void sesparse_writer_save(const struct sesparse_writer *w, const struct scratch_dir *s, const char *name);

#endif

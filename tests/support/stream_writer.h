/* SPDX-License-Identifier: Apache-2.0 */
/*
 * streamOptimized VMDKs, byte by byte, for tests, with the flat content beside them: as ovftool, vdiskmanager,
 * qemu-img or converters lay them out, or as nobody does.
 *
 *	header | descriptor | [redundant directory and tables] [directory and tables] | overHead | grains
 *	[table markers and tables] [directory marker and directory] [footer marker, footer, end-of-stream marker]
 *
 * Include "unit.h" first.
 */
#ifndef LIFTFS_TESTS_STREAM_WRITER_H
#define LIFTFS_TESTS_STREAM_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/scratch.h"

struct stream_layout {
	uint64_t sectors, grain_sectors; /* grains: 0 is 128 */
	uint32_t table_entries;          /* 0 is 512 */
	uint32_t version;                /* 0 is 3 */
	uint32_t flags;                  /* besides compression, markers and newline test */
	const char *descriptor;          /* NULL: one is made up, with an extent line of another name and comments */
	uint64_t descriptor_sectors;     /* 0 is 1 */
	bool tables_first;               /* directory and tables before the grains; flag 2: a redundant copy too */
	bool tables_between; /* each table behind its last grain, not all behind the last: grains in order */
	bool omit_empty;     /* tables without a grain are not there; not with tables_first */
	bool dir_in_header;  /* of a directory that is at the end */
	bool footer;
	bool cut_last; /* the last grain's stream ends with the disk */
};

struct stream_writer {
	struct stream_layout layout;
	uint8_t *bytes; /* the file */
	size_t len, cap;
	uint8_t *model; /* the disk */
	uint32_t *entries, n_grains, n_tables;
	uint32_t *tables; /* where they are; 0: not yet */
	uint64_t dir_sector, last_table;
	size_t footer_off; /* after stream_writer_end(); 0: none */
};

void stream_writer_init(struct stream_writer *w, const struct stream_layout *layout);
void stream_writer_fini(struct stream_writer *w);

/* Appends a grain: half of it pattern_fill of its place, half easy to compress; level 0 is larger than the grain. */
void stream_writer_grain(struct stream_writer *w, uint32_t grain, unsigned level, uint64_t seed);
/* Entry 1: zeros; needs flag 4. */
void stream_writer_zero(struct stream_writer *w, uint32_t grain);
/* A marker and these bytes, whatever they are; the model has zeros. */
void stream_writer_raw(struct stream_writer *w, uint32_t grain, uint64_t lba, uint32_t size, const void *buf,
		       size_t len);
/* Unused sectors. */
void stream_writer_gap(struct stream_writer *w, uint32_t sectors);

/* What follows the grains; then the bytes may be damaged. */
void stream_writer_end(struct stream_writer *w);
size_t stream_writer_entry_off(const struct stream_writer *w, uint32_t grain); /* of its entry in the table */
size_t stream_writer_marker_off(const struct stream_writer *w, uint32_t grain);

void stream_writer_save(const struct stream_writer *w, const struct scratch_dir *s, const char *name);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two levels of tables, as sparse extents of all kinds have them: a directory with an entry for each table, a table
 * with one for each grain.  What the bits of an entry mean is the kind's business (vmdk_grains.c, vmdk_cowd.c,
 * vmdk_sesparse.c); an entry of 0 is nothing at all, in both levels.
 *
 * Nothing is loaded: entries are looked at in the pages of the disk's cache, and runs of nothing are passed over
 * without a question to the kind.  A pointer is checked when it is followed: against the file, the metadata, and the
 * table that holds it.
 */
#ifndef LIFTFS_DISK_VMDK_TABLE_H
#define LIFTFS_DISK_VMDK_TABLE_H

#include <stdbool.h>

#include "disk/vmdk.h"

/*
 * Extents in one answer of a map, which may stop early: a grain of one sector makes half a million of them in what is
 * asked for at a time.  160 KiB of list, and each image of a chain has one.
 */
#define VMDK_MAP_EXTENTS_MAX 4096

struct vmdk_range {
	uint64_t off, len; /* bytes of the file */
};

struct vmdk_tables {
	uint64_t dir_off;              /* bytes of the file; as many entries as the extent needs lie inside it */
	unsigned entry_len;            /* bytes: 4 or 8; dir_off and every table are multiples of it */
	uint32_t table_entries;        /* > 0 */
	uint64_t grain_len;            /* bytes of the disk; times table_entries fits 63 bits */
	bool verbatim;                 /* grains lie in the file as they are; else only the kind knows where and how */
	struct vmdk_range metadata[4]; /* where neither tables nor grains may lie; unused ones have no length */
	uint64_t grains_from;          /* byte of the file before which no grain may lie */

	/*
	 * What entries that are not 0 say.  Offsets are bytes of the file, checked for what the kind knows (its
	 * regions); that they lie inside the file is checked afterwards.
	 */
	int (*table)(const struct vmdk_tables *t, uint64_t index, uint64_t entry, uint64_t *off_out, struct error *err);
	/* off only of EXTENT_DATA, and if verbatim. */
	int (*grain)(const struct vmdk_tables *t, uint64_t index, uint64_t entry, enum extent_kind *kind_out,
		     uint64_t *off_out, struct error *err);
};

/* Does the range share a byte with the metadata? */
bool vmdk_table_in_metadata(const struct vmdk_tables *t, uint64_t off, uint64_t len);

/* Bytes of grain n that are part of the disk: the last one may hold more, or be cut there by its writer. */
uint64_t vmdk_table_valid(const struct vmdk_tables *t, const struct vmdk_extent *x, uint64_t n);

/* As vmdk_extent_ops.map. */
int vmdk_table_map(const struct image *img, const struct vmdk_extent *x, const struct vmdk_tables *t, uint64_t len,
		   uint64_t off, struct extent_list *out, struct error *err) MUST_CHECK;

/* Looks up entries; neighbours need no lock.  Declared with vmdk_walk_init() and CLEANUP(vmdk_walk_fini). */
struct vmdk_walk {
	const struct image *img;
	const struct vmdk_extent *x;
	const struct vmdk_tables *t;
	const struct cached *dir, *table; /* the pages that the last entries came from */
	uint64_t table_at, table_off;         /* the table that was found last, and where; 0: there is none */
};

struct vmdk_walk vmdk_walk_init(const struct image *img, const struct vmdk_extent *x, const struct vmdk_tables *t);
void vmdk_walk_fini(struct vmdk_walk *w);

/*
 * The entry of grain n, as it is stored.  All of *run_out grains from n on have this one: at most max > 0, none of them
 * beyond the extent, and more than 1 only if it is 0.
 */
int vmdk_walk_entry(struct vmdk_walk *w, uint64_t n, uint64_t max, uint64_t *entry_out, uint64_t *run_out,
		    struct error *err) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grain directory and the grain tables of a hosted sparse extent, whose grains lie verbatim (vmdk_sparse.c) or
 * compressed (vmdk_stream.c).
 *
 * The primary directory and its tables are read; the redundant copy is not looked at, as VMware does.  Entries are
 * checked as they are read: one that points outside gives an error for what it covers.
 */
#ifndef LIFTFS_DISK_VMDK_GRAINS_H
#define LIFTFS_DISK_VMDK_GRAINS_H

#include "disk/vmdk.h"
#include "disk/vmdk_sparse.h"

struct vmdk_grains {
	struct vmdk_sparse_header h;
	uint64_t grain_len, table_len; /* bytes of the disk that a grain and that a table cover */
	uint64_t dir_off, dir_len;     /* bytes of the file */
};

/* From g->h, whose directory is in this file, not at its end.  Checks it against the extent's length and the file. */
int vmdk_grains_init(struct vmdk_grains *g, const struct vmdk_extent *x, const struct backing *b,
		     struct error *err) MUST_CHECK;

/* Does it share a byte with the descriptor or the grain directory? */
bool vmdk_grains_in_metadata(const struct vmdk_grains *g, uint64_t off, uint64_t len);

/* Bytes of grain n that are part of the disk: the last one may hold more. */
uint64_t vmdk_grains_valid(const struct vmdk_grains *g, const struct vmdk_extent *x, uint64_t n);

/* Looks up entries; neighbours need no lock.  Declared with vmdk_walk_init() and CLEANUP(vmdk_walk_fini). */
struct vmdk_walk {
	const struct image *img;
	const struct vmdk_grains *g;
	uint32_t file;
	const struct table_page *dir, *table; /* the pages that the last entries came from */
	uint64_t table_at, table_off;         /* the table that was found last, and where; 0: there is none */
};

struct vmdk_walk vmdk_walk_init(const struct image *img, const struct vmdk_extent *x, const struct vmdk_grains *g);
void vmdk_walk_fini(struct vmdk_walk *w);

/* The entry of grain n; all of *run_out grains from n on have this one: more than 1 where a table is missing. */
int vmdk_walk_entry(struct vmdk_walk *w, uint64_t n, uint32_t *entry_out, uint64_t *run_out,
		    struct error *err) MUST_CHECK;

/*
 * Says where the bytes of e are, a part of grain n, whose entry is neither nothing nor zeros (it is at least 2): sets
 * kind, and file and file_off if they lie there verbatim.
 */
typedef int vmdk_grain_fn(const struct vmdk_extent *x, const struct vmdk_grains *g, uint64_t n, uint32_t entry,
			  uint64_t file_size, struct extent *e, struct error *err);

/* As vmdk_extent_ops.map. */
int vmdk_grains_map(const struct image *img, const struct vmdk_extent *x, const struct vmdk_grains *g,
		    vmdk_grain_fn *map_grain, uint64_t len, uint64_t off, struct extent_list *out,
		    struct error *err) MUST_CHECK;

#endif

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

#include "disk/vmdk_sparse.h"
#include "disk/vmdk_table.h"

struct vmdk_grains {
	struct vmdk_tables t; /* first: what its callbacks get */
	struct vmdk_sparse_header h;
	/* May grain n lie at that sector, which is at least 2?  NULL: grains lie verbatim. */
	int (*check)(const struct vmdk_grains *g, uint64_t n, uint32_t sector, struct error *err);
};

/*
 * From g->h, whose directory is in this file, not at its end, and g->check.  Checks it against the extent's length and
 * the file.
 */
int vmdk_grains_init(struct vmdk_grains *g, const struct vmdk_extent *x, const struct backing *b,
		     struct error *err) MUST_CHECK;

#endif

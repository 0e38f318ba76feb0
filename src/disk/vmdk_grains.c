/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>

#include "base/checked.h"
#include "disk/vmdk_grains.h"

static int hosted_table(const struct vmdk_tables *t, uint64_t index, uint64_t entry, uint64_t *off_out,
			struct error *err)
{
	(void)t, (void)index, (void)err;
	*off_out = entry * 512;
	return 0;
}

static int hosted_grain(const struct vmdk_tables *t, uint64_t index, uint64_t entry, enum extent_kind *kind_out,
			uint64_t *off_out, struct error *err)
{
	const struct vmdk_grains *g = (const struct vmdk_grains *)(const void *)t;

	if (entry == 1) {
		*kind_out = EXTENT_ZERO;
		if (g->h.flags & VMDK_SPARSE_ZERO_GRAINS)
			return 0;
		return error_set(err, ERR_CORRUPT,
				 "grain %" PRIu64 " is marked as zeros, which the header's flags rule out", index);
	}
	*kind_out = EXTENT_DATA;
	*off_out = entry * 512;
	return g->check ? g->check(g, index, (uint32_t)entry, err) : 0;
}

int vmdk_grains_init(struct vmdk_grains *g, const struct vmdk_extent *x, const struct backing *b, struct error *err)
{
	const struct vmdk_sparse_header *h = &g->h;
	struct vmdk_tables *t = &g->t;
	uint64_t dir_len;

	if (h->capacity_sectors != x->len / 512)
		return error_set(err, ERR_CORRUPT,
				 "sparse header: %" PRIu64 " sectors, but the descriptor says %" PRIu64,
				 h->capacity_sectors, x->len / 512);
	t->grain_len = h->grain_sectors * 512;
	t->table_entries = h->table_entries;
	t->entry_len = 4;
	dir_len = ((x->len - 1) / (t->grain_len * t->table_entries) + 1) * 4;
	if (h->dir_sector == 0 || h->dir_sector > b->size / 512 || !range_ok(h->dir_sector * 512, dir_len, b->size))
		return error_set(err, ERR_CORRUPT,
				 "grain directory of %" PRIu64 " bytes at sector %" PRIu64
				 ": beyond end of file (%" PRIu64 " sectors)",
				 dir_len, h->dir_sector, b->size / 512);
	t->dir_off = h->dir_sector * 512;
	t->verbatim = !g->check;
	t->metadata[0].len = VMDK_SPARSE_HEADER_LEN;
	t->metadata[1] = (struct vmdk_range){ t->dir_off, dir_len };
	t->metadata[2] = (struct vmdk_range){ h->desc_off, h->desc_len };
	t->grains_from = h->overhead_sectors * 512;
	t->table = hosted_table;
	t->grain = hosted_grain;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Hosted sparse extents whose grains lie verbatim: monolithicSparse and the pieces of twoGbMaxExtentSparse. */
#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include "base/checked.h"
#include "base/log.h"
#include "disk/vmdk_grains.h"

static int sparse_open(struct image *img, struct vmdk_extent *x, struct error *err)
{
	const struct backing *b = image_file(img, x->file);
	struct vmdk_grains *g = calloc(1, sizeof(*g));

	x->priv = g;
	if (!g)
		return error_errno(err, ENOMEM, "sparse extent");
	if (vmdk_sparse_read(b, &g->h, err) < 0 || vmdk_grains_init(g, x, b, err) < 0)
		return -1;
	if (g->h.unclean)
		log_warn("vmdk", "%s: was not closed cleanly by its last writer", b->path);
	return 0;
}

static int map_grain(const struct vmdk_extent *x, const struct vmdk_grains *g, uint64_t n, uint32_t entry,
		     uint64_t file_size, struct extent *e, struct error *err)
{
	uint64_t off = (uint64_t)entry * 512;
	uint64_t valid = vmdk_grains_valid(g, x, n); /* some writers cut the last grain there */

	if (entry < g->h.overhead_sectors || vmdk_grains_in_metadata(g, off, valid))
		return error_set(err, ERR_CORRUPT, "grain %" PRIu64 " at sector %" PRIu32 ": inside the metadata", n,
				 entry);
	if (!range_ok(off, valid, file_size))
		return error_set(err, ERR_CORRUPT,
				 "grain %" PRIu64 " at sector %" PRIu32 ": beyond end of file (%" PRIu64 " sectors)", n,
				 entry, file_size / 512);
	e->kind = EXTENT_DATA;
	e->file = x->file;
	e->file_off = off + (e->off - x->start - n * g->grain_len);
	return 0;
}

static int sparse_map(struct image *img, struct vmdk_extent *x, uint64_t len, uint64_t off, struct extent_list *out,
		      struct error *err)
{
	return vmdk_grains_map(img, x, x->priv, map_grain, len, off, out, err);
}

static void sparse_close(struct vmdk_extent *x)
{
	free(x->priv);
}

const struct vmdk_extent_ops vmdk_sparse_ops = {
	.open = sparse_open,
	.map = sparse_map,
	.close = sparse_close,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Hosted sparse extents whose grains lie verbatim: monolithicSparse and the pieces of twoGbMaxExtentSparse. */
#include <config.h>

#include <errno.h>

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

static int sparse_map(struct image *img, struct vmdk_extent *x, uint64_t len, uint64_t off, struct extent_list *out,
		      struct error *err)
{
	const struct vmdk_grains *g = x->priv;

	return vmdk_table_map(img, x, &g->t, len, off, out, err);
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

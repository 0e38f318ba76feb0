/* SPDX-License-Identifier: Apache-2.0 */
/* Extents without tables: FLAT and VMFS lie in their file as they are, ZERO lies nowhere. */
#include <config.h>

#include <inttypes.h>

#include "base/checked.h"
#include "disk/vmdk.h"

/* A file may be longer than its extent: VMFS rounds up.  A shorter one has lost its end. */
static int flat_open(struct image *img, struct vmdk_extent *x, struct error *err)
{
	const struct backing *b = image_file(img, x->file);

	if (!range_ok(x->file_off, x->len, b->size))
		return error_set(err, ERR_CORRUPT,
				 "%s extent of %" PRIu64 " bytes at %#" PRIx64 " in a file of %" PRIu64,
				 vmdk_extent_type_name(x->type), x->len, x->file_off, b->size);
	return 0;
}

static int flat_map(struct image *img, struct vmdk_extent *x, uint64_t len, uint64_t off, struct extent_list *out,
		    struct error *err)
{
	struct extent e = {
		.off = off,
		.len = len,
		.kind = EXTENT_DATA,
		.file = x->file,
		.file_off = x->file_off + (off - x->start),
	};

	(void)img;
	return extent_list_add(out, &e, err);
}

const struct vmdk_extent_ops vmdk_flat_ops = {
	.open = flat_open,
	.map = flat_map,
};

static int zero_map(struct image *img, struct vmdk_extent *x, uint64_t len, uint64_t off, struct extent_list *out,
		    struct error *err)
{
	(void)img;
	(void)x;
	return extent_list_add_run(out, off, len, EXTENT_ZERO, 0, err);
}

const struct vmdk_extent_ops vmdk_zero_ops = {
	.map = zero_map,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that an archive's descriptor gives a size and no file: zeros. */
#include <config.h>

#include "disk/format.h"

static int empty_open(struct image *img, struct error *err)
{
	(void)err;
	img->size = img->capacity;
	return 0;
}

static int empty_map(struct image *img, uint64_t len, uint64_t off, struct extent_list *out, struct error *err)
{
	(void)img;
	return extent_list_add_run(out, off, len, EXTENT_ZERO, 0, err);
}

const struct disk_format_ops disk_empty_ops = {
	.name = "empty",
	.open = empty_open,
	.map = empty_map,
};

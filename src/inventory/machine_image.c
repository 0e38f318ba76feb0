/* SPDX-License-Identifier: Apache-2.0 */
/* Images that machines hold, apart from looking at them. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "inventory/machine_image.h"

struct machine_image *machine_image_new(struct backing_root *root, const char *path, uint64_t size,
					const struct datastore_file *leaf, struct error *err)
{
	struct machine_image *image = calloc(1, sizeof(*image));

	if (image) {
		image->root = backing_root_get(root);
		image->path = strdup(path);
		image->size = size;
		image->leaf = *leaf;
	}
	if (!image || !image->path) {
		machine_image_free(image);
		error_errno(err, ENOMEM, "%s", path);
		return NULL;
	}
	return image;
}

void machine_image_free(struct machine_image *image)
{
	if (!image)
		return;
	backing_root_put(image->root);
	free(image->path);
	free(image);
}

char *machine_image_file(const struct machine_image *image, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf path = { 0 };

	strbuf_addf(&path, "%s/%s", backing_root_path(image->root), image->path);
	return strbuf_take(&path, err);
}

void machine_look_free(struct machine_look *l)
{
	if (!l)
		return;
	if (l->release)
		l->release(l);
	free(l->error);
	free(l);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "disk/backing.h"
#include "inventory/datastore_named.h"
#include "inventory/datastore_names.h"

static struct datastore_image *is_elsewhere(const char *config, const char *file, char **path_out, struct error *why)
{
	*path_out = strdup(file);
	if (!*path_out)
		error_errno(why, ENOMEM, "%s", file);
	else
		error_set(why, ERR_REFUSED, "%s: names the disk '%s', which lies outside SOURCE", config, file);
	return NULL;
}

struct datastore_image *datastore_named(const struct datastore *ds, const char *config, const char *file, char **path_out,
					struct error *why)
{
	CLEANUP_FREE char *joined = NULL;
	CLEANUP_FREE char *path = NULL;
	struct datastore_image *image;

	if (file[0] == '/' || file[0] == '[')
		return is_elsewhere(config, file, path_out, why);
	joined = backing_sibling(config, file, why);
	path = joined ? datastore_normalise(joined, why) : NULL;
	if (!path)
		return NULL;
	if (strncmp(path, "../", 3) == 0)
		return is_elsewhere(config, file, path_out, why);
	image = datastore_image_at(ds, path);
	if (!image)
		error_set(why, ERR_CORRUPT, "%s: names the disk '%s': no such image in SOURCE", config, path);
	*path_out = steal_ptr(&path);
	return image;
}

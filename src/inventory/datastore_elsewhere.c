/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "inventory/datastore_archives.h"
#include "inventory/datastore_elsewhere.h"
#include "inventory/datastore_named.h"
#include "inventory/datastore_vms.h"
#include "inventory/datastore_walk.h"
#include "inventory/vm_config.h"

/*
 * Why the file cannot be an image: not what the user named himself, it must be no link, as what a walk finds is none.
 * "No such file" is for who looks for the image; the rest belongs to its disk.
 */
static struct error try_open(const struct datastore *ds, const char *path)
{
	struct error why = ERROR_INIT;
	CLEANUP(cleanup_backing) struct backing *b = backing_open(ds->root, path, false, &why);

	return why;
}

static bool exists(const struct datastore *ds, const char *path)
{
	struct error why = try_open(ds, path);

	return why.code != ERR_SYSTEM || why.detail != ENOENT;
}

static int look_at(const struct datastore *ds, const char *config, const char *file, struct path_list *found,
		   struct error *err)
{
	struct error why = ERROR_INIT;
	bool translated = false;
	CLEANUP_FREE char *path = datastore_named_path(ds, config, file, &translated, &why);

	if (why.code == ERR_NOMEM)
		return error_errno(err, ENOMEM, "%s", file);
	if (!path || !translated || datastore_image_at(ds, path) || !disk_format_of_path(path) || !exists(ds, path))
		return 0;
	return path_list_add(found, path, err);
}

static int read_names(const struct datastore *ds, const char *config, struct path_list *found, struct error *err)
{
	CLEANUP(cleanup_vm_config_list) struct vm_config_list vms = { 0 };
	struct error why = ERROR_INIT;

	if (datastore_is_archive(config)) /* names nothing outside itself */
		return 0;
	if (datastore_read_config(ds, config, &vms, &why) < 0)
		return why.code == ERR_NOMEM ? error_errno(err, ENOMEM, "%s", config) : 0;
	for (size_t i = 0; i < vms.n; i++)
		for (size_t k = 0; k < vms.v[i].n_disks; k++)
			if (look_at(ds, config, vms.v[i].disks[k], found, err) < 0)
				return -1;
	return 0;
}

static int image_order(const void *a, const void *b)
{
	const struct datastore_image *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static int path_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The paths, none of which is there yet, each once. */
static void add_images(struct datastore *ds, struct path_list *found)
{
	const char *before = NULL;

	qsort(found->v, found->n, sizeof(*found->v), path_order);
	for (size_t i = 0; i < found->n; i++) {
		if (before && strcmp(before, found->v[i]) == 0)
			continue;
		before = found->v[i];
		ds->images[ds->n_images++] = (struct datastore_image){
			.path = steal_ptr(&found->v[i]),
			.format = disk_format_of_path(before),
			.elsewhere = true,
			.err = try_open(ds, before),
		};
	}
	qsort(ds->images, ds->n_images, sizeof(*ds->images), image_order);
}

int datastore_add_elsewhere(struct datastore *ds, struct error *err)
{
	CLEANUP(cleanup_path_list) struct path_list found = { 0 };
	struct datastore_image *images;

	for (size_t i = 0; i < ds->n_configs && backing_root_datastores(ds->root) > 0; i++)
		if (read_names(ds, ds->configs[i], &found, err) < 0)
			return -1;
	if (found.n == 0)
		return 0;
	images = reallocarray(ds->images, ds->n_images + found.n, sizeof(*images));
	if (!images)
		return error_errno(err, ENOMEM, "%zu images", ds->n_images + found.n);
	ds->images = images;
	add_images(ds, &found);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A source that is one configuration, with the images that it names. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "inventory/datastore.h"
#include "inventory/datastore_named.h"
#include "inventory/datastore_vms.h"
#include "inventory/datastore_walk.h"
#include "inventory/vm_config.h"

static bool exists(const struct datastore *ds, const char *path)
{
	struct error why = ERROR_INIT;
	CLEANUP(cleanup_backing) struct backing *b = backing_open(ds->root, path, false, &why);

	return why.code != ERR_SYSTEM || why.detail != ENOENT;
}

static int look_at(const struct datastore *ds, const char *file, struct path_list *found, struct error *err)
{
	struct error why = ERROR_INIT;
	bool translated;
	CLEANUP_FREE char *path = datastore_named_path(ds, ds->configs[0], file, &translated, &why);

	if (why.code == ERR_NOMEM)
		return error_errno(err, ENOMEM, "%s", file);
	if (!path || !disk_format_of_path(path) || !exists(ds, path))
		return 0;
	return path_list_add(found, path, err);
}

static int path_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The paths, each once. */
static int take_images(struct datastore *ds, struct path_list *found, struct error *err)
{
	ds->images = calloc(found->n + 1, sizeof(*ds->images));
	if (!ds->images)
		return error_errno(err, ENOMEM, "%zu images", found->n);
	if (found->n > 1)
		qsort(found->v, found->n, sizeof(*found->v), path_order);
	for (size_t i = 0; i < found->n; i++) {
		if (ds->n_images > 0 && strcmp(ds->images[ds->n_images - 1].path, found->v[i]) == 0)
			continue;
		ds->images[ds->n_images].format = disk_format_of_path(found->v[i]);
		ds->images[ds->n_images++].path = steal_ptr(&found->v[i]);
	}
	return 0;
}

static int find_images(struct datastore *ds, struct error *err)
{
	const struct vm_config_format *format = vm_config_format_of_path(ds->configs[0]);
	CLEANUP(cleanup_vm_config_list) struct vm_config_list vms = { 0 };
	CLEANUP(cleanup_path_list) struct path_list found = { 0 };

	if (datastore_read_config(ds, ds->configs[0], &vms, err) < 0)
		return -1;
	for (size_t i = 0; i < vms.n && !format->hyperv; i++)
		for (size_t k = 0; k < vms.v[i].n_disks; k++)
			if (look_at(ds, vms.v[i].disks[k], &found, err) < 0)
				return -1;
	return take_images(ds, &found, err);
}

int datastore_find_named(const char *path, const struct datastore_options *opt, struct datastore *out, struct error *err)
{
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };
	const char *slash = strrchr(path, '/');
	CLEANUP_FREE char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");

	ds.configs = calloc(1, sizeof(*ds.configs));
	if (ds.configs)
		ds.configs[ds.n_configs++] = strdup(slash ? slash + 1 : path);
	if (!folder || !ds.configs || !ds.configs[0])
		return error_errno(err, ENOMEM, "%s", path);
	ds.root = backing_root_open(folder, err);
	if (!ds.root || (opt && backing_root_add_datastores(ds.root, opt->datastores, opt->n_datastores, err) < 0))
		return -1;
	if (find_images(&ds, err) < 0)
		return error_prefix(err, "%s", path);
	*out = ds;
	ds = (struct datastore){ 0 };
	return 0;
}

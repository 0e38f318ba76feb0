/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a source's images, and opening them once to know how they belong together. */
#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/strbuf.h"
#include "inventory/datastore.h"
#include "inventory/datastore_archives.h"
#include "inventory/datastore_extents.h"
#include "inventory/datastore_names.h"
#include "inventory/datastore_vms.h"
#include "inventory/datastore_walk.h"

static int take_images(struct datastore *ds, struct path_list *paths, struct error *err)
{
	ds->images = calloc(paths->n ? paths->n : 1, sizeof(*ds->images));
	if (!ds->images)
		return error_errno(err, ENOMEM, "%zu images", paths->n);
	for (size_t i = 0; i < paths->n; i++) {
		ds->images[i].path = paths->v[i];
		ds->images[i].format = disk_format_of_path(paths->v[i]);
		paths->v[i] = NULL;
	}
	ds->n_images = paths->n;
	return 0;
}

/* Takes both lists over; archives become the disks in them. */
static int take_paths(struct datastore *ds, struct path_list *images, struct path_list *configs, struct error *err)
{
	if (datastore_expand_archives(ds->root, images, configs, err) < 0 || take_images(ds, images, err) < 0)
		return -1;
	ds->configs = configs->v;
	ds->n_configs = configs->n;
	*configs = (struct path_list){ 0 };
	return 0;
}

static int find_in_folder(const char *path, const struct datastore_options *opt, struct datastore *ds, struct error *err)
{
	CLEANUP(cleanup_path_list) struct path_list images = { 0 }, configs = { 0 };

	ds->root = backing_root_open(path, err);
	if (!ds->root)
		return -1;
	if (datastore_walk(backing_root_fd(ds->root), opt && opt->one_file_system, opt ? opt->cancel : NULL, &images,
			   &configs, err) < 0 ||
	    datastore_drop_extents(ds->root, &images, err) < 0 || take_paths(ds, &images, &configs, err) < 0)
		return error_prefix(err, "%s", path);
	return 0;
}

/* An image, whose file is called by the first file_len bytes: its folder is the root, or what stands before a "/./". */
static int find_one(const char *path, size_t file_len, struct datastore *ds, struct error *err)
{
	CLEANUP(cleanup_path_list) struct path_list images = { 0 }, configs = { 0 };
	const char *mark = strstr(path, "/./");
	const char *slash = mark ? mark : memrchr(path, '/', file_len);
	CLEANUP_FREE char *folder = NULL, *name = NULL;

	if (!disk_format_of_path(path) && !path[file_len])
		return error_set(err, ERR_USAGE, "%s: not a folder, and not a disk image by its suffix "
				 "(.vmdk .vhdx .avhdx .vhd .avhd .ova .raw .img)", path);
	if (!slash)
		folder = strdup(".");
	else
		folder = slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
	name = datastore_normalise(mark ? mark + 3 : slash ? slash + 1 : path, err);
	if (!folder || !name)
		return folder ? -1 : error_errno(err, ENOMEM, "%s", path);
	ds->root = backing_root_open(folder, err);
	if (!ds->root || path_list_add(&images, name, err) < 0)
		return -1;
	if ((path[file_len] ? take_images(ds, &images, err) : take_paths(ds, &images, &configs, err)) < 0)
		return -1;
	ds->single = ds->n_images == 1;
	if (!ds->single)
		ds->archive_len = strlen(name) + 1;
	return 0;
}

int datastore_find(const char *path, const struct datastore_options *opt, struct datastore *out, struct error *err)
{
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };
	size_t file_len = disk_file_len(path);
	CLEANUP_FREE char *file = strndup(path, file_len);
	struct stat st;

	if (!file || stat(file, &st) < 0)
		return error_errno(err, file ? errno : ENOMEM, "%s", path);
	if ((S_ISDIR(st.st_mode) ? find_in_folder(path, opt, &ds, err) : find_one(path, file_len, &ds, err)) < 0)
		return -1;
	*out = ds;
	ds = (struct datastore){ 0 };
	return 0;
}

/* What scanning one image tells; chain paths normalised, leaf first. */
static int scan_image(struct datastore *ds, struct datastore_image *image, struct error *err)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct error why = ERROR_INIT;

	d = disk_open(ds->root, image->path, NULL, &why);
	if (!d) {
		if (why.code == ERR_NOMEM)
			return error_prefix(err, "%s", image->path);
		image->err = why;
		return 0;
	}
	image->chain_len = disk_chain_len(d);
	image->chain = calloc(image->chain_len, sizeof(*image->chain));
	if (!image->chain)
		return error_errno(err, ENOMEM, "%s", image->path);
	for (size_t i = 0; i < image->chain_len; i++) {
		image->chain[i] = datastore_normalise(disk_chain_info(d, i)->path, err);
		if (!image->chain[i])
			return -1;
	}
	image->id = strdup(disk_chain_info(d, image->chain_len - 1)->id);
	if (!image->id)
		return error_errno(err, ENOMEM, "%s", image->path);
	image->virtual_size = disk_size(d);
	image->allocated = disk_allocated(d);
	for (size_t i = 0; i < disk_file_count(d); i++)
		ds->changes_atime |= !disk_file(d, i)->noatime;
	return 0;
}

static int image_order(const void *path, const void *image)
{
	return strcmp(path, ((const struct datastore_image *)image)->path);
}

struct datastore_image *datastore_image_at(const struct datastore *ds, const char *path)
{
	return bsearch(path, ds->images, ds->n_images, sizeof(*ds->images), image_order);
}

int datastore_scan(struct datastore *ds, const struct datastore_options *opt, struct error *err)
{
	for (size_t i = 0; i < ds->n_images; i++)
		ds->images[i].leaf = true;
	for (size_t i = 0; i < ds->n_images; i++) {
		if (cancel_check(opt ? opt->cancel : NULL, err) < 0 || scan_image(ds, &ds->images[i], err) < 0)
			return -1;
		for (size_t depth = 1; depth < ds->images[i].chain_len; depth++) {
			struct datastore_image *parent = datastore_image_at(ds, ds->images[i].chain[depth]);

			if (parent)
				parent->leaf = false;
		}
	}
	return datastore_find_vms(ds, err);
}

void datastore_fini(struct datastore *ds)
{
	for (size_t i = 0; i < ds->n_images; i++) {
		struct datastore_image *image = &ds->images[i];

		for (size_t depth = 0; image->chain && depth < image->chain_len; depth++)
			free(image->chain[depth]);
		free(image->chain);
		free(image->path);
		free(image->id);
	}
	for (size_t i = 0; i < ds->n_configs; i++)
		free(ds->configs[i]);
	free(ds->configs);
	free(ds->images);
	vm_list_fini(&ds->vms);
	backing_root_put(ds->root);
	*ds = (struct datastore){ 0 };
}

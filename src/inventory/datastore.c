/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a source's images, and opening them once to know how they belong together. */
#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/parallel.h"
#include "base/strbuf.h"
#include "inventory/datastore.h"
#include "inventory/datastore_elsewhere.h"
#include "inventory/datastore_archives.h"
#include "inventory/datastore_extents.h"
#include "inventory/datastore_mount.h"
#include "inventory/datastore_named.h"
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

static struct backing_root *open_root(const char *path, const struct datastore_options *opt, struct error *err)
{
	CLEANUP(cleanup_backing_root) struct backing_root *root = backing_root_open(path, err);

	if (!root || (opt && backing_root_add_datastores(root, opt->datastores, opt->n_datastores, err) < 0))
		return NULL;
	return steal_ptr(&root);
}

/* A file here that is called as one of another datastore would be opened as that one. */
static int check_unambiguous(const struct datastore *ds, const struct path_list *l, struct error *err)
{
	for (size_t i = 0; i < l->n; i++) {
		size_t n = backing_root_datastore_len(ds->root, l->v[i], NULL);

		if (n > 0)
			return error_set(err, ERR_USAGE,
					 "%s: its name begins as those in the datastore '%.*s' do: call that one by another "
					 "of its names",
					 l->v[i], (int)n - 3, l->v[i] + 1);
	}
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

	ds->root = open_root(path, opt, err);
	if (!ds->root)
		return -1;
	if (datastore_walk(backing_root_fd(ds->root), opt && opt->one_file_system, opt ? opt->cancel : NULL, &images,
			   &configs, &ds->left_out, err) < 0 ||
	    check_unambiguous(ds, &images, err) < 0 || check_unambiguous(ds, &configs, err) < 0 ||
	    datastore_drop_extents(ds->root, &images, err) < 0)
		return error_prefix(err, "%s", path);
	datastore_drop_mount_files(ds->root, &images, &configs);
	if (take_paths(ds, &images, &configs, err) < 0)
		return error_prefix(err, "%s", path);
	return datastore_add_elsewhere(ds, err);
}

/* An image, whose file is called by the first file_len bytes: its folder is the root, or what stands before a "/./". */
static int find_one(const char *path, size_t file_len, const struct datastore_options *opt, struct datastore *ds,
		    struct error *err)
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
	ds->root = open_root(folder, opt, err);
	if (!ds->root || path_list_add(&images, name, err) < 0 || check_unambiguous(ds, &images, err) < 0)
		return -1;
	if ((path[file_len] ? take_images(ds, &images, err) : take_paths(ds, &images, &configs, err)) < 0)
		return -1;
	ds->single = ds->n_images == 1;
	if (!ds->single)
		ds->archive_len = strlen(name) + 1;
	return 0;
}

/* The user may name a link to an image; its parents lie beside the image itself.  Takes path and gives it back resolved. */
static char *follow_link(char *path, size_t *file_len, struct error *err)
{
	CLEANUP_FREE char *rest = strdup(path + *file_len), *resolved = NULL;
	char *joined = NULL;

	path[*file_len] = '\0';
	resolved = realpath(path, NULL);
	if (!rest || !resolved)
		error_errno(err, rest ? errno : ENOMEM, "%s", path);
	else if (asprintf(&joined, "%s%s", resolved, rest) < 0)
		error_errno(err, ENOMEM, "%s", path);
	else
		*file_len = strlen(resolved);
	free(path);
	return resolved && rest ? joined : NULL;
}

int datastore_find(const char *path, const struct datastore_options *opt, struct datastore *out, struct error *err)
{
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };
	size_t file_len = disk_file_len(path);
	CLEANUP_FREE char *file = strndup(path, file_len);
	CLEANUP_FREE char *named = strdup(path);
	struct stat st;

	if (!file || !named || stat(file, &st) < 0)
		return error_errno(err, file && named ? errno : ENOMEM, "%s", path);
	if (S_ISDIR(st.st_mode)) {
		if (find_in_folder(path, opt, &ds, err) < 0)
			return -1;
	} else {
		if (lstat(file, &st) == 0 && S_ISLNK(st.st_mode))
			named = follow_link(steal_ptr(&named), &file_len, err);
		if (!named || find_one(named, file_len, opt, &ds, err) < 0)
			return -1;
	}
	*out = ds;
	ds = (struct datastore){ 0 };
	return 0;
}

struct last_parent {
	char *path;
	bool failed;
};

static void keep_parent(void *ctx, const char *path)
{
	struct last_parent *p = ctx;

	free(p->path);
	p->path = strdup(path);
	p->failed |= !p->path;
}

/* What scanning one image tells; chain paths normalised, leaf first. */
static int scan_image(struct datastore *ds, struct datastore_image *image, struct error *err)
{
	struct last_parent parent = { 0 };
	const struct disk_options opt = { .on_parent = keep_parent, .on_parent_ctx = &parent };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct error why = ERROR_INIT;

	if (image->err.code != ERR_NONE)
		return 0;
	d = disk_open(ds->root, image->path, &opt, &why);
	if (!d) {
		image->parent = parent.path ? datastore_path(ds->root, parent.path, err) : NULL;
		free(parent.path);
		if (parent.path && !image->parent)
			return -1;
		if (why.code == ERR_NOMEM || parent.failed)
			return error_prefix(err, "%s", image->path);
		image->err = why;
		return 0;
	}
	free(parent.path);
	image->chain_len = disk_chain_len(d);
	image->chain = calloc(image->chain_len, sizeof(*image->chain));
	image->files = calloc(image->chain_len, sizeof(*image->files));
	if (!image->chain || !image->files)
		return error_errno(err, ENOMEM, "%s", image->path);
	for (size_t i = 0; i < image->chain_len; i++) {
		const struct backing *file = disk_chain_file(d, i);

		image->chain[i] = datastore_path(ds->root, disk_chain_info(d, i)->path, err);
		if (!image->chain[i])
			return -1;
		image->files[i] = (struct datastore_file){ .dev = file->dev, .inode = file->stamp.inode, .off = file->base };
	}
	image->id = strdup(disk_chain_info(d, image->chain_len - 1)->id);
	if (!image->id)
		return error_errno(err, ENOMEM, "%s", image->path);
	image->virtual_size = disk_size(d);
	image->allocated = disk_allocated(d);
	for (size_t i = 0; i < disk_file_count(d); i++)
		image->changes_atime |= !disk_file(d, i)->noatime;
	return 0;
}

struct scan {
	struct datastore *ds;
	struct cancel *cancel;
};

static int scan_one(void *ctx, size_t i, struct error *err)
{
	struct scan *s = ctx;

	return cancel_check(s->cancel, err) < 0 ? -1 : scan_image(s->ds, &s->ds->images[i], err);
}

static int image_order(const void *path, const void *image)
{
	return strcmp(path, ((const struct datastore_image *)image)->path);
}

struct datastore_image *datastore_image_at(const struct datastore *ds, const char *path)
{
	if (ds->n_images == 0)
		return NULL;
	return bsearch(path, ds->images, ds->n_images, sizeof(*ds->images), image_order);
}

/* Where the chain ends; of one that does not open, by what is known of its parents. */
static const char *find_root(const struct datastore *ds, const struct datastore_image *image)
{
	for (int depth = 0; depth < DISK_CHAIN_MAX; depth++) {
		const struct datastore_image *parent;

		if (image->chain)
			return image->chain[image->chain_len - 1];
		parent = image->parent ? datastore_image_at(ds, image->parent) : NULL;
		if (!parent)
			return image->parent ? image->parent : image->path;
		image = parent;
	}
	return image->path;
}

int datastore_scan(struct datastore *ds, const struct datastore_options *opt, struct error *err)
{
	struct scan scan = { .ds = ds, .cancel = opt ? opt->cancel : NULL };

	for (size_t i = 0; i < ds->n_images; i++)
		ds->images[i].leaf = true;
	if (cancel_check(scan.cancel, err) < 0 || parallel_each(ds->n_images, scan_one, &scan, err) < 0)
		return -1;
	for (size_t i = 0; i < ds->n_images; i++) {
		ds->changes_atime |= ds->images[i].changes_atime;
		for (size_t depth = 1; depth < ds->images[i].chain_len; depth++) {
			struct datastore_image *parent = datastore_image_at(ds, ds->images[i].chain[depth]);

			if (parent)
				parent->leaf = false;
		}
	}
	for (size_t i = 0; i < ds->n_images; i++)
		ds->images[i].root = find_root(ds, &ds->images[i]);
	return datastore_find_vms(ds, err);
}

void datastore_fini(struct datastore *ds)
{
	for (size_t i = 0; i < ds->n_images; i++) {
		struct datastore_image *image = &ds->images[i];

		for (size_t depth = 0; image->chain && depth < image->chain_len; depth++)
			free(image->chain[depth]);
		free(image->chain);
		free(image->files);
		free(image->path);
		free(image->id);
		free(image->parent);
	}
	for (size_t i = 0; i < ds->n_configs; i++)
		free(ds->configs[i]);
	free(ds->configs);
	free(ds->by_base);
	free(ds->by_path);
	free(ds->images);
	vm_list_fini(&ds->vms);
	backing_root_put(ds->root);
	*ds = (struct datastore){ 0 };
}

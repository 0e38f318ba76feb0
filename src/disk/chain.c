/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images and their parents: opened leaf first, each with its format's own check that the next one is its parent.
 * A parent is read in the format of its child: nothing is probed.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include "disk/chain.h"

int chain_prefix(const struct image *img, struct error *err)
{
	size_t len = strlen(img->info.path);

	if (err && strncmp(err->msg, img->info.path, len) == 0 && err->msg[len] == ':')
		return -1;
	return error_prefix(err, "%s", img->info.path);
}

static int add_file(struct disk *d, struct backing *b, uint32_t *index_out, struct error *err)
{
	size_t cap = d->cap_files ? d->cap_files * 2 : 8;
	struct backing **v;

	if (d->n_files == d->cap_files) {
		v = reallocarray(d->files, cap, sizeof(*v));
		if (!v) {
			backing_close(b);
			return error_errno(err, ENOMEM, "list of files");
		}
		d->files = v;
		d->cap_files = cap;
	}
	*index_out = (uint32_t)d->n_files;
	d->files[d->n_files++] = b;
	return 0;
}

/* A file that an image names and that is not there makes the image incomplete: corrupt input, not an I/O error. */
static int named_file_error(const char *path, const struct error *why, struct error *err)
{
	if (why->code == ERR_SYSTEM && why->detail == ENOENT)
		return error_set(err, ERR_CORRUPT, "%s: no such file", path);
	if (err)
		*err = *why;
	return -1;
}

int image_add_file(struct image *img, const char *path, uint32_t *index_out, struct error *err)
{
	struct error why = ERROR_INIT;
	struct backing *b;

	if (img->sealed)
		return error_set(err, ERR_REFUSED, "names another file, '%.200s', where one inside an archive must be complete",
				 path);
	b = backing_open(img->root, path, false, &why);
	return b ? add_file(img->disk, b, index_out, err) : named_file_error(path, &why, err);
}

const struct backing *image_file(const struct image *img, uint32_t index)
{
	assert(index < img->disk->n_files);
	return img->disk->files[index];
}

const struct table_page *image_table_get(const struct image *img, uint32_t index, uint64_t off, struct error *err)
{
	return table_cache_get(img->disk->tables, image_file(img, index), index, off, err);
}

void image_table_put(const struct image *img, const struct table_page *page)
{
	table_cache_put(img->disk->tables, page);
}

int image_use_grains(struct image *img, struct error *err)
{
	struct disk *d = img->disk;

	if (!d->grains)
		d->grains = grain_cache_new(DISK_GRAINS_LEN, err);
	if (d->grains && !d->inflaters)
		d->inflaters = inflate_pool_new(COMPRESSED_MAX, err);
	return d->grains && d->inflaters ? 0 : -1;
}

struct grain_cache *image_grains(const struct image *img)
{
	return img->disk->grains;
}

struct inflate_pool *image_inflaters(const struct image *img)
{
	return img->disk->inflaters;
}

static void image_free(struct image *img)
{
	if (img->ops->close)
		img->ops->close(img);
	for (char **p = img->parent_paths; p && *p; p++)
		free(*p);
	free(img->parent_paths);
	free(img->subformat);
	free(img);
}

/* The image's own file must not be one of those above it. */
static int check_loop(const struct disk *d, const struct backing *own, struct error *err)
{
	for (size_t i = 0; i < d->n_images; i++) {
		if (backing_same(d->files[d->images[i]->first_file], own))
			return error_set(err, ERR_CORRUPT, "%s: is in its own chain of parents", own->path);
	}
	if (d->n_images == DISK_CHAIN_MAX)
		return error_set(err, ERR_CORRUPT, "%s: chain of more than %d images", own->path, DISK_CHAIN_MAX);
	return 0;
}

static int confirm(const struct image *img, struct error *err)
{
	const struct backing *b = image_file(img, img->first_file);
	size_t len = b->size < DISK_HEAD_LEN ? (size_t)b->size : DISK_HEAD_LEN;
	struct disk_head in = { .head_len = len, .tail_len = len, .file_size = b->size };
	CLEANUP_FREE uint8_t *ends = NULL;

	if (!img->ops->confirm)
		return 0;
	ends = calloc(2, DISK_HEAD_LEN);
	if (!ends)
		return error_errno(err, ENOMEM, "head and tail");
	if (backing_read(b, ends, len, 0, err) < 0 ||
	    backing_read(b, ends + DISK_HEAD_LEN, len, b->size - len, err) < 0)
		return -1;
	in.head = ends;
	in.tail = ends + DISK_HEAD_LEN;
	return img->ops->confirm(&in, err);
}

/* Takes `own` in any case, and makes the image the chain's last. */
static int add_image(struct disk *d, struct backing *own, const struct disk_format_ops *ops,
		     const struct chain_options *opt, struct error *err)
{
	struct image *img;

	if (check_loop(d, own, err) < 0) {
		backing_close(own);
		return -1;
	}
	img = calloc(1, sizeof(*img));
	if (!img) {
		backing_close(own);
		return error_errno(err, ENOMEM, "image");
	}
	img->ops = ops;
	img->disk = d;
	img->root = d->root;
	img->depth = (uint32_t)d->n_images;
	img->ignore_log = opt->ignore_log;
	img->sealed = opt->sealed;
	img->capacity = opt->capacity;
	img->info.path = own->path;
	img->info.format = ops->name;
	img->info.subformat = "";
	img->info.sector_size = 512;
	if (add_file(d, own, &img->first_file, err) < 0) {
		free(img);
		return -1;
	}
	d->images[d->n_images++] = img;
	if (confirm(img, err) < 0 || ops->open(img, err) < 0)
		return chain_prefix(img, err);
	if (img->size > DISK_SIZE_MAX) {
		error_set(err, ERR_UNSUPPORTED, "disk of %" PRIu64 " bytes (at most %" PRIu64 ", 64 TiB)", img->size,
			  DISK_SIZE_MAX);
		return chain_prefix(img, err);
	}
	if (img->capacity > 0 && img->size != img->capacity) {
		error_set(err, ERR_CORRUPT, "disk of %" PRIu64 " bytes, where the archive's descriptor says %" PRIu64, img->size,
			  img->capacity);
		return chain_prefix(img, err);
	}
	if (img->sealed && img->parent_paths && img->parent_paths[0]) {
		error_set(err, ERR_REFUSED, "names a parent, '%.200s', where an image inside an archive must be complete",
			  img->parent_paths[0]);
		return chain_prefix(img, err);
	}
	img->info.virtual_size = img->size;
	return 0;
}

/* The first candidate that exists; another failure than "no such file" ends the search. */
static struct backing *find_parent(struct disk *d, char *const *paths, struct error *err)
{
	struct error why = ERROR_INIT;
	struct backing *b = NULL;

	const char *first = *paths;

	for (; *paths && !b; paths++) {
		why = (struct error)ERROR_INIT;
		b = backing_open(d->root, *paths, false, &why);
		if (!b && (why.code != ERR_SYSTEM || why.detail != ENOENT))
			break;
	}
	if (!b)
		named_file_error(first, &why, err);
	return b;
}

int chain_open(struct disk *d, struct backing *own, const struct disk_format_ops *ops, const struct chain_options *opt,
	       struct error *err)
{
	struct backing *b = own;
	struct image *child;

	for (;;) {
		child = d->n_images ? d->images[d->n_images - 1] : NULL;
		if (add_image(d, b, ops, opt, err) < 0)
			return child ? error_prefix(err, "%s: parent", child->info.path) : -1;
		if (child && ops->check_parent && ops->check_parent(child, d->images[d->n_images - 1], err) < 0)
			return chain_prefix(child, err);
		child = d->images[d->n_images - 1];
		if (!child->parent_paths || !child->parent_paths[0])
			return 0;
		b = find_parent(d, child->parent_paths, err);
		if (!b)
			return error_prefix(err, "%s: parent", child->info.path);
	}
}

void chain_close(struct disk *d)
{
	while (d->n_images > 0)
		image_free(d->images[--d->n_images]);
	while (d->n_files > 0)
		backing_close(d->files[--d->n_files]);
	free(d->files);
}

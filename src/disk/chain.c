/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images and their parents: opened leaf first, each with its format's own check that the next one is its parent.
 * A parent is read in the format of its child: nothing is probed.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <search.h>

#include "base/log.h"
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

/* Is there nothing that has the name?  ENOTDIR: a file, where the name has a folder. */
static bool is_missing(const struct error *why)
{
	return why->code == ERR_SYSTEM && (why->detail == ENOENT || why->detail == ENOTDIR || why->detail == ENAMETOOLONG);
}

/* A file that an image names and that is not there makes the image incomplete: corrupt input, not an I/O error. */
static int named_file_error(const char *path, const struct error *why, struct error *err)
{
	if (is_missing(why))
		return error_set(err, ERR_CORRUPT, "%s: no such file", path);
	if (err)
		*err = *why;
	return -1;
}

/* A file that extents name. */
struct named_file {
	uint64_t dev, inode;
	uint32_t index; /* into the disk's files */
};

static int identity_order(const void *a, const void *b)
{
	const struct named_file *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->inode == y->inode ? 0 : x->inode < y->inode ? -1 : 1;
}

/* Takes b.  A file that is open already, whatever its name was then, is not kept open twice. */
static int add_named_file(struct image *img, struct backing *b, uint32_t *index_out, struct error *err)
{
	struct disk *d = img->disk;
	struct named_file *f = malloc(sizeof(*f)), **at;

	if (f)
		*f = (struct named_file){ .dev = b->dev, .inode = b->stamp.inode, .index = (uint32_t)d->n_files };
	at = f ? tsearch(f, &d->named_files, identity_order) : NULL;
	if (!at) {
		free(f);
		backing_close(b);
		return error_errno(err, ENOMEM, "list of files");
	}
	if (*at == f)
		return add_file(d, b, index_out, err);
	*index_out = (*at)->index;
	d->files_shared |= *index_out < img->first_file;
	free(f);
	backing_close(b);
	return 0;
}

int image_add_file(struct image *img, const char *path, uint32_t *index_out, struct error *err)
{
	struct error why = ERROR_INIT;
	struct backing *b;

	if (img->sealed)
		return error_set(err, ERR_REFUSED, "names another file, '%.200s', where one inside an archive must be complete",
				 path);
	b = backing_open(img->root, path, false, &why);
	return b ? add_named_file(img, b, index_out, err) : named_file_error(path, &why, err);
}

const struct backing *image_file(const struct image *img, uint32_t index)
{
	assert(index < img->disk->n_files);
	return img->disk->files[index];
}

int image_count_extents(struct image *img, size_t n, struct error *err)
{
	struct disk *d = img->disk;

	if (n > CHAIN_EXTENTS_MAX - d->n_extents)
		return error_set(err, ERR_UNSUPPORTED, "%zu extents, where the chain has %zu before it (at most %d together)", n,
				 d->n_extents, CHAIN_EXTENTS_MAX);
	d->n_extents += n;
	return 0;
}

int image_name_parent(struct image *img, size_t at, const char *name, struct error *err)
{
	size_t n = 0;
	char **v;

	if (!name || name[0] == '[' || !backing_name_is_foreign(name))
		return 0;
	while (img->parent_paths[n])
		n++;
	assert(at <= n);
	v = reallocarray(img->parent_paths, n + 2, sizeof(*v));
	if (!v)
		return error_errno(err, ENOMEM, "parent");
	img->parent_paths = v;
	memmove(v + at + 1, v + at, (n + 1 - at) * sizeof(*v));
	v[at] = strdup(name);
	if (v[at])
		return 0;
	memmove(v + at, v + at + 1, (n + 1 - at) * sizeof(*v));
	return error_errno(err, ENOMEM, "parent");
}

const struct cached *image_table_get(const struct image *img, uint32_t index, uint64_t off, struct error *err)
{
	return table_cache_get(img->disk->tables, image_file(img, index), index, off, err);
}

void image_table_put(const struct image *img, const struct cached *page)
{
	lru_cache_put(img->disk->tables, page);
}

int image_use_grains(struct image *img, struct error *err)
{
	struct disk *d = img->disk;

	if (!d->grains)
		d->grains = lru_cache_new(SIZE_MAX, DISK_GRAINS_LEN, err);
	if (d->grains && !d->inflaters)
		d->inflaters = inflate_pool_new(COMPRESSED_MAX, err);
	return d->grains && d->inflaters ? 0 : -1;
}

struct lru_cache *image_grains(const struct image *img)
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
	    (len < b->size && backing_read(b, ends + DISK_HEAD_LEN, len, b->size - len, err) < 0))
		return -1;
	in.head = ends;
	in.tail = len < b->size ? ends + DISK_HEAD_LEN : ends;
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
	img->verbatim = img->verbatim && !img->sealed; /* an archive's headers say where its members lie */
	img->info.virtual_size = img->size;
	return 0;
}

/* The search for a parent among its candidates. */
struct search {
	struct disk *disk;
	bool fold;            /* this time, whatever the case of names */
	char *first;          /* the first path that was looked for; owned */
	const char *unplaced; /* an absolute name that no datastore has; one of the candidates */
	struct error why;     /* what ended it */
	bool refused;         /* a name leads out: only what a datastore is known to have is looked at from there on */
};

static void cleanup_search(struct search *s)
{
	free(s->first);
}

/* The path of a candidate below the root; NULL: why says, or nothing tells where it lies. */
static char *place_candidate(struct search *s, const char *name)
{
	struct error why = ERROR_INIT;
	char *path = backing_root_translate(s->disk->root, name, &why);

	if (!path && why.code == ERR_NONE && name[0] != '[' && backing_name_is_foreign(name)) {
		s->unplaced = s->unplaced ? s->unplaced : name;
		return NULL;
	}
	if (!path && why.code == ERR_NONE && !s->refused) {
		path = strdup(name);
		if (!path)
			error_errno(&why, ENOMEM, "%s", name);
	}
	if (!path && why.code != ERR_NONE)
		s->why = why;
	return path;
}

/* A candidate's file, or NULL. */
static struct backing *open_candidate(struct search *s, const char *name)
{
	CLEANUP_FREE char *path = place_candidate(s, name);
	struct error why = ERROR_INIT;
	struct backing *b;

	if (path && s->fold) {
		char *spelled = backing_fold_case(s->disk->root, path, &why);

		free(path);
		path = spelled;
		if (why.code != ERR_NONE)
			s->why = why;
	}
	if (!path)
		return NULL;
	b = backing_open(s->disk->root, path, false, &why);
	if (!b && !is_missing(&why)) {
		s->refused = why.code == ERR_REFUSED;
		s->why = why;
	}
	if (!s->first)
		s->first = steal_ptr(&path);
	return b;
}

static int none_found(const struct search *s, struct error *err)
{
	if (!s->first)
		return error_set(err, ERR_CORRUPT, "'%.200s' lies in another datastore: --datastore NAME=DIR says where",
				 s->unplaced);
	if (s->unplaced)
		return error_set(err, ERR_CORRUPT,
				 "%s: no such file (its name is '%.200s': --datastore NAME=DIR says where that lies)",
				 s->first, s->unplaced);
	return error_set(err, ERR_CORRUPT, "%s: no such file", s->first);
}

/*
 * The first candidate that exists; another failure than "no such file" ends the search.  One exception: what Windows calls a
 * relative path may lead into another volume, out of the root; then the absolute name counts if the user says where it lies.
 */
static struct backing *find_parent(struct disk *d, const struct image *child, struct error *err)
{
	CLEANUP(cleanup_search) struct search s = { .disk = d };
	struct backing *b = NULL;

	for (int fold = 0; fold <= child->parent_fold_case && !b; fold++) {
		s.fold = fold;
		for (char *const *p = child->parent_paths; *p && !b && (s.why.code == ERR_NONE || s.refused); p++)
			b = open_candidate(&s, *p);
	}
	if (!b && s.why.code == ERR_NONE)
		none_found(&s, &s.why);
	if (!b && err)
		*err = s.why;
	return b;
}

/* Is the image that was found the parent?  What the user chose to overlook is said. */
static int check_parent(const struct image *child, const struct image *parent, bool unchecked, struct error *err)
{
	struct error why = ERROR_INIT;

	if (!child->ops->check_parent || child->ops->check_parent(child, parent, &why) == 0)
		return 0;
	if (why.code == ERR_MISMATCH && unchecked) {
		log_warn("disk", "%s: %s; read all the same, as asked for", child->info.path, why.msg);
		return 0;
	}
	if (why.code == ERR_MISMATCH)
		why.code = ERR_CORRUPT;
	if (err)
		*err = why;
	return chain_prefix(child, err);
}

/* Of an image that got as far as its parents' names and does not open. */
static void tell_parent(struct disk *d, const struct chain_options *opt)
{
	const struct image *img = d->n_images ? d->images[d->n_images - 1] : NULL;
	CLEANUP(cleanup_backing) struct backing *b = NULL;

	if (!opt->on_parent || !img || img->sealed || !img->parent_paths || !img->parent_paths[0])
		return;
	b = find_parent(d, img, NULL);
	if (b)
		opt->on_parent(opt->on_parent_ctx, b->path);
}

int chain_open(struct disk *d, struct backing *own, const struct disk_format_ops *ops, const struct chain_options *opt,
	       struct error *err)
{
	struct backing *b = own;
	struct image *child;

	for (;;) {
		child = d->n_images ? d->images[d->n_images - 1] : NULL;
		if (add_image(d, b, ops, opt, err) < 0) {
			tell_parent(d, opt);
			return child ? error_prefix(err, "%s: parent", child->info.path) : -1;
		}
		if (child && check_parent(child, d->images[d->n_images - 1], opt->unchecked_parents, err) < 0)
			return -1;
		child = d->images[d->n_images - 1];
		if (!child->parent_paths || !child->parent_paths[0])
			return 0;
		b = find_parent(d, child, err);
		if (!b)
			return error_prefix(err, "%s: parent", child->info.path);
		if (opt->on_parent)
			opt->on_parent(opt->on_parent_ctx, b->path);
	}
}

void chain_close(struct disk *d)
{
	while (d->n_images > 0)
		image_free(d->images[--d->n_images]);
	while (d->n_files > 0)
		backing_close(d->files[--d->n_files]);
	free(d->files);
	tdestroy(d->named_files, free);
}

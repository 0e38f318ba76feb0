/* SPDX-License-Identifier: Apache-2.0 */
/* What no configuration names. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "inventory/datastore_hyperv.h"
#include "inventory/datastore_names.h"
#include "inventory/datastore_pick.h"

/*
 * What an image and the snapshots' images above it belong to.  Hyper-V's checkpoints are .avhdx; a .vhdx with a parent is a
 * disk of its own, maybe another VM's.
 */
static const char *line_of(const struct datastore_image *image)
{
	for (size_t depth = 0; depth < image->chain_len; depth++) {
		const char *suffix = image->chain[depth] + datastore_stem_len(image->chain[depth]);

		if (strcasecmp(suffix, ".vhdx") == 0 || strcasecmp(suffix, ".vhd") == 0)
			return image->chain[depth];
	}
	return image->root;
}

/* ---- other branches of what is configured ---- */

/* A configured disk, once for its own place and once for its configuration's. */
struct branch {
	const char *line, *place;
	const struct datastore_image *image;
};

struct branches {
	struct branch *v;
	size_t n;
};

static int branch_order(const void *a, const void *b)
{
	const struct branch *x = a, *y = b;
	int rc = strcmp(x->line, y->line);

	return rc ? rc : datastore_hyperv_place_order(x->place, y->place);
}

static int find_branches(const struct configured_list *l, const struct picks *p, struct branches *out, struct error *err)
{
	out->v = calloc(2 * p->n + 1, sizeof(*out->v));
	if (!out->v)
		return error_errno(err, ENOMEM, "%zu disks", p->n);
	for (size_t i = 0; i < p->n; i++) {
		const struct datastore_image *image = p->v[i].image;

		if (!image || !image->chain)
			continue;
		out->v[out->n++] = (struct branch){ .line = line_of(image), .place = image->path, .image = image };
		out->v[out->n++] =
			(struct branch){ .line = line_of(image), .place = l->v[p->v[i].config].path, .image = image };
	}
	qsort(out->v, out->n, sizeof(*out->v), branch_order);
	return 0;
}

static bool has_in_chain(const struct datastore_image *image, const char *path)
{
	for (size_t depth = 1; depth < image->chain_len; depth++)
		if (strcmp(image->chain[depth], path) == 0)
			return true;
	return false;
}

/*
 * A snapshot of a configured disk that its VM does not use now: another branch, beside it.  A VM never writes to an image
 * that has a child, so a child of the very image that is configured tells of a configuration that is out of date.
 */
static bool is_other_branch(const struct branches *b, const struct datastore_image *image)
{
	struct branch want = { .place = image->path };
	const struct branch *found;

	if (!image->chain)
		return false;
	want.line = line_of(image);
	found = bsearch(&want, b->v, b->n, sizeof(*b->v), branch_order);
	if (found && has_in_chain(image, found->image->path))
		log_warn("inventory", "%s: left out: %s names its parent %s, which may be an old state of the disk",
			 image->path, found->image->configured_by, found->image->path);
	return found != NULL;
}

/* ---- parents of what does not open ---- */

/* What an image may be a snapshot of: all of that base name in its place. */
struct family {
	const char *path;
	const char *name;
	size_t len;
	const struct datastore_image *broken;
};

static int family_order(const void *a, const void *b)
{
	const struct family *x = a, *y = b;
	int rc = datastore_hyperv_place_order(x->path, y->path);

	if (rc == 0)
		rc = strncmp(x->name, y->name, x->len < y->len ? x->len : y->len);
	return rc ? rc : x->len < y->len ? -1 : x->len > y->len;
}

static struct family family_of(const struct datastore_image *image)
{
	size_t folder = datastore_folder_len(image->path), from = folder + (folder > 0);
	size_t base = datastore_base_len(image->path, datastore_stem_len(image->path));

	return (struct family){ .path = image->path, .name = image->path + from, .len = base - from, .broken = image };
}

static bool is_snapshot_name(const char *path)
{
	size_t stem = datastore_stem_len(path);

	return datastore_base_len(path, stem) < stem;
}

static void doubt(struct datastore_image *image, const struct datastore_image *broken, bool known)
{
	if (image->named || image->err.code != ERR_NONE || !image->leaf)
		return;
	error_set(&image->err, ERR_CORRUPT, "%s: %s the parent of %s, which does not open: what it holds may be an old state",
		  image->path, known ? "is" : "may be", broken->path);
}

/* An image that does not open has parents all the same: they are no disks, and must not be taken for its disk. */
static int doubt_parents(struct datastore *ds, struct error *err)
{
	CLEANUP_FREE struct family *v = calloc(ds->n_images + 1, sizeof(*v));
	size_t n = 0;

	if (!v)
		return error_errno(err, ENOMEM, "%zu images", ds->n_images);
	for (size_t i = 0; i < ds->n_images; i++) {
		struct datastore_image *image = &ds->images[i], *parent;

		if (image->chain || image->elsewhere)
			continue;
		parent = image->parent ? datastore_image_at(ds, image->parent) : NULL;
		if (parent && parent != image && datastore_same_place(parent->path, image->path))
			parent->leaf = false; /* what is wrong with the child is said of the child */
		else if (parent && parent != image)
			doubt(parent, image, true);
		else if (!image->parent && is_snapshot_name(image->path))
			v[n++] = family_of(image);
	}
	qsort(v, n, sizeof(*v), family_order);
	for (size_t i = 0; i < ds->n_images && n > 0; i++) {
		const struct family want = family_of(&ds->images[i]);
		const struct family *found = bsearch(&want, v, n, sizeof(*v), family_order);

		if (found)
			doubt(&ds->images[i], found->broken, false);
	}
	return 0;
}

/* ---- leaves ---- */

static int pick_order(const void *a, const void *b)
{
	const struct pick *const *x = a, *const *y = b;
	int rc = strcmp((*x)->image->root, (*y)->image->root);

	if (rc == 0)
		rc = datastore_hyperv_place_order((*x)->path, (*y)->path);
	return rc ? rc : strcmp((*x)->path, (*y)->path);
}

static void refuse_branch(struct pick *a, const struct pick *b)
{
	error_set(&a->err, ERR_CORRUPT, "%s: one of several leaves of %s (%s is another), and no "
		  "configuration says which is the disk: pick one with --include",
		  a->path, a->image->root, b->path);
}

/* Leaves of one root in one place: any of them may be the disk. */
static int refuse_branches(struct picks *p, size_t from, struct error *err)
{
	CLEANUP_FREE struct pick **v = calloc(p->n - from + 1, sizeof(*v));
	size_t n = 0;

	if (!v)
		return error_errno(err, ENOMEM, "%zu disks", p->n);
	for (size_t i = from; i < p->n; i++)
		if (p->v[i].image->chain)
			v[n++] = &p->v[i];
	qsort(v, n, sizeof(*v), pick_order);
	for (size_t first = 0, end; first < n; first = end) {
		for (end = first + 1; end < n && strcmp(v[end]->image->root, v[first]->image->root) == 0 &&
				      datastore_same_place(v[end]->path, v[first]->path);)
			end++;
		for (size_t i = first; end - first > 1 && i < end; i++)
			if (v[i]->err.code == ERR_NONE)
				refuse_branch(v[i], v[i == first ? first + 1 : first]);
	}
	return 0;
}

/* ---- the VMs of leaves ---- */

struct base {
	const char *path;
	size_t len;
};

static int base_order(const void *a, const void *b)
{
	const struct base *x = a, *y = b;
	int rc = strncmp(x->path, y->path, x->len < y->len ? x->len : y->len);

	return rc ? rc : x->len < y->len ? -1 : x->len > y->len;
}

static struct base base_of(const char *path)
{
	return (struct base){ .path = path, .len = datastore_base_len(path, datastore_stem_len(path)) };
}

static int name_leaf_vms(struct picks *p, size_t from, struct error *err)
{
	CLEANUP_FREE struct base *bases = calloc(p->n - from + 1, sizeof(*bases));
	size_t n = p->n - from;

	if (!bases)
		return error_errno(err, ENOMEM, "%zu disks", p->n);
	for (size_t i = 0; i < n; i++)
		bases[i] = base_of(p->v[from + i].path);
	qsort(bases, n, sizeof(*bases), base_order);
	for (size_t i = from; i < p->n; i++) {
		struct pick *pick = &p->v[i];
		size_t base = base_of(pick->path).len;
		unsigned number = 0;
		const struct base first = { .path = pick->path,
					    .len = datastore_disk_number(pick->path, base, &number) };

		/* Is there a disk NAME beside NAME_1?  Then they are of one VM. */
		if (number > 0 && bsearch(&first, bases, n, sizeof(*bases), base_order)) {
			base = first.len;
			pick->order = number;
		}
		free(pick->vm);
		pick->vm = strndup(pick->path, base);
		if (!pick->vm)
			return error_errno(err, ENOMEM, "%s", pick->path);
	}
	return 0;
}

/* ---- all of them ---- */

int datastore_pick_leaves(struct datastore *ds, const struct configured_list *l, struct picks *p, struct error *err)
{
	size_t n_configured = p->n;
	struct branches b = { 0 };
	int rc = doubt_parents(ds, err) < 0 || find_branches(l, p, &b, err) < 0 ? -1 : 0;

	for (size_t i = 0; i < ds->n_images && rc == 0; i++) {
		struct datastore_image *image = &ds->images[i];

		if (image->configured || image->elsewhere || !image->leaf || is_other_branch(&b, image))
			continue;
		if (!datastore_pick_add(p, image, image->path, image->path, 0, err))
			rc = -1;
	}
	free(b.v);
	if (rc < 0 || refuse_branches(p, n_configured, err) < 0)
		return -1;
	return name_leaf_vms(p, n_configured, err);
}

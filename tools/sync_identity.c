/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/log.h"
#include "output.h"
#include "replicate/identity.h"
#include "sync_identity.h"

static int no_memory(struct error *err)
{
	return error_errno(err, ENOMEM, "list of identities");
}

/* ---- what the target holds ---- */

struct replicas {
	struct identity_replica *v;
	size_t n, cap;
};

static void cleanup_replicas(struct replicas *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free((char *)r->v[i].name);
		free((char *)r->v[i].id);
	}
	free(r->v);
}

static int add_replica(void *ctx, const char *name, const struct target_look *look, struct error *err)
{
	struct replicas *r = ctx;
	const char *id = target_meta_get(&look->meta, "sourceid");
	struct identity_replica one;

	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 64;
		struct identity_replica *v = reallocarray(r->v, cap, sizeof(*v));

		if (!v)
			return no_memory(err);
		r->v = v;
		r->cap = cap;
	}
	one = (struct identity_replica){ .name = strdup(name), .id = strdup(id ? id : "") };
	r->v[r->n++] = one;
	return one.name && one.id ? 0 : no_memory(err);
}

static int by_name(const void *a, const void *b)
{
	const struct identity_replica *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* ---- what SOURCE holds ---- */

struct disks {
	struct identity_disk *v;
	size_t n;     /* those of the set come first, in its order */
	char **names; /* owned: of the others */
	size_t n_names;
	struct roots {
		const char **v; /* of all disks of a SOURCE, in byte order */
		size_t n;
	} *roots; /* one for each SOURCE */
	size_t n_roots;
};

static void cleanup_disks(struct disks *d)
{
	for (size_t i = 0; i < d->n_names; i++)
		free(d->names[i]);
	for (size_t i = 0; i < d->n_roots; i++)
		free(d->roots[i].v);
	free(d->roots);
	free(d->names);
	free(d->v);
}

static int text_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int list_roots(const struct datastore *store, struct roots *out, struct error *err)
{
	size_t most = 0;

	for (size_t i = 0; i < store->vms.n; i++)
		most += store->vms.v[i].n_disks;
	out->v = calloc(most + 1, sizeof(*out->v));
	if (!out->v)
		return no_memory(err);
	for (size_t i = 0; i < store->vms.n; i++)
		for (size_t k = 0; k < store->vms.v[i].n_disks; k++)
			out->v[out->n++] = store->vms.v[i].disks[k].root;
	qsort(out->v, out->n, sizeof(*out->v), text_order);
	return 0;
}

/* The disks of linked clones share a root, whose id tells none of them from another. */
static bool shares_root(const struct roots *roots, const char *root)
{
	const char **at = roots->n > 0 ? bsearch(&root, roots->v, roots->n, sizeof(*roots->v), text_order) : NULL;

	return at && ((at > roots->v && strcmp(at[-1], root) == 0) || (at + 1 < roots->v + roots->n && strcmp(at[1], root) == 0));
}

static const char *root_of(const struct datastore *store, const char *image)
{
	const struct datastore_image *at = datastore_image_at(store, image);

	return at ? at->root : image;
}

/* The name that the path of an image alone gives, as a disk's that is like no other's. */
static char *name_of_path(const struct sync_set *s, size_t at, const char *image, struct error *err)
{
	CLEANUP_FREE char *path = escape_name(image, err);
	char *dot = path ? strrchr(path, '.') : NULL, *name;

	if (!path)
		return NULL;
	if (dot && !strchr(dot, '/'))
		*dot = '\0';
	if (asprintf(&name, "%s%s.vhd", s->prefixes[at], path) < 0) {
		no_memory(err);
		return NULL;
	}
	return name;
}

static int add_here(struct disks *d, const struct sync_set *s, struct error *err)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct datastore *store = s->vms[i].store;

		for (size_t k = 0; k < s->runs[i].cycle.n; k++) {
			const struct cycle_disk *disk = &s->runs[i].cycle.disks[k];
			const char *root = root_of(store, disk->source_path);
			bool clone = shares_root(&d->roots[store - s->stores], root);
			char *place = name_of_path(s, (size_t)(store - s->stores), root, err);

			if (!place)
				return -1;
			d->names[d->n_names++] = place;
			d->v[d->n++] = (struct identity_disk){
				.name = disk->name,
				.place = place,
				.source = disk->source_path,
				.id = clone ? "" : disk->source_id,
				.no_id = !identity_is_id(disk->source_id),
				.here = true,
				.alone = store->single || store->archive_len > 0,
			};
		}
	}
	return 0;
}

/* An image of another SOURCE can be a disk of the set under that one's name. */
static bool is_in_set(const struct sync_set *s, const struct datastore *store, const struct vm_disk *disk)
{
	const struct datastore_image *image = s->n_stores > 1 ? datastore_image_at(store, disk->image) : NULL;

	for (size_t i = 0; image && image->files && i < s->n; i++) {
		const struct run_vm *run = &s->runs[i];

		for (size_t k = 0; k < run->cycle.n; k++) {
			const struct datastore_image *other = datastore_image_at(s->vms[i].store, run->cycle.disks[k].source_path);

			if (other && other->files && other->files[0].dev == image->files[0].dev &&
			    other->files[0].inode == image->files[0].inode && other->files[0].off == image->files[0].off)
				return true;
		}
	}
	return false;
}

static int add_other(struct disks *d, char *name, const char *source, const char *id, bool only_name, struct error *err)
{
	if (!name)
		return no_memory(err);
	d->names[d->n_names++] = name;
	d->v[d->n++] = (struct identity_disk){ .name = name, .source = source, .id = id, .only_name = only_name };
	return 0;
}

static char *join(const char *prefix, const char *name)
{
	char *whole;

	return asprintf(&whole, "%s%s", prefix, name) < 0 ? NULL : whole;
}

/* Also disks that the options leave out, or that cannot be replicated. */
static int add_disks(struct disks *d, const struct sync_set *s, size_t at, struct error *err)
{
	const struct datastore *store = &s->stores[at];

	for (size_t i = 0; i < store->vms.n; i++) {
		for (size_t k = 0; k < store->vms.v[i].n_disks; k++) {
			const struct vm_disk *disk = &store->vms.v[i].disks[k];
			bool known = disk->err.code == ERR_NONE && !shares_root(&d->roots[at], disk->root);

			if (!is_in_set(s, store, disk) &&
			    add_other(d, join(s->prefixes[at], disk->replica_name), disk->image, known ? disk->id : "", false, err) < 0)
				return -1;
		}
	}
	return 0;
}

/* Every image holds the name that its path gives, also one that is no VM's disk at present. */
static int add_images(struct disks *d, const struct sync_set *s, size_t at, struct error *err)
{
	const struct datastore *store = &s->stores[at];

	for (size_t i = 0; i < store->n_images; i++) {
		const struct datastore_image *image = &store->images[i];
		bool known = image->err.code == ERR_NONE && image->id && strcmp(image->root, image->path) == 0;
		char *name = name_of_path(s, at, image->path, err);

		if (!name)
			return -1;
		if (add_other(d, name, image->path, known ? image->id : "", true, err) < 0)
			return -1;
	}
	return 0;
}

static int collect(struct disks *d, const struct sync_set *s, struct error *err)
{
	size_t most = s->n_disks;

	for (size_t i = 0; i < s->n_stores; i++) {
		most += s->stores[i].n_images;
		for (size_t k = 0; k < s->stores[i].vms.n; k++)
			most += s->stores[i].vms.v[k].n_disks;
	}
	d->v = calloc(most + 1, sizeof(*d->v));
	d->names = calloc(most + 1, sizeof(*d->names)); /* places and names of others */
	d->roots = calloc(s->n_stores + 1, sizeof(*d->roots));
	if (!d->v || !d->names || !d->roots)
		return no_memory(err);
	for (; d->n_roots < s->n_stores; d->n_roots++)
		if (list_roots(&s->stores[d->n_roots], &d->roots[d->n_roots], err) < 0)
			return -1;
	if (add_here(d, s, err) < 0)
		return -1;
	for (size_t i = 0; i < s->n_stores; i++)
		if (add_disks(d, s, i, err) < 0 || add_images(d, s, i, err) < 0)
			return -1;
	return 0;
}

/* ---- what follows from it ---- */

static int apply_one(struct sync_set *s, size_t i, size_t k, const struct identity_disk *d, bool quiet, bool *refused,
		     struct error *err)
{
	switch (d->outcome) {
	case IDENTITY_OWN:
		return 0;
	case IDENTITY_COPY:
		if (!quiet)
			output_line(d->alone ? "%s: has the id of the replica %s; a new replica, since a folder alone tells whether it was renamed" :
					       "%s: has the id of %s, which is there too: a copy, with a replica of its own",
				    d->source, d->twin);
		return 0;
	case IDENTITY_FOLLOWS:
		if (!quiet)
			output_line(strcmp(d->place, d->replica) == 0 ?
					    "%s: goes on as %s, whose id it has: another image would take its name" :
					    "%s: goes on as %s, whose id it has: it was renamed or moved",
				    d->source, d->replica);
		return sync_set_rename(s, i, k, d->replica, err);
	case IDENTITY_REFUSED:
		*refused = true;
		return sync_set_refuse(s, i, k, &d->err, err);
	}
	return error_set(err, ERR_BUG, "identity %d", (int)d->outcome);
}

static int apply(struct sync_set *s, const struct disks *d, bool quiet, struct error *err)
{
	size_t at = 0;

	for (size_t i = 0; i < s->n; i++) {
		for (size_t k = 0; k < s->runs[i].cycle.n; at++) {
			bool refused = false;

			if (apply_one(s, i, k, &d->v[at], quiet, &refused, err) < 0)
				return -1;
			k += !refused;
		}
	}
	return 0;
}

static void mark_existing(struct sync_set *s, const struct replicas *r)
{
	for (size_t i = 0; i < s->n; i++) {
		for (size_t k = 0; k < s->runs[i].cycle.n; k++) {
			const struct identity_replica key = { .name = s->runs[i].cycle.disks[k].name };

			if (r->n > 0 && bsearch(&key, r->v, r->n, sizeof(*r->v), by_name))
				s->runs[i].cycle.disks[k].kind = CYCLE_DELTA;
		}
	}
}

int sync_identity_settle(struct sync_set *s, struct target *target, const struct sync_identity_options *opt,
			 struct sync_identity_found *out, struct error *err)
{
	CLEANUP(cleanup_replicas) struct replicas replicas = { 0 };
	CLEANUP(cleanup_disks) struct disks disks = { 0 };
	struct error why = ERROR_INIT;

	out->listed = target_list(target, add_replica, &replicas, &why) == 0;
	out->plain = out->listed;
	if (!out->listed) {
		log_info("sync", "cannot list the target to know what is there: %s", why.msg);
		return 0;
	}
	if (!opt->by_name) {
		if (collect(&disks, s, err) < 0 ||
		    identity_match(disks.v, disks.n, replicas.v, replicas.n, err) < 0 ||
		    apply(s, &disks, opt->quiet, err) < 0)
			return -1;
		for (size_t i = 0; i < disks.n; i++)
			out->plain = out->plain && (!disks.v[i].here || disks.v[i].outcome == IDENTITY_OWN);
	}
	mark_existing(s, &replicas);
	return 0;
}

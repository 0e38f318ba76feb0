/* SPDX-License-Identifier: Apache-2.0 */
/* The model: VMs and their disks. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "inventory/datastore_hyperv.h"
#include "inventory/datastore_named.h"
#include "inventory/datastore_names.h"
#include "inventory/datastore_pick.h"
#include "inventory/datastore_vms.h"

static int pick_order(const void *a, const void *b)
{
	const struct pick *x = a, *y = b;
	int rc = strcmp(x->vm, y->vm);

	if (rc == 0 && x->config != y->config)
		return x->config < y->config ? -1 : 1; /* a configuration's VM before leaves of the same name */
	if (rc == 0 && x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return rc ? rc : strcmp(x->path, y->path);
}

static int fill_disk(const struct pick *pick, char **name, struct vm_disk *out, struct error *err)
{
	const struct datastore_image *image = pick->image;

	out->image = strdup(pick->path);
	out->root = strdup(image ? image->root : pick->path);
	out->id = strdup(image && image->id ? image->id : "");
	out->replica_name = steal_ptr(name);
	out->virtual_size = image ? image->virtual_size : 0;
	out->allocated = image ? image->allocated : 0;
	out->err = pick->err;
	if (!out->image || !out->root || !out->id)
		return error_errno(err, ENOMEM, "%s", pick->path);
	if (!out->replica_name) {
		if (out->err.code == ERR_NONE)
			error_set(&out->err, ERR_USAGE, "%s: no name is left for its replica: others take both", pick->path);
		out->replica_name = strdup("");
	}
	return out->replica_name ? 0 : error_errno(err, ENOMEM, "%s", pick->path);
}

static int add_disk(struct vm *vm, const struct pick *pick, char **name, struct error *err)
{
	struct vm_disk *v = reallocarray(vm->disks, vm->n_disks + 1, sizeof(*v));

	if (!v)
		return error_errno(err, ENOMEM, "%s", pick->path);
	vm->disks = v;
	v[vm->n_disks] = (struct vm_disk){ 0 };
	return fill_disk(pick, name, &v[vm->n_disks++], err);
}

/* Is the leaf called as the root is, but for what a snapshot adds?  Then the chain is one VM's own. */
static bool same_disk_name(const char *leaf, const char *root)
{
	const char *root_name = root + datastore_folder_len(root) + (datastore_folder_len(root) > 0);
	size_t dir = datastore_folder_len(leaf) + (datastore_folder_len(leaf) > 0);
	size_t len = datastore_base_len(leaf, datastore_stem_len(leaf)) - dir;

	return len == datastore_stem_len(root_name) && strncmp(leaf + dir, root_name, len) == 0;
}

static void name_in_fini(struct datastore_name_in *in, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free((char *)in[i].leaf);
		free((char *)in[i].root);
	}
	free(in);
}

/* Roots of disks, sorted. */
static int root_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Of the sorted roots, does another one equal the one that `root` is one of? */
static bool is_shared(const char *const *roots, size_t n, const char *root)
{
	const char *const *at = bsearch(&root, roots, n, sizeof(*roots), root_order);

	return (at > roots && strcmp(at[-1], root) == 0) || (at + 1 < roots + n && strcmp(at[1], root) == 0);
}

static int fill_name_in(const struct datastore *ds, const struct pick *pick, const char *const *roots, size_t n_roots,
			struct datastore_name_in *in, struct error *err)
{
	const struct datastore_image *image = pick->image;
	const char *root = image ? image->root : pick->path;
	bool away = backing_root_datastore_len(ds->root, root, NULL) > 0 &&
		    backing_root_datastore_len(ds->root, pick->path, NULL) == 0;

	in->leaf = datastore_name_path(ds->root, pick->path, err);
	in->root = in->leaf ? datastore_name_path(ds->root, root, err) : NULL;
	if (!in->root)
		return -1;
	in->has_parent = image && strcmp(image->root, image->path) != 0;
	in->shares_root = (away && !same_disk_name(in->leaf, in->root)) || (image && is_shared(roots, n_roots, root));
	return 0;
}

static int make_names(const struct datastore *ds, const struct picks *p, char **names, struct error *err)
{
	struct datastore_name_in *in = calloc(p->n + 1, sizeof(*in));
	CLEANUP_FREE const char **roots = calloc(p->n + 1, sizeof(*roots));
	int rc = in && roots ? 0 : error_errno(err, ENOMEM, "names");
	size_t n_roots = 0;

	for (size_t i = 0; rc == 0 && i < p->n; i++)
		if (p->v[i].image)
			roots[n_roots++] = p->v[i].image->root;
	if (rc == 0)
		qsort(roots, n_roots, sizeof(*roots), root_order);
	for (size_t i = 0; rc == 0 && i < p->n; i++)
		rc = fill_name_in(ds, &p->v[i], roots, n_roots, &in[i], err);
	if (rc == 0)
		rc = datastore_names(in, p->n, names, err);
	name_in_fini(in, in ? p->n : 0);
	return rc;
}

static int label_vm(struct vm *vm, const struct configured *c, struct error *err)
{
	const char *slash = strrchr(vm->name, '/');
	const char *label = c && c->label ? c->label : slash ? slash + 1 : vm->name;

	vm->label = strdup(label);
	return vm->label ? 0 : error_errno(err, ENOMEM, "%s", vm->name);
}

static int make_vms(struct datastore *ds, struct picks *p, const struct configured_list *l, char **names,
		    struct error *err)
{
	struct vm *vm = NULL;

	ds->vms.v = calloc(p->n ? p->n : 1, sizeof(*ds->vms.v));
	if (!ds->vms.v)
		return error_errno(err, ENOMEM, "%zu disks", p->n);
	for (size_t i = 0; i < p->n; i++) {
		const struct pick *pick = &p->v[i];
		const struct configured *c = pick->config != SIZE_MAX ? &l->v[pick->config] : NULL;

		if (!vm || strcmp(vm->name, pick->vm) != 0 || p->v[i - 1].config != pick->config) {
			vm = &ds->vms.v[ds->vms.n++];
			vm->name = strdup(pick->vm);
			vm->config = c ? strdup(c->path) : NULL;
			vm->nth = c ? c->nth : 0;
			if (!vm->name || (c && !vm->config))
				return error_errno(err, ENOMEM, "%s", pick->path);
			if (label_vm(vm, c, err) < 0)
				return -1;
		}
		if (add_disk(vm, pick, &names[i], err) < 0)
			return -1;
	}
	return 0;
}

int datastore_find_vms(struct datastore *ds, struct error *err)
{
	CLEANUP(datastore_configured_fini) struct configured_list configured = { 0 };
	CLEANUP(datastore_picks_fini) struct picks p = { 0 };
	char **names = NULL;
	int rc = -1;

	if (ds->n_configs > 0 && datastore_hyperv_index(ds, err) < 0)
		return -1;
	if (datastore_pick_configured(ds, &configured, &p, err) < 0 || datastore_pick_leaves(ds, &configured, &p, err) < 0)
		return -1;
	if (p.n > 1)
		qsort(p.v, p.n, sizeof(*p.v), pick_order);
	names = calloc(p.n ? p.n : 1, sizeof(*names));
	if (!names)
		return error_errno(err, ENOMEM, "%zu disks", p.n);
	if (make_names(ds, &p, names, err) == 0)
		rc = make_vms(ds, &p, &configured, names, err);
	for (size_t i = 0; i < p.n; i++)
		free(names[i]);
	free(names);
	return rc;
}

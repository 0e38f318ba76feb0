/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "inventory/datastore_names.h"
#include "inventory/datastore_vms.h"
#include "inventory/vmx.h"

/* A disk while it is sorted into a VM; image NULL: a configuration names something that is not here. */
struct pick {
	struct datastore_image *image;
	char *path;        /* of the image, or what the configuration wrote */
	size_t config;     /* index into ds->configs, or SIZE_MAX */
	size_t order;      /* within its VM */
	char *vm;          /* the VM's name */
	struct error err;
};

struct picks {
	struct pick *v;
	size_t n, cap;
};

static void cleanup_picks(struct picks *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].path);
		free(p->v[i].vm);
	}
	free(p->v);
}

static struct pick *add_pick(struct picks *p, struct datastore_image *image, const char *path, const char *vm,
			     size_t vm_len, struct error *err)
{
	struct pick *pick;

	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 32;
		struct pick *v = reallocarray(p->v, cap, sizeof(*v));

		if (!v) {
			error_errno(err, ENOMEM, "%s", path);
			return NULL;
		}
		p->v = v;
		p->cap = cap;
	}
	pick = &p->v[p->n];
	*pick = (struct pick){ .image = image, .path = strdup(path), .vm = strndup(vm, vm_len), .config = SIZE_MAX };
	if (image)
		pick->err = image->err;
	if (!pick->path || !pick->vm) {
		free(pick->path);
		free(pick->vm);
		error_errno(err, ENOMEM, "%s", path);
		return NULL;
	}
	p->n++;
	return pick;
}

static const char *root_of(const struct datastore_image *image)
{
	return image->chain ? image->chain[image->chain_len - 1] : image->path;
}

static size_t folder_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

static bool same_folder(const char *a, const char *b)
{
	return folder_len(a) == folder_len(b) && strncmp(a, b, folder_len(a)) == 0;
}

static bool picked(const struct picks *p, const struct datastore_image *image)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].image == image)
			return true;
	return false;
}

/* ---- what configurations name ---- */

static void mark_configured(const struct datastore *ds, struct datastore_image *image)
{
	image->configured = true;
	for (size_t depth = 1; depth < image->chain_len; depth++) {
		struct datastore_image *parent = datastore_image_at(ds, image->chain[depth]);

		if (parent)
			parent->configured = true;
	}
}

static int pick_named(struct datastore *ds, size_t config, const char *file, size_t order, struct picks *p,
		      struct error *err)
{
	const char *config_path = ds->configs[config];
	bool elsewhere = file[0] == '/' || file[0] == '[';
	CLEANUP_FREE char *joined = backing_sibling(config_path, file, err);
	CLEANUP_FREE char *path = joined ? datastore_normalise(joined, err) : NULL;
	struct datastore_image *image;
	struct pick *pick;

	if (!path)
		return -1;
	elsewhere |= strncmp(path, "../", 3) == 0;
	image = elsewhere ? NULL : datastore_image_at(ds, path);
	if (image && picked(p, image)) {
		log_warn("inventory", "%s: names %s, which another configuration names too; it stays with that one",
			 config_path, path);
		return 0;
	}
	pick = add_pick(p, image, elsewhere ? file : path, config_path, datastore_stem_len(config_path), err);
	if (!pick)
		return -1;
	pick->config = config;
	pick->order = order;
	if (image)
		mark_configured(ds, image);
	else if (elsewhere)
		error_set(&pick->err, ERR_REFUSED, "%s: names the disk '%s', which lies outside SOURCE", config_path, file);
	else
		error_set(&pick->err, ERR_CORRUPT, "%s: names the disk '%s': no such image in SOURCE", config_path, path);
	return 0;
}

static int pick_configured(struct datastore *ds, size_t config, char **label, struct picks *p, struct error *err)
{
	const char *path = ds->configs[config];
	CLEANUP(cleanup_backing) struct backing *b = NULL;
	CLEANUP(cleanup_vmx) struct vmx vmx = { 0 };
	CLEANUP_FREE char *text = NULL;
	struct error why = ERROR_INIT;

	b = backing_open(ds->root, path, false, &why);
	text = b && b->size > 0 && b->size <= VMX_LEN_MAX ? malloc((size_t)b->size) : NULL;
	if (!b || !text || backing_read(b, text, (size_t)b->size, 0, &why) < 0 ||
	    vmx_parse(text, (size_t)b->size, &vmx, &why) < 0) {
		log_warn("inventory", "%s: not used: %s", path, why.code ? why.msg : "empty, or too long to be one");
		return 0;
	}
	*label = steal_ptr(&vmx.display_name);
	for (size_t i = 0; i < vmx.n_disks; i++)
		if (pick_named(ds, config, vmx.disks[i], i, p, err) < 0)
			return -1;
	return 0;
}

/* ---- what no configuration names ---- */

/* A snapshot of a configured disk that its VM does not use now: another branch, beside it. */
static bool is_other_branch(const struct datastore *ds, const struct picks *p, size_t n_configured,
			    const struct datastore_image *image)
{
	for (size_t i = 0; i < n_configured; i++) {
		const struct datastore_image *other = p->v[i].image;

		if (other && other->chain && image->chain && strcmp(root_of(other), root_of(image)) == 0 &&
		    (same_folder(other->path, image->path) || same_folder(ds->configs[p->v[i].config], image->path)))
			return true;
	}
	return false;
}

static int pick_leaves(struct datastore *ds, struct picks *p, struct error *err)
{
	size_t n_configured = p->n;

	for (size_t i = 0; i < ds->n_images; i++) {
		struct datastore_image *image = &ds->images[i];

		if (image->configured || !image->leaf || is_other_branch(ds, p, n_configured, image))
			continue;
		if (!add_pick(p, image, image->path, image->path, 0, err))
			return -1;
	}
	for (size_t i = n_configured; i < p->n; i++) {
		for (size_t k = n_configured; k < p->n; k++) {
			struct pick *a = &p->v[i], *b = &p->v[k];

			if (i == k || a->err.code || !a->image->chain || !b->image->chain ||
			    strcmp(root_of(a->image), root_of(b->image)) != 0 || !same_folder(a->path, b->path))
				continue;
			error_set(&a->err, ERR_CORRUPT, "%s: one of several leaves of %s (%s is another), and no "
				  "configuration says which is the disk: pick one with --include",
				  a->path, root_of(a->image), b->path);
		}
	}
	return 0;
}

/* Is there a disk NAME beside NAME_1?  Then they are of one VM. */
static bool has_first(const struct picks *p, size_t from, const char *path, size_t len)
{
	for (size_t i = from; i < p->n; i++) {
		size_t base = datastore_base_len(p->v[i].path, datastore_stem_len(p->v[i].path));

		if (base == len && strncmp(p->v[i].path, path, len) == 0)
			return true;
	}
	return false;
}

static int name_leaf_vms(struct picks *p, size_t from, struct error *err)
{
	for (size_t i = from; i < p->n; i++) {
		struct pick *pick = &p->v[i];
		size_t base = datastore_base_len(pick->path, datastore_stem_len(pick->path));
		unsigned number = 0;
		size_t first = datastore_disk_number(pick->path, base, &number);

		if (number > 0 && has_first(p, from, pick->path, first)) {
			base = first;
			pick->order = number;
		}
		free(pick->vm);
		pick->vm = strndup(pick->path, base);
		if (!pick->vm)
			return error_errno(err, ENOMEM, "%s", pick->path);
	}
	return 0;
}

/* ---- the model ---- */

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
	out->root = strdup(image ? root_of(image) : pick->path);
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

static int make_names(const struct picks *p, char **names, struct error *err)
{
	CLEANUP_FREE struct datastore_name_in *in = calloc(p->n ? p->n : 1, sizeof(*in));

	if (!in)
		return error_errno(err, ENOMEM, "names");
	for (size_t i = 0; i < p->n; i++) {
		const struct datastore_image *image = p->v[i].image;

		in[i].leaf = p->v[i].path;
		in[i].root = image ? root_of(image) : p->v[i].path;
		in[i].has_parent = image && image->chain_len > 1;
		for (size_t k = 0; k < p->n && !in[i].shares_root; k++)
			in[i].shares_root = k != i && image && p->v[k].image &&
					    strcmp(root_of(p->v[k].image), in[i].root) == 0;
	}
	return datastore_names(in, p->n, names, err);
}

static int label_vm(struct vm *vm, char **labels, const struct pick *first, struct error *err)
{
	const char *slash = strrchr(vm->name, '/');
	const char *label = first->config != SIZE_MAX && labels[first->config] ? labels[first->config] :
			    slash					 ? slash + 1 :
									   vm->name;

	vm->label = strdup(label);
	return vm->label ? 0 : error_errno(err, ENOMEM, "%s", vm->name);
}

static int make_vms(struct datastore *ds, struct picks *p, char **labels, char **names, struct error *err)
{
	struct vm *vm = NULL;

	ds->vms.v = calloc(p->n ? p->n : 1, sizeof(*ds->vms.v));
	if (!ds->vms.v)
		return error_errno(err, ENOMEM, "%zu disks", p->n);
	for (size_t i = 0; i < p->n; i++) {
		const struct pick *pick = &p->v[i];

		if (!vm || strcmp(vm->name, pick->vm) != 0 || p->v[i - 1].config != pick->config) {
			vm = &ds->vms.v[ds->vms.n++];
			vm->name = strdup(pick->vm);
			vm->config = pick->config != SIZE_MAX ? strdup(ds->configs[pick->config]) : NULL;
			if (!vm->name || (pick->config != SIZE_MAX && !vm->config))
				return error_errno(err, ENOMEM, "%s", pick->path);
			if (label_vm(vm, labels, pick, err) < 0)
				return -1;
		}
		if (add_disk(vm, pick, &names[i], err) < 0)
			return -1;
	}
	return 0;
}

int datastore_find_vms(struct datastore *ds, struct error *err)
{
	CLEANUP(cleanup_picks) struct picks p = { 0 };
	char **labels = calloc(ds->n_configs ? ds->n_configs : 1, sizeof(*labels)), **names = NULL;
	size_t n_configured;
	int rc = -1;

	if (!labels) {
		error_errno(err, ENOMEM, "%zu configurations", ds->n_configs);
		goto out;
	}
	for (size_t i = 0; i < ds->n_configs; i++)
		if (pick_configured(ds, i, &labels[i], &p, err) < 0)
			goto out;
	n_configured = p.n;
	if (pick_leaves(ds, &p, err) < 0 || name_leaf_vms(&p, n_configured, err) < 0)
		goto out;
	if (p.n > 1)
		qsort(p.v, p.n, sizeof(*p.v), pick_order);
	names = calloc(p.n ? p.n : 1, sizeof(*names));
	if (!names)
		error_errno(err, ENOMEM, "%zu disks", p.n);
	else if (make_names(&p, names, err) == 0)
		rc = make_vms(ds, &p, labels, names, err);
	for (size_t i = 0; names && i < p.n; i++)
		free(names[i]);
	free(names);
out:
	for (size_t i = 0; labels && i < ds->n_configs; i++)
		free(labels[i]);
	free(labels);
	return rc;
}

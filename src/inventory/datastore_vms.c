/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "inventory/datastore_archives.h"
#include "inventory/datastore_hyperv.h"
#include "inventory/datastore_named.h"
#include "inventory/datastore_names.h"
#include "inventory/datastore_vms.h"
#include "inventory/vm_config.h"

/* A VM that a configuration describes. */
struct configured {
	const char *path; /* of the configuration: one of ds->configs */
	char *name;       /* the VM's, as paths below the source */
	char *label;      /* or NULL */
};

struct configured_list {
	struct configured *v;
	size_t n;
};

static void cleanup_configured(struct configured_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].name);
		free(l->v[i].label);
	}
	free(l->v);
}

/* A disk while it is sorted into a VM; image NULL: a configuration names something that is not here. */
struct pick {
	struct datastore_image *image;
	char *path;        /* of the image, or what the configuration wrote */
	size_t config;     /* index into the configured VMs, or SIZE_MAX */
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

/* The same folder, or folders that Hyper-V keeps one VM in. */
static bool same_place(const char *a, const char *b)
{
	size_t len = datastore_hyperv_folder_len(a);

	return datastore_hyperv_folder_len(b) == len && strncmp(a, b, len) == 0;
}

/* ---- what configurations name ---- */

static void mark_one(struct datastore_image *image, const char *config)
{
	if (!image->configured)
		image->configured_by = config;
	image->configured = true;
}

static void mark_configured(const struct datastore *ds, struct datastore_image *image, const char *config)
{
	image->named = true;
	mark_one(image, config);
	for (size_t depth = 1; depth < image->chain_len; depth++) {
		struct datastore_image *parent = datastore_image_at(ds, image->chain[depth]);

		if (parent)
			mark_one(parent, config);
	}
}

static bool is_exported(const char *config)
{
	const struct vm_config_format *format = vm_config_format_of_path(config);

	return format && format->exported;
}

/* Two configurations of one VM, a .vmcx and an export beside it, say the same: no surprise. */
static bool is_named_by_its_own(const struct configured_list *l, const struct picks *p, const struct configured *vm,
				const struct datastore_image *image)
{
	for (size_t i = 0; i < p->n; i++) {
		const char *label = p->v[i].image == image ? l->v[p->v[i].config].label : NULL;

		if (label)
			return vm->label && strcmp(label, vm->label) == 0;
	}
	return false;
}

static int pick_named(struct datastore *ds, const struct configured_list *l, size_t config, const char *file, size_t order,
		      struct picks *p, struct error *err)
{
	const struct configured *vm = &l->v[config];
	struct error why = ERROR_INIT;
	CLEANUP_FREE char *path = NULL;
	struct datastore_image *image = datastore_named(ds, vm->path, file, &path, &why);
	struct pick *pick;

	if (why.code == ERR_NOMEM) {
		if (err)
			*err = why;
		return -1;
	}
	if (image && (image->named || (image->configured && image->configured_by != vm->path && is_exported(vm->path)))) {
		if (!is_named_by_its_own(l, p, vm, image))
			log_warn("inventory", "%s: names %s, which another configuration names too; it stays with that one",
				 vm->path, path);
		return 0;
	}
	pick = add_pick(p, image, path, vm->name, strlen(vm->name), err);
	if (!pick)
		return -1;
	pick->config = config;
	pick->order = order;
	if (image)
		mark_configured(ds, image, vm->path);
	else
		pick->err = why;
	return 0;
}

/* Where a label stands for the name of a file: its characters that would end a component, and what is no name at all. */
static void add_label(struct strbuf *b, const char *label)
{
	if (strcmp(label, ".") == 0 || strcmp(label, "..") == 0)
		strbuf_adds(b, "_");
	for (const char *c = label; *c; c++)
		strbuf_add(b, *c == '/' ? "_" : c, 1);
}

/*
 * What the VM is called: as its configuration's file, or, if that describes several or was named by Hyper-V, as people
 * call it, in that folder.
 */
static char *configured_name(const char *path, const struct vm_config *vm, bool only_one, struct error *err)
{
	const struct vm_config_format *format = vm_config_format_of_path(path);
	bool by_guid = format && format->hyperv && datastore_hyperv_is_guid_name(path);
	size_t folder = by_guid ? datastore_hyperv_folder_len(path) : folder_len(path);
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };

	if ((only_one && !by_guid && !(format && format->many)) || !vm->label || !*vm->label) {
		strbuf_add(&text, path, datastore_stem_len(path));
	} else {
		strbuf_add(&text, path, folder + (folder > 0));
		add_label(&text, vm->label);
	}
	return strbuf_take(&text, err);
}

static int add_configured(struct datastore *ds, const char *path, const struct vm_config *vm, bool only_one,
			  struct configured_list *l, struct picks *p, struct error *err)
{
	struct configured *v = reallocarray(l->v, l->n + 1, sizeof(*v)), *c;

	if (!v)
		return error_errno(err, ENOMEM, "%s", path);
	l->v = v;
	c = &v[l->n++];
	*c = (struct configured){ .path = path, .label = vm->label ? strdup(vm->label) : NULL };
	if (vm->label && !c->label)
		return error_errno(err, ENOMEM, "%s", path);
	c->name = configured_name(path, vm, only_one, err);
	if (!c->name)
		return -1;
	for (size_t i = 0; i < vm->n_disks; i++)
		if (pick_named(ds, l, l->n - 1, vm->disks[i], i, p, err) < 0)
			return -1;
	return 0;
}

int datastore_read_config(const struct datastore *ds, const char *path, struct vm_config_list *out, struct error *err)
{
	const struct vm_config_format *format = vm_config_format_of_path(path);
	CLEANUP(cleanup_backing) struct backing *b = NULL;
	CLEANUP_FREE char *text = NULL;

	if (format->hyperv && !format->many && datastore_hyperv_is_aside(path))
		return 0;
	b = backing_open(ds->root, path, false, err);
	if (!b)
		return -1;
	if (b->size == 0 || b->size > format->len_max)
		return error_set(err, ERR_CORRUPT, "%" PRIu64 " bytes long; 1 to %zu are read", b->size,
				 format->len_max);
	text = malloc((size_t)b->size + 1);
	if (!text)
		return error_errno(err, ENOMEM, "configuration");
	if (backing_read(b, text, (size_t)b->size, 0, err) < 0)
		return -1;
	text[b->size] = '\0';
	return format->parse(text, (size_t)b->size, out, err);
}

static int pick_configured(struct datastore *ds, const char *path, struct configured_list *l, struct picks *p,
			   struct error *err)
{
	CLEANUP(cleanup_vm_config_list) struct vm_config_list vms = { 0 };
	bool is_archive = datastore_is_archive(path);
	struct error why = ERROR_INIT;

	if ((is_archive ? datastore_read_archive(ds->root, path, &vms, &why) :
			  datastore_read_config(ds, path, &vms, &why)) < 0) {
		const struct vm_config_format *format = vm_config_format_of_path(path);

		if (is_archive) /* its image says why */
			return 0;
		log_warn("inventory", "%s: not used: %s%s%s", path, why.msg, format->instead ? "; " : "",
			 format->instead ? format->instead : "");
		return 0;
	}
	for (size_t i = 0; i < vms.n; i++)
		if (add_configured(ds, path, &vms.v[i], vms.n == 1, l, p, err) < 0)
			return -1;
	return 0;
}

/* ---- what no configuration names ---- */

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
	return root_of(image);
}

/* A snapshot of a configured disk that its VM does not use now: another branch, beside it. */
static bool is_other_branch(const struct configured_list *l, const struct picks *p, size_t n_configured,
			    const struct datastore_image *image)
{
	for (size_t i = 0; i < n_configured; i++) {
		const struct datastore_image *other = p->v[i].image;

		if (other && other->chain && image->chain && strcmp(line_of(other), line_of(image)) == 0 &&
		    (same_place(other->path, image->path) || same_place(l->v[p->v[i].config].path, image->path)))
			return true;
	}
	return false;
}

static int pick_leaves(struct datastore *ds, const struct configured_list *l, struct picks *p, struct error *err)
{
	size_t n_configured = p->n;

	for (size_t i = 0; i < ds->n_images; i++) {
		struct datastore_image *image = &ds->images[i];

		if (image->configured || image->elsewhere || !image->leaf || is_other_branch(l, p, n_configured, image))
			continue;
		if (!add_pick(p, image, image->path, image->path, 0, err))
			return -1;
	}
	for (size_t i = n_configured; i < p->n; i++) {
		for (size_t k = n_configured; k < p->n; k++) {
			struct pick *a = &p->v[i], *b = &p->v[k];

			if (i == k || a->err.code || !a->image->chain || !b->image->chain ||
			    strcmp(root_of(a->image), root_of(b->image)) != 0 || !same_place(a->path, b->path))
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

/* Is the leaf called as the root is, but for what a snapshot adds?  Then the chain is one VM's own. */
static bool same_disk_name(const char *leaf, const char *root)
{
	const char *root_name = root + folder_len(root) + (folder_len(root) > 0);
	size_t dir = folder_len(leaf) + (folder_len(leaf) > 0);
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

static int fill_name_in(const struct datastore *ds, const struct picks *p, size_t i, struct datastore_name_in *in,
			struct error *err)
{
	const struct datastore_image *image = p->v[i].image;
	const char *root = image ? root_of(image) : p->v[i].path;
	bool away = backing_root_datastore_len(ds->root, root, NULL) > 0 &&
		    backing_root_datastore_len(ds->root, p->v[i].path, NULL) == 0;

	in->leaf = datastore_name_path(ds->root, p->v[i].path, err);
	in->root = in->leaf ? datastore_name_path(ds->root, root, err) : NULL;
	if (!in->root)
		return -1;
	in->has_parent = image && image->chain_len > 1;
	in->shares_root = away && !same_disk_name(in->leaf, in->root);
	for (size_t k = 0; image && k < p->n && !in->shares_root; k++)
		in->shares_root = k != i && p->v[k].image && strcmp(root_of(p->v[k].image), root) == 0;
	return 0;
}

static int make_names(const struct datastore *ds, const struct picks *p, char **names, struct error *err)
{
	struct datastore_name_in *in = calloc(p->n ? p->n : 1, sizeof(*in));
	int rc = in ? 0 : error_errno(err, ENOMEM, "names");

	for (size_t i = 0; rc == 0 && i < p->n; i++)
		rc = fill_name_in(ds, p, i, &in[i], err);
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
	CLEANUP(cleanup_configured) struct configured_list configured = { 0 };
	CLEANUP(cleanup_picks) struct picks p = { 0 };
	char **names = NULL;
	size_t n_configured;
	int rc = -1;

	if (ds->n_configs > 0 && datastore_hyperv_index(ds, err) < 0)
		return -1;
	for (size_t i = 0; i < ds->n_configs; i++)
		if (!is_exported(ds->configs[i]) && pick_configured(ds, ds->configs[i], &configured, &p, err) < 0)
			return -1;
	for (size_t i = 0; i < ds->n_configs; i++)
		if (is_exported(ds->configs[i]) && pick_configured(ds, ds->configs[i], &configured, &p, err) < 0)
			return -1;
	n_configured = p.n;
	if (pick_leaves(ds, &configured, &p, err) < 0 || name_leaf_vms(&p, n_configured, err) < 0)
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

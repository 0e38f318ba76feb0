/* SPDX-License-Identifier: Apache-2.0 */
/* What configurations name. */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "inventory/datastore_archives.h"
#include "inventory/datastore_hyperv.h"
#include "inventory/datastore_named.h"
#include "inventory/datastore_names.h"
#include "inventory/datastore_pick.h"
#include "inventory/datastore_vms.h"
#include "inventory/vm_config.h"

static void mark_one(struct datastore_image *image, const char *config)
{
	if (!image->configured)
		image->configured_by = config;
	image->configured = true;
}

static void mark_configured(const struct datastore *ds, struct datastore_image *image, const struct configured_list *l,
			    size_t by)
{
	const char *config = l->v[by].path;

	image->named = true;
	image->named_by = by;
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

/*
 * Two configurations of one VM, in its folder or one of them an export, say the same: no surprise.  A label alone says
 * little: anybody may call a VM so.
 */
static bool is_named_by_its_own(const struct configured_list *l, const struct configured *vm,
				const struct datastore_image *image)
{
	const struct configured *by = image->named ? &l->v[image->named_by] : NULL;

	if (!by || !by->label || !vm->label || strcmp(by->label, vm->label) != 0)
		return false;
	return datastore_same_place(by->path, vm->path) || (is_exported(vm->path) && !is_exported(by->path));
}

/* One line of a configuration: thousands that name the same disks are not more of a surprise. */
static void refuse(struct configured *vm, const char *path)
{
	if (vm->n_refused++ == 0)
		log_warn("inventory", "%s: names %s, which another configuration names too; it stays with that one", vm->path,
			 path);
}

static int pick_named(struct datastore *ds, struct configured_list *l, size_t config, const char *file, size_t order,
		      struct picks *p, struct error *err)
{
	struct configured *vm = &l->v[config];
	struct error why = ERROR_INIT;
	CLEANUP_FREE char *path = NULL;
	struct datastore_image *image = datastore_named(ds, vm->path, file, &path, &why);
	struct pick *pick;

	if (why.code == ERR_NOMEM) {
		if (err)
			*err = why;
		return -1;
	}
	if (image &&
	    (image->named || (image->configured && image->configured_by != vm->path && is_exported(vm->path)))) {
		if (image->named && image->named_by == config)
			log_warn("inventory", "%s: names %s twice: it is one disk", vm->path, path);
		else if (!is_named_by_its_own(l, vm, image))
			refuse(vm, path);
		return 0;
	}
	pick = datastore_pick_add(p, image, path, vm->name, strlen(vm->name), err);
	if (!pick)
		return -1;
	pick->config = config;
	pick->order = order;
	if (image)
		mark_configured(ds, image, l, config);
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
	size_t folder = by_guid ? datastore_hyperv_folder_len(path) : datastore_folder_len(path);
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };

	if ((only_one && !by_guid && !(format && format->many)) || !vm->label || !*vm->label) {
		strbuf_add(&text, path, datastore_stem_len(path));
	} else {
		strbuf_add(&text, path, folder + (folder > 0));
		add_label(&text, vm->label);
	}
	return strbuf_take(&text, err);
}

static int add_configured(struct datastore *ds, const char *path, const struct vm_config_list *vms, size_t nth,
			  struct configured_list *l, struct picks *p, struct error *err)
{
	const struct vm_config *vm = &vms->v[nth];
	struct configured *v = reallocarray(l->v, l->n + 1, sizeof(*v)), *c;

	if (!v)
		return error_errno(err, ENOMEM, "%s", path);
	l->v = v;
	c = &v[l->n++];
	*c = (struct configured){ .path = path, .label = vm->label ? strdup(vm->label) : NULL, .nth = nth };
	if (vm->label && !c->label)
		return error_errno(err, ENOMEM, "%s", path);
	c->name = configured_name(path, vm, vms->n == 1, err);
	if (!c->name)
		return -1;
	for (size_t i = 0; i < vm->n_disks; i++)
		if (pick_named(ds, l, l->n - 1, vm->disks[i], i, p, err) < 0)
			return -1;
	c = &l->v[l->n - 1];
	if (c->n_refused > 1)
		log_warn("inventory", "%s: %zu more of its disks stay with other configurations", path, c->n_refused - 1);
	return 0;
}

/* *text NULL: it lies aside. */
static int read_text(const struct datastore *ds, const char *path, const struct vm_config_format *format, char **text,
		     size_t *len, struct error *err)
{
	CLEANUP(cleanup_backing) struct backing *b = NULL;
	CLEANUP_FREE char *bytes = NULL;

	*text = NULL;
	if (format->hyperv && !format->many && datastore_hyperv_is_aside(path))
		return 0;
	b = backing_open(ds->root, path, false, err);
	if (!b)
		return -1;
	if (b->size == 0 || b->size > format->len_max)
		return error_set(err, ERR_CORRUPT, "%" PRIu64 " bytes long; 1 to %zu are read", b->size,
				 format->len_max);
	bytes = malloc((size_t)b->size + 1);
	if (!bytes)
		return error_errno(err, ENOMEM, "configuration");
	if (backing_read(b, bytes, (size_t)b->size, 0, err) < 0)
		return -1;
	bytes[b->size] = '\0';
	*len = (size_t)b->size;
	*text = steal_ptr(&bytes);
	return 0;
}

int datastore_read_config(const struct datastore *ds, const char *path, struct vm_config_list *out, struct error *err)
{
	const struct vm_config_format *format = vm_config_format_of_path(path);
	CLEANUP_FREE char *text = NULL;
	size_t len = 0;

	if (read_text(ds, path, format, &text, &len, err) < 0)
		return -1;
	return text ? format->parse(text, len, out, err) : 0;
}

int datastore_describe_config(const struct datastore *ds, const char *path, struct machine_list *out, struct error *err)
{
	const struct vm_config_format *format = vm_config_format_of_path(path);
	CLEANUP_FREE char *text = NULL;
	size_t len = 0;

	if (!format)
		return datastore_describe_archive(ds->root, path, out, err);
	if (!format->describe)
		return 0;
	if (read_text(ds, path, format, &text, &len, err) < 0)
		return -1;
	return text ? format->describe(text, len, out, err) : 0;
}

static int read_one(struct datastore *ds, const char *path, struct configured_list *l, struct picks *p,
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
		if (add_configured(ds, path, &vms, i, l, p, err) < 0)
			return -1;
	return 0;
}


int datastore_pick_configured(struct datastore *ds, struct configured_list *l, struct picks *p, struct error *err)
{
	for (size_t i = 0; i < ds->n_configs; i++)
		if (!is_exported(ds->configs[i]) && read_one(ds, ds->configs[i], l, p, err) < 0)
			return -1;
	for (size_t i = 0; i < ds->n_configs; i++)
		if (is_exported(ds->configs[i]) && read_one(ds, ds->configs[i], l, p, err) < 0)
			return -1;
	return 0;
}

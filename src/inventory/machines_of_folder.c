/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "inventory/datastore.h"
#include "inventory/datastore_archives.h"
#include "inventory/datastore_hyperv.h"
#include "inventory/datastore_names.h"
#include "inventory/datastore_vms.h"
#include "inventory/inventory.h"
#include "inventory/machine_describe.h"
#include "inventory/machines_of_folder.h"
#include "inventory/machines_of_images.h"
#include "inventory/text_index.h"
#include "inventory/vm_config.h"

/* A VM that the datastore has. */
struct known {
	const struct vm *vm;
	bool taken;
};

struct folder {
	struct datastore ds;
	struct machine_list *out;
	struct cancel *cancel;
	struct known *known;      /* sorted by their configurations' paths; those of none at the end */
	const char *only;         /* the one configuration that is asked for; NULL: all that there are */
	struct text_index owners; /* by configuration: its machines that have disks, by their places in out */
};

static void folder_fini(struct folder *f)
{
	datastore_fini(&f->ds);
	free(f->known);
	text_index_fini(&f->owners);
}

/* ---- which of the VMs described are VMs ---- */

static int known_order(const void *a, const void *b)
{
	const struct vm *x = ((const struct known *)a)->vm, *y = ((const struct known *)b)->vm;
	int rc;

	if (!x->config || !y->config)
		return (x->config ? 0 : 1) - (y->config ? 0 : 1);
	rc = strcmp(x->config, y->config);
	return rc ? rc : x->nth < y->nth ? -1 : x->nth > y->nth;
}

static int find_known(struct folder *f, struct error *err)
{
	f->known = calloc(f->ds.vms.n + 1, sizeof(*f->known));
	if (!f->known)
		return error_errno(err, ENOMEM, "%zu machines", f->ds.vms.n);
	for (size_t i = 0; i < f->ds.vms.n; i++)
		f->known[i].vm = &f->ds.vms.v[i];
	qsort(f->known, f->ds.vms.n, sizeof(*f->known), known_order);
	return 0;
}

static struct known *known_at(const struct folder *f, const char *config, size_t nth)
{
	const struct vm vm = { .config = (char *)config, .nth = nth };
	const struct known want = { .vm = &vm };

	return bsearch(&want, f->known, f->ds.vms.n, sizeof(want), known_order);
}

static bool names_disks(const struct machine *m)
{
	for (size_t i = 0; i < m->n_disks; i++)
		if (m->disks[i].path)
			return true;
	return false;
}

/* ---- machines ---- */

/* Moves the machine to the end of out; what is left of it in its own list is to be freed there. */
static int move(struct folder *f, struct machine *m, struct error *err)
{
	struct machine *to = machine_add(f->out, m->name, m->origin, err), was;

	if (!to)
		return -1;
	was = *to;
	*to = *m;
	*m = was;
	return 0;
}

static int name_machine(struct machine *m, const char *config, struct error *err)
{
	const char *slash = strrchr(config, '/'), *base = slash ? slash + 1 : config;
	CLEANUP_FREE char *stem = strndup(base, datastore_stem_len(base));

	if (!stem)
		return error_errno(err, ENOMEM, "%s", config);
	if (!*m->name) {
		free(m->name);
		m->name = steal_ptr(&stem);
	}
	if (machine_set(&m->path, config, err) < 0)
		return -1;
	free(m->origin);
	m->origin = strdup(config);
	return m->origin ? 0 : error_errno(err, ENOMEM, "%s", config);
}

static bool same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* Whose disks are these?  NULL: of no machine that is called so. */
static struct machine *find_owner(const struct folder *f, const struct machine *m)
{
	for (size_t i = 0; i < m->n_disks; i++) {
		const struct datastore_image *image =
			m->disks[i].path ? datastore_image_at(&f->ds, m->disks[i].path) : NULL;
		size_t at = image && image->configured_by ? text_index_first(&f->owners, image->configured_by) : TEXT_INDEX_NONE;
		struct machine *owner = at != TEXT_INDEX_NONE ? &f->out->v[at] : NULL;

		if (owner && (same(owner->uuid, m->uuid) ||
			      (strcmp(owner->name, m->name) == 0 && !(owner->uuid && m->uuid))))
			return owner;
	}
	return NULL;
}

/* That it lies elsewhere is no contradiction. */
static int take_spare(struct folder *f, struct machine *m, struct error *err)
{
	struct machine *owner = find_owner(f, m);

	if (owner)
		return machine_set(&m->path, NULL, err) < 0 ? -1 : inventory_complete(owner, m, err);
	machine_notice(&f->out->notices, "%s: '%.64s' names only disks of other machines: left out", m->origin, m->name);
	return 0;
}

static int take_machine(struct folder *f, const char *config, size_t nth, struct machine *m, struct error *err)
{
	struct known *known = known_at(f, config, nth);
	bool disks = names_disks(m);

	if (known)
		known->taken = true;
	if (name_machine(m, config, err) < 0 || machine_fill_disks(m, &f->ds, config, err) < 0)
		return -1;
	return known || !disks ? move(f, m, err) : take_spare(f, m, err);
}

static int take_config(struct folder *f, const char *config, struct error *err)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { 0 };
	struct error why = ERROR_INIT;

	if (f->only && strcmp(config, f->only) != 0)
		return 0;
	if (cancel_check(f->cancel, err) < 0)
		return -1;
	if (datastore_describe_config(&f->ds, config, &l, &why) < 0) {
		if (why.code == ERR_NOMEM)
			return error_errno(err, ENOMEM, "%s", config);
		if (!datastore_is_archive(config)) /* its image says why */
			machine_notice(&f->out->notices, "%s: not used: %s", config, why.msg);
		return 0;
	}
	for (size_t i = 0; i < l.notices.n; i++)
		machine_notice(&f->out->notices, "%s: %s", config, l.notices.v[i]);
	f->out->notices.beyond += l.notices.beyond;
	for (size_t i = 0; i < l.n; i++)
		if (take_machine(f, config, i, &l.v[i], err) < 0)
			return -1;
	return 0;
}

static bool is_export(const char *config)
{
	const struct vm_config_format *format = vm_config_format_of_path(config);

	return !format || format->exported;
}

/* Those that a VM has of its own come first: what an export says goes with them. */
static int take_configs(struct folder *f, struct error *err)
{
	size_t first = f->out->n;

	for (size_t i = 0; i < f->ds.n_configs; i++)
		if (!is_export(f->ds.configs[i]) && take_config(f, f->ds.configs[i], err) < 0)
			return -1;
	for (size_t i = first; i < f->out->n; i++)
		if (text_index_add(&f->owners, f->out->v[i].path, i, err) < 0)
			return -1;
	text_index_sort(&f->owners);
	for (size_t i = 0; i < f->ds.n_configs; i++)
		if (is_export(f->ds.configs[i]) && take_config(f, f->ds.configs[i], err) < 0)
			return -1;
	return 0;
}

/* ---- all ---- */

static int take_all(struct folder *f, struct error *err)
{
	const struct datastore_options opt = { .cancel = f->cancel };
	size_t first = f->out->n;

	if (datastore_scan(&f->ds, &opt, err) < 0 || find_known(f, err) < 0 || take_configs(f, err) < 0)
		return -1;
	for (size_t i = 0; i < f->ds.vms.n && !f->only; i++)
		if (!f->known[i].taken && machine_of_vm(f->known[i].vm, &f->ds, f->out, err) < 0)
			return -1;
	for (size_t i = first; i < f->out->n; i++)
		if (machine_show_paths(&f->out->v[i], err) < 0)
			return -1;
	return 0;
}

int machines_of_folder(const char *path, struct cancel *cancel, struct machine_list *out, struct error *err)
{
	CLEANUP(folder_fini) struct folder f = { .out = out, .cancel = cancel };
	const struct datastore_options opt = { .cancel = cancel };

	if (datastore_find(path, &opt, &f.ds, err) < 0)
		return -1;
	return take_all(&f, err);
}

bool machines_are_in_file(const char *path)
{
	return vm_config_format_of_path(path) || datastore_is_archive(path);
}

/* Hyper-V keeps a VM's images beside the folder of its configuration: what is read is the folder above both. */
static int find_hyperv(const char *path, struct folder *f, struct error *err)
{
	const struct datastore_options opt = { .cancel = f->cancel };
	CLEANUP_FREE char *whole = realpath(path, NULL);
	size_t place;

	if (!whole)
		return error_errno(err, errno, "%s", path);
	place = datastore_hyperv_folder_len(whole);
	if (place == 0) /* directly below "/" */
		return datastore_find_named(path, &opt, &f->ds, err);
	whole[place] = '\0';
	if (datastore_find(whole, &opt, &f->ds, err) < 0)
		return -1;
	for (size_t i = 0; i < f->ds.n_configs && !f->only; i++)
		if (strcmp(f->ds.configs[i], whole + place + 1) == 0)
			f->only = f->ds.configs[i];
	return f->only ? 0 : error_set(err, ERR_CORRUPT, "%s: describes no virtual machine", path);
}

static int find_file(const char *path, struct folder *f, struct error *err)
{
	const struct vm_config_format *format = vm_config_format_of_path(path);
	const struct datastore_options opt = { .cancel = f->cancel };

	if (datastore_is_archive(path))
		return datastore_find(path, &opt, &f->ds, err);
	if (format && format->hyperv && !format->exported)
		return find_hyperv(path, f, err);
	return datastore_find_named(path, &opt, &f->ds, err);
}

int machines_of_file(const char *path, struct cancel *cancel, struct machine_list *out, struct error *err)
{
	CLEANUP(folder_fini) struct folder f = { .out = out, .cancel = cancel };
	size_t first = out->n;

	if (find_file(path, &f, err) < 0 || take_all(&f, err) < 0)
		return -1;
	if (out->n == first)
		return error_set(err, ERR_CORRUPT, "%s: describes no virtual machine", path);
	return 0;
}

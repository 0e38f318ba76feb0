/* SPDX-License-Identifier: Apache-2.0 */
/* The VMs and disks of a folder of images. */
#include <config.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "document.h"
#include "inventory/datastore.h"
#include "inventory/disk_info.h"
#include "list.h"
#include "sync_report.h"

/* An image that is nobody's parent and no VM's disk: a snapshot that a configuration left behind, mostly. */
static bool is_unused(const struct datastore *ds, const struct datastore_image *image)
{
	if (!image->leaf || image->elsewhere)
		return false;
	for (size_t i = 0; i < ds->vms.n; i++)
		for (size_t k = 0; k < ds->vms.v[i].n_disks; k++)
			if (strcmp(ds->vms.v[i].disks[k].image, image->path) == 0)
				return false;
	return true;
}

static uint64_t data_of(const struct vm *vm)
{
	uint64_t data = 0;

	for (size_t i = 0; i < vm->n_disks; i++)
		data += vm->disks[i].allocated;
	return data;
}

static int larger_first(const void *a, const void *b)
{
	const struct vm *const *x = a, *const *y = b;
	uint64_t data_x = data_of(*x), data_y = data_of(*y);

	return data_x != data_y ? (data_x < data_y ? 1 : -1) : strcmp((*x)->name, (*y)->name);
}

/* What takes longest is begun first: a fleet that works through the list is done sooner. */
static int print_plain(const struct datastore *ds, struct error *err)
{
	CLEANUP_FREE const struct vm **vms = calloc(ds->vms.n ? ds->vms.n : 1, sizeof(*vms));

	if (!vms)
		return error_set(err, ERR_NOMEM, "no memory for a list of VMs");
	for (size_t i = 0; i < ds->vms.n; i++)
		vms[i] = &ds->vms.v[i];
	qsort(vms, ds->vms.n, sizeof(*vms), larger_first);
	for (size_t i = 0; i < ds->vms.n; i++) {
		CLEANUP_FREE char *name = disk_info_escape(vms[i]->name, err);

		if (!name)
			return -1;
		printf("%s\n", name);
	}
	return 0;
}

/* ---- table ---- */

/* Of what cannot be opened no size is known. */
static void format_known(uint64_t bytes, char out[FORMAT_TEXT_LEN])
{
	if (bytes > 0)
		format_size(bytes, out);
	else
		snprintf(out, FORMAT_TEXT_LEN, "-");
}

static int disk_row(struct table *table, const struct vm *vm, const struct vm_disk *d, bool first, struct error *err)
{
	CLEANUP_FREE char *name = disk_info_escape(vm->name, err);
	CLEANUP_FREE char *image = disk_info_escape(d->image, err);
	char size[FORMAT_TEXT_LEN], data[FORMAT_TEXT_LEN], note[2 * ERROR_MSG_MAX] = "";
	const char *cells[] = { first ? name : "", image, d->replica_name, size, data, note };

	if (!name || !image)
		return -1;
	format_known(d->virtual_size, size);
	format_known(d->allocated, data);
	if (d->err.code != ERR_NONE)
		snprintf(note, sizeof(note), "ERROR: %s", d->err.msg);
	else if (!vm->config)
		snprintf(note, sizeof(note), "no configuration");
	if (table_row(table, cells, ARRAY_LEN(cells), err) < 0)
		return -1;
	return d->err.code != ERR_NONE ? table_mark(table, err) : 0;
}

static int unused_row(struct table *table, const struct datastore_image *image, struct error *err)
{
	CLEANUP_FREE char *path = disk_info_escape(image->path, err);
	char size[FORMAT_TEXT_LEN], data[FORMAT_TEXT_LEN];
	const char *cells[] = { "-", path, "-", size, data,
				image->err.code != ERR_NONE ? image->err.msg : "no configuration names it" };

	if (!path)
		return -1;
	format_known(image->virtual_size, size);
	format_known(image->allocated, data);
	return table_row(table, cells, ARRAY_LEN(cells), err);
}

static int print_table(const struct datastore *ds, enum output_when color, struct error *err)
{
	static const char *const headings[] = { "VM", "IMAGE", "REPLICA", "SIZE", "ON DISK", "NOTE" };
	CLEANUP(cleanup_table) struct table *table = table_new(color, err);

	if (!table)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(headings); i++)
		if (table_column(table, headings[i], i == 3 || i == 4, err) < 0)
			return -1;
	for (size_t i = 0; i < ds->vms.n; i++)
		for (size_t k = 0; k < ds->vms.v[i].n_disks; k++)
			if (disk_row(table, &ds->vms.v[i], &ds->vms.v[i].disks[k], k == 0, err) < 0)
				return -1;
	for (size_t i = 0; i < ds->n_images; i++)
		if (is_unused(ds, &ds->images[i]) && unused_row(table, &ds->images[i], err) < 0)
			return -1;
	return table_print(table, err);
}

/* ---- JSON ---- */

static json_t *name_or_null(const char *name, struct error *err)
{
	return name ? disk_info_name(name, err) : json_null();
}

static json_t *disk_json(const struct vm_disk *d, struct error *err)
{
	json_t *image = disk_info_name(d->image, err), *id = image ? disk_info_name(d->id, err) : NULL;
	int status = error_exit_status(&d->err);

	if (!id) {
		json_decref(image);
		return NULL;
	}
	return json_pack("{s:o, s:s, s:o, s:I, s:I, s:o}", "image", image, "name", d->replica_name, "id", id,
			 "virtual_size", (json_int_t)d->virtual_size, "allocated", (json_int_t)d->allocated, "error",
			 sync_report_error(&d->err, status));
}

static json_t *vm_json(const struct vm *vm, struct error *err)
{
	CLEANUP(cleanup_json) json_t *disks = json_array();
	CLEANUP(cleanup_json) json_t *name = disk_info_name(vm->name, err);
	CLEANUP(cleanup_json) json_t *label = name ? disk_info_name(vm->label, err) : NULL;
	CLEANUP(cleanup_json) json_t *config = label ? name_or_null(vm->config, err) : NULL;

	if (!config)
		return NULL;
	for (size_t i = 0; i < vm->n_disks; i++) {
		json_t *disk = disk_json(&vm->disks[i], err);

		if (!disk || json_array_append_new(disks, disk) != 0)
			return NULL;
	}
	return json_pack("{s:O, s:O, s:O, s:O}", "name", name, "label", label, "configuration", config, "disks", disks);
}

static json_t *unused_json(const struct datastore *ds, struct error *err)
{
	CLEANUP(cleanup_json) json_t *unused = json_array();

	for (size_t i = 0; i < ds->n_images; i++) {
		json_t *path;

		if (!is_unused(ds, &ds->images[i]))
			continue;
		path = disk_info_name(ds->images[i].path, err);
		if (!path || json_array_append_new(unused, path) != 0)
			return NULL;
	}
	return steal_ptr(&unused);
}

static int print_json(const struct datastore *ds, const char *path, struct error *err)
{
	CLEANUP(cleanup_json) json_t *doc = NULL;
	CLEANUP(cleanup_json) json_t *vms = json_array();
	json_t *source, *unused;

	for (size_t i = 0; i < ds->vms.n; i++) {
		json_t *vm = vm_json(&ds->vms.v[i], err);

		if (!vm || json_array_append_new(vms, vm) != 0)
			return err && err->code ? -1 : error_set(err, ERR_NOMEM, "no memory for a JSON document");
	}
	source = disk_info_name(path, err);
	unused = source ? unused_json(ds, err) : NULL;
	doc = unused ? json_pack("{s:i, s:o, s:O, s:o}", "schema", 1, "source", source, "vms", vms, "unused", unused) :
		       NULL;
	if (!doc)
		return err && err->code ? -1 : error_set(err, ERR_NOMEM, "no memory for a JSON document");
	return document_print(doc, err);
}

int list_source(const struct tool *t, const struct list_options *o, const char *path, struct error *err)
{
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };
	const struct datastore_options opt = {
		.one_file_system = o->one_file_system,
		.datastores = o->datastores.v,
		.n_datastores = o->datastores.n,
		.cancel = o->cancel,
	};

	if (datastore_find(path, &opt, &ds, err) < 0 || datastore_scan(&ds, &opt, err) < 0)
		return -1;
	if (t->common.json)
		return print_json(&ds, path, err);
	return o->plain ? print_plain(&ds, err) : print_table(&ds, t->common.color, err);
}

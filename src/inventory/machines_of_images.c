/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "disk/backing.h"
#include "disk/vmdk_raw_map.h"
#include "inventory/datastore_named.h"
#include "inventory/machine_describe.h"
#include "inventory/machine_look.h"
#include "inventory/machines_of_images.h"
#include "inventory/vm_config.h"

/* Of a path of this host or another. */
static const char *base_of(const char *path)
{
	for (const char *p = path; *p; p++)
		if (*p == '/' || *p == '\\')
			path = p + 1;
	return path;
}

/* The first one stays. */
static int set_error(struct machine_disk *d, const char *why, struct error *err)
{
	struct machine_notices none = { 0 };

	return d->error ? 0 : describe_text(&none, "error", why, &d->error, err);
}

/* A device behind a descriptor: known by that alone, as none of them opens. */
static int take_raw_map(const struct datastore *ds, const struct datastore_image *image, struct machine_disk *d,
			struct error *err)
{
	struct error why = ERROR_INIT;
	CLEANUP(cleanup_backing) struct backing *b = NULL;
	CLEANUP_FREE char *text = NULL;
	struct vmdk_raw_map map;

	if (image->err.code != ERR_UNSUPPORTED || !image->format || strcmp(image->format, "vmdk") != 0)
		return 0;
	b = backing_open(ds->root, image->path, false, &why);
	if (!b || b->size > VMDK_RAW_MAP_MAX)
		return 0;
	text = malloc((size_t)b->size + 1);
	if (!text)
		return error_errno(err, ENOMEM, "%s", image->path);
	if (backing_read(b, text, (size_t)b->size, 0, &why) < 0 || !vmdk_raw_map(text, (size_t)b->size, &map))
		return 0;
	d->raw = true;
	if (map.bytes > 0)
		d->capacity_mib = machine_mib(map.bytes);
	return machine_set(&d->raw_mode, map.mode, err);
}

static int take_image(const struct datastore *ds, const struct datastore_image *image, struct machine *m,
		      struct machine_disk *d, struct error *err)
{
	if (image->chain) {
		d->capacity_mib = machine_mib(image->virtual_size);
		d->allocated_mib = machine_mib(image->allocated);
		d->chain = (unsigned)image->chain_len;
		m->snapshot = m->snapshot || image->chain_len > 1;
		d->image = machine_image_new(ds->root, image->path, image->virtual_size, &image->files[0], err);
		if (!d->image)
			return -1;
	} else if (take_raw_map(ds, image, d, err) < 0) {
		return -1;
	}
	if (image->err.code != ERR_NONE && !d->raw && set_error(d, image->err.msg, err) < 0)
		return -1;
	return machine_set(&d->path, image->path, err);
}

/* There is no image: that matters only if nobody else knows its size. */
static int take_missing(struct machine_disk *d, const char *config, const struct error *why, struct error *err)
{
	const struct vm_config_format *format = vm_config_format_of_path(config);
	char text[512];

	if (format && format->hyperv && why->code == ERR_UNSUPPORTED)
		d->raw = true; /* a disk of the host: its name is no image's */
	if (d->raw || d->capacity_mib.known)
		return 0;
	snprintf(text, sizeof(text), "%s: '%.300s'",
		 why->code == ERR_REFUSED ? "its image lies outside of this inventory" : "no image here, or more than one, is it",
		 d->path);
	return set_error(d, text, err);
}

static int label_disk(struct machine_disk *d, struct error *err)
{
	struct machine_notices none = { 0 };

	if (*d->label || !d->path)
		return 0;
	if (describe_text(&none, "label", base_of(d->path), &d->label, err) < 0)
		return -1;
	if (!d->label)
		d->label = strdup("");
	return d->label ? 0 : error_errno(err, ENOMEM, "%s", d->path);
}

static int fill_disk(struct machine *m, struct machine_disk *d, const struct datastore *ds, const char *config,
		     struct error *err)
{
	struct error why = ERROR_INIT;
	CLEANUP_FREE char *path = NULL;
	const struct datastore_image *image = NULL;

	if (!d->path)
		return 0;
	if (!d->raw) {
		image = datastore_named(ds, config, d->path, &path, &why);
		if (why.code == ERR_NOMEM)
			return error_errno(err, ENOMEM, "%s", config);
		if ((image ? take_image(ds, image, m, d, err) : take_missing(d, config, &why, err)) < 0)
			return -1;
	}
	return label_disk(d, err);
}

int machine_fill_disks(struct machine *m, const struct datastore *ds, const char *config, struct error *err)
{
	for (size_t i = 0; i < m->n_disks; i++)
		if (fill_disk(m, &m->disks[i], ds, config, err) < 0)
			return -1;
	return 0;
}

static int show(char **text, struct error *err)
{
	struct machine_notices none = { 0 };

	return describe_text(&none, "path", *text, text, err);
}

int machine_show_paths(struct machine *m, struct error *err)
{
	for (size_t i = 0; i < m->n_disks; i++)
		if (show(&m->disks[i].path, err) < 0)
			return -1;
	return show(&m->path, err) < 0 ? -1 : show(&m->origin, err);
}

static int add_disk(const struct vm_disk *from, const struct datastore *ds, struct machine *m, struct error *err)
{
	const struct datastore_image *image = datastore_image_at(ds, from->image);
	struct machine_disk *d = machine_add_disk(m, "", err);

	if (!d || machine_set(&d->path, from->image, err) < 0)
		return -1;
	d->order = machine_known((double)m->n_disks - 1);
	if (image && take_image(ds, image, m, d, err) < 0)
		return -1;
	if (from->err.code != ERR_NONE && !d->raw && set_error(d, from->err.msg, err) < 0)
		return -1;
	return label_disk(d, err);
}

int machine_of_vm(const struct vm *vm, const struct datastore *ds, struct machine_list *out, struct error *err)
{
	struct machine *m = describe_machine(out, vm->label, err);

	if (!m || machine_set(&m->path, vm->config, err) < 0)
		return -1;
	free(m->origin);
	m->origin = strdup(vm->config ? vm->config : vm->n_disks > 0 ? vm->disks[0].image : vm->name);
	if (!m->origin)
		return error_errno(err, ENOMEM, "%s", vm->name);
	for (size_t i = 0; i < vm->n_disks; i++)
		if (add_disk(&vm->disks[i], ds, m, err) < 0)
			return -1;
	return 0;
}

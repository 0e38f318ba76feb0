/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "disk/disk.h"
#include "disk/ova.h"
#include "inventory/datastore_archives.h"
#include "inventory/ovf_config.h"

bool datastore_is_archive(const char *path)
{
	const char *format = disk_format_of_path(path);

	return format && strcmp(format, "ova") == 0;
}

static struct ova *open_archive(struct backing_root *root, const char *path, struct error *err)
{
	struct backing *file = backing_open(root, path, true, err);

	return file ? ova_open(file, err) : NULL;
}

static char *disk_path(const struct ova *o, const char *archive, const struct ova_disk *d, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };

	strbuf_adds(&text, archive);
	if (o->n_disks > 1)
		strbuf_addf(&text, "/%s", d->name);
	return strbuf_take(&text, err);
}

static int expand(struct backing_root *root, const char *path, struct path_list *out, struct error *err)
{
	struct error why = ERROR_INIT;
	CLEANUP(cleanup_ova) struct ova *o = open_archive(root, path, &why);

	if (!o && why.code == ERR_NOMEM)
		return error_errno(err, ENOMEM, "%s", path);
	if (!o)
		return path_list_add(out, path, err);
	for (size_t i = 0; i < o->n_disks; i++) {
		CLEANUP_FREE char *disk = disk_path(o, path, &o->disks[i], err);

		if (!disk || path_list_add(out, disk, err) < 0)
			return -1;
	}
	return 0;
}

static int path_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int datastore_expand_archives(struct backing_root *root, struct path_list *images, struct path_list *configs,
			      struct error *err)
{
	CLEANUP(cleanup_path_list) struct path_list out = { 0 };
	size_t found = 0;
	struct path_list was;

	for (size_t i = 0; i < images->n; i++) {
		if (!datastore_is_archive(images->v[i])) {
			if (path_list_add(&out, images->v[i], err) < 0)
				return -1;
			continue;
		}
		found++;
		if (expand(root, images->v[i], &out, err) < 0 || path_list_add(configs, images->v[i], err) < 0)
			return -1;
	}
	if (found == 0)
		return 0;
	if (out.n > 0)
		qsort(out.v, out.n, sizeof(*out.v), path_order);
	qsort(configs->v, configs->n, sizeof(*configs->v), path_order);
	was = *images;
	*images = out;
	out = was;
	return 0;
}

/* "./" keeps a name that begins like one of another host ("[datastore] x.ova") a name here. */
static char *relative_path(const struct ova *o, const char *name, size_t index, struct error *err)
{
	CLEANUP_FREE char *path = disk_path(o, name, &o->disks[index], err);
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };

	if (!path)
		return NULL;
	strbuf_addf(&text, "./%s", path);
	return strbuf_take(&text, err);
}

static int add_disk(const struct ova *o, const char *name, size_t index, struct vm_config *vm, struct error *err)
{
	CLEANUP_FREE char *relative = relative_path(o, name, index, err);

	if (!relative)
		return -1;
	for (size_t i = 0; i < vm->n_disks; i++) {
		if (strcmp(vm->disks[i], relative) == 0) { /* two of its disks begin as the same file */
			log_warn("inventory", "%s: a VM has more than one disk of this file: it is taken once", relative + 2);
			return 0;
		}
	}
	return vm_config_add_disk(vm, relative, err);
}

int datastore_read_archive(struct backing_root *root, const char *path, struct vm_config_list *out, struct error *err)
{
	CLEANUP(cleanup_ova) struct ova *o = open_archive(root, path, err);
	const char *slash = strrchr(path, '/');

	if (!o)
		return -1;
	for (size_t i = 0; i < o->ovf.n_systems; i++) {
		const struct ovf_system *s = &o->ovf.systems[i];
		struct vm_config *vm = vm_config_add(out, s->name, err);

		if (!vm)
			return -1;
		for (size_t k = 0; k < s->n_disks; k++)
			if (add_disk(o, slash ? slash + 1 : path, o->disk_of_ovf[s->disks[k]], vm, err) < 0)
				return -1;
	}
	return 0;
}

static char *read_descriptor(const struct ova *o, struct error *err)
{
	CLEANUP_FREE char *text = malloc((size_t)o->descriptor->size + 1);

	if (!text) {
		error_errno(err, ENOMEM, "descriptor");
		return NULL;
	}
	if (backing_read(o->file, text, (size_t)o->descriptor->size, o->descriptor->off, err) < 0)
		return NULL;
	text[o->descriptor->size] = '\0';
	return steal_ptr(&text);
}

/* Machine i is system i, and its disks are the system's: ovf_describe() says so; but the file may have been written to since. */
static int name_disks(const struct ova *o, const char *name, size_t first, struct machine_list *out, struct error *err)
{
	if (out->n - first != o->ovf.n_systems)
		return error_set(err, ERR_CHANGED, "%s: changed while it was read", name);
	for (size_t i = 0; i < o->ovf.n_systems; i++) {
		const struct ovf_system *s = &o->ovf.systems[i];
		struct machine *m = &out->v[first + i];

		if (m->n_disks != s->n_disks)
			return error_set(err, ERR_CHANGED, "%s: changed while it was read", name);
		for (size_t k = 0; k < s->n_disks; k++) {
			CLEANUP_FREE char *path = relative_path(o, name, o->disk_of_ovf[s->disks[k]], err);

			if (!path || machine_set(&m->disks[k].path, path, err) < 0)
				return -1;
		}
	}
	return 0;
}

int datastore_describe_archive(struct backing_root *root, const char *path, struct machine_list *out, struct error *err)
{
	CLEANUP(cleanup_ova) struct ova *o = open_archive(root, path, err);
	CLEANUP_FREE char *text = o ? read_descriptor(o, err) : NULL;
	const char *slash = strrchr(path, '/');
	size_t first = out->n;

	if (!text || ovf_describe(text, (size_t)o->descriptor->size, out, err) < 0)
		return -1;
	return name_disks(o, slash ? slash + 1 : path, first, out, err);
}

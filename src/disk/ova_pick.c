/* SPDX-License-Identifier: Apache-2.0 */
/* From a path to a disk inside an archive. */
#include <config.h>

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/strbuf.h"
#include "disk/ova.h"

#define NAMES_SHOWN 4

size_t ova_path_len(const char *path, size_t from)
{
	size_t n;

	for (size_t i = from; path[i]; i += n + (path[i + n] == '/')) {
		n = strcspn(path + i, "/");
		if (n > 4 && strncasecmp(path + i + n - 4, ".ova", 4) == 0)
			return i + n;
	}
	return 0;
}

static int which_disk(const struct ova *o, const char *name, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf names = { 0 };

	for (size_t i = 0; i < o->n_disks && i < NAMES_SHOWN; i++)
		strbuf_addf(&names, "%s%.80s", i ? ", " : "", o->disks[i].name);
	if (o->n_disks > NAMES_SHOWN)
		strbuf_adds(&names, ", ...");
	if (names.failed)
		return error_errno(err, ENOMEM, "%s", o->file->path);
	if (*name)
		return error_set(err, ERR_USAGE, "%s: has no disk '%.200s', but %s", o->file->path, name, names.s);
	return error_set(err, ERR_USAGE, "%s: has %zu disks (%s): name one, as in %s/%s", o->file->path, o->n_disks, names.s,
			 o->file->path, o->disks[0].name);
}

static const struct ova_disk *find_disk(const struct ova *o, const char *name)
{
	if (!*name)
		return o->n_disks == 1 ? &o->disks[0] : NULL;
	for (size_t i = 0; i < o->n_disks; i++)
		if (strcmp(o->disks[i].name, name) == 0)
			return &o->disks[i];
	return NULL;
}

static int pick(struct backing *file, const char *name, struct ova_pick *out, struct error *err)
{
	CLEANUP(cleanup_ova) struct ova *o = ova_open(file, err);
	CLEANUP_FREE char *path = NULL;
	const struct ova_disk *d;

	if (!o)
		return -1;
	d = find_disk(o, name);
	if (!d)
		return which_disk(o, name, err);
	if (d->err.code != ERR_NONE) {
		if (err)
			*err = d->err;
		return error_prefix(err, "%s", o->file->path);
	}
	if (asprintf(&path, "%s/%s", o->file->path, d->name) < 0) {
		path = NULL;
		return error_errno(err, ENOMEM, "%s", o->file->path);
	}
	out->own = backing_window(o->file, path, d->member ? d->member->off : 0, d->member ? d->member->size : 0, err);
	out->capacity = d->capacity;
	out->empty = !d->member;
	return out->own ? 1 : -1;
}

int ova_pick(struct backing_root *root, const char *path, bool follow, struct ova_pick *out, struct error *err)
{
	for (size_t len = ova_path_len(path, 0); len > 0; len = ova_path_len(path, len)) {
		const char *name = path + len + strspn(path + len, "/");
		CLEANUP_FREE char *archive = strndup(path, len);
		struct error why = ERROR_INIT;
		struct backing *file;

		if (!archive)
			return error_errno(err, ENOMEM, "%s", path);
		file = backing_open(root, archive, follow, &why);
		if (file)
			return pick(file, name, out, err);
		if (why.code == ERR_NOMEM || !*name) {
			if (err)
				*err = why;
			return -1;
		}
	}
	return 0;
}

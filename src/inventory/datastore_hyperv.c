/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/guid.h"
#include "inventory/datastore_hyperv.h"
#include "inventory/datastore_names.h"

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Of a path of the host's. */
static const char *host_base(const char *path)
{
	for (const char *p = path; *p; p++)
		if (*p == '/' || *p == '\\')
			path = p + 1;
	return path;
}

static size_t folder_len(const char *path)
{
	const char *base = base_of(path);

	return base == path ? 0 : (size_t)(base - path) - 1;
}

/* Length of the folder above the last component of path[0..len), which is [*from, len). */
static size_t above(const char *path, size_t len, size_t *from)
{
	*from = len;
	while (*from > 0 && path[*from - 1] != '/')
		(*from)--;
	return *from > 0 ? *from - 1 : 0;
}

static bool is_called(const char *path, size_t from, size_t to, const char *name)
{
	return to - from == strlen(name) && strncasecmp(path + from, name, to - from) == 0;
}

size_t datastore_hyperv_folder_len(const char *path)
{
	size_t len = folder_len(path), from, up = above(path, len, &from);

	if (is_called(path, from, len, "Virtual Machines") || is_called(path, from, len, "Virtual Hard Disks") ||
	    is_called(path, from, len, "Snapshots"))
		return up;
	return len;
}

bool datastore_hyperv_is_aside(const char *path)
{
	static const char *const names[] = {
		"Snapshots", "Snapshots Cache", "Virtual Machines Cache", "Planned Virtual Machines", "UndoLog Configurations",
	};
	size_t len = folder_len(path), from;

	(void)above(path, len, &from);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (is_called(path, from, len, names[i]))
			return true;
	return false;
}

bool datastore_hyperv_is_guid_name(const char *path)
{
	const char *base = base_of(path);
	char text[GUID_TEXT_LEN];
	struct guid guid;

	if (datastore_stem_len(base) != GUID_TEXT_LEN - 1)
		return false;
	memcpy(text, base, GUID_TEXT_LEN - 1);
	text[GUID_TEXT_LEN - 1] = '\0';
	return guid_parse(text, &guid, NULL) == 0;
}

static int base_order(const void *a, const void *b)
{
	const struct datastore_image *const *x = a, *const *y = b;
	int rc = strcasecmp(base_of((*x)->path), base_of((*y)->path));

	return rc ? rc : strcmp((*x)->path, (*y)->path);
}

int datastore_hyperv_index(struct datastore *ds, struct error *err)
{
	free(ds->by_base);
	ds->by_base = calloc(ds->n_images ? ds->n_images : 1, sizeof(*ds->by_base));
	if (!ds->by_base)
		return error_errno(err, ENOMEM, "%zu images", ds->n_images);
	for (size_t i = 0; i < ds->n_images; i++)
		ds->by_base[i] = &ds->images[i];
	if (ds->n_images > 1)
		qsort(ds->by_base, ds->n_images, sizeof(*ds->by_base), base_order);
	return 0;
}

/* The images of a base name: [*first, end). */
static size_t find_base(const struct datastore *ds, const char *base, size_t *first)
{
	size_t low = 0, high = ds->n_images, end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcasecmp(base_of(ds->by_base[middle]->path), base) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < ds->n_images && strcasecmp(base_of(ds->by_base[end]->path), base) == 0;)
		end++;
	*first = low;
	return end;
}

/* The image's length if all of its path, which has a folder, is the end of the host's path; else 0. */
static size_t is_tail(const char *host, const char *image)
{
	size_t n = strlen(image), skip = strlen(host);

	if (!strchr(image, '/') || skip <= n)
		return 0;
	skip -= n;
	if (host[skip - 1] != '\\' && host[skip - 1] != '/')
		return 0;
	for (size_t i = 0; i < n; i++) {
		char c = host[skip + i];

		if (strncasecmp(c == '\\' ? "/" : &c, &image[i], 1) != 0)
			return 0;
	}
	return n;
}

/* Does the image lie in a folder of the VM that the configuration is of? */
static bool is_near(const char *config, const char *image)
{
	size_t folder = datastore_hyperv_folder_len(config), own = folder_len(config);

	if (folder_len(image) == own && strncmp(config, image, own) == 0)
		return true;
	return datastore_hyperv_folder_len(image) == folder && strncmp(config, image, folder) == 0;
}

/* The best of a rule so far; two are as good: both are kept. */
struct choice {
	struct datastore_image *best, *other;
	size_t score;
};

static void weigh(struct choice *c, struct datastore_image *image, size_t score)
{
	if (score == 0 || score < c->score)
		return;
	c->other = score == c->score ? c->best : NULL;
	c->best = image;
	c->score = score;
}

static void choose(const struct datastore *ds, const char *config, bool many, const char *file, struct choice *out)
{
	struct choice near = { 0 }, tail = { 0 }, any = { 0 };
	size_t first, end = find_base(ds, host_base(file), &first);

	for (size_t i = first; i < end; i++) {
		struct datastore_image *image = ds->by_base[i];
		size_t len = is_tail(file, image->path);

		if (image->elsewhere)
			continue;
		/* Among those near by, one whose path agrees further is better. */
		weigh(&near, image, !many && is_near(config, image->path) ? 1 + len : 0);
		weigh(&tail, image, len);
		weigh(&any, image, many ? 1 : 0);
	}
	*out = near.best ? near : tail.best ? tail : any;
}

static int keep(const char *path, char **path_out, struct error *why)
{
	*path_out = strdup(path);
	return *path_out ? 0 : error_errno(why, ENOMEM, "%s", path);
}

struct datastore_image *datastore_hyperv_named(const struct datastore *ds, const char *config,
					       const struct vm_config_format *format, const char *file, char **path_out,
					       struct error *why)
{
	struct choice c = { 0 };
	bool is_file = disk_format_of_path(host_base(file)) != NULL;

	if (is_file)
		choose(ds, config, format->many, file, &c);
	if (c.best && !c.other)
		return keep(c.best->path, path_out, why) < 0 ? NULL : c.best;
	if (keep(file, path_out, why) < 0)
		return NULL;
	if (!is_file)
		error_set(why, ERR_UNSUPPORTED, "%s: names the disk '%s', which is no image file: a disk of the host itself "
			  "cannot be replicated from here", config, file);
	else if (c.best)
		error_set(why, ERR_CORRUPT, "%s: names the disk '%s', which may be %s or %s: say which with "
			  "--datastore NAME=DIR", config, file, c.other->path, c.best->path);
	else
		error_set(why, ERR_CORRUPT, "%s: names the disk '%s': no such image in SOURCE; if it lies elsewhere, say "
			  "where with --datastore NAME=DIR", config, file);
	return NULL;
}

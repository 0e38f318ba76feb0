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

int datastore_hyperv_place_order(const char *a, const char *b)
{
	size_t x = datastore_hyperv_folder_len(a), y = datastore_hyperv_folder_len(b);
	int rc = strncmp(a, b, x < y ? x : y);

	return rc ? rc : x < y ? -1 : x > y;
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

	if (rc == 0)
		rc = datastore_hyperv_place_order((*x)->path, (*y)->path);
	return rc ? rc : strcmp((*x)->path, (*y)->path);
}

static int path_order(const void *a, const void *b)
{
	const struct datastore_image *const *x = a, *const *y = b;
	int rc = strcasecmp((*x)->path, (*y)->path);

	return rc ? rc : strcmp((*x)->path, (*y)->path);
}

static struct datastore_image **sorted(const struct datastore *ds, int (*order)(const void *, const void *),
				       struct error *err)
{
	struct datastore_image **v = calloc(ds->n_images + 1, sizeof(struct datastore_image *));

	if (!v) {
		error_errno(err, ENOMEM, "%zu images", ds->n_images);
		return NULL;
	}
	for (size_t i = 0; i < ds->n_images; i++)
		v[i] = &ds->images[i];
	qsort(v, ds->n_images, sizeof(struct datastore_image *), order);
	return v;
}

int datastore_hyperv_index(struct datastore *ds, struct error *err)
{
	free(ds->by_base);
	free(ds->by_path);
	ds->by_base = sorted(ds, base_order, err);
	ds->by_path = ds->by_base ? sorted(ds, path_order, err) : NULL;
	return ds->by_path ? 0 : -1;
}

/* What is looked for: of a base name, and also in the place of a configuration unless that is NULL; or of a path. */
struct sought {
	const char *base, *config, *path;
};

static int compare(const struct datastore_image *image, const struct sought *s)
{
	int rc;

	if (s->path)
		return strcasecmp(image->path, s->path);
	rc = strcasecmp(base_of(image->path), s->base);
	return rc || !s->config ? rc : datastore_hyperv_place_order(image->path, s->config);
}

/* The first of a sorted list that is not before what is sought. */
static size_t lower_bound(struct datastore_image *const *v, size_t n, const struct sought *s)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(v[middle], s) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The image's length if all of its path, which has a folder, is the end of the host's path; else 0. */
static size_t is_tail(const char *host, const char *image)
{
	size_t n = strlen(image), skip = strlen(host);

	if (!strchr(image, '/') || skip <= n)
		return 0;
	skip -= n;
	return host[skip - 1] == '/' && strcasecmp(host + skip, image) == 0 ? n : 0;
}

/* The best of a rule so far; two are as good: both are kept. */
struct choice {
	struct datastore_image *best, *other;
	size_t score;
};

static void weigh(struct choice *c, struct datastore_image *image, size_t score)
{
	if (score < c->score || image->elsewhere)
		return;
	c->other = score == c->score ? c->best : NULL;
	c->best = image;
	c->score = score;
}

/* Among those near by, one whose path agrees further is better. */
static void choose_near(const struct datastore *ds, const char *config, const char *file, struct choice *out)
{
	const struct sought s = { .base = base_of(file), .config = config };

	for (size_t i = lower_bound(ds->by_base, ds->n_images, &s);
	     i < ds->n_images && compare(ds->by_base[i], &s) == 0; i++)
		weigh(out, ds->by_base[i], is_tail(file, ds->by_base[i]->path));
}

static void choose_tail(const struct datastore *ds, const char *file, struct choice *out)
{
	for (const char *at = strchr(file, '/'); at && !out->best; at = strchr(at + 1, '/')) {
		const struct sought s = { .path = at + 1 };

		for (size_t i = strchr(s.path, '/') ? lower_bound(ds->by_path, ds->n_images, &s) : ds->n_images;
		     i < ds->n_images && compare(ds->by_path[i], &s) == 0; i++)
			weigh(out, ds->by_path[i], 0);
	}
}

static void choose_any(const struct datastore *ds, const char *file, struct choice *out)
{
	const struct sought s = { .base = base_of(file) };

	for (size_t i = lower_bound(ds->by_base, ds->n_images, &s);
	     i < ds->n_images && !out->other && compare(ds->by_base[i], &s) == 0; i++)
		weigh(out, ds->by_base[i], 0);
}

static int choose(const struct datastore *ds, const char *config, bool many, const char *file, struct choice *out,
		  struct error *why)
{
	CLEANUP_FREE char *path = strdup(file);

	if (!path)
		return error_errno(why, ENOMEM, "%s", file);
	for (char *c = path; *c; c++)
		if (*c == '\\')
			*c = '/';
	if (!many)
		choose_near(ds, config, path, out);
	if (!out->best)
		choose_tail(ds, path, out);
	if (!out->best && many)
		choose_any(ds, path, out);
	return 0;
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

	if (is_file && choose(ds, config, format->many, file, &c, why) < 0)
		return NULL;
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

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/escape.h"
#include "net/sas.h"
#include "paths.h"
#include "replicate/replica_disk.h"
#include "thing.h"

const char *thing_point_name(const struct target_point *p)
{
	return target_meta_get(&p->meta, "token") ? target_meta_get(&p->meta, "moment") : NULL;
}

int thing_choose_point(const char *const *names, size_t n, const char *want, size_t *index_out, struct error *err)
{
	size_t found = n, latest = n, matches = 0;

	for (size_t i = 0; i < n; i++) {
		if (!names[i])
			continue;
		if (latest == n || strcmp(names[i], names[latest]) >= 0)
			latest = i;
		if (strcmp(names[i], want) == 0) {
			*index_out = i;
			return 0;
		}
		if (strncmp(names[i], want, strlen(want)) == 0) {
			found = i;
			matches++;
		}
	}
	if (strcmp(want, "latest") == 0 && latest < n)
		found = latest;
	else if (matches > 1)
		return error_set(err, ERR_USAGE, "'%s': %zu recovery points begin so", want, matches);
	if (found == n)
		return error_set(err, ERR_USAGE, "'%s': no recovery point of that name", want);
	*index_out = found;
	return 0;
}

/* ---- a replica on a target ---- */

static int open_point(struct replica *live, const char *want, struct replica **out, struct error *err)
{
	CLEANUP(cleanup_target_points) struct target_points points = { 0 };
	CLEANUP_FREE const char **names = NULL;
	size_t i;

	if (replica_points(live, &points, err) < 0)
		return -1;
	names = calloc(points.n ? points.n : 1, sizeof(*names));
	if (!names)
		return error_errno(err, ENOMEM, "recovery points");
	for (i = 0; i < points.n; i++)
		names[i] = thing_point_name(&points.v[i]);
	if (thing_choose_point(names, points.n, want, &i, err) < 0)
		return error_prefix(err, "%s", replica_name(live));
	*out = replica_at_point(live, points.v[i].id, err);
	return *out ? 0 : -1;
}

/* The replica `name` of the open place; point may be NULL. */
static int open_replica(struct thing *th, const char *name, const char *point, struct error *err)
{
	CLEANUP(cleanup_replica) struct replica *live = target_replica(th->place.target, name, err);
	struct replica *shown = NULL;

	if (!live)
		return -1;
	if (!point) {
		th->replica = strdup(name);
		if (!th->replica)
			return error_set(err, ERR_NOMEM, "%s", name);
		shown = steal_ptr(&live);
	}
	if (point && open_point(live, point, &shown, err) < 0)
		return -1;
	th->disk = replica_disk_open(shown, err);
	return th->disk ? 0 : -1;
}

/* Cuts "@POINT" off text, whose last component has a suffix before it; NULL if there is none. */
static char *cut_point(char *text)
{
	char *slash = strrchr(text, '/'), *at = strrchr(slash ? slash : text, '@');

	if (!at || !at[1])
		return NULL;
	*at = '\0';
	return at + 1;
}

/* https://HOST/CONTAINER/folder/name.vhd[@POINT]: all before the last component is the place. */
static int open_url(const struct tool *t, const char *text, const struct connect_options *opt, struct thing *out,
		    struct error *err)
{
	CLEANUP(cleanup_secret) struct secret *sas = NULL;
	CLEANUP_FREE char *base = NULL;
	CLEANUP_FREE char *place = NULL;
	CLEANUP_FREE char *name = NULL;
	char *point, *slash;

	if (sas_split_url(text, &base, &sas, err) < 0)
		return -1;
	point = cut_point(base);
	slash = strrchr(base, '/');
	if (!slash || slash[-1] == '/' || !slash[1])
		return error_set(err, ERR_USAGE, "%s: not the URL of a replica: https://HOST/CONTAINER/NAME.vhd", base);
	name = unescape_percent(slash + 1, err);
	if (!name)
		return -1;
	*slash = '\0';
	place = sas ? sas_join_url(base, sas, err) : strdup(base);
	if (!place)
		return sas ? -1 : error_errno(err, ENOMEM, "URL");
	if (connect_open(t, place, opt, &out->place, err) < 0)
		return -1;
	return open_replica(out, name, point, err);
}

static bool is_replica_name(const char *name)
{
	size_t len = name ? strlen(name) : 0;

	return len > 4 && strcasecmp(name + len - 4, ".vhd") == 0 && strncmp(name, ".liftfs/", 8) != 0;
}

/* Is this file a replica in a directory target?  1: it is, and open. */
static int open_in_directory(const struct tool *t, const char *path, const char *point,
			     const struct connect_options *opt, struct thing *out, struct error *err)
{
	CLEANUP_FREE char *folder = NULL;
	CLEANUP_FREE char *url = NULL;
	const char *name = NULL;

	if (paths_find_target(path, &folder, &name, err) < 0)
		return -1;
	if (!folder || !is_replica_name(name))
		return 0;
	if (asprintf(&url, "dir:%s", folder) < 0) {
		url = NULL;
		return error_errno(err, ENOMEM, "%s", path);
	}
	if (connect_open(t, url, opt, &out->place, err) < 0 || open_replica(out, name, point, err) < 0)
		return -1;
	return 1;
}

/* ---- a disk in a mount ---- */


/* FOLDER/recovery-points/POINT, the point being the one that `want` means. */
static char *mounted_point(const char *folder, const char *want, struct error *err)
{
	CLEANUP_FREE char *points = NULL;
	struct dirent **entries = NULL;
	char *found = NULL;
	const char **names;
	size_t index;
	int n;

	if (asprintf(&points, "%s/recovery-points", folder) < 0) {
		points = NULL;
		error_errno(err, ENOMEM, "%s", folder);
		return NULL;
	}
	n = scandir(points, &entries, NULL, NULL);
	if (n < 0) {
		error_errno(err, errno, "%s", points);
		return NULL;
	}
	names = calloc(n ? (size_t)n : 1, sizeof(*names));
	for (int i = 0; names && i < n; i++)
		names[i] = entries[i]->d_name[0] == '.' ? NULL : entries[i]->d_name;
	if (!names)
		error_errno(err, ENOMEM, "%s", points);
	else if (thing_choose_point(names, (size_t)n, want, &index, err) < 0)
		error_prefix(err, "%s", folder);
	else if (asprintf(&found, "%s/%s", points, names[index]) < 0)
		found = NULL;
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
	free(names);
	return found;
}

static int open_folder(const char *folder, struct thing *out, struct error *err)
{
	CLEANUP_FREE char *raw = NULL;
	struct stat st;

	if (asprintf(&raw, "%s/disk.raw", folder) < 0) {
		raw = NULL;
		return error_errno(err, ENOMEM, "%s", folder);
	}
	if (stat(raw, &st) < 0)
		return error_set(err, ERR_USAGE, "%s: a folder without disk.raw: name an image, a disk in a mount or a replica",
				 folder);
	out->disk = disk_open_path(raw, NULL, err);
	return out->disk ? 0 : -1;
}

/* ---- paths ---- */

static int open_at_point(const struct tool *t, const char *text, const struct connect_options *opt, struct thing *out,
			 struct error *err)
{
	CLEANUP_FREE char *path = strdup(text);
	CLEANUP_FREE char *folder = NULL;
	struct stat st;
	char *point;
	int rc;

	if (!path)
		return error_errno(err, ENOMEM, "%s", text);
	point = cut_point(path);
	if (!point || stat(path, &st) < 0)
		return error_errno(err, ENOENT, "%s", text);
	if (S_ISDIR(st.st_mode)) {
		folder = mounted_point(path, point, err);
		return folder ? open_folder(folder, out, err) : -1;
	}
	rc = open_in_directory(t, path, point, opt, out, err);
	if (rc == 0)
		return error_set(err, ERR_USAGE, "%s: only a replica has recovery points", path);
	return rc < 0 ? -1 : 0;
}

static int open_path(const struct tool *t, const char *path, const struct connect_options *opt,
		     const struct disk_options *image, struct thing *out, struct error *err)
{
	struct stat st;
	int rc;

	if (stat(path, &st) < 0) {
		if (errno == ENOTDIR && path[disk_file_len(path)]) { /* a disk inside an archive */
			out->disk = disk_open_path(path, NULL, err);
			return out->disk ? 0 : -1;
		}
		if (errno == ENOENT)
			return open_at_point(t, path, opt, out, err);
		return error_errno(err, errno, "%s", path);
	}
	if (S_ISDIR(st.st_mode))
		return open_folder(path, out, err);
	rc = open_in_directory(t, path, NULL, opt, out, err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	out->disk = disk_open_path(path, image, err);
	return out->disk ? 0 : -1;
}

int thing_open(const struct tool *t, const char *text, const struct connect_options *opt,
	       const struct disk_options *image, struct thing *out, struct error *err)
{
	CLEANUP(cleanup_thing) struct thing th = { 0 };
	const char *path = strncmp(text, "dir:", 4) == 0 ? text + 4 : text;
	int rc = path == text && target_is_url(text) ? open_url(t, text, opt, &th, err) :
						       open_path(t, path, opt, image, &th, err);

	if (rc < 0)
		return -1;
	*out = th;
	th = (struct thing){ 0 };
	return 0;
}

void thing_close(struct thing *th)
{
	disk_close(th->disk);
	connect_close(&th->place);
	free(th->replica);
	*th = (struct thing){ 0 };
}

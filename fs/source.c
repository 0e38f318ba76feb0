/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "replicate/replica_disk.h"
#include "source.h"

/* ---- images ---- */

struct image_source {
	struct backing_root *root;
	char *path;
	bool ignore_log, unchecked_parents;
};

static void image_free(void *ctx)
{
	struct image_source *s = ctx;

	backing_root_put(s->root);
	free(s->path);
	free(s);
}
DEFINE_CLEANUP(cleanup_image, struct image_source *, image_free);

static struct view *image_open(void *ctx, const char *label, struct error *err)
{
	struct image_source *s = ctx;
	struct disk_options opt = { .ignore_log = s->ignore_log, .unchecked_parents = s->unchecked_parents };
	struct disk *d = disk_open(s->root, s->path, &opt, err);

	return d ? view_new(label, d, err) : NULL;
}

static const struct node_source image_source = { .open = image_open, .free_ctx = image_free };

/* The path of the root with a '/' at its end, links resolved. */
static int resolved_root(const struct backing_root *root, char out[PATH_MAX + 1], struct error *err)
{
	char link[64];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", backing_root_fd(root));
	len = readlink(link, out, PATH_MAX - 1);
	if (len < 0)
		return error_errno(err, errno, "%s", backing_root_path(root));
	if (len == 0 || out[len - 1] != '/')
		out[len++] = '/';
	out[len] = '\0';
	return 0;
}

static int check_not_hidden(const char *root, const char *path, const char *mount_point, struct error *err)
{
	size_t root_len = strlen(root), len = strlen(mount_point);

	if (len < root_len || strncmp(mount_point, root, root_len) != 0)
		return 0;
	len -= root_len;
	if (strncmp(path, mount_point + root_len, len) != 0 || path[len] != '/')
		return 0;
	return error_set(err, ERR_USAGE, "%s: the mount would hide the source's '%s': choose another mount point",
			 mount_point, path);
}

/* Files of another datastore are opened as long as the mount stands: through the mount itself, if that is there. */
static int check_datastores(const struct backing_root *root, const char *root_path, const char *mount_point,
			    struct error *err)
{
	for (size_t i = 0; i < backing_root_datastores(root); i++) {
		const char *dir = backing_root_datastore_dir(root, i, true);
		size_t len = strlen(dir);

		len -= dir[len - 1] == '/';
		if (strncmp(dir, root_path, strlen(root_path) - 1) == 0 &&
		    (dir[strlen(root_path) - 1] == '/' || dir[strlen(root_path) - 1] == '\0'))
			continue; /* its images are checked as the others are */
		if (strncmp(mount_point, dir, len) == 0 && (mount_point[len] == '/' || mount_point[len] == '\0'))
			return error_set(err, ERR_USAGE, "%s: the mount would hide what lies there of the datastore in %s: "
					 "choose another mount point", mount_point, dir);
	}
	return 0;
}

/* Where the mount shows an image: at its path; of another datastore, in a folder that is called as that is. */
static char *shown_path(const struct datastore *ds, const char *path, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };
	const char *name = NULL;
	size_t n = ds->single ? 0 : backing_root_datastore_len(ds->root, path, &name);

	path = ds->single ? "" : path + ds->archive_len;
	if (n > 0)
		strbuf_addf(&text, "[%.*s]/", (int)strcspn(name, "/\\]"), name);
	path += n;
	strbuf_adds(&text, n > 0 && strncmp(path, "./", 2) == 0 ? path + 2 : path);
	return strbuf_take(&text, err);
}

static int add_image(struct tree *t, struct datastore *ds, const char *path, const struct disk_options *opt,
		     struct error *err)
{
	CLEANUP(cleanup_image) struct image_source *s = calloc(1, sizeof(*s));
	CLEANUP_FREE char *shown = shown_path(ds, path, err);

	if (!shown)
		return -1;
	if (s) {
		s->root = backing_root_get(ds->root);
		s->path = strdup(path);
		s->ignore_log = opt && opt->ignore_log;
		s->unchecked_parents = opt && opt->unchecked_parents;
	}
	if (!s || !s->path)
		return error_errno(err, ENOMEM, "%s", path);
	return tree_add_path(t, shown, &image_source, steal_ptr(&s), err) ? 0 : -1;
}

int source_add_images(struct tree *t, struct datastore *ds, const struct disk_options *opt, const char *mount_point,
		      struct error *err)
{
	char root[PATH_MAX + 1] = "";

	if (mount_point && (resolved_root(ds->root, root, err) < 0 ||
			    check_datastores(ds->root, root, mount_point, err) < 0))
		return -1;
	for (size_t i = 0; i < ds->n_images; i++) {
		if (mount_point && check_not_hidden(root, ds->images[i].path, mount_point, err) < 0)
			return -1;
		if (add_image(t, ds, ds->images[i].path, opt, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- replicas ---- */

struct replica_source {
	struct target *target;
	char *name;
	char point[TARGET_POINT_LEN]; /* "": the replica as it is */
};

static void replica_source_free(void *ctx)
{
	struct replica_source *s = ctx;

	free(s->name);
	free(s);
}
DEFINE_CLEANUP(cleanup_replica_source, struct replica_source *, replica_source_free);

static struct replica_source *replica_source_new(struct target *target, const char *name, const char *point,
						 struct error *err)
{
	CLEANUP(cleanup_replica_source) struct replica_source *s = calloc(1, sizeof(*s));

	if (s) {
		s->target = target;
		s->name = strdup(name);
		snprintf(s->point, sizeof(s->point), "%s", point);
	}
	if (!s || !s->name) {
		error_errno(err, ENOMEM, "%s", name);
		return NULL;
	}
	return steal_ptr(&s);
}

/* The replica, or its point; *base_out is what has to stay open as long as the point. */
static struct replica *open_replica(const struct replica_source *s, struct replica **base_out, struct error *err)
{
	CLEANUP(cleanup_replica) struct replica *r = target_replica(s->target, s->name, err);
	struct replica *point;

	*base_out = NULL;
	if (!r || !*s->point)
		return steal_ptr(&r);
	point = replica_at_point(r, s->point, err);
	if (point)
		*base_out = steal_ptr(&r);
	return point;
}

static struct view *replica_open(void *ctx, const char *label, struct error *err)
{
	const struct replica_source *s = ctx;
	CLEANUP(cleanup_replica) struct replica *base = NULL;
	CLEANUP(cleanup_replica) struct replica *raw = NULL;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct replica *r;

	raw = open_replica(s, &base, err);
	if (!raw)
		return NULL;
	r = *s->point ? replica_at_point(base, s->point, err) : target_replica(s->target, s->name, err);
	d = r ? replica_disk_open(r, err) : NULL;
	return d ? view_new_replica(label, steal_ptr(&d), steal_ptr(&raw), steal_ptr(&base), err) : NULL;
}

static const struct node_source replica_source = { .open = replica_open, .free_ctx = replica_source_free };

/* A point is called by its moment; a snapshot that is not liftfs's by its own id. */
static int points_list(void *ctx, struct tree *t, struct node *n, struct error *err)
{
	const struct replica_source *s = ctx;
	CLEANUP(cleanup_target_points) struct target_points points = { 0 };
	CLEANUP(cleanup_replica) struct replica *r = target_replica(s->target, s->name, err);
	struct replica_source *point;
	const char *name;

	struct error why = ERROR_INIT;

	if (!r)
		return -1;
	if (replica_points(r, &points, &why) < 0 && why.code != ERR_UNSUPPORTED) {
		if (err)
			*err = why;
		return -1;
	}
	tree_listing_begin(t, n);
	for (size_t i = 0; i < points.n; i++) {
		name = target_meta_get(&points.v[i].meta, "moment");
		if (!name || !*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			name = points.v[i].id;
		if (tree_listing_has(t, n, name))
			name = points.v[i].id; /* two snapshots of one moment: a commit whose answer was lost */
		if (tree_listing_keep(t, n, name))
			continue;
		point = replica_source_new(s->target, s->name, points.v[i].id, err);
		if (!point || !tree_add(t, n, name, &replica_source, point, err))
			return -1;
	}
	tree_listing_end(t, n);
	return 0;
}

static const struct node_source points_source = { .list = points_list, .free_ctx = replica_source_free };

static bool is_shown(const char *name)
{
	return *name && *name != '/' && !strstr(name, "//") && !strstr(name, "/./") && !strstr(name, "/../");
}

struct adding {
	struct tree *tree;
	struct target *target;
};

static int add_replica(void *ctx, const char *name, const struct target_look *look, struct error *err)
{
	struct adding *a = ctx;
	struct replica_source *s;
	struct node *n;

	(void)look;
	if (!is_shown(name)) {
		log_warn("mount", "%s: not shown: no path in a file system", name);
		return 0;
	}
	s = replica_source_new(a->target, name, "", err);
	n = s ? tree_add_path(a->tree, name, &replica_source, s, err) : NULL;
	if (!n)
		return -1;
	s = replica_source_new(a->target, name, "", err);
	return s && tree_add(a->tree, n, "recovery-points", &points_source, s, err) ? 0 : -1;
}

int source_add_target(struct tree *t, struct target *target, struct error *err)
{
	struct adding a = { .tree = t, .target = target };

	return target_list(target, add_replica, &a, err);
}

bool source_is_target(const char *path)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	struct stat st;

	strbuf_addf(&b, "%s/.liftfs", path);
	return b.s && !b.failed && stat(b.s, &st) == 0 && S_ISDIR(st.st_mode);
}

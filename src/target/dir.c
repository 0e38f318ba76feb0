/* SPDX-License-Identifier: Apache-2.0 */
/* A directory as target: the place. */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/parallel.h"
#include "base/parse.h"
#include "target/dir_private.h"

#define LOOKS_AT_ONCE 512 /* at replicas, of a list */

static bool dir_match(const char *url)
{
	return strncmp(url, "dir:", 4) == 0 || !target_is_url(url);
}

/*
 * The path as the key of the state and for messages: absolute, what exists of it without links and dots.  The rest,
 * which prepare may create, must have no '..' in it: nobody knows yet where that would lead.
 */
static char *normalise(const char *path, struct error *err)
{
	CLEANUP_FREE char *head = strdup(path), *real = NULL;
	size_t len = strlen(path);
	char *out = NULL;

	while (head) {
		while (len > 1 && head[len - 1] == '/')
			head[--len] = '\0';
		real = realpath(len ? head : ".", NULL);
		if (real || errno != ENOENT || len == 0)
			break;
		while (len > 0 && head[len - 1] != '/')
			len--;
		head[len] = '\0';
	}
	if (!head || !real) {
		error_errno(err, head ? errno : ENOMEM, "%s", path);
		return NULL;
	}
	path += len + strspn(path + len, "/");
	for (const char *p = path; *p; p += strcspn(p, "/"), p += strspn(p, "/"))
		if ((p[0] == '.' && (p[1] == '/' || !p[1])) || (p[0] == '.' && p[1] == '.' && (p[2] == '/' || !p[2]))) {
			error_set(err, ERR_USAGE, "%s: '.' or '..' below a folder that is not there", path);
			return NULL;
		}
	if (asprintf(&out, "%s%s%s", real, *path && real[1] ? "/" : "", path) < 0) {
		error_errno(err, ENOMEM, "%s", path);
		return NULL;
	}
	for (len = strlen(out); len > 1 && out[len - 1] == '/'; len--)
		out[len - 1] = '\0';
	return out;
}

static int dir_open(struct target *t, const char *url, struct error *err)
{
	const char *path = strncmp(url, "dir:", 4) == 0 ? url + 4 : url;
	struct dir_place *p;

	if (!*path)
		return error_set(err, ERR_USAGE, "'%s': no folder named", url);
	t->name = normalise(path, err);
	if (!t->name)
		return -1;
	p = calloc(1, sizeof(*p));
	if (!p)
		return error_errno(err, ENOMEM, "%s", t->name);
	pthread_mutex_init(&p->lock, NULL);
	p->root = -1;
	p->sparse = true;
	t->priv = p;
	t->caps = (struct target_caps){
		.max_size = INT64_MAX & ~UINT64_C(511),
		.why_no_points = "nobody has looked yet whether the file system can clone",
	};
	return 0;
}

static void dir_close(struct target *t)
{
	struct dir_place *p = t->priv;

	if (!p)
		return;
	if (p->root >= 0)
		close(p->root);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static int dir_check_space(struct target *t, uint64_t data_bytes, uint64_t full_size, struct error *err)
{
	struct dir_place *p = t->priv;
	uint64_t need = p->sparse ? data_bytes : full_size, have;
	char need_text[FORMAT_TEXT_LEN], have_text[FORMAT_TEXT_LEN];
	struct statvfs fs;
	int root = dir_root(t, err);

	if (root < 0)
		return -1;
	if (fstatvfs(root, &fs) < 0)
		return error_errno(err, errno, "%s", t->name);
	if (!checked_mul((uint64_t)fs.f_bavail, (uint64_t)fs.f_frsize, &have) || have >= need)
		return 0;
	format_size(need, need_text);
	format_size(have, have_text);
	error_set(err, ERR_SYSTEM,
		  "%s: needs %s%s and has %s free: make room, choose another target, or replicate fewer disks", t->name,
		  need_text, p->sparse ? "" : " (its file system keeps no holes)", have_text);
	if (err)
		err->detail = ENOSPC;
	return -1;
}

static int dir_check_name(const struct target *t, const char *name, struct error *err)
{
	size_t first = strcspn(name, "/"), len;

	(void)t;
	/* In any case: a file system may fold it. */
	if (first == strlen(DIR_OWN) && strncasecmp(name, DIR_OWN, first) == 0)
		return error_set(err, ERR_USAGE, "replica name '%s': '%s' is liftfs's own folder", name, DIR_OWN);
	for (;; name += len + 1) {
		len = strcspn(name, "/");
		if (name[len] == '\0')
			break;
		if (len > NAME_MAX)
			return error_set(err, ERR_USAGE,
					 "replica name '...%.80s...': a folder of %zu bytes, more than %d", name, len,
					 NAME_MAX);
	}
	if (len > DIR_LAST_MAX)
		return error_set(err, ERR_USAGE, "replica name '%.80s...': %zu bytes, more than %d", name, len,
				 DIR_LAST_MAX);
	return 0;
}

struct names {
	char **v;
	size_t n;
};

static void names_fini(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->v[i]);
	free(names->v);
}

/* web01/web01.json -> web01/web01.vhd */
static int add_name(struct names *names, const char *prefix, const char *file, struct error *err)
{
	char **more = reallocarray(names->v, names->n + 1, sizeof(*more));

	if (!more)
		return error_errno(err, ENOMEM, "list");
	names->v = more;
	if (asprintf(&more[names->n], "%s%.*s.vhd", prefix, (int)strlen(file) - 5, file) < 0)
		return error_errno(err, ENOMEM, "list");
	names->n++;
	return 0;
}

static int collect(int parent, const char *folder, const char *prefix, unsigned depth, struct names *names,
		   struct error *err);

static int collect_entry(int fd, const char *name, const char *prefix, unsigned depth, struct names *names,
			 struct error *err)
{
	CLEANUP_FREE char *below = NULL;
	size_t len = strlen(name);
	struct stat st;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (S_ISREG(st.st_mode) && len > 5 && strcmp(name + len - 5, ".json") == 0)
		return add_name(names, prefix, name, err);
	if (!S_ISDIR(st.st_mode))
		return 0;
	if (asprintf(&below, "%s%s/", prefix, name) < 0) {
		below = NULL;
		return error_errno(err, ENOMEM, "list");
	}
	return collect(fd, name, below, depth + 1, names, err);
}

DEFINE_CLEANUP(cleanup_dir, DIR *, closedir);

static int collect(int parent, const char *folder, const char *prefix, unsigned depth, struct names *names,
		   struct error *err)
{
	CLEANUP(cleanup_dir) DIR *dir = NULL;
	CLEANUP_FD int fd = -1;
	const struct dirent *e;
	int rc = dir_enter(parent, folder, false, &fd, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (depth > 256) /* names have at most 254 segments */
		return error_set(err, ERR_CORRUPT, "%s: folders nested too deeply", prefix);
	dir = fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 0));
	if (!dir)
		return error_errno(err, errno, "%s", prefix);
	for (errno = 0, e = readdir(dir); e; errno = 0, e = readdir(dir))
		if (collect_entry(fd, e->d_name, prefix, depth, names, err) < 0)
			return -1;
	return errno ? error_errno(err, errno, "%s", prefix) : 0;
}

static int compare_names(const void *a, const void *b)
{
	char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* Some of the names, looked at in any order and told of in theirs. */
struct looks {
	struct target *t;
	const struct names *names;
	size_t first;
	struct target_look v[LOOKS_AT_ONCE];
};

static int look_at_one(void *ctx, size_t k, struct error *err)
{
	struct looks *l = ctx;
	const char *name = l->names->v[l->first + k];
	CLEANUP(cleanup_replica) struct replica *r = NULL;

	if (target_check_name(l->t, name, NULL) < 0)
		return 0; /* nothing that we made */
	r = target_replica(l->t, name, err);
	return r ? replica_look(r, &l->v[k], err) : -1;
}

static int list_some(struct looks *l,
		     int (*each)(void *ctx, const char *name, const struct target_look *look, struct error *err),
		     void *ctx, struct error *err)
{
	size_t n = l->names->n - l->first < LOOKS_AT_ONCE ? l->names->n - l->first : LOOKS_AT_ONCE;
	struct error why = ERROR_INIT;
	int rc;

	memset(l->v, 0, sizeof(l->v));
	rc = parallel_each(n, look_at_one, l, &why);
	for (size_t k = 0; k < n; k++) {
		if (rc == 0 && l->v[k].exists) /* else its file was deleted */
			rc = each(ctx, l->names->v[l->first + k], &l->v[k], &why);
		target_look_fini(&l->v[k]);
	}
	l->first += n;
	if (rc < 0 && err)
		*err = why;
	return rc;
}

static int dir_list(struct target *t,
		    int (*each)(void *ctx, const char *name, const struct target_look *look, struct error *err),
		    void *ctx, struct error *err)
{
	CLEANUP(names_fini) struct names names = { 0 };
	CLEANUP_FREE struct looks *looks = NULL;
	CLEANUP_FD int own = -1;
	int root = dir_root(t, err), rc;

	if (root < 0)
		return -1;
	rc = dir_enter(root, DIR_OWN, false, &own, err);
	if (rc > 0)
		return 0;
	if (rc < 0 || collect(own, "meta", "", 0, &names, err) < 0)
		return error_prefix(err, "%s", t->name);
	if (names.n > 0)
		qsort(names.v, names.n, sizeof(*names.v), compare_names);
	looks = calloc(1, sizeof(*looks));
	if (!looks)
		return error_errno(err, ENOMEM, "%s", t->name);
	looks->t = t;
	looks->names = &names;
	while (looks->first < names.n)
		if (list_some(looks, each, ctx, err) < 0)
			return -1;
	return 0;
}

static void dir_submit(struct replica *r, struct target_op *op)
{
	op_queue_push(&dir_of(r)->queue, op);
}

const struct target_ops target_dir_ops = {
	.scheme = "dir",
	.match = dir_match,
	.open = dir_open,
	.close = dir_close,
	.prepare = dir_prepare,
	.check_space = dir_check_space,
	.check_name = dir_check_name,
	.list = dir_list,
	.map_copies = true,
	.replica_open = dir_open_any,
	.replica_close = dir_replica_close,
	.look = dir_look,
	.glance = dir_glance,
	.create = dir_create,
	.lease = dir_lease,
	.raise = dir_raise,
	.raise_with = dir_raise_with,
	.set_meta = dir_set_meta,
	.resize = dir_resize,
	.submit = dir_submit,
	.read = dir_read,
	.extents = dir_extents,
	.snapshot = dir_snapshot,
	.publish = dir_publish,
	.delete_point = dir_delete_point,
	.points = dir_points,
	.at_point = dir_at_point,
};

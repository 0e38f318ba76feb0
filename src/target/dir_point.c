/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recovery points: each a folder POINT/ of disk.vhd or undo, and meta.json, made whole as .new and then renamed.  A
 * point is committed when its name exists and the folder was synced.
 *
 * disk.vhd is a clone of the live file: an inode of its own, mode 0444, that nobody opens for writing.  An undo file is
 * empty when it is made, and says what the live file held by what was saved before it was overwritten.  The order of
 * points is that of their making, and is stored in them: names are moments of the source, of which a clock may have
 * said anything.
 */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "target/dir_private.h"

#define FRESH ".new"

int dir_point_check_name(const char *name, struct error *err)
{
	size_t len = strlen(name);

	if (len == 0 || len >= TARGET_POINT_LEN || *name == '.' || strchr(name, '/'))
		return error_set(err, ERR_USAGE, "recovery point '%s': not a name", name);
	return 0;
}

enum dir_point_kind dir_point_kind(int point_folder)
{
	struct stat st;

	if (fstatat(point_folder, DIR_POINT_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
		return DIR_POINT_FULL;
	if (fstatat(point_folder, DIR_POINT_UNDO_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
		return DIR_POINT_UNDO;
	return DIR_POINT_NONE;
}

int dir_point_remove(int points, const char *folder, struct error *err)
{
	static const char *const files[] = { DIR_POINT_FILE,           DIR_POINT_UNDO_FILE, DIR_POINT_FOREIGN,
					     DIR_POINT_FOREIGN ".new", "meta.json",         "meta.json.new" };
	CLEANUP_FD int dir = -1;
	int rc = dir_enter(points, folder, false, &dir, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (unlinkat(dir, files[i], 0) < 0 && errno != ENOENT)
			return error_errno(err, errno, "%s", files[i]);
	return unlinkat(points, folder, AT_REMOVEDIR) < 0 ? error_errno(err, errno, "%s", folder) : 0;
}

/* ---- what is there ---- */

DEFINE_CLEANUP(cleanup_dir, DIR *, closedir);

/* Calls each with the name of everything that may be a point. */
static int each_name(struct replica *r, int points, int (*each)(void *ctx, const char *name, struct error *err),
		     void *ctx, struct error *err)
{
	CLEANUP(cleanup_dir) DIR *dir = fdopendir(openat(points, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	const struct dirent *e;

	if (!dir)
		return dir_errno(r, errno, "list recovery points", err);
	for (errno = 0, e = readdir(dir); e; errno = 0, e = readdir(dir))
		if (dir_point_check_name(e->d_name, NULL) == 0 && each(ctx, e->d_name, err) < 0)
			return -1;
	return errno ? dir_errno(r, errno, "list recovery points", err) : 0;
}

struct collected {
	struct replica *r;
	int points;
	struct dir_point_list list;
	bool unclear; /* a whole point whose order cannot be told */
};

static int order_of(struct replica *r, int dir, struct dir_point *p, struct error *err)
{
	CLEANUP(cleanup_undo_file) struct undo_file *u = NULL;
	CLEANUP(cleanup_dir_meta) struct dir_meta m = { 0 };
	int rc;

	if (p->kind == DIR_POINT_FULL) {
		rc = dir_meta_read(dir, "meta.json", r->name, &m, err);
		p->order = m.number;
		p->previous = m.order;
		return rc;
	}
	u = undo_file_open(dir, DIR_POINT_UNDO_FILE, false, err);
	if (!u)
		return error_prefix(err, "%s/%s@%s", r->target->name, r->name, p->name);
	p->order = undo_file_order(u);
	p->previous = undo_file_previous(u);
	return 0;
}

static int collect(void *ctx, const char *name, struct error *err)
{
	struct collected *c = ctx;
	struct dir_point p = { 0 }, *more;
	struct error why = ERROR_INIT;
	CLEANUP_FD int dir = -1;

	if (dir_enter(c->points, name, false, &dir, &why) != 0)
		return 0; /* nothing that we made, or gone by now */
	p.kind = dir_point_kind(dir);
	if (p.kind == DIR_POINT_NONE)
		return 0;
	snprintf(p.name, sizeof(p.name), "%s", name);
	if (order_of(c->r, dir, &p, &why) != 0) {
		if (p.kind == DIR_POINT_UNDO) {
			if (err)
				*err = why;
			return -1;
		}
		c->unclear = true;
	}
	more = reallocarray(c->list.v, c->list.n + 1, sizeof(*more));
	if (!more)
		return error_errno(err, ENOMEM, "%s: recovery points", c->r->name);
	c->list.v = more;
	more[c->list.n++] = p;
	return 0;
}

static int compare_order(const void *a, const void *b)
{
	const struct dir_point *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return strcmp(x->name, y->name);
}

int dir_point_list(struct replica *r, int points, struct dir_point_list *out, struct error *err)
{
	struct collected c = { .r = r, .points = points };
	int rc = each_name(r, points, collect, &c, err);

	if (c.list.n > 0)
		qsort(c.list.v, c.list.n, sizeof(*c.list.v), compare_order);
	for (size_t i = 0; rc == 0 && c.unclear && i < c.list.n; i++)
		if (c.list.v[i].kind == DIR_POINT_UNDO) /* whatever comes after it is read through */
			rc = error_set(err, ERR_CORRUPT,
				       "%s/%s: a recovery point's meta.json is damaged: the order of all is lost",
				       r->target->name, r->name);
	if (rc < 0) {
		cleanup_dir_point_list(&c.list);
		return -1;
	}
	*out = c.list;
	return 0;
}

struct names {
	char **v;
	size_t n, bytes;
};

static int add_name(void *ctx, const char *name, struct error *err)
{
	struct names *s = ctx;
	char **more = reallocarray(s->v, s->n + 1, sizeof(*more));

	if (more)
		s->v = more;
	if (!more || !(more[s->n] = strdup(name)))
		return error_errno(err, ENOMEM, "recovery points");
	s->bytes += strlen(name) + 1;
	s->n++;
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

char *dir_point_names(struct replica *r, int points, struct error *err)
{
	struct names s = { 0 };
	char *out = NULL, *at;

	if (each_name(r, points, add_name, &s, err) == 0) {
		out = malloc(s.bytes + 1);
		if (!out)
			error_errno(err, ENOMEM, "%s: recovery points", r->name);
	}
	if (s.n > 0)
		qsort(s.v, s.n, sizeof(*s.v), compare_names);
	at = out;
	for (size_t i = 0; i < s.n; i++) {
		if (out)
			at += snprintf(at, s.bytes + 1 - (size_t)(at - out), "%s\n", s.v[i]);
		free(s.v[i]);
	}
	if (out)
		*at = '\0';
	free(s.v);
	return out;
}

/* ---- making one ---- */

static int clone_into(int dir, int source, struct error *err)
{
	CLEANUP_FD int fd = openat(dir, DIR_POINT_FILE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);

	if (fd < 0)
		return error_errno(err, errno, "recovery point");
	if (ioctl(fd, FICLONE, source) < 0)
		return error_errno(err, errno, "clone");
	if (fsync(fd) < 0)
		return error_errno(err, errno, "sync the recovery point");
	return 0;
}

static int make_fresh(struct replica *r, int points, const struct dir_meta *m, struct error *err)
{
	const struct dir_place *p = r->target->priv;
	const char *id = target_meta_get(&dir_of(r)->now.meta.meta, "liftfsid");
	CLEANUP_FD int dir = -1;
	struct guid g = { 0 };

	if (!id || guid_parse(id, &g, NULL) < 0)
		g = (struct guid){ 0 };
	if (dir_point_remove(points, FRESH, err) < 0)
		return -1;
	if (mkdirat(points, FRESH, 0777) < 0) /* its name is synced when it is the point's */
		return error_errno(err, errno, "recovery point");
	if (dir_enter(points, FRESH, false, &dir, err) != 0)
		return -1;
	if (p->clones && clone_into(dir, dir_of(r)->data, err) < 0)
		return -1;
	if (!p->clones && undo_file_create(dir, DIR_POINT_UNDO_FILE, (uint64_t)dir_of(r)->now.content.st_size,
					   m->number, m->order, &g, err) < 0)
		return -1;
	return dir_meta_write(dir, "meta.json", r->name, m, 0444, err); /* syncs the folder, too */
}

static int enter_point(struct replica *r, int points, const char *name, struct error *err)
{
	struct dir_replica *d = dir_of(r);
	struct error cause = ERROR_INIT;
	struct stat st;

	/* A rename onto a folder with something in it fails by itself; one that is empty is nobody's point. */
	if (fstatat(points, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		errno = EEXIST;
	else if (renameat(points, FRESH, points, name) == 0) {
		if (io_fsync_dir(points, &cause) == 0)
			return 0;
		/* Nobody knows whether it is there after a power loss: nothing may be overwritten for either. */
		dir_explain(r, &cause, &d->poison);
		if (err)
			*err = d->poison;
		return -1;
	}
	if (errno == EEXIST || errno == ENOTEMPTY)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_EXISTS, "%s/%s@%s: exists already",
				     r->target->name, r->name, name);
	return error_errno(err, errno, "recovery point %s", name);
}

/* That there is a newest point of this order: whoever removes it by hand leaves a trace. */
static int note_order(struct replica *r, uint64_t order, struct error *err)
{
	struct dir_replica *d = dir_of(r);

	d->now.meta.order = order;
	return dir_store_meta(r, &d->now.meta, err);
}

static int find_order(struct replica *r, int points, struct dir_meta *m, struct error *err)
{
	CLEANUP(cleanup_dir_point_list) struct dir_point_list list = { 0 };
	uint64_t noted = dir_of(r)->now.meta.order;

	if (dir_point_list(r, points, &list, err) < 0)
		return -1;
	m->order = list.n > 0 ? list.v[list.n - 1].order : 0;
	if (noted > m->order) /* the newest was deleted */
		m->order = noted;
	m->number = m->order + 1;
	return 0;
}

static void discard(struct replica *r, int points)
{
	struct error why = ERROR_INIT;

	if (dir_point_remove(points, FRESH, &why) < 0) /* the next one does */
		log_info("dir", "%s: %s", r->name, why.msg);
}

static int snapshot(struct replica *r, int points, const char *if_version, const char *name, const struct dir_meta *m,
		    struct error *err)
{
	struct error cause = ERROR_INIT;

	if (make_fresh(r, points, m, &cause) < 0) {
		discard(r, points);
		return dir_explain(r, &cause, err);
	}
	/* Nobody wrote between the condition and the clone. */
	if (dir_check_unchanged(r, if_version, err) < 0 || enter_point(r, points, name, err) < 0) {
		discard(r, points);
		return -1;
	}
	return 0;
}

int dir_snapshot(struct replica *r, const char *if_version, const char *name, const struct target_meta *meta,
		 char *id_out, struct error *err)
{
	CLEANUP(cleanup_dir_meta) struct dir_meta m = { 0 };
	struct dir_replica *d = dir_of(r);
	CLEANUP_FD int points = -1;

	LOCK_SCOPE(&d->io);
	if (dir_point_check_name(name, err) < 0 || dir_check_unchanged(r, if_version, err) < 0 ||
	    dir_own_folder(r, DIR_POINTS, true, &points, err) < 0 || target_meta_copy(&m.meta, meta, err) < 0 ||
	    find_order(r, points, &m, err) < 0 || dir_undo_settle(r, err) < 0 || dir_publish_work(r, err) < 0 ||
	    snapshot(r, points, if_version, name, &m, err) < 0)
		return -1;
	/* The next change owes it to the new point. */
	dir_undo_end(d);
	d->owned = false;
	snprintf(id_out, TARGET_POINT_LEN, "%s", name);
	return note_order(r, m.number, err);
}

/* ---- for who asks ---- */

struct asked {
	struct replica *r;
	int points;
	struct target_points *out;
};

static uint64_t size_of(struct replica *r, int dir, enum dir_point_kind kind, const char *name)
{
	CLEANUP(cleanup_undo_file) struct undo_file *u = NULL;
	struct error why = ERROR_INIT;
	struct stat st;

	if (kind == DIR_POINT_FULL)
		return fstatat(dir, DIR_POINT_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (uint64_t)st.st_size : 0;
	u = undo_file_open(dir, DIR_POINT_UNDO_FILE, false, &why);
	if (!u)
		log_warn("dir", "%s@%s: %s", r->name, name, why.msg);
	return u ? undo_file_size(u) : 0;
}

static int add_point(void *ctx, const char *name, struct error *err)
{
	CLEANUP(cleanup_dir_meta) struct dir_meta m = { 0 };
	struct asked *a = ctx;
	struct target_point *more, *p;
	CLEANUP_FD int dir = -1;
	struct error why = ERROR_INIT;
	enum dir_point_kind kind;

	if (dir_enter(a->points, name, false, &dir, &why) != 0)
		return 0;
	kind = dir_point_kind(dir);
	if (kind == DIR_POINT_NONE)
		return 0; /* nothing that we made */
	/* Without readable metadata it has no token: somebody else's, to be listed and left alone. */
	if (dir_meta_read(dir, "meta.json", a->r->name, &m, &why) < 0)
		log_warn("dir", "%s@%s: %s", a->r->name, name, why.msg);
	more = reallocarray(a->out->v, a->out->n + 1, sizeof(*more));
	if (!more)
		return error_errno(err, ENOMEM, "%s: recovery points", a->r->name);
	a->out->v = more;
	p = &more[a->out->n++];
	*p = (struct target_point){ .size = size_of(a->r, dir, kind, name), .meta = m.meta };
	m.meta = (struct target_meta){ 0 };
	memcpy(p->id, name, strlen(name) + 1);
	return 0;
}

static int compare_points(const void *a, const void *b)
{
	const struct target_point *x = a, *y = b;

	return strcmp(x->id, y->id); /* a name is a moment */
}

int dir_points(struct replica *r, struct target_points *out, struct error *err)
{
	struct asked a = { .r = r, .out = out };
	CLEANUP_FD int points = -1;
	int rc = dir_own_folder(r, DIR_POINTS, false, &points, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	a.points = points;
	if (each_name(r, points, add_point, &a, err) < 0)
		return -1;
	if (out->n > 0)
		qsort(out->v, out->n, sizeof(*out->v), compare_points);
	return 0;
}

int dir_point_folder(struct replica *r, int *fd_out, struct error *err)
{
	CLEANUP_FD int points = -1;
	int rc = dir_own_folder(r, DIR_POINTS, false, &points, err);

	return rc != 0 ? rc : dir_enter(points, r->point, false, fd_out, err);
}

int dir_at_point(struct replica *r, const char *point_id, struct replica *point, struct error *err)
{
	CLEANUP_FD int dir = -1;
	int rc;

	if (dir_point_check_name(point_id, err) < 0 || dir_replica_open(point, err) < 0)
		return -1;
	rc = dir_point_folder(point, &dir, err);
	if (rc > 0)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_MISSING, "%s/%s@%s: no such recovery point",
				     r->target->name, r->name, point_id);
	if (rc == 0 && dir_point_kind(dir) == DIR_POINT_UNDO)
		rc = dir_chain_open(point, err);
	return rc;
}

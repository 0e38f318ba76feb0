/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recovery points: clones of the live file (FICLONE), each a folder POINT/ of disk.vhd and meta.json, made whole as
 * .new and then renamed.  A point is committed when its name exists and the folder was synced.
 *
 * "Never write in place into an inode that a recovery point names": a clone is an inode of its own, mode 0444, that
 * nobody opens for writing; the live file is written in place and shares only extents, which the file system copies on
 * write. That keeps every point as it was, like cloning the newest point first and entering the clone afterwards.  What
 * it lacks: while a cycle runs, the live file lies between two states (the newest point does not), and a zombie that
 * lost its lock can still write into the live file (never into a point).
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
#include "target/dir_private.h"

#define FRESH ".new"

static int check_point_name(const char *name, struct error *err)
{
	size_t len = strlen(name);

	if (len == 0 || len >= TARGET_POINT_LEN || *name == '.' || strchr(name, '/'))
		return error_set(err, ERR_USAGE, "recovery point '%s': not a name", name);
	return 0;
}

/* A leftover of a crash; the lease is ours, so nobody makes one now. */
static int remove_fresh(int points, struct error *err)
{
	static const char *const files[] = { "disk.vhd", "meta.json", "meta.json.new" };
	CLEANUP_FD int dir = -1;
	int rc = dir_enter(points, FRESH, false, &dir, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (unlinkat(dir, files[i], 0) < 0 && errno != ENOENT)
			return error_errno(err, errno, "%s", files[i]);
	return unlinkat(points, FRESH, AT_REMOVEDIR) < 0 ? error_errno(err, errno, FRESH) : 0;
}

static int clone_into(int dir, int source, struct error *err)
{
	CLEANUP_FD int fd = openat(dir, "disk.vhd", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);

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
	CLEANUP_FD int dir = -1;

	if (remove_fresh(points, err) < 0 || dir_enter(points, FRESH, true, &dir, err) < 0 ||
	    clone_into(dir, dir_of(r)->data, err) < 0)
		return -1;
	return dir_meta_write(dir, "meta.json", r->name, m, 0444, err); /* syncs the folder, too */
}

static int enter_point(struct replica *r, int points, const char *name, struct error *err)
{
	struct stat st;

	/* A rename onto a folder with something in it fails by itself; one that is empty is nobody's point. */
	if (fstatat(points, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		errno = EEXIST;
	else if (renameat(points, FRESH, points, name) == 0)
		return io_fsync_dir(points, err);
	if (errno == EEXIST || errno == ENOTEMPTY)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_EXISTS, "%s/%s@%s: exists already",
				     r->target->name, r->name, name);
	return error_errno(err, errno, "recovery point %s", name);
}

int dir_snapshot(struct replica *r, const char *if_version, const char *name, const struct target_meta *meta,
		 char *id_out, struct error *err)
{
	CLEANUP(cleanup_dir_meta) struct dir_meta m = { 0 };
	CLEANUP_FD int points = -1;
	struct error cause = ERROR_INIT, ignored = ERROR_INIT;

	LOCK_SCOPE(&dir_of(r)->io);
	if (check_point_name(name, err) < 0 || dir_check_unchanged(r, if_version, err) < 0 ||
	    dir_points_folder(r, true, &points, err) < 0 || target_meta_copy(&m.meta, meta, err) < 0)
		return -1;
	if (make_fresh(r, points, &m, &cause) < 0) {
		remove_fresh(points, &ignored);
		return dir_explain(r, &cause, err);
	}
	/* Nobody wrote between the condition and the clone. */
	if (dir_check_unchanged(r, if_version, err) < 0 || enter_point(r, points, name, err) < 0) {
		remove_fresh(points, &ignored);
		return -1;
	}
	snprintf(id_out, TARGET_POINT_LEN, "%s", name);
	return 0;
}

static int add_point(struct replica *r, int points, const char *name, struct target_points *out, struct error *err)
{
	CLEANUP(cleanup_dir_meta) struct dir_meta m = { 0 };
	struct target_point *more, *p;
	CLEANUP_FD int dir = -1;
	struct error why = ERROR_INIT;
	struct stat st;

	if (dir_enter(points, name, false, &dir, &why) != 0 || fstatat(dir, "disk.vhd", &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode))
		return 0; /* nothing that we made */
	/* Without readable metadata it has no token: somebody else's, to be listed and left alone. */
	if (dir_meta_read(dir, "meta.json", r->name, &m, &why) < 0)
		log_warn("dir", "%s@%s: %s", r->name, name, why.msg);
	more = reallocarray(out->v, out->n + 1, sizeof(*more));
	if (!more)
		return error_errno(err, ENOMEM, "%s: recovery points", r->name);
	out->v = more;
	p = &more[out->n++];
	*p = (struct target_point){ .size = (uint64_t)st.st_size, .meta = m.meta };
	m.meta = (struct target_meta){ 0 };
	memcpy(p->id, name, strlen(name) + 1);
	return 0;
}

static int compare_points(const void *a, const void *b)
{
	const struct target_point *x = a, *y = b;

	return strcmp(x->id, y->id); /* a name is a moment */
}

DEFINE_CLEANUP(cleanup_dir, DIR *, closedir);

int dir_points(struct replica *r, struct target_points *out, struct error *err)
{
	CLEANUP(cleanup_dir) DIR *dir = NULL;
	CLEANUP_FD int points = -1;
	const struct dirent *e;
	int rc = dir_points_folder(r, false, &points, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	dir = fdopendir(fcntl(points, F_DUPFD_CLOEXEC, 0));
	if (!dir)
		return dir_errno(r, errno, "list recovery points", err);
	for (errno = 0, e = readdir(dir); e; errno = 0, e = readdir(dir))
		if (check_point_name(e->d_name, NULL) == 0 && add_point(r, points, e->d_name, out, err) < 0)
			return -1;
	if (errno != 0)
		return dir_errno(r, errno, "list recovery points", err);
	if (out->n > 0)
		qsort(out->v, out->n, sizeof(*out->v), compare_points);
	return 0;
}

int dir_point_folder(struct replica *r, int *fd_out, struct error *err)
{
	CLEANUP_FD int points = -1;
	int rc = dir_points_folder(r, false, &points, err);

	return rc != 0 ? rc : dir_enter(points, r->point, false, fd_out, err);
}

int dir_at_point(struct replica *r, const char *point_id, struct replica *point, struct error *err)
{
	CLEANUP_FD int dir = -1;
	int rc;

	if (check_point_name(point_id, err) < 0 || dir_replica_open(point, err) < 0)
		return -1;
	rc = dir_point_folder(point, &dir, err);
	if (rc > 0)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_MISSING, "%s/%s@%s: no such recovery point",
				     r->target->name, r->name, point_id);
	return rc;
}

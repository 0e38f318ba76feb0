/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work files: each lease that changes a replica clones what is there into a file of its own, and writes there.
 *
 * What that gives: NAME.vhd always is a whole committed state; a process that lost its lease and does not know it yet
 * writes into its own file, which the next claim has taken the name of; no inode that somebody reads as a recovery
 * point is ever written. A cycle that ends without committing leaves its work file, and the next one goes on from
 * there.  Without it the version is that of NAME.vhd, which no journal of that cycle names.
 *
 * Publishing: metadata say that NAME.vhd may be the work file from now on; rename; metadata say that it is.  The
 * version stays.
 */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "target/dir_private.h"

/* A new file with the content of d->data, durable with its name; *fd_out. */
static int clone_content(struct replica *r, int work, const char *name, int *fd_out, struct error *err)
{
	struct dir_replica *d = dir_of(r);
	CLEANUP_FD int fd = openat(work, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	const struct stat *like = &d->now.named;

	if (fd < 0)
		return dir_errno(r, errno, "clone", err);
	if (ioctl(fd, FICLONE, d->data) < 0)
		return dir_errno(r, errno, "clone", err);
	/* It will be NAME.vhd: as it was for others.  An owner that we may not give it is none that we need. */
	if (fchown(fd, like->st_uid, like->st_gid) < 0 && errno != EPERM)
		return dir_errno(r, errno, "clone: owner", err);
	if (fchmod(fd, like->st_mode & 07777) < 0)
		return dir_errno(r, errno, "clone: mode", err);
	if (fsync(fd) < 0)
		return dir_errno(r, errno, "clone: sync", err);
	if (io_fsync_dir(work, err) < 0)
		return -1;
	*fd_out = steal_fd(&fd);
	return 0;
}

DEFINE_CLEANUP(cleanup_dir, DIR *, closedir);

/* All but ours: leftovers, and the file of whoever held the lease before. */
static void remove_others(struct replica *r, int work, const char *ours)
{
	CLEANUP(cleanup_dir) DIR *dir = fdopendir(fcntl(work, F_DUPFD_CLOEXEC, 0));
	const struct dirent *e;

	if (!dir)
		return;
	rewinddir(dir);
	for (e = readdir(dir); e; e = readdir(dir))
		if (e->d_name[0] != '.' && strcmp(e->d_name, ours) != 0 && unlinkat(work, e->d_name, 0) < 0)
			log_info("dir", "%s: work file %s was not removed", r->name, e->d_name);
}

static int own_clone(struct replica *r, struct error *err)
{
	struct dir_replica *d = dir_of(r);
	struct dir_meta *m = &d->now.meta;
	char name[DIR_WORK_LEN], version[TARGET_VERSION_LEN];
	CLEANUP_FD int work = -1;
	CLEANUP_FD int fd = -1;
	uint64_t random;
	struct stat st;

	if (random_bytes(&random, sizeof(random), err) < 0)
		return -1;
	snprintf(name, sizeof(name), "%016" PRIx64, random);
	if (dir_own_folder(r, DIR_WORK, true, &work, err) < 0)
		return -1;
	if (clone_content(r, work, name, &fd, err) < 0 || fstat(fd, &st) < 0) {
		unlinkat(work, name, 0);
		return -1;
	}
	if (d->now.foreign) /* whoever goes on takes it as it is: from now on it is known */
		dir_version(&d->now.named, version);
	else
		dir_state_name(m, &d->now.named, version);
	dir_version(&d->now.named, m->named.file);
	memcpy(m->named.version, version, sizeof(version));
	m->publishing = (struct dir_left){ 0 };
	memcpy(m->work, name, sizeof(name));
	dir_record_writing(d, st.st_ino);
	if (dir_store_meta(r, m, err) < 0)
		return -1;
	close(d->data);
	d->data = steal_fd(&fd);
	d->now.content = st;
	d->now.in_work = true;
	remove_others(r, work, name);
	return 0;
}

/* The point that shares its blocks cannot be read any more: it is marked, durably, before anything else changes. */
static int mark_points(struct replica *r, struct error *err)
{
	static const char text[] =
		"The replica was changed by something other than liftfs after this point was made.\n";
	struct dir_replica *d = dir_of(r);
	CLEANUP(cleanup_dir_point_list) struct dir_point_list list = { 0 };
	CLEANUP_FD int points = -1;
	CLEANUP_FD int dir = -1;

	if (!d->undo || !d->now.foreign || dir_state_same_content(d->now.meta.named.file, &d->now.named))
		return 0;
	if (dir_own_folder(r, DIR_POINTS, false, &points, err) != 0 || dir_point_list(r, points, &list, err) < 0 ||
	    dir_enter(points, list.v[list.n - 1].name, false, &dir, err) != 0)
		return -1;
	return io_replace_file(dir, DIR_POINT_FOREIGN, text, sizeof(text) - 1, 0444, err);
}

static int own_in_place(struct replica *r, struct error *err)
{
	struct dir_replica *d = dir_of(r);
	struct dir_meta *m = &d->now.meta;

	if (mark_points(r, err) < 0)
		return -1;
	m->named = m->publishing = (struct dir_left){ 0 };
	if (!d->now.in_work)
		m->work[0] = '\0';
	dir_record_writing(d, d->now.content.st_ino);
	return dir_store_meta(r, m, err);
}

int dir_own_content(struct replica *r, struct error *err)
{
	struct dir_replica *d = dir_of(r);
	const struct dir_place *p = r->target->priv;

	if (dir_undo_begin(r, err) < 0)
		return -1;
	if ((p->clones && !r->map_copy && !d->undo ? own_clone(r, err) : own_in_place(r, err)) < 0)
		return -1;
	d->owned = true;
	d->now.foreign = false;
	return 0;
}

static int rename_work(struct replica *r, struct error *err)
{
	CLEANUP_FD int work = -1;
	CLEANUP_FD int dir = -1;
	char base[NAME_MAX + 1];
	struct error cause = ERROR_INIT;

	if (dir_own_folder(r, DIR_WORK, true, &work, err) < 0 ||
	    dir_parent(r->target, DIR_DATA, r->name, NULL, true, &dir, base, err) < 0)
		return -1;
	if (renameat(work, dir_of(r)->now.meta.work, dir, base) < 0)
		return dir_errno(r, errno, "publish", err);
	if (io_fsync_dir(dir, &cause) < 0 || io_fsync_dir(work, &cause) < 0)
		return dir_explain(r, &cause, err);
	return 0;
}

int dir_publish_work(struct replica *r, struct error *err)
{
	struct dir_replica *d = dir_of(r);
	struct dir_meta *m = &d->now.meta;
	char *last;

	if (!d->now.in_work)
		return 0;
	dir_version(&d->now.content, m->publishing.file);
	last = strrchr(m->publishing.file, ':');
	last[1] = '\0'; /* the rename changes the ctime */
	memcpy(m->publishing.version, d->now.version, sizeof(d->now.version));
	if (dir_store_meta(r, m, err) < 0 || rename_work(r, err) < 0)
		return -1;
	if (fstat(d->data, &d->now.content) < 0)
		return dir_errno(r, errno, "publish", err);
	d->now.named = d->now.content;
	d->now.in_work = d->owned = false;
	m->work[0] = '\0';
	m->named = m->publishing;
	dir_version(&d->now.named, m->named.file);
	m->publishing = (struct dir_left){ 0 };
	return dir_store_meta(r, m, err);
}

int dir_publish(struct replica *r, const char *if_version, struct error *err)
{
	LOCK_SCOPE(&dir_of(r)->io);
	if (dir_check_unchanged(r, if_version, err) < 0)
		return -1;
	return dir_publish_work(r, err);
}

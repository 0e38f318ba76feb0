/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways beneath the target's folder: a symbolic link that somebody planted below leads nowhere.  One call with
 * RESOLVE_NO_SYMLINKS goes a way that is there; where that fails, or folders are to be made, it is gone one component at a
 * time, each opened with O_NOFOLLOW.  Names have no '..' (the wrappers saw to it), so a way down cannot lead up.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "target/dir_private.h"

static const char *const areas[] = {
	[DIR_DATA] = "",
	[DIR_META] = DIR_OWN "/meta/",
	[DIR_LOCKS] = DIR_OWN "/locks/",
	[DIR_POINTS] = DIR_OWN "/points/",
	[DIR_WORK] = DIR_OWN "/work/",
	[DIR_MAPS] = DIR_OWN "/maps/",
};

int dir_root(struct target *t, struct error *err)
{
	struct dir_place *p = t->priv;

	LOCK_SCOPE(&p->lock);
	if (p->root >= 0)
		return p->root;
	p->root = open(t->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->root < 0)
		return error_errno(err, errno, "%s", t->name);
	p->own_times = dir_has_own_times(p->root);
	return p->root;
}

static int not_a_folder(int dirfd, const char *component, int errnum, struct error *err)
{
	struct stat st;

	if (fstatat(dirfd, component, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		return error_set(err, ERR_REFUSED,
				 "%s: a symbolic link: it may lead out of the target, and is not followed", component);
	return error_errno(err, errnum, "%s", component);
}

int dir_enter(int dirfd, const char *component, bool create, int *fd_out, struct error *err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dirfd, component, flags);

	if (fd < 0 && errno == ENOENT && !create)
		return 1;
	if (fd < 0 && errno == ENOENT) {
		if (mkdirat(dirfd, component, 0777) < 0 && errno != EEXIST)
			return error_errno(err, errno, "%s: create folder", component);
		if (io_fsync_dir(dirfd, err) < 0)
			return -1;
		fd = openat(dirfd, component, flags);
	}
	if (fd < 0)
		return not_a_folder(dirfd, component, errno, err);
	*fd_out = fd;
	return 0;
}

/* The folder of path, whose name begins at last, in one call; -1: to be gone step by step, which also finds out why. */
static int enter_at_once(int root, char *path, char *last)
{
	const struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
				      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	int fd;

	if (last == path)
		return -1;
	last[-1] = '\0';
	fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	last[-1] = '/';
	return fd;
}

/* Down all components of path but the last, of which *last is the start. */
static int walk(int root, char *path, const char **last, bool create, int *fd_out, struct error *err)
{
	char *slash = strrchr(path, '/');
	int fd = enter_at_once(root, path, slash ? slash + 1 : path);

	if (fd >= 0) {
		*last = slash + 1;
		*fd_out = fd;
		return 0;
	}
	CLEANUP_FD int at = fcntl(root, F_DUPFD_CLOEXEC, 0);

	if (at < 0)
		return error_errno(err, errno, "%s", path);
	for (slash = strchr(path, '/'); slash; path = slash + 1, slash = strchr(path, '/')) {
		char component[NAME_MAX + 1];
		int next, rc;

		if ((size_t)(slash - path) >= sizeof(component))
			return error_errno(err, ENAMETOOLONG, "%s", path);
		memcpy(component, path, (size_t)(slash - path));
		component[slash - path] = '\0';
		rc = dir_enter(at, component, create, &next, err);
		if (rc != 0)
			return rc;
		close(at);
		at = next;
	}
	*last = path;
	*fd_out = steal_fd(&at);
	return 0;
}

int dir_parent(struct target *t, enum dir_area area, const char *name, const char *suffix, bool create, int *fd_out,
	       char base[NAME_MAX + 1], struct error *err)
{
	struct error why = ERROR_INIT;
	int root = dir_root(t, &why), rc;
	CLEANUP_FREE char *path = NULL;
	const char *last = NULL;
	size_t len;

	if (root < 0 && why.code == ERR_SYSTEM && why.detail == ENOENT && !create)
		return 1; /* the folder itself is not there yet: a dry run, before the first cycle */
	if (root < 0) {
		if (err)
			*err = why;
		return -1;
	}
	if (asprintf(&path, "%s%s", areas[area], name) < 0) {
		path = NULL;
		return error_errno(err, ENOMEM, "%s", name);
	}
	rc = walk(root, path, &last, create, fd_out, err);
	if (rc < 0)
		return error_prefix(err, "%s/%s", t->name, path);
	if (rc > 0)
		return rc;
	len = strlen(last);
	if (suffix)
		len -= 4; /* .vhd: target_check_name() */
	snprintf(base, NAME_MAX + 1, "%.*s%s", (int)len, last, suffix ? suffix : "");
	return 0;
}

int dir_stat(struct replica *r, enum dir_area area, const char *suffix, struct stat *out, struct error *err)
{
	CLEANUP_FD int dir = -1;
	char base[NAME_MAX + 1];
	int rc = dir_parent(r->target, area, r->name, suffix, false, &dir, base, err);

	if (rc != 0)
		return rc;
	if (fstatat(dir, base, out, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return errno == ENOENT ? 1 : dir_errno(r, errno, "stat", err);
}

bool dir_stat_at_once(int root, enum dir_area area, const char *name, const char *suffix, struct stat *out)
{
	const struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV };
	size_t area_len = strlen(areas[area]), len = strlen(name) - (suffix ? 4 : 0); /* .vhd: target_check_name() */
	size_t suffix_len = suffix ? strlen(suffix) : 0;
	char path[PATH_MAX];
	CLEANUP_FD int fd = -1;

	if (len >= sizeof(path) - area_len - suffix_len)
		return false;
	memcpy(path, areas[area], area_len);
	memcpy(path + area_len, name, len);
	memcpy(path + area_len + len, suffix ? suffix : "", suffix_len + 1);
	fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	return fd >= 0 && fstat(fd, out) == 0;
}

int dir_own_folder(struct replica *r, enum dir_area area, bool create, int *fd_out, struct error *err)
{
	CLEANUP_FD int parent = -1;
	char base[NAME_MAX + 1];
	int rc = dir_parent(r->target, area, r->name, NULL, create, &parent, base, err);

	return rc != 0 ? rc : dir_enter(parent, base, create, fd_out, err);
}

int dir_errno(const struct replica *r, int errnum, const char *what, struct error *err)
{
	struct error cause = ERROR_INIT;

	error_errno(&cause, errnum, "%s", what);
	return dir_explain(r, &cause, err);
}

int dir_explain(const struct replica *r, const struct error *cause, struct error *err)
{
	const char *advice = "";

	if (cause->code == ERR_SYSTEM && cause->detail == ENOSPC)
		advice = "; make room there and run again: what has arrived is kept";
	else if (cause->code == ERR_SYSTEM && cause->detail == EDQUOT)
		advice = "; have the quota raised and run again: what has arrived is kept";
	else if (cause->code == ERR_SYSTEM && cause->detail == EFBIG)
		advice = "; the file system (or ulimit -f) allows no file of this size: XFS and Btrfs hold any disk, ext4 up to 16 TiB";
	error_set(err, cause->code, "%s/%s: %s%s", r->target->name, r->name, cause->msg, advice);
	if (err)
		err->detail = cause->detail;
	return -1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a directory's file system can do, found by trying: a file with a hole, a clone, a lock.  A dry run tries nothing
 * that changes something; it goes by access rights and the file system's type.
 *
 * Points are clones where files can be cloned.  Undo files need holes, and a file system that only this host writes to:
 * a host that lost its lock elsewhere could still write in place what nobody saved.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/io.h"
#include "target/dir_private.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif
#define PROBE_HOLE (1 << 20)

bool dir_is_network(uint64_t type)
{
	static const uint32_t types[] = {
		NFS_SUPER_MAGIC,
		SMB_SUPER_MAGIC,
		0xfe534d42 /* SMB 2 and 3 */,
		0xff534d42 /* CIFS */,
		0x01021997 /* 9p: of a machine's host */,
		0x00c36400 /* Ceph */,
		0x0bd00bd0 /* Lustre */,
		0x47504653 /* GPFS */,
		0x19830326 /* BeeGFS */,
		0x5346414f /* AFS */,
		0x73757245 /* Coda */,
		0x01161970 /* GFS2 */,
		0x7461636f /* OCFS2 */,
		0x786f4256 /* VirtualBox's */,
		0xbacbacbc /* VMware's */,
		0x65735546 /* FUSE: sshfs, GlusterFS, ... */,
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if ((uint32_t)type == types[i])
			return true;
	return false;
}

static void set_points(struct target *t, bool clones, bool network)
{
	struct dir_place *p = t->priv;

	p->clones = clones;
	p->undo = !clones && !network && p->sparse;
	t->caps.points = clones || p->undo;
	t->caps.why_no_points = NULL;
	if (!t->caps.points && network)
		t->caps.why_no_points = "a network file system that cannot clone files: a host that lost its lock "
					"could still overwrite "
					"what a point needs; while a cycle runs the only copy is between two states";
	else if (!t->caps.points)
		t->caps.why_no_points =
			"the file system cannot clone files, and keeps no holes; while a cycle runs the only copy is "
			"between two states";
}

static int check_access(const struct target *t, struct error *err)
{
	if (access(t->name, R_OK | W_OK | X_OK) < 0)
		return error_errno(err, errno, "%s: write to it", t->name);
	return 0;
}

/* By the type of what is there: nothing is tried. */
static int guess(struct target *t, const char *path, struct error *err)
{
	struct dir_place *p = t->priv;
	struct statfs fs;
	uint32_t type;

	if (statfs(path, &fs) < 0)
		return error_errno(err, errno, "%s", path);
	type = (uint32_t)fs.f_type;
	p->sparse = type != MSDOS_SUPER_MAGIC && type != EXFAT_SUPER_MAGIC;
	set_points(t, type == XFS_SUPER_MAGIC || type == BTRFS_SUPER_MAGIC, dir_is_network(type));
	return 0;
}

/* What a missing folder's nearest parent says. */
static int check_parent(struct target *t, struct error *err)
{
	CLEANUP_FREE char *path = strdup(t->name);

	while (path && *path) {
		char *slash = strrchr(path, '/');

		slash[slash == path ? 1 : 0] = '\0';
		if (access(path, W_OK | X_OK) == 0)
			return guess(t, path, err);
		if (errno != ENOENT || !path[1])
			return error_errno(err, errno, "%s: create it in %s", t->name, path);
	}
	return error_errno(err, ENOMEM, "%s", t->name);
}

static int dry_prepare(struct target *t, bool missing, char **note, struct error *err)
{
	if (!missing)
		return check_access(t, err) < 0 ? -1 : guess(t, t->name, err);
	if (asprintf(note, "%s: would be created", t->name) < 0)
		*note = NULL;
	return check_parent(t, err);
}

static int probe_file(int own, struct error *err)
{
	uint64_t random;
	char name[32];
	int fd;

	if (random_bytes(&random, sizeof(random), err) < 0)
		return -1;
	snprintf(name, sizeof(name), "probe.%016" PRIx64, random);
	fd = openat(own, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_errno(err, errno, "%s", name);
	unlinkat(own, name, 0);
	return fd;
}

/* A hole with a sector behind it, and a clone of that. */
static int probe(struct target *t, int own, struct error *err)
{
	struct dir_place *p = t->priv;
	CLEANUP_FD int fd = probe_file(own, err);
	CLEANUP_FD int copy = fd < 0 ? -1 : probe_file(own, err);
	static const char sector[512] = "liftfs";
	struct statfs fs;
	struct stat st;

	if (copy < 0 || io_pwrite(fd, sector, sizeof(sector), PROBE_HOLE, err) < 0)
		return -1;
	if (fsync(fd) < 0 || fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return error_errno(err, errno, "sync");
	p->sparse = st.st_blocks < PROBE_HOLE / 512;
	set_points(t, ioctl(copy, FICLONE, fd) == 0, dir_is_network((uint32_t)fs.f_type));
	return 0;
}

static int probe_locks(struct target *t, int own, struct error *err)
{
	CLEANUP_FD int locks = -1;
	CLEANUP_FD int fd = -1;
	struct error why = ERROR_INIT;

	if (dir_enter(own, "locks", true, &locks, err) < 0)
		return -1;
	fd = io_lock_file(locks, ".probe", "probe", &why);
	if (fd >= 0 || why.code == ERR_BUSY) /* another run tries the same */
		return 0;
	if (why.code == ERR_UNSUPPORTED)
		return error_set(err, ERR_REFUSED,
				 "%s: the file system has no locks: two runs could write at once; use one that "
				 "has them",
				 t->name);
	error_set(err, why.code, "%s", why.msg);
	if (err)
		err->detail = why.detail;
	return -1;
}

int dir_prepare(struct target *t, bool dry_run, char **note, struct error *err)
{
	CLEANUP_FD int own = -1;
	struct stat st;
	struct statfs fs;
	bool missing = stat(t->name, &st) < 0;
	int root;

	if (missing && (errno != ENOENT || !t->config.create))
		return errno == ENOENT ? error_set(err, ERR_REFUSED, "%s: no such folder", t->name)
				       : error_errno(err, errno, "%s", t->name);
	if (!missing && !S_ISDIR(st.st_mode))
		return error_set(err, ERR_USAGE, "%s: not a folder", t->name);
	if (dry_run)
		return dry_prepare(t, missing, note, err);
	if (missing && io_mkdirs(AT_FDCWD, t->name, 0777, err) < 0)
		return -1;
	root = dir_root(t, err);
	if (root < 0)
		return -1;
	if (dir_enter(root, DIR_OWN, true, &own, err) < 0 || probe(t, own, err) < 0 || probe_locks(t, own, err) < 0)
		return error_prefix(err, "%s: write to it", t->name);
	if (fstatfs(root, &fs) == 0 && dir_is_network((uint32_t)fs.f_type) &&
	    asprintf(note, "%s: a network file system: a host that lost its lock can still write; use one host",
		     t->name) < 0)
		*note = NULL;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/checked.h"
#include "base/compiler.h"
#include "base/io.h"
#include "disk/backing.h"
#include "disk/datastore_map.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif
#define ZFS_SUPER_MAGIC 0x2fc12fc1 /* not in the kernel's headers: ZFS lives outside its tree */

/* Under RESOLVE_BENEATH a rename anywhere on the system makes the kernel give up with EAGAIN where it meets "..". */
#define OPEN_TRIES 16

struct backing_root {
	atomic_uint refs;
	atomic_bool strayed;
	int fd;
	char *path;
	struct datastore_map datastores;
};

struct backing_root *backing_root_open(const char *path, struct error *err)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct backing_root *root;

	if (fd < 0) {
		error_errno(err, errno, "%s", path);
		return NULL;
	}
	root = calloc(1, sizeof(*root));
	if (root)
		root->path = strdup(path);
	if (!root || !root->path) {
		free(root);
		error_errno(err, ENOMEM, "%s", path);
		return NULL;
	}
	atomic_init(&root->refs, 1);
	atomic_init(&root->strayed, false);
	root->fd = steal_fd(&fd);
	return root;
}

struct backing_root *backing_root_get(struct backing_root *root)
{
	atomic_fetch_add_explicit(&root->refs, 1, memory_order_relaxed);
	return root;
}

void backing_root_put(struct backing_root *root)
{
	if (!root || atomic_fetch_sub_explicit(&root->refs, 1, memory_order_acq_rel) != 1)
		return;
	close(root->fd);
	datastore_map_fini(&root->datastores);
	free(root->path);
	free(root);
}

const char *backing_root_path(const struct backing_root *root)
{
	return root->path;
}

int backing_root_fd(const struct backing_root *root)
{
	return root->fd;
}

bool backing_root_strayed(const struct backing_root *root)
{
	return atomic_load_explicit(&root->strayed, memory_order_relaxed);
}

bool backing_name_is_incidental(const char *name)
{
	static const char *const suffixes[] = { ".lck", ".log", ".nvram", ".vmsd", ".vmsn", ".vswp" };
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < ARRAY_LEN(suffixes); i++)
		if (strcmp(dot, suffixes[i]) == 0)
			return true;
	return false;
}

static bool is_seen(const char *path)
{
	size_t len;

	if (backing_name_is_incidental(path))
		return false;
	for (; *path; path += len + (path[len] == '/')) {
		bool up;

		len = strcspn(path, "/");
		up = path[0] == '.' && (len == 1 || (len == 2 && path[1] == '.'));
		if ((path[0] == '.' && !up) || path[0] == '~')
			return false;
	}
	return true;
}

static void note_where(struct backing_root *root, bool elsewhere, const char *path)
{
	if (elsewhere || !is_seen(path))
		atomic_store_explicit(&root->strayed, true, memory_order_relaxed);
}

int backing_root_add_datastore(struct backing_root *root, const char *name, const char *dir, struct error *err)
{
	struct datastore_map *m = &root->datastores;

	if (!m->root_real) {
		m->root_real = realpath(root->path, NULL);
		if (!m->root_real)
			return error_errno(err, errno, "%s", root->path);
		if (strcmp(m->root_real, "/") == 0)
			m->root_real[0] = '\0';
	}
	return datastore_map_add(m, name, dir, err);
}

int backing_root_add_datastores(struct backing_root *root, const struct backing_datastore *v, size_t n,
				struct error *err)
{
	for (size_t i = 0; i < n; i++)
		if (backing_root_add_datastore(root, v[i].name, v[i].dir, err) < 0)
			return -1;
	return 0;
}

size_t backing_root_datastores(const struct backing_root *root)
{
	return root->datastores.n;
}

const char *backing_root_datastore_dir(const struct backing_root *root, size_t i, bool resolved)
{
	const struct datastore_place *p = &root->datastores.v[i];

	assert(i < root->datastores.n);
	if (!resolved)
		return p->dir;
	return *p->real ? p->real : "/";
}

char *backing_root_translate(const struct backing_root *root, const char *name, struct error *err)
{
	return datastore_map_translate(&root->datastores, name, err);
}

size_t backing_root_datastore_len(const struct backing_root *root, const char *path, const char **short_out)
{
	const char *rest = path;
	const struct datastore_place *p = datastore_map_place(&root->datastores, path, &rest);

	if (p && short_out)
		*short_out = datastore_place_short(p);
	return p ? (size_t)(rest - path) : 0;
}

bool backing_stamp_equal(const struct backing_stamp *a, const struct backing_stamp *b)
{
	return a->inode == b->inode && a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

static int64_t ns_of(const struct statx_timestamp *t)
{
	return (int64_t)((uint64_t)t->tv_sec * UINT64_C(1000000000) + t->tv_nsec);
}

void backing_stamp_of(const struct statx *st, struct backing_stamp *out)
{
	out->inode = st->stx_ino;
	out->size = st->stx_size;
	out->mtime_ns = ns_of(&st->stx_mtime);
	out->ctime_ns = ns_of(&st->stx_ctime);
}

/*
 * As fstat(2), but of the file server: an NFS client answers that one for up to a minute out of what it knows, of a file
 * that is open, or, mounted with nocto, of any.
 */
static int stat_anew(int fd, struct statx *out)
{
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, out);
}

static int open_beneath(int dirfd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)flags,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	int fd = -1;

	for (int i = 0; i < OPEN_TRIES; i++) {
		fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd;
}

/* O_NOATIME is for a file's owner only; *noatime_out says whether it was granted. */
static int open_source(int dirfd, const char *path, bool follow, bool *noatime_out)
{
	int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | (follow ? 0 : O_NOFOLLOW);
	int fd = open_beneath(dirfd, path, flags | O_NOATIME);

	*noatime_out = fd >= 0;
	if (fd < 0 && errno == EPERM)
		fd = open_beneath(dirfd, path, flags);
	return fd;
}

static int open_failed(const char *folder, const char *path, bool follow, int errnum, struct error *err)
{
	switch (errnum) {
	case EXDEV:
		return error_set(err, ERR_REFUSED, "%s: leads out of %s", path, folder);
	case ELOOP:
		if (!follow)
			return error_set(err, ERR_REFUSED, "%s: a symbolic link, which is not followed here", path);
		break;
	case ENXIO: /* a socket, or a device without a driver */
	case ENODEV:
		return error_set(err, ERR_UNSUPPORTED, "%s: not a regular file", path);
	case ENOSYS:
		return error_set(err, ERR_UNSUPPORTED, "%s: this kernel has no openat2(2), which came with Linux 5.6",
				 path);
	default:
		break;
	}
	return error_errno(err, errnum, "%s", path);
}

static bool is_stamping(const struct statfs *fs)
{
	switch ((uint64_t)fs->f_type) {
	case EXT4_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case ZFS_SUPER_MAGIC:
	case TMPFS_MAGIC:
	case NFS_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}

bool backing_fd_stamps_writes(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && is_stamping(&fs);
}

/* ZFS has a second cache; what a server or another program stands behind may answer a mapping out of an older state. */
static bool is_coherent(const struct statfs *fs)
{
	switch ((uint64_t)fs->f_type) {
	case EXT4_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case TMPFS_MAGIC:
		return true;
	default:
		return false;
	}
}

struct backing *backing_open(struct backing_root *root, const char *path, bool follow, struct error *err)
{
	CLEANUP(cleanup_backing) struct backing *b = NULL;
	const char *rest = path;
	const struct datastore_place *place = datastore_map_place(&root->datastores, path, &rest);
	bool noatime = false;
	CLEANUP_FD int fd = open_source(place ? place->fd : root->fd, rest, follow, &noatime);
	struct statfs fs;
	struct statx st;

	note_where(root, place, rest);
	if (fd < 0) {
		open_failed(place ? place->dir : root->path, path, follow, errno, err);
		return NULL;
	}
	if (stat_anew(fd, &st) < 0 || fstatfs(fd, &fs) < 0) {
		error_errno(err, errno, "%s", path);
		return NULL;
	}
	if (!S_ISREG(st.stx_mode) || st.stx_size > INT64_MAX) {
		error_set(err, ERR_UNSUPPORTED, "%s: %s", path,
			  S_ISDIR(st.stx_mode) ? "a folder, not a regular file" : "not a regular file");
		return NULL;
	}
	b = calloc(1, sizeof(*b));
	if (b) {
		b->fd = steal_fd(&fd);
		b->path = strdup(path);
	}
	if (!b || !b->path) {
		error_errno(err, ENOMEM, "%s", path);
		return NULL;
	}
	b->size = st.stx_size;
	b->dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	backing_stamp_of(&st, &b->stamp);
	b->noatime = noatime || (fs.f_flags & (ST_NOATIME | ST_RDONLY)) != 0;
	b->coherent = is_coherent(&fs);
	b->stamps_writes = is_stamping(&fs);
	return steal_ptr(&b);
}

int backing_open_folder(struct backing_root *root, const char *path)
{
	const char *rest = path;
	const struct datastore_place *place = datastore_map_place(&root->datastores, path, &rest);

	note_where(root, place, rest);
	return open_beneath(place ? place->fd : root->fd, *rest ? rest : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

struct backing *backing_window(const struct backing *whole, const char *path, uint64_t base, uint64_t size,
			       struct error *err)
{
	CLEANUP(cleanup_backing) struct backing *b = malloc(sizeof(*b));

	assert(range_ok(base, size, whole->size));
	if (b) {
		*b = *whole;
		b->base = whole->base + base;
		b->size = size;
		b->path = strdup(path);
		b->fd = fcntl(whole->fd, F_DUPFD_CLOEXEC, 0);
	}
	if (!b || !b->path || b->fd < 0) {
		error_errno(err, b && b->path ? errno : ENOMEM, "%s", path);
		return NULL;
	}
	return steal_ptr(&b);
}

bool backing_same(const struct backing *a, const struct backing *b)
{
	return a->dev == b->dev && a->stamp.inode == b->stamp.inode && a->base == b->base;
}

void backing_close(struct backing *b)
{
	if (!b)
		return;
	if (b->fd >= 0)
		close(b->fd);
	free(b->path);
	free(b);
}

int backing_restat(const struct backing *b, struct backing_stamp *out, struct error *err)
{
	struct statx st;

	if (stat_anew(b->fd, &st) < 0)
		return error_errno(err, errno, "%s", b->path);
	backing_stamp_of(&st, out);
	return 0;
}

/* 0, or ERR_CHANGED if the file is shorter than when it was opened. */
static int check_not_shrunk(const struct backing *b, struct error *err)
{
	struct backing_stamp now = { 0 };

	if (backing_restat(b, &now, err) < 0)
		return -1;
	if (now.size < b->stamp.size)
		return error_set(err, ERR_CHANGED, "%s: shrank from %" PRIu64 " to %" PRIu64 " bytes", b->path,
				 b->stamp.size, now.size);
	return 0;
}

int backing_read(const struct backing *b, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct error why = ERROR_INIT;

	if (!range_ok(off, len, b->size))
		return error_set(err, ERR_CORRUPT,
				 "%s: read %zu bytes at %#" PRIx64 ": beyond end of file (%" PRIu64 " bytes)", b->path,
				 len, off, b->size);
	if (io_pread(b->fd, buf, len, b->base + off, &why) == 0)
		return 0;
	if (why.code == ERR_CORRUPT && check_not_shrunk(b, err) < 0) /* it came short */
		return -1;
	if (err)
		*err = why;
	return error_prefix(err, "%s", b->path);
}

/* Holes and data of the whole file, from `off` of it on. */
static int run_of_file(const struct backing *b, uint64_t off, bool *is_hole, uint64_t *end_out, struct error *err)
{
	off_t data = lseek(b->fd, (off_t)off, SEEK_DATA), hole;

	*end_out = b->base + b->size;
	if (data < 0 && errno == ENXIO) { /* a hole to the end, unless the file shrank */
		*is_hole = true;
		return check_not_shrunk(b, err);
	}
	*is_hole = false;
	if (data < 0 && errno == EINVAL) /* no such thing on this file system */
		return 0;
	if (data < 0)
		return error_errno(err, errno, "%s: hole or data at %#" PRIx64, b->path, off);
	if ((uint64_t)data > off) {
		*is_hole = true;
		if ((uint64_t)data < *end_out)
			*end_out = (uint64_t)data;
		return 0;
	}
	hole = lseek(b->fd, (off_t)off, SEEK_HOLE);
	if (hole < 0)
		return error_errno(err, errno, "%s: end of data at %#" PRIx64, b->path, off);
	if ((uint64_t)hole > off && (uint64_t)hole < *end_out)
		*end_out = (uint64_t)hole;
	return 0;
}

int backing_run(const struct backing *b, uint64_t off, bool *is_hole, uint64_t *end_out, struct error *err)
{
	if (off >= b->size)
		return error_set(err, ERR_USAGE, "%s: no byte at %#" PRIx64 ": the file has %" PRIu64, b->path, off,
				 b->size);
	if (run_of_file(b, b->base + off, is_hole, end_out, err) < 0)
		return -1;
	*end_out -= b->base;
	return 0;
}

char *backing_sibling(const char *from, const char *name, struct error *err)
{
	const char *slash = strrchr(from, '/');
	size_t dir = slash ? (size_t)(slash - from) + 1 : 0;
	size_t len = strlen(name);
	char *out = malloc(dir + len + 1);

	if (!out) {
		error_errno(err, ENOMEM, "%s", name);
		return NULL;
	}
	memcpy(out, from, dir);
	memcpy(out + dir, name, len + 1);
	return out;
}

bool backing_name_is_foreign(const char *name)
{
	if (name[0] == '[')
		return strchr(name, ']') != NULL;
	if (name[0] == '/' || name[0] == '\\')
		return true;
	return isalpha((unsigned char)name[0]) && name[1] == ':' && (name[2] == '/' || name[2] == '\\');
}

bool backing_name_stays(const char *name)
{
	size_t len;

	if (*name == '\0' || *name == '/')
		return false;
	for (; *name; name += len + (name[len] == '/')) {
		len = strcspn(name, "/");
		if (len == 2 && name[0] == '.' && name[1] == '.')
			return false;
	}
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "power_loss.h"

#define SECTOR 512
#define VALUES_MAX 4
#define SECTORS_MAX 16384
#define CHANGES_MAX 512

ssize_t __real_pwrite(int fd, const void *buf, size_t n, off_t off);
int __real_fallocate(int fd, int mode, off_t off, off_t len);
int __real_ftruncate(int fd, off_t len);
int __real_fsync(int fd);
int __real_fdatasync(int fd);
int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __real_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags);
int __real_unlinkat(int dir, const char *name, int flags);
int __real_mkdirat(int dir, const char *name, mode_t mode);
int __real_openat(int dir, const char *name, int flags, ...);
int __real_ioctl(int fd, unsigned long request, ...);

ssize_t __wrap_pwrite(int fd, const void *buf, size_t n, off_t off);
int __wrap_fallocate(int fd, int mode, off_t off, off_t len);
int __wrap_ftruncate(int fd, off_t len);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags);
int __wrap_mkdirat(int dir, const char *name, mode_t mode);
int __wrap_openat(int dir, const char *name, int flags, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

/* A sector that was written since its file was synced: what it may hold. */
struct sector {
	int fd; /* of our own; -1: synced */
	ino_t ino;
	uint64_t at;
	unsigned n;
	uint8_t values[VALUES_MAX][SECTOR];
};

/* A change of a folder that was not synced: how it is undone. */
struct change {
	enum { RENAMED, LINKED, UNLINKED, MADE_FOLDER, MADE_FILE } kind;
	int dir, to_dir;       /* fds of our own */
	ino_t dir_ino, to_ino; /* 0: synced */
	char name[256], to[256];
	char saved[32]; /* what was replaced or removed, in the graveyard; "": nothing */
};

static struct {
	bool armed, power;
	unsigned left;
	uint64_t random;
	int graveyard;
	unsigned saved;
	struct sector *sectors;
	size_t n_sectors;
	struct change changes[CHANGES_MAX];
	size_t n_changes;
} loss;

static void die(const char *what)
{
	fprintf(stderr, "power loss: %s\n", what);
	abort();
}

void power_loss_arm(unsigned n, bool power, uint64_t seed, const char *graveyard)
{
	loss.left = n;
	loss.power = power;
	loss.random = seed * 2654435761u + 88172645463325252u;
	loss.sectors = calloc(SECTORS_MAX, sizeof(*loss.sectors));
	loss.graveyard = open(graveyard, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!loss.sectors || loss.graveyard < 0)
		die("no memory, or no graveyard");
	loss.armed = n > 0;
}

static uint64_t draw(uint64_t n)
{
	loss.random ^= loss.random << 13;
	loss.random ^= loss.random >> 7;
	loss.random ^= loss.random << 17;
	return (loss.random >> 11) % n;
}

static ino_t inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

/* A file to be written though it is gone from its folder, or was opened to be read. */
static int own_fd(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* ---- the end ---- */

static void undo_change(const struct change *c)
{
	switch (c->kind) {
	case RENAMED:
		if (__real_renameat(c->to_dir, c->to, c->dir, c->name) < 0 && errno != ENOENT)
			die("rename back");
		if (c->saved[0] && __real_linkat(loss.graveyard, c->saved, c->to_dir, c->to, 0) < 0)
			die("what was replaced");
		break;
	case UNLINKED:
		if (c->saved[0] && __real_linkat(loss.graveyard, c->saved, c->dir, c->name, 0) < 0)
			die("what was removed");
		if (!c->saved[0] && __real_mkdirat(c->dir, c->name, 0777) < 0)
			die("the folder that was removed");
		break;
	case LINKED:
	case MADE_FILE:
		__real_unlinkat(c->dir, c->name, 0);
		break;
	case MADE_FOLDER:
		__real_unlinkat(c->dir, c->name, AT_REMOVEDIR);
		break;
	}
}

static void lose(void)
{
	size_t durable = 0, cut;

	for (size_t i = 0; i < loss.n_sectors; i++) {
		const struct sector *s = &loss.sectors[i];

		if (s->fd >= 0 && __real_pwrite(s->fd, s->values[draw(s->n)], SECTOR, (off_t)s->at) < 0)
			die("sector");
	}
	for (size_t i = 0; i < loss.n_changes; i++)
		if (loss.changes[i].dir_ino == 0 && loss.changes[i].to_ino == 0)
			durable = i + 1;
	cut = durable + draw(loss.n_changes - durable + 1);
	for (size_t i = loss.n_changes; i > cut; i--)
		undo_change(&loss.changes[i - 1]);
}

static void count(void)
{
	if (!loss.armed || --loss.left > 0)
		return;
	loss.armed = false;
	if (loss.power)
		lose();
	_exit(POWER_LOSS_STATUS);
}

/* ---- content ---- */

static struct sector *find_sector(int fd, uint64_t at)
{
	ino_t ino = inode_of(fd);
	struct sector *s;

	for (size_t i = 0; i < loss.n_sectors; i++) {
		s = &loss.sectors[i];
		if (s->fd >= 0 && s->ino == ino && s->at == at)
			return s;
	}
	if (loss.n_sectors == SECTORS_MAX)
		die("too many sectors");
	s = &loss.sectors[loss.n_sectors++];
	*s = (struct sector){ .fd = own_fd(fd), .ino = ino, .at = at };
	if (s->fd < 0)
		die("open a file once more");
	return s;
}

static void note_values(int fd, uint64_t off, uint64_t len, bool before)
{
	if (!loss.armed || !loss.power || len == 0)
		return;
	for (uint64_t at = off / SECTOR * SECTOR; at < off + len; at += SECTOR) {
		struct sector *s = find_sector(fd, at);

		if (before && s->n > 0)
			continue;
		if (s->n == VALUES_MAX)
			s->n--; /* the last one counts */
		memset(s->values[s->n], 0, SECTOR);
		if (pread(s->fd, s->values[s->n], SECTOR, (off_t)at) < 0)
			die("read a sector");
		s->n++;
	}
}

static void note_synced(int fd)
{
	ino_t ino = inode_of(fd);

	for (size_t i = 0; i < loss.n_sectors; i++) {
		struct sector *s = &loss.sectors[i];

		if (s->fd >= 0 && s->ino == ino) {
			close(s->fd);
			s->fd = -1;
		}
	}
	while (loss.n_sectors > 0 && loss.sectors[loss.n_sectors - 1].fd < 0)
		loss.n_sectors--;
	for (size_t i = 0; i < loss.n_changes; i++) {
		if (loss.changes[i].dir_ino == ino)
			loss.changes[i].dir_ino = 0;
		if (loss.changes[i].to_ino == ino)
			loss.changes[i].to_ino = 0;
	}
}

ssize_t __wrap_pwrite(int fd, const void *buf, size_t n, off_t off)
{
	ssize_t rc;

	count();
	note_values(fd, (uint64_t)off, n, true);
	rc = __real_pwrite(fd, buf, n, off);
	note_values(fd, (uint64_t)off, n, false);
	return rc;
}

int __wrap_fallocate(int fd, int mode, off_t off, off_t len)
{
	int rc;

	count();
	note_values(fd, (uint64_t)off, (uint64_t)len, true);
	rc = __real_fallocate(fd, mode, off, len);
	note_values(fd, (uint64_t)off, (uint64_t)len, false);
	return rc;
}

/* Durable at once: for what is cut off nothing is worse. */
int __wrap_ftruncate(int fd, off_t len)
{
	count();
	return __real_ftruncate(fd, len);
}

int __wrap_fsync(int fd)
{
	int rc;

	count();
	rc = __real_fsync(fd);
	if (rc == 0)
		note_synced(fd);
	return rc;
}

int __wrap_fdatasync(int fd)
{
	int rc;

	count();
	rc = __real_fdatasync(fd);
	if (rc == 0)
		note_synced(fd);
	return rc;
}

/* A clone is durable content only with the fsync after it, which is never left out: the file is not named before. */
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	unsigned long arg;

	va_start(args, request);
	arg = va_arg(args, unsigned long);
	va_end(args);
	if (request == FICLONE)
		count();
	return __real_ioctl(fd, request, arg);
}

/* ---- folders ---- */

static struct change *note_change(int kind, int dir, const char *name)
{
	struct change *c = &loss.changes[loss.n_changes];

	if (loss.n_changes == CHANGES_MAX)
		die("too many changes");
	loss.n_changes++;
	*c = (struct change){ .kind = (__typeof__(c->kind))kind,
			      .dir = fcntl(dir, F_DUPFD_CLOEXEC, 0),
			      .dir_ino = inode_of(dir) };
	snprintf(c->name, sizeof(c->name), "%s", name);
	return c;
}

/* Keeps what is about to lose its name. */
static void save(char saved[32], int dir, const char *name)
{
	snprintf(saved, 32, "%ld-%u", (long)getpid(), loss.saved++);
	if (__real_linkat(dir, name, loss.graveyard, saved, 0) < 0)
		saved[0] = '\0'; /* a folder, or not there */
}

static bool watching(int dir)
{
	return loss.armed && loss.power && dir != AT_FDCWD;
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	char saved[32] = "";
	struct change *c;
	int rc;

	count();
	if (watching(from_dir))
		save(saved, to_dir, to);
	rc = __real_renameat(from_dir, from, to_dir, to);
	if (rc < 0 || !watching(from_dir))
		return rc;
	c = note_change(RENAMED, from_dir, from);
	c->to_dir = fcntl(to_dir, F_DUPFD_CLOEXEC, 0);
	c->to_ino = inode_of(to_dir);
	memcpy(c->saved, saved, sizeof(saved));
	snprintf(c->to, sizeof(c->to), "%s", to);
	return rc;
}

int __wrap_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	int rc;

	count();
	rc = __real_linkat(from_dir, from, to_dir, to, flags);
	if (rc == 0 && watching(to_dir))
		note_change(LINKED, to_dir, to);
	return rc;
}

int __wrap_unlinkat(int dir, const char *name, int flags)
{
	char saved[32] = "";
	int rc;

	count();
	if (watching(dir) && !(flags & AT_REMOVEDIR))
		save(saved, dir, name);
	rc = __real_unlinkat(dir, name, flags);
	if (rc == 0 && watching(dir))
		memcpy(note_change(UNLINKED, dir, name)->saved, saved, sizeof(saved));
	return rc;
}

int __wrap_mkdirat(int dir, const char *name, mode_t mode)
{
	int rc;

	count();
	rc = __real_mkdirat(dir, name, mode);
	if (rc == 0 && watching(dir))
		note_change(MADE_FOLDER, dir, name);
	return rc;
}

int __wrap_openat(int dir, const char *name, int flags, ...)
{
	bool is_new = (flags & O_CREAT) && faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
	mode_t mode = 0;
	va_list args;
	int fd;

	if (flags & O_CREAT) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	if (is_new)
		count();
	fd = __real_openat(dir, name, flags, mode);
	if (fd >= 0 && is_new && watching(dir))
		note_change(MADE_FILE, dir, name);
	return fd;
}

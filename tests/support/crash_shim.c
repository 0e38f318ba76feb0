/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LD_PRELOADed into a program: ends it at its N-th system call that changes a file, a folder or a connection, as a
 * SIGKILL or as a loss of power would.
 *
 *   CRASH_AT=N      which call, from 1; 0 or unset: none, only counted
 *   CRASH_MODE      before: the call is not made; after: it is; half: of a write the first half is; power: as after, and
 *                   then what was not synced may be gone; shutdown: as after, and the file system that CRASH_ROOT is on
 *                   stops at once, its log not written out: it has to be mounted anew (ext4, XFS; root alone)
 *   CRASH_SEED=N    the dice of a loss of power
 *   CRASH_LOG=FILE  gets "N CALL NAME" of the call that ended it, or "N calls" at the end
 *   CRASH_ROOT=DIR  loss of power, and a folder on the same file system for what may have to come back: DIR/.undo
 *   CRASH_BOOT=FILE is read for the boot id: after a loss of power there is another
 *
 * Loss of power: of the writes since the last fsync or fdatasync of their file, each sector holds what it held before or
 * what was written, and its size is what it is or any that it had; of the changes of names since the last fsync of a folder, the newest few never happened, in order.
 * Files written through a mapping are not followed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SECTOR 512
#define PATH_LEN 4096

enum mode { BEFORE, AFTER, HALF, POWER, SHUTDOWN, MODES };

struct unsynced { /* bytes of a file before a write */
	struct unsynced *next;
	dev_t dev;
	ino_t ino;
	int fd;
	off_t off, old_size;
	size_t len;
	uint8_t *old;
	bool resized; /* by ftruncate: `old` is what was cut off */
};

struct renamed { /* a name before it changed */
	struct renamed *next;
	char from[PATH_LEN], to[PATH_LEN], backup[PATH_LEN]; /* "": none */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long calls, crash_at, seed, backups;
static enum mode mode;
static struct unsynced *unsynced;
static struct renamed *renamed;
static char undo[PATH_LEN], root_path[PATH_LEN], log_path[PATH_LEN], boot_path[PATH_LEN];

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static unsigned dice(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed % below);
}

static void say(const char *call, const char *name)
{
	char line[PATH_LEN + 128];
	int fd, n = snprintf(line, sizeof(line), "%lu %s %s\n", calls, call, name);

	if (!*log_path)
		return;
	fd = REAL(open)(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd >= 0 && REAL(write)(fd, line, (size_t)n) < 0)
		_exit(99);
	close(fd);
}

__attribute__((constructor)) static void begin(void)
{
	static const char *const names[] = { "before", "after", "half", "power", "shutdown" };
	const char *at = getenv("CRASH_AT"), *how = getenv("CRASH_MODE"), *root = getenv("CRASH_ROOT"), *log = getenv("CRASH_LOG");

	crash_at = at ? strtoul(at, NULL, 10) : 0;
	for (mode = how ? 0 : AFTER; how && mode < MODES && strcmp(how, names[mode]) != 0; mode++)
		;
	if (mode == MODES)
		_exit(99);
	seed = 88172645463325252ul + (getenv("CRASH_SEED") ? strtoul(getenv("CRASH_SEED"), NULL, 10) * 2654435761ul : 0);
	snprintf(root_path, sizeof(root_path), "%s", root ? root : "");
	snprintf(undo, sizeof(undo), "%s/.undo", root ? root : "");
	snprintf(log_path, sizeof(log_path), "%s", log ? log : "");
	snprintf(boot_path, sizeof(boot_path), "%s", getenv("CRASH_BOOT") ? getenv("CRASH_BOOT") : "");
}

__attribute__((destructor)) static void end(void)
{
	say("calls", "in all");
}

/* ---- loss of power ---- */

static void restore(const struct unsynced *u)
{
	if (u->resized && dice(2))
		return;
	if (u->resized && REAL(ftruncate)(u->fd, u->old_size) < 0)
		_exit(99);
	size_t beyond = u->off + (off_t)u->len > u->old_size ? (size_t)(u->off + (off_t)u->len - (u->off > u->old_size ? u->off : u->old_size)) : 0;

	for (size_t at = 0; at < u->len; at += SECTOR) {
		size_t n = u->len - at < SECTOR ? u->len - at : SECTOR;

		if (dice(2) && REAL(pwrite)(u->fd, u->old + at, n, u->off + (off_t)at) < 0)
			_exit(99);
	}
	if (beyond && dice(2) && REAL(ftruncate)(u->fd, u->old_size) < 0)
		_exit(99);
}

static void lose_power(void)
{
	unsigned lost = 0, all = 0;

	for (struct unsynced *u = unsynced; u; u = u->next)
		restore(u);
	for (struct renamed *r = renamed; r; r = r->next)
		all++;
	lost = dice(all + 1);
	for (struct renamed *r = renamed; r && lost > 0; r = r->next, lost--) {
		if (*r->from && REAL(rename)(r->to, r->from) < 0)
			continue;
		if (!*r->from && *r->to)
			REAL(unlink)(r->to);
		if (*r->backup)
			REAL(rename)(r->backup, r->to);
	}
}

static void shut_down(void)
{
	uint32_t how = 2; /* nothing more is written, the log neither */
	int fd = REAL(open)(root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || REAL(ioctl)(fd, _IOR('X', 125, uint32_t), &how) < 0)
		_exit(99);
}

static void die(const char *call, const char *name)
{
	say(call, name);
	if (mode == SHUTDOWN)
		shut_down();
	if (mode == POWER)
		lose_power();
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

static void read_old(int fd, struct unsynced *u)
{
	char path[64];
	int again;

	if (pread(fd, u->old, u->len, u->off) >= 0)
		return;
	/* opened for writing only: through /proc */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = REAL(open)(path, O_RDONLY | O_CLOEXEC);
	if (again < 0 || pread(again, u->old, u->len, u->off) < 0)
		_exit(99);
	close(again);
}

static void remember(int fd, size_t len, off_t off, bool resized)
{
	struct unsynced *u;
	struct stat st;

	if (mode != POWER || crash_at == 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (len == 0 && !resized))
		return;
	if (resized)
		len = st.st_size > off ? (size_t)(st.st_size - off) : 0;
	u = calloc(1, sizeof(*u));
	*u = (struct unsynced){ .next = unsynced, .dev = st.st_dev, .ino = st.st_ino, .off = off, .len = len, .old_size = st.st_size };
	u->resized = resized;
	u->fd = fcntl(fd, F_DUPFD_CLOEXEC, 500);
	u->old = calloc(1, len + 1);
	read_old(fd, u);
	unsynced = u;
}

static void before_write(int fd, size_t len, off_t off)
{
	remember(fd, len, off, false);
}

static void before_resize(int fd, off_t size)
{
	remember(fd, 0, size, true);
}

static void synced(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return;
	if (S_ISDIR(st.st_mode)) { /* coarse: all names; what is lost then is less than could be */
		char dir[64], path[PATH_LEN];
		ssize_t n;

		snprintf(dir, sizeof(dir), "/proc/self/fd/%d", fd);
		n = readlink(dir, path, sizeof(path) - 1);
		if (n <= 0)
			return;
		path[n] = '/';
		/* journalled file systems keep the order of names: what came before this folder's last change is durable too */
		for (struct renamed **at = &renamed; *at; at = &(*at)->next) {
			if (strncmp((*at)->to, path, (size_t)n + 1) == 0 && !strchr((*at)->to + n + 1, '/')) {
				*at = NULL;
				break;
			}
		}
		return;
	}
	for (struct unsynced **at = &unsynced; *at;) {
		struct unsynced *u = *at;

		if (u->dev != st.st_dev || u->ino != st.st_ino) {
			at = &u->next;
			continue;
		}
		*at = u->next;
		close(u->fd);
		free(u->old);
		free(u);
	}
}

static void absolute(int dirfd, const char *name, char out[PATH_LEN])
{
	char link[64], dir[PATH_LEN / 2];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
	n = *name == '/' ? 0 : dirfd == AT_FDCWD ? readlink("/proc/self/cwd", dir, sizeof(dir) - 1) : readlink(link, dir, sizeof(dir) - 1);
	dir[n > 0 ? n : 0] = '\0';
	snprintf(out, PATH_LEN, "%s%s%s", dir, *name == '/' ? "" : "/", name);
}

/* from "": the name `to` is made; to is overwritten or removed: it is kept */
static void before_rename(int fromfd, const char *from, int tofd, const char *to)
{
	struct renamed *r;
	struct stat st;

	if (mode != POWER || crash_at == 0)
		return;
	r = calloc(1, sizeof(*r));
	if (from)
		absolute(fromfd, from, r->from);
	absolute(tofd, to, r->to);
	if (lstat(r->to, &st) == 0 && S_ISREG(st.st_mode)) {
		snprintf(r->backup, sizeof(r->backup), "%.2000s.%d.%lu", undo, (int)getpid(), ++backups);
		if (REAL(link)(r->to, r->backup) < 0)
			*r->backup = '\0';
	}
	r->next = renamed;
	renamed = r;
}

/* ---- the calls ---- */

static bool counts(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISSOCK(st.st_mode) || S_ISDIR(st.st_mode));
}

/* True if this call is the one, and must end before it is made. */
static bool arrive(const char *call, const char *name)
{
	calls++;
	if (calls != crash_at)
		return false;
	if (mode == BEFORE)
		die(call, name);
	return true;
}

#define LEAVE(last, call, name)          \
	do {                             \
		int saved = errno;       \
		if (last)                \
			die(call, name); \
		errno = saved;           \
	} while (0)

/* A call that has no content: RESULT is the real one. */
#define PLAIN(type, call, name, counted, prepare, result)   \
	do {                                                \
		type rc;                                    \
		bool last;                                  \
		struct renamed *was;                        \
		if (!(counted))                             \
			return result;                      \
		pthread_mutex_lock(&lock);                  \
		last = arrive(call, name);                  \
		was = renamed;                              \
		prepare;                                    \
		rc = result;                                \
		if (rc < 0)                                 \
			renamed = was;                      \
		LEAVE(last, call, name);                    \
		pthread_mutex_unlock(&lock);                \
		return rc;                                  \
	} while (0)

ssize_t write(int fd, const void *buf, size_t len)
{
	ssize_t rc;
	bool last;

	if (!counts(fd) || fd <= 2)
		return REAL(write)(fd, buf, len);
	pthread_mutex_lock(&lock);
	last = arrive("write", "");
	before_write(fd, len, lseek(fd, 0, SEEK_CUR));
	rc = REAL(write)(fd, buf, last && mode == HALF ? len / 2 : len);
	LEAVE(last, "write", "");
	pthread_mutex_unlock(&lock);
	return rc;
}

static ssize_t at_offset(int fd, const void *buf, size_t len, off_t off)
{
	ssize_t rc;
	bool last;

	pthread_mutex_lock(&lock);
	last = arrive("pwrite", "");
	before_write(fd, len, off);
	rc = REAL(pwrite)(fd, buf, last && mode == HALF ? len / 2 : len, off);
	LEAVE(last, "pwrite", "");
	pthread_mutex_unlock(&lock);
	return rc;
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
	return at_offset(fd, buf, len, off);
}

ssize_t pwrite64(int fd, const void *buf, size_t len, off64_t off)
{
	return at_offset(fd, buf, len, off);
}

/* Piece by piece, so that one crash falls between two. */
static ssize_t pieces(int fd, const struct iovec *v, int n, off_t off)
{
	ssize_t all = 0;

	for (int i = 0; i < n; i++) {
		ssize_t rc = v[i].iov_len ? at_offset(fd, v[i].iov_base, v[i].iov_len, off + all) : 0;

		if (rc < 0)
			return all ? all : rc;
		all += rc;
		if ((size_t)rc < v[i].iov_len)
			break;
	}
	return all;
}

ssize_t pwritev(int fd, const struct iovec *v, int n, off_t off)
{
	return pieces(fd, v, n, off);
}

ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t off)
{
	return pieces(fd, v, n, off);
}

ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	ssize_t rc;
	bool last;

	pthread_mutex_lock(&lock);
	last = arrive("send", "");
	rc = REAL(send)(fd, buf, last && mode == HALF ? len / 2 : len, flags);
	LEAVE(last, "send", "");
	pthread_mutex_unlock(&lock);
	return rc;
}

static int sync_as(int fd, int (*real)(int), const char *call)
{
	bool last;
	int rc;

	pthread_mutex_lock(&lock);
	last = arrive(call, "");
	rc = real(fd);
	if (rc == 0 && mode == POWER && crash_at)
		synced(fd);
	LEAVE(last, call, "");
	pthread_mutex_unlock(&lock);
	return rc;
}

int fsync(int fd)
{
	return sync_as(fd, REAL(fsync), "fsync");
}

int fdatasync(int fd)
{
	return sync_as(fd, REAL(fdatasync), "fdatasync");
}

int ftruncate(int fd, off_t len)
{
	PLAIN(int, "ftruncate", "", true, before_resize(fd, len), REAL(ftruncate)(fd, len));
}

int ftruncate64(int fd, off64_t len)
{
	PLAIN(int, "ftruncate", "", true, before_resize(fd, len), REAL(ftruncate)(fd, len));
}

int fallocate(int fd, int how, off_t off, off_t len)
{
	PLAIN(int, "fallocate", "", true, before_write(fd, (size_t)len, off), REAL(fallocate)(fd, how, off, len));
}

int fallocate64(int fd, int how, off64_t off, off64_t len)
{
	PLAIN(int, "fallocate", "", true, before_write(fd, (size_t)len, off), REAL(fallocate)(fd, how, off, len));
}

int rename(const char *from, const char *to)
{
	PLAIN(int, "rename", to, true, before_rename(AT_FDCWD, from, AT_FDCWD, to), REAL(rename)(from, to));
}

int renameat(int fromfd, const char *from, int tofd, const char *to)
{
	PLAIN(int, "renameat", to, true, before_rename(fromfd, from, tofd, to), REAL(renameat)(fromfd, from, tofd, to));
}

int renameat2(int fromfd, const char *from, int tofd, const char *to, unsigned flags)
{
	PLAIN(int, "renameat2", to, true, before_rename(fromfd, from, tofd, to), REAL(renameat2)(fromfd, from, tofd, to, flags));
}

int linkat(int fromfd, const char *from, int tofd, const char *to, int flags)
{
	PLAIN(int, "linkat", to, true, before_rename(0, NULL, tofd, to), REAL(linkat)(fromfd, from, tofd, to, flags));
}

int unlinkat(int dirfd, const char *name, int flags)
{
	PLAIN(int, "unlinkat", name, true, (void)(flags ? 0 : (before_rename(0, NULL, dirfd, name), 0)),
	      REAL(unlinkat)(dirfd, name, flags));
}

int mkdirat(int dirfd, const char *name, mode_t perm)
{
	PLAIN(int, "mkdirat", name, true, , REAL(mkdirat)(dirfd, name, perm));
}

static int open_as(int dirfd, const char *name, int flags, mode_t perm)
{
	struct stat st;

	if (*boot_path && strcmp(name, "/proc/sys/kernel/random/boot_id") == 0)
		return REAL(openat)(AT_FDCWD, boot_path, flags, perm);
	if (!(flags & O_CREAT) || fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return REAL(openat)(dirfd, name, flags, perm);
	PLAIN(int, "creat", name, true, before_rename(0, NULL, dirfd, name), REAL(openat)(dirfd, name, flags, perm));
}

int openat(int dirfd, const char *name, int flags, ...)
{
	va_list ap;
	mode_t perm = 0;

	va_start(ap, flags);
	if (flags & (O_CREAT | O_TMPFILE))
		perm = va_arg(ap, mode_t);
	va_end(ap);
	return open_as(dirfd, name, flags, perm);
}

int openat64(int dirfd, const char *name, int flags, ...)
{
	va_list ap;
	mode_t perm = 0;

	va_start(ap, flags);
	if (flags & (O_CREAT | O_TMPFILE))
		perm = va_arg(ap, mode_t);
	va_end(ap);
	return open_as(dirfd, name, flags, perm);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	PLAIN(int, "ioctl", "FICLONE", request == FICLONE || request == FICLONERANGE, , REAL(ioctl)(fd, request, arg));
}

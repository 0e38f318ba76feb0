/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The version of a replica: inode, size, mtime and ctime of its file.
 *
 * The kernel takes the time of a write from a clock that ticks every 4 ms or so, and some file systems keep only
 * seconds: a foreign write right after our last operation could leave both times as they were.  A write sets mtime and
 * ctime to one and the same moment, and nobody can set ctime.  So a stamp sets an mtime that differs from the ctime
 * which setting it causes: from then on any write makes them equal, whatever the clock does, and the version another
 * one.  The mtime lies in the past (by less than a millisecond; by ten seconds where times are coarse), so that it also
 * differs from every later one. What hides a write nevertheless: putting mtime back within the same tick, and a mapping
 * that was dirty before; the sync before the stamp makes the kernel stamp a mapping's next write anew.
 *
 * The sync after it makes the stamp outlive a power loss, as it must to be compared with one in a journal.
 */
#include <config.h>

#include <errno.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "target/dir_private.h"

#define SECOND_NS UINT64_C(1000000000)

/* With at least so many digits. */
static char *put_number(char *at, uintmax_t v, size_t least)
{
	char digits[20]; /* backwards; of 2^64 - 1 */
	size_t n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0 || n < least);
	while (n > 0)
		*at++ = digits[--n];
	return at;
}

static char *put_time(char *at, const struct timespec *t)
{
	uintmax_t s = (uintmax_t)t->tv_sec;

	*at++ = ':';
	if (t->tv_sec < 0) {
		*at++ = '-';
		s = -s;
	}
	at = put_number(at, s, 1);
	*at++ = '.';
	return put_number(at, (uintmax_t)t->tv_nsec, 9);
}

/*
 * INODE:SIZE:MTIME:CTIME, times as seconds with nine places; at most 104 bytes.  Without printf(), which takes a tenth of a glance
 * (dir_glance.c) at a thousand replicas.
 */
void dir_version(const struct stat *st, char out[TARGET_VERSION_LEN])
{
	char *at = put_number(out, (uintmax_t)st->st_ino, 1);

	*at++ = ':';
	at = put_number(at, (uintmax_t)st->st_size, 1);
	at = put_time(at, &st->st_mtim);
	at = put_time(at, &st->st_ctim);
	*at = '\0';
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool dir_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size && same_time(&a->st_mtim, &b->st_mtim) &&
	       same_time(&a->st_ctim, &b->st_ctim);
}

static int set_mtime(int fd, uint64_t ns, struct stat *out, struct error *err)
{
	const struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = (time_t)(ns / SECOND_NS), .tv_nsec = (long)(ns % SECOND_NS) },
	};

	if (futimens(fd, times) < 0)
		return error_errno(err, errno, "set its time (the file must be owned by who runs liftfs)");
	if (fsync(fd) < 0)
		return error_errno(err, errno, "sync");
	if (fstat(fd, out) < 0)
		return error_errno(err, errno, "stat");
	return 0;
}

int dir_stamp(int fd, struct stat *out, struct error *err)
{
	uint64_t now;

	if (fdatasync(fd) < 0)
		return error_errno(err, errno, "sync");
	now = clock_realtime_ns();
	if (set_mtime(fd, now - 1 - random_below(999999), out, err) < 0)
		return -1;
	if (same_time(&out->st_mtim, &out->st_ctim))
		return set_mtime(fd, now - 10 * SECOND_NS, out, err);
	return 0;
}

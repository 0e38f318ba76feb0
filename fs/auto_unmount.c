/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "auto_unmount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAIT_NS 20000000L
#define WAIT_TIMES 3000 /* a minute: a program that is killed closes its device when its memory is gone */

/* From cached attributes: nobody is asked.  A mount whose program is gone still has them. */
static bool device_of(const char *path, struct statx *st)
{
	return statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, 0, st) == 0;
}

/* The same mount is still there; a new one at the same place is not ours to take away. */
static bool is_same_mount(const char *path, const struct statx *mounted)
{
	struct statx st;

	return device_of(path, &st) && st.stx_dev_major == mounted->stx_dev_major &&
	       st.stx_dev_minor == mounted->stx_dev_minor;
}

static bool program_is_gone(const char *path)
{
	struct statx st;

	return statx(AT_FDCWD, path, AT_STATX_FORCE_SYNC, STATX_TYPE, &st) < 0 && errno == ENOTCONN;
}

/* The child of a program with threads: only calls that are safe in a signal handler. */
_Noreturn static void watch(int fd, const char *path, const struct statx *mounted)
{
	const struct timespec pause = { .tv_nsec = WAIT_NS };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char byte;

	/* The caller's terminal and pipes are not ours to keep, and above all not the device of the mount. */
	for (int to = 0; to <= 2; to++)
		(void)dup2(null, to);
	if (dup2(fd, 3) < 0 || chdir("/") < 0)
		_exit(1);
	(void)close_range(4, UINT_MAX, 0);
	(void)setsid();
	(void)prctl(PR_SET_NAME, "liftfs-unmount");
	while (read(3, &byte, 1) < 0 && errno == EINTR)
		;
	for (unsigned n = 0; n < WAIT_TIMES && is_same_mount(path, mounted); n++) {
		if (program_is_gone(path)) {
			(void)execlp("fusermount3", "fusermount3", "-u", "-q", "-z", "--", path, (char *)NULL);
			_exit(1);
		}
		(void)nanosleep(&pause, NULL);
	}
	_exit(0);
}

int auto_unmount_start(struct auto_unmount *a, const char *mount_point, struct error *err)
{
	struct statx mounted;
	sigset_t all, old;
	int fds[2];

	if (!device_of(mount_point, &mounted))
		return error_errno(err, errno, "%s: auto_unmount", mount_point);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_errno(err, errno, "%s: auto_unmount: pipe", mount_point);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	a->pid = fork();
	if (a->pid == 0) {
		/* Its signals stay blocked: only the end of the pipe counts. */
		close(fds[1]);
		watch(fds[0], mount_point, &mounted);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	close(fds[0]);
	if (a->pid < 0) {
		a->pid = 0;
		close(fds[1]);
		return error_errno(err, errno, "%s: auto_unmount: fork", mount_point);
	}
	a->fd = fds[1];
	return 0;
}

void auto_unmount_stop(struct auto_unmount *a)
{
	if (a->pid == 0)
		return;
	close(a->fd);
	while (waitpid(a->pid, NULL, 0) < 0 && errno == EINTR)
		;
	a->pid = 0;
}

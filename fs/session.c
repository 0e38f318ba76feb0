/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ops.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "auto_unmount.h"
#include "base/clock.h"
#include "base/log.h"
#include "session.h"

#define READ_AHEAD_KB "1024" /* with requests of MOUNT_READ_MAX the first read of a file gains a third; more is slower */
#define TUNE_TIMES 10               /* 0.3 s in all: the first answer takes a millisecond */
#define TUNE_PAUSE_NS 30000000L
#define THREADS_MIN 4        /* a read of `blocks` may take a second; others do not wait for it */
#define THREADS_REMOTE 16

struct session {
	struct mount mount; /* first: what ready() gets leads here */
	struct fuse_session *fuse;
	char *mount_point;
	bool mounted, tuning, remote;
	pthread_t tuner;
	struct auto_unmount guard;
};

/* ---- the mount point ---- */

/* mountinfo writes blank, tab, newline and backslash as \ooo. */
static void unescape_octal(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*out++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

/* The n-th word of a line, counted from 0, cut out of it; NULL if there are fewer. */
static char *word_of(char *line, unsigned n)
{
	char *end;

	for (; n > 0; n--) {
		line = strchr(line, ' ');
		if (!line)
			return NULL;
		line++;
	}
	end = line + strcspn(line, " \n");
	*end = '\0';
	unescape_octal(line);
	return line;
}

/* A line of mountinfo: ... 4: the mount point ... " - " type, source. */
static int check_free(const char *path, struct error *err)
{
	CLEANUP_FILE FILE *f = fopen("/proc/self/mountinfo", "re");
	CLEANUP_FREE char *line = NULL, *copy = NULL;
	size_t cap = 0;
	const char *at;

	while (f && getline(&line, &cap, f) > 0) {
		free(copy);
		copy = strdup(line);
		if (!copy)
			return error_errno(err, ENOMEM, "%s", path);
		at = word_of(copy, 4);
		if (!at || strcmp(at, path) != 0)
			continue;
		at = strstr(line, " - ");
		at = at ? word_of(line + (at - line) + 3, 0) : NULL;
		return error_set(err, ERR_USAGE, "%s: mount point in use: %s is mounted there", path, at ? at : "something");
	}
	return 0;
}

char *session_mount_point(const char *dir, struct error *err)
{
	CLEANUP_FREE char *path = realpath(dir, NULL);
	struct statx st;

	/* FORCE_SYNC: a mount whose program is gone is known only by asking it; attributes may still be cached. */
	if (!path || statx(AT_FDCWD, path, AT_STATX_FORCE_SYNC, STATX_TYPE, &st) < 0) {
		if (errno == ENOTCONN)
			error_set(err, ERR_USAGE, "%s: mount point in use: the program of the mount there has ended; "
				  "'fusermount3 -u %s' takes it away", dir, dir);
		else
			error_errno(err, errno, "mount point %s", dir);
		return NULL;
	}
	if (!S_ISDIR(st.stx_mode)) {
		error_set(err, ERR_USAGE, "mount point %s: not a folder", dir);
		return NULL;
	}
	return check_free(path, err) < 0 ? NULL : steal_ptr(&path);
}

/* ---- the size of reads ---- */

/*
 * Only root may.  The kernel lowers the value when it has our answer to its first request, so it is written again for a
 * while.  Nothing here may ask our own mount: a process that is killed while one of its threads waits for an answer of its
 * own can never end, as the device that would fail the request is closed only by that end.
 */
static void *raise_read_ahead(void *arg)
{
	const struct session *s = arg;
	const struct timespec pause = { .tv_nsec = TUNE_PAUSE_NS };
	struct statx st;
	char path[96];
	CLEANUP_FD int fd = -1;

	if (statx(AT_FDCWD, s->mount_point, AT_STATX_DONT_SYNC, 0, &st) < 0)
		return NULL;
	snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/read_ahead_kb", st.stx_dev_major, st.stx_dev_minor);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	for (unsigned n = 0; n < TUNE_TIMES; n++) {
		if (fd < 0 || pwrite(fd, READ_AHEAD_KB, sizeof(READ_AHEAD_KB) - 1, 0) < 0) {
			log_info("mount", "%s: %s: reads stay small", path, strerrordesc_np(errno));
			break;
		}
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/* Signals are for the thread that runs the loop. */
static void start_tuner(struct mount *m)
{
	struct session *s = (struct session *)m;
	sigset_t all, old;

	if (geteuid() != 0)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	s->tuning = pthread_create(&s->tuner, NULL, raise_read_ahead, s) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* ---- mounting ---- */

/* What libfuse says while it mounts is the cause that we report; later it is for the log. */
static char fuse_said[256];
static bool mounting; /* one thread does */

static void PRINTF_FMT(2, 0) keep_message(enum fuse_log_level level, const char *fmt, va_list ap)
{
	char text[sizeof(fuse_said)];

	vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	if (mounting && level <= FUSE_LOG_ERR)
		memcpy(fuse_said, text, sizeof(fuse_said));
	log_debug("fuse", "%s", text);
}

static int add_options(struct fuse_args *args, const struct mount_options *o, const char *name, unsigned read_max,
		       struct error *err)
{
	CLEANUP_FREE char *list = NULL, *source = NULL;
	char max_read[32];
	int rc = 0;

	snprintf(max_read, sizeof(max_read), "max_read=%u", read_max);
	if (asprintf(&source, "fsname=%s", name) < 0)
		return error_errno(err, ENOMEM, "mount options");
	rc |= fuse_opt_add_arg(args, "liftfs");
	rc |= fuse_opt_add_opt(&list, "ro");
	rc |= fuse_opt_add_opt(&list, "default_permissions");
	rc |= fuse_opt_add_opt(&list, "subtype=liftfs");
	rc |= fuse_opt_add_opt(&list, max_read);
	rc |= fuse_opt_add_opt_escaped(&list, source);
	if (o->fuse.len)
		rc |= fuse_opt_add_opt(&list, o->fuse.s);
	rc |= fuse_opt_add_arg(args, "-o");
	rc |= fuse_opt_add_arg(args, list);
	return rc ? error_errno(err, ENOMEM, "mount options") : 0;
}

void session_close(struct session *s)
{
	if (!s)
		return;
	if (s->mounted)
		fuse_session_unmount(s->fuse);
	if (s->fuse)
		fuse_session_destroy(s->fuse); /* whoever still waits for an answer gets ENOTCONN, the tuner too */
	if (s->tuning)
		pthread_join(s->tuner, NULL);
	auto_unmount_stop(&s->guard);
	pthread_mutex_destroy(&s->mount.lock);
	free(s->mount_point);
	free(s);
}

struct session *session_mount(struct tree *t, const struct mount_options *o, const char *name, const char *mount_point,
			      bool remote, struct error *err)
{
	CLEANUP(cleanup_session) struct session *s = calloc(1, sizeof(*s));
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	uint64_t now = clock_realtime_ns();

	if (!s) {
		error_errno(err, ENOMEM, "%s", mount_point);
		return NULL;
	}
	s->remote = remote;
	s->mount = (struct mount){
		.tree = t,
		.uid = o->uid,
		.gid = o->gid,
		.umask = o->umask,
		.read_max = remote ? MOUNT_READ_MAX : MOUNT_READ_LOCAL,
		.mounted_at = { .tv_sec = (time_t)(now / 1000000000), .tv_nsec = (long)(now % 1000000000) },
		.ready = start_tuner,
	};
	pthread_mutex_init(&s->mount.lock, NULL);
	s->mount_point = strdup(mount_point);
	fuse_set_log_func(keep_message);
	if (!s->mount_point || add_options(&args, o, name, s->mount.read_max, err) < 0) {
		if (!s->mount_point)
			error_errno(err, ENOMEM, "%s", mount_point);
		fuse_opt_free_args(&args);
		return NULL;
	}
	mounting = true;
	s->fuse = fuse_session_new(&args, &mount_ops, sizeof(mount_ops), s);
	fuse_opt_free_args(&args);
	s->mounted = s->fuse && fuse_session_mount(s->fuse, mount_point) == 0;
	mounting = false;
	if (!s->mounted) {
		error_set(err, ERR_REFUSED, "%s: cannot mount%s%s", mount_point, *fuse_said ? ": " : "", fuse_said);
		return NULL;
	}
	if (o->auto_unmount && auto_unmount_start(&s->guard, mount_point, err) < 0)
		return NULL;
	return steal_ptr(&s);
}

static unsigned threads_for(const struct session *s)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n = cores > 0 && cores < 1024 ? (unsigned)cores + 1 : THREADS_MIN;

	if (s->remote && n < THREADS_REMOTE)
		n = THREADS_REMOTE;
	return n < THREADS_MIN ? THREADS_MIN : n;
}

int session_run(struct session *s, struct error *err)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int rc;

	if (!config)
		return error_errno(err, ENOMEM, "%s", s->mount_point);
	fuse_loop_cfg_set_clone_fd(config, 0);
	fuse_loop_cfg_set_max_threads(config, threads_for(s));
	fuse_loop_cfg_set_idle_threads(config, threads_for(s));
	if (fuse_set_signal_handlers(s->fuse) != 0) {
		fuse_loop_cfg_destroy(config);
		return error_set(err, ERR_BUG, "%s: signal handlers", s->mount_point);
	}
	rc = fuse_session_loop_mt(s->fuse, config);
	fuse_remove_signal_handlers(s->fuse);
	fuse_loop_cfg_destroy(config);
	if (rc < 0) /* above 0: the signal that ended it */
		return error_errno(err, -rc, "%s", s->mount_point);
	return 0;
}

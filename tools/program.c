/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "program.h"

#define KILL_AFTER_NS (UINT64_C(10) * 1000 * 1000 * 1000)
#define LOOK_EVERY_MS 100 /* at what has to be stopped */
#define PIECE ((size_t)8 << 10)
#define ERRORS_KEPT 400 /* bytes of the last line of standard error */

/* ---- start ---- */

/* ours and `set`, which wins; pointers into both. */
static char **environment(const char *const *set, struct error *err)
{
	size_t n = 0, more = 0, k = 0;
	char **env;

	while (environ && environ[n])
		n++;
	while (set && set[more])
		more++;
	env = calloc(n + more + 1, sizeof(*env));
	if (!env) {
		error_errno(err, ENOMEM, "environment");
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		bool replaced = false;

		for (size_t m = 0; m < more && !replaced; m++)
			replaced = strncmp(environ[i], set[m], (size_t)(strchr(set[m], '=') - set[m]) + 1) == 0;
		if (!replaced)
			env[k++] = environ[i];
	}
	for (size_t m = 0; m < more; m++)
		env[k++] = (char *)set[m];
	return env;
}

int program_start(const char *const *argv, const char *const *set, int out, int errors, pid_t *pid_out,
		  struct error *err)
{
	CLEANUP_FREE char **env = environment(set, err);
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int rc;

	if (!env)
		return -1;
	sigemptyset(&none);
	sigemptyset(&all);
	sigaddset(&all, SIGPIPE);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	posix_spawn_file_actions_init(&files);
	rc = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&files, errors, STDERR_FILENO);
	if (rc == 0)
		rc = posix_spawnp(pid_out, argv[0], &files, &attr, (char *const *)argv, env);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return rc == 0 ? 0 : error_errno(err, rc, "%s", argv[0]);
}

int program_pidfd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* ---- what it prints ---- */

struct run {
	const struct program *p;
	pid_t pid;
	int exited_fd, out_fd, errors_fd; /* -1: closed */
	struct strbuf out;
	char line[ERRORS_KEPT + 1]; /* the last one of standard error that is not empty */
	size_t line_len;
	bool line_ended, too_much, late, stopped;
	uint64_t started_ns, term_ns; /* term: when it got SIGTERM */
};

static void keep_last_line(struct run *r, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n') {
			r->line_ended = true;
			continue;
		}
		if (r->line_ended)
			r->line_len = 0;
		r->line_ended = false;
		if (r->line_len < ERRORS_KEPT)
			r->line[r->line_len++] = text[i];
	}
	r->line[r->line_len] = '\0';
}

/* False: there is no more now, or never will be. */
static bool read_some(struct run *r, int *fd)
{
	char piece[PIECE];
	ssize_t n = *fd >= 0 ? read(*fd, piece, sizeof(piece)) : 0;

	if (n > 0) {
		if (fd == &r->errors_fd)
			keep_last_line(r, piece, (size_t)n);
		else if ((size_t)n > r->p->output_max - r->out.len)
			r->too_much = true;
		else
			strbuf_add(&r->out, piece, (size_t)n);
		return true;
	}
	if (*fd >= 0 && (n == 0 || (errno != EAGAIN && errno != EINTR))) {
		close(*fd);
		*fd = -1;
	}
	return false;
}

/* Stops it where it has to be; ms until to look again, -1: an event says. */
static int stop_if_due(struct run *r)
{
	const struct program *p = r->p;
	int level = cancel_level(p->cancel);
	uint64_t now = clock_monotonic_ns();

	r->late = r->late || (p->time_ms && now - r->started_ns >= p->time_ms * 1000000);
	if (!r->term_ns && (level > CANCEL_NONE || r->late || r->too_much)) {
		r->term_ns = now;
		r->stopped = level > CANCEL_NONE;
		kill(-r->pid, SIGTERM);
	}
	if (r->term_ns && (now - r->term_ns >= KILL_AFTER_NS || level == CANCEL_NOW))
		kill(-r->pid, SIGKILL);
	return r->term_ns || p->time_ms || r->exited_fd < 0 ? LOOK_EVERY_MS : -1;
}

static bool has_ended(const struct run *r, int *status)
{
	return waitpid(r->pid, status, WNOHANG) == r->pid;
}

static void watch(struct run *r, int *status)
{
	while (!has_ended(r, status)) {
		struct cancel *c = r->p->cancel;
		struct pollfd fds[4] = {
			{ .fd = r->exited_fd, .events = POLLIN },
			{ .fd = r->out_fd, .events = POLLIN },
			{ .fd = r->errors_fd, .events = POLLIN },
			{ .fd = c && cancel_level(c) == CANCEL_NONE ? c->event_fd : -1, .events = POLLIN },
		};

		(void)poll(fds, 4, stop_if_due(r));
		if (fds[1].revents)
			read_some(r, &r->out_fd);
		if (fds[2].revents)
			read_some(r, &r->errors_fd);
	}
	/* What it left in the background may hold the pipes open for ever: only what is there now is read. */
	while (read_some(r, &r->out_fd) || read_some(r, &r->errors_fd))
		;
}

static int judge(const struct run *r, int status, struct error *err)
{
	const char *name = r->p->argv[0], *colon = r->line_len > 0 ? ": " : "";

	if (r->stopped)
		return error_set(err, ERR_CANCELLED, "%s: stopped", name);
	if (r->too_much)
		return error_set(err, ERR_CORRUPT, "%s: prints more than %zu bytes", name, r->p->output_max);
	if (r->late)
		return error_set(err, ERR_BUSY, "%s: not done after %" PRIu64 " s", name, r->p->time_ms / 1000);
	if (WIFSIGNALED(status))
		return error_set(err, ERR_REFUSED, "%s: ended by signal %d%s%s", name, WTERMSIG(status), colon, r->line);
	if (WEXITSTATUS(status) != 0)
		return error_set(err, ERR_REFUSED, "%s: exit status %d%s%s", name, WEXITSTATUS(status), colon, r->line);
	return 0;
}

static int open_pipe(int *ours, int *its, struct error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, errno, "pipe");
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	*ours = ends[0];
	*its = ends[1];
	return 0;
}

static int run(struct run *r, struct error *err)
{
	CLEANUP_FD int out = -1;
	CLEANUP_FD int errors = -1;
	int status = 0;

	if (open_pipe(&r->out_fd, &out, err) < 0 || open_pipe(&r->errors_fd, &errors, err) < 0 ||
	    program_start(r->p->argv, r->p->set, out, errors, &r->pid, err) < 0)
		return -1;
	close(out);
	close(errors);
	out = errors = -1;
	r->exited_fd = program_pidfd(r->pid);
	watch(r, &status);
	return judge(r, status, err);
}

char *program_output(const struct program *p, size_t *len_out, struct error *err)
{
	struct run r = { .p = p,
			 .pid = -1,
			 .exited_fd = -1,
			 .out_fd = -1,
			 .errors_fd = -1,
			 .started_ns = clock_monotonic_ns() };
	int rc = run(&r, err);
	char *text = NULL;

	cleanup_fd(&r.exited_fd);
	cleanup_fd(&r.out_fd);
	cleanup_fd(&r.errors_fd);
	if (rc == 0) {
		*len_out = r.out.len;
		text = strbuf_take(&r.out, err);
	}
	strbuf_fini(&r.out);
	return text;
}

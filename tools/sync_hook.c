/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "program.h"
#include "sync_hook.h"

#define KILL_AFTER_NS (UINT64_C(10) * 1000 * 1000 * 1000)
#define PIECE 4096

struct child {
	const struct sync_hook *hook;
	pid_t pid;
	int exited_fd; /* readable when it has ended */
	int out_fd;    /* what it prints; -1: closed, or not asked for */
	char line[SYNC_HOOK_LINE_MAX];
	size_t len;
	bool any, whole, too_long;
	bool stopped;  /* by us */
	uint64_t term_ns; /* when it got SIGTERM */
};

static int spawn(struct child *c, int out, struct error *err)
{
	const char *argv[] = { "/bin/sh", "-c", c->hook->command, NULL };

	return program_start(argv, c->hook->set, out, STDERR_FILENO, &c->pid, err) < 0 ? error_prefix(err, "%s", c->hook->what)
										       : 0;
}

static void show(const char *text, size_t len)
{
	ssize_t n;

	for (; len > 0; text += n, len -= (size_t)n) {
		n = write(STDERR_FILENO, text, len);
		if (n < 0) {
			if (errno != EINTR)
				return;
			n = 0;
		}
	}
}

/* The first line is kept, the rest shown. */
static void take_output(struct child *c, const char *text, size_t len)
{
	const char *end = c->whole ? text : memchr(text, '\n', len);
	size_t n = c->whole ? 0 : end ? (size_t)(end - text) : len;

	c->any = true;
	if (!c->whole) {
		if (n > sizeof(c->line) - 1 - c->len) {
			c->too_long = true;
			n = sizeof(c->line) - 1 - c->len;
		}
		memcpy(c->line + c->len, text, n);
		c->len += n;
		if (!end)
			return;
		c->whole = true;
		end++;
	}
	show(end, len - (size_t)(end - text));
}

/* False: there is no more now, or never will be. */
static bool read_output(struct child *c)
{
	char piece[PIECE];
	ssize_t n = read(c->out_fd, piece, sizeof(piece));

	if (n > 0) {
		take_output(c, piece, (size_t)n);
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(c->out_fd);
		c->out_fd = -1;
	}
	return false;
}

/* What the run's token asks of the command by now; ms until to look again, -1: the token's descriptor or the end says. */
static int pass_on_cancel(struct child *c)
{
	int level = cancel_level(c->hook->cancel);
	bool term = level >= (c->hook->always ? CANCEL_NOW : CANCEL_GENTLE), kill_now = false;
	uint64_t now = clock_monotonic_ns();

	if (term && !c->term_ns) {
		c->term_ns = now;
		c->stopped = true;
		kill(-c->pid, SIGTERM);
	}
	if (c->term_ns)
		kill_now = now - c->term_ns >= KILL_AFTER_NS || (!c->hook->always && level == CANCEL_NOW);
	if (kill_now)
		kill(-c->pid, SIGKILL);
	return level == CANCEL_NONE ? -1 : 100;
}

static void watch_child(struct child *c)
{
	for (;;) {
		struct pollfd fds[3] = {
			{ .fd = c->exited_fd, .events = POLLIN },
			{ .fd = c->out_fd, .events = POLLIN },
			/* Readable from the first cancel on: then it is looked at every 100 ms. */
			{ .fd = c->hook->cancel && cancel_level(c->hook->cancel) == CANCEL_NONE ? c->hook->cancel->event_fd : -1,
			  .events = POLLIN },
		};

		if (poll(fds, 3, pass_on_cancel(c)) < 0 && errno != EINTR)
			return;
		if (fds[1].revents)
			read_output(c);
		if (fds[0].revents)
			return;
	}
}

/* What it left in the background may hold the pipe open for ever: only what is there now is read. */
static int wait_child(struct child *c)
{
	int status = 0;

	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	while (c->out_fd >= 0 && read_output(c))
		;
	return status;
}

static int judge(const struct child *c, int status, struct error *err)
{
	const struct sync_hook *h = c->hook;

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (c->stopped)
		return error_set(err, ERR_CANCELLED, "%s: %s: stopped", h->what, h->command);
	if (WIFSIGNALED(status))
		return error_set(err, ERR_REFUSED, "%s: %s: ended by signal %d", h->what, h->command, WTERMSIG(status));
	return error_set(err, WEXITSTATUS(status) == EX_TEMPFAIL ? ERR_NETWORK : ERR_REFUSED, "%s: %s: exit status %d", h->what,
			 h->command, WEXITSTATUS(status));
}

static int take_line(const struct child *c, char **line_out, struct error *err)
{
	char *line = NULL;

	if (c->too_long || memchr(c->line, '\0', c->len))
		return error_set(err, ERR_REFUSED, "%s: %s: its first line is no path", c->hook->what, c->hook->command);
	if (c->len > 0) {
		line = strndup(c->line, c->len);
		if (!line)
			return error_errno(err, ENOMEM, "%s", c->hook->what);
	}
	*line_out = line;
	return 0;
}

int sync_hook_run(const struct sync_hook *hook, char **line_out, struct error *err)
{
	struct child c = { .hook = hook, .pid = -1, .exited_fd = -1, .out_fd = -1 };
	int ends[2] = { -1, -1 }, rc, status;

	if (line_out && pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, errno, "%s: pipe", hook->what);
	rc = spawn(&c, line_out ? ends[1] : STDERR_FILENO, err);
	if (ends[1] >= 0)
		close(ends[1]);
	c.out_fd = ends[0];
	if (c.out_fd >= 0)
		(void)fcntl(c.out_fd, F_SETFL, O_NONBLOCK);
	if (rc == 0) {
		c.exited_fd = program_pidfd(c.pid);
		if (c.exited_fd >= 0)
			watch_child(&c);
		status = wait_child(&c);
		rc = judge(&c, status, err);
		if (rc == 0 && line_out)
			rc = take_line(&c, line_out, err);
	}
	if (c.exited_fd >= 0)
		close(c.exited_fd);
	if (c.out_fd >= 0)
		close(c.out_fd);
	return rc;
}

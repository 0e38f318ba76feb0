/* SPDX-License-Identifier: Apache-2.0 */
/* One thread takes the signals that end a program, and sets a cancel token. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "tool.h"
#include "tool_signals.h"

#define GRACE_NS (UINT64_C(10) * 1000 * 1000 * 1000) /* what is in flight gets after the first signal */

static struct {
	struct cancel cancel;
	sigset_t set;
	atomic_bool interrupted;
	int reload_fd; /* what SIGHUP makes readable; -1: it ends the program */
} signals = { .reload_fd = -1 };

static const int caught[] = { SIGTERM, SIGINT, SIGHUP };

static int wait_signal(uint64_t until_ns)
{
	uint64_t now = clock_monotonic_ns(), left = until_ns > now ? until_ns - now : 0;
	struct timespec ts = { .tv_sec = (time_t)(left / 1000000000), .tv_nsec = (long)(left % 1000000000) };

	return sigtimedwait(&signals.set, NULL, &ts);
}

static void ask_for_reload(void)
{
	ssize_t n;

	do
		n = write(signals.reload_fd, &(uint64_t){ 1 }, sizeof(uint64_t));
	while (n < 0 && errno == EINTR);
}

int tool_reload_on_hup(struct error *err)
{
	CLEANUP_FD int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return error_errno(err, errno, "eventfd");
	if (terminal < 0)
		signals.reload_fd = fd;
	return fd;
}

static void *take_signals(void *arg)
{
	uint64_t until = 0; /* of the grace; 0: nothing was asked yet */
	unsigned interrupts = 0;

	(void)arg;
	for (;;) {
		int sig = until ? wait_signal(until) : sigwaitinfo(&signals.set, NULL);

		if (sig < 0 && errno == EINTR)
			continue;
		if (sig < 0) { /* the grace is over */
			cancel_set(&signals.cancel, CANCEL_NOW);
			until = UINT64_MAX / 2;
			continue;
		}
		if (sig == SIGHUP && signals.reload_fd >= 0) {
			ask_for_reload();
			continue;
		}
		if (!until)
			until = clock_monotonic_ns() + GRACE_NS;
		if (sig == SIGINT) {
			atomic_store(&signals.interrupted, true);
			interrupts++;
			if (interrupts == 1)
				output_line("stopping; again to stop at once");
			if (interrupts == 2)
				cancel_set(&signals.cancel, CANCEL_NOW);
			if (interrupts > 2)
				tool_signals_end();
		}
		cancel_set(&signals.cancel, CANCEL_GENTLE);
	}
	return NULL;
}

struct cancel *tool_catch_signals(struct error *err)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	if (cancel_init(&signals.cancel, err) < 0)
		return NULL;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals.set);
	for (size_t i = 0; i < ARRAY_LEN(caught); i++) {
		struct sigaction now;

		if (sigaction(caught[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(&signals.set, caught[i]);
	}
	rc = pthread_sigmask(SIG_BLOCK, &signals.set, NULL);
	if (rc == 0)
		rc = pthread_attr_init(&attr);
	if (rc == 0) {
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
		rc = pthread_create(&thread, &attr, take_signals, NULL);
		pthread_attr_destroy(&attr);
	}
	if (rc != 0) {
		error_errno(err, rc, "signal thread");
		return NULL;
	}
	return &signals.cancel;
}

void tool_signals_end(void)
{
	sigset_t only;

	if (!atomic_load(&signals.interrupted))
		return;
	signal(SIGINT, SIG_DFL);
	sigemptyset(&only);
	sigaddset(&only, SIGINT);
	raise(SIGINT);
	pthread_sigmask(SIG_UNBLOCK, &only, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"

int cancel_init(struct cancel *c, struct error *err)
{
	atomic_init(&c->level, CANCEL_NONE);
	c->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->event_fd < 0)
		return error_errno(err, errno, "eventfd");
	return 0;
}

void cancel_fini(struct cancel *c)
{
	if (c->event_fd >= 0)
		close(c->event_fd);
	c->event_fd = -1;
}

void cancel_set(struct cancel *c, int level)
{
	int present = atomic_load(&c->level), saved = errno;
	ssize_t n;

	do {
		if (level <= present)
			return;
	} while (!atomic_compare_exchange_weak(&c->level, &present, level));
	do
		n = write(c->event_fd, &(uint64_t){ 1 }, sizeof(uint64_t));
	while (n < 0 && errno == EINTR);
	errno = saved;
}

int cancel_check(struct cancel *c, struct error *err)
{
	if (cancel_level(c) == CANCEL_NONE)
		return 0;
	return error_set(err, ERR_CANCELLED, "stopped");
}

int cancel_sleep(struct cancel *c, unsigned ms, struct error *err)
{
	struct pollfd pfd = { .fd = c ? c->event_fd : -1, .events = POLLIN }; /* poll() passes over a negative fd */
	uint64_t left = ms;

	while (left > 0 && cancel_level(c) == CANCEL_NONE) {
		uint64_t began = clock_monotonic_ns(), slept = left < INT_MAX ? left : INT_MAX;

		if (poll(&pfd, 1, (int)slept) < 0) { /* a signal's handler may have set the token, or not */
			if (errno != EINTR)
				return error_errno(err, errno, "poll");
			slept = (clock_monotonic_ns() - began) / 1000000;
		}
		left -= slept < left ? slept : left;
	}
	return cancel_check(c, err);
}

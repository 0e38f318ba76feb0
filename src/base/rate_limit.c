/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rate_limit.h"

#define SECOND_NS UINT64_C(1000000000)
#define MINUTE_NS (60 * SECOND_NS)

/* In line for its turn; lies on the waiter's stack, in the list under the lock. */
struct waiter {
	struct waiter *next;
	int wake_fd; /* eventfd: look again */
};

struct rate_limit {
	pthread_mutex_t lock;
	struct calendar calendar;
	struct rate_debt debt;
	struct waiter *first, **last; /* whose turn it is, and those behind */
};

uint64_t rate_debt_pay(struct rate_debt *d, uint64_t rate, uint64_t now_ns)
{
	uint64_t elapsed = now_ns > d->last_ns ? now_ns - d->last_ns : 0;
	double left;

	d->last_ns = now_ns;
	if (rate == CALENDAR_UNLIMITED) {
		d->bytes = 0;
		return 0;
	}
	if (rate == 0)
		return UINT64_MAX;
	d->bytes -= (double)elapsed / (double)SECOND_NS * (double)rate;
	if (d->bytes < 0.5) { /* less than a byte is rounding */
		d->bytes = 0;
		return 0;
	}
	left = d->bytes / (double)rate * (double)SECOND_NS;
	return left < 1e18 ? (uint64_t)left + 1 : UINT64_MAX - 1;
}

static uint64_t rate_locked(const struct rate_limit *r)
{
	time_t now = (time_t)(clock_realtime_ns() / SECOND_NS);
	struct tm tm;

	if (r->calendar.n == 0 || !localtime_r(&now, &tm))
		return CALENDAR_UNLIMITED;
	return calendar_rate(&r->calendar, (unsigned)tm.tm_wday, (unsigned)tm.tm_hour * 60 + (unsigned)tm.tm_min);
}

struct rate_limit *rate_limit_new(const struct calendar *calendar, struct error *err)
{
	struct rate_limit *r = calloc(1, sizeof(*r));

	if (!r) {
		error_errno(err, ENOMEM, "rate limit");
		return NULL;
	}
	tzset(); /* localtime_r() need not */
	pthread_mutex_init(&r->lock, NULL);
	r->last = &r->first;
	r->debt.last_ns = clock_monotonic_ns();
	if (calendar)
		r->calendar = *calendar;
	return r;
}

void rate_limit_free(struct rate_limit *r)
{
	if (!r)
		return;
	assert(!r->first);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static void wake(const struct waiter *w)
{
	ssize_t n;

	do
		n = w ? write(w->wake_fd, &(uint64_t){ 1 }, sizeof(uint64_t)) : 0;
	while (n < 0 && errno == EINTR);
}

void rate_limit_set(struct rate_limit *r, const struct calendar *calendar)
{
	LOCK_SCOPE(&r->lock);
	rate_debt_pay(&r->debt, rate_locked(r), clock_monotonic_ns()); /* at the old rate, up to now */
	if (calendar)
		r->calendar = *calendar;
	else
		r->calendar.n = 0;
	wake(r->first);
}

/* ns until the one whose turn it is may go: 0: now; never longer than to the end of a minute. */
static uint64_t due_locked(struct rate_limit *r)
{
	uint64_t ns = rate_debt_pay(&r->debt, rate_locked(r), clock_monotonic_ns());
	uint64_t minute = MINUTE_NS - clock_realtime_ns() % MINUTE_NS;

	return ns < minute ? ns : minute;
}

/* Until the due time, or a token is set, or somebody wakes it; UINT64_MAX: no due time. */
static int wait_turn(const struct waiter *w, uint64_t ns, struct cancel *stop, struct cancel *also, struct error *err)
{
	struct pollfd fds[3] = {
		{ .fd = w->wake_fd, .events = POLLIN },
		{ .fd = stop ? stop->event_fd : -1, .events = POLLIN },
		{ .fd = also ? also->event_fd : -1, .events = POLLIN },
	};
	struct timespec ts = { .tv_sec = (time_t)(ns / SECOND_NS), .tv_nsec = (long)(ns % SECOND_NS) };
	uint64_t woken;

	if (ppoll(fds, 3, ns == UINT64_MAX ? NULL : &ts, NULL) < 0 && errno != EINTR)
		return error_errno(err, errno, "poll");
	if (read(w->wake_fd, &woken, sizeof(woken)) < 0 && errno != EAGAIN && errno != EINTR)
		return error_errno(err, errno, "eventfd");
	return cancel_check(stop, err) < 0 ? -1 : cancel_check(also, err);
}

static void leave_locked(struct rate_limit *r, struct waiter *w)
{
	struct waiter **at = &r->first;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	if (!w->next)
		r->last = at;
	wake(r->first);
}

static int wait_in_line(struct rate_limit *r, struct waiter *w, uint64_t bytes, struct cancel *stop,
			struct cancel *also, struct error *err)
{
	int rc = 0;

	*r->last = w;
	r->last = &w->next;
	for (;;) {
		uint64_t ns = r->first == w ? due_locked(r) : UINT64_MAX;

		if (ns == 0)
			break;
		pthread_mutex_unlock(&r->lock);
		rc = wait_turn(w, ns, stop, also, err);
		pthread_mutex_lock(&r->lock);
		if (rc < 0)
			break;
	}
	if (rc == 0)
		r->debt.bytes += (double)bytes;
	leave_locked(r, w);
	return rc;
}

int rate_limit_take(struct rate_limit *r, uint64_t bytes, struct cancel *stop, struct cancel *also, struct error *err)
{
	struct waiter w = { .next = NULL };
	int rc;

	if (!r || bytes == 0)
		return 0;
	if (cancel_check(stop, err) < 0 || cancel_check(also, err) < 0)
		return -1;
	LOCK_SCOPE(&r->lock);
	if (!r->first && due_locked(r) == 0) {
		r->debt.bytes += (double)bytes;
		return 0;
	}
	w.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w.wake_fd < 0)
		return error_errno(err, errno, "eventfd");
	rc = wait_in_line(r, &w, bytes, stop, also, err);
	close(w.wake_fd);
	return rc;
}

uint64_t rate_limit_now(struct rate_limit *r)
{
	LOCK_SCOPE(&r->lock);
	return rate_locked(r);
}

bool rate_limit_waiting(struct rate_limit *r)
{
	LOCK_SCOPE(&r->lock);
	return r->first != NULL;
}

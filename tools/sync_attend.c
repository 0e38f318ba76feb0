/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread beside the rounds of a watch.  It takes requests to reload: a rate's calendar is read at once, since somebody may be
 * waiting for it, the rest between rounds.  And it tells a service manager that the work goes on: only if it saw that bytes were
 * read, hashed, sent or acknowledged since the last time, or that waiting is what is to be done now (for the next round, for a
 * command of the user's, for the rate).
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/rate_limit.h"
#include "notify.h"
#include "sync_private.h"

#define TICK_MS 15000      /* metrics are as old at most */
#define SLICE_MS 60000     /* of a wait: suspended time does not count in poll(2) */
#define SLACK_NS 1000000000 /* a tick that comes a little early is in time */
#define READ_MIN 4096      /* bytes that count as progress: less is read by threads that wake each other */

struct sync_attend {
	const struct sync_run *run;
	int reload_fd; /* of tool_reload_on_hup() */
	int end_fd, wake_fd; /* eventfds: this thread ends; who waits looks again */
	pthread_t thread;
	unsigned tick_ms;
	bool watchdog;

	pthread_mutex_t lock;
	bool reload;
	bool working;
	struct credentials *creds;  /* of the round under way; NULL: there is none */
	const struct sync_set *set; /* whose counters are looked at; NULL while it is being made */
	uint64_t seen, seen_read; /* what the counters were when something last moved */
	uint64_t own;             /* bytes read to look at them */
	uint64_t rate; /* the thread's own: what was told last */
	uint64_t metrics_ns; /* likewise: when they are due, clock_monotonic_ns() */
};

static void raise_event(int fd)
{
	ssize_t n;

	do
		n = write(fd, &(uint64_t){ 1 }, sizeof(uint64_t));
	while (n < 0 && errno == EINTR);
}

static void lower_event(int fd)
{
	uint64_t n;

	while (read(fd, &n, sizeof(n)) < 0 && errno == EINTR)
		;
}

/* ---- does it go on? ---- */

/*
 * Bytes that the process has read from files, without what was read here; 0 where the kernel does not count them.  Not what it
 * has written: that is also its log.
 */
static uint64_t bytes_read(struct sync_attend *a)
{
	static const char name[] = "rchar: ";
	CLEANUP_FD int fd = open("/proc/self/io", O_RDONLY | O_CLOEXEC);
	char text[512], *at, *end;
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	uint64_t sum = 0;

	if (n <= 0)
		return 0;
	text[n] = '\0';
	at = strstr(text, name);
	end = at ? strchr(at, '\n') : NULL;
	if (!end)
		return 0;
	*end = '\0';
	if (parse_u64(at + strlen(name), UINT64_MAX, &sum, NULL) < 0 || sum < a->own)
		return 0;
	sum -= a->own; /* this read is counted from the next time on */
	a->own += (uint64_t)n;
	return sum;
}

static uint64_t counters(const struct sync_set *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->n; i++) {
		for (size_t k = 0; k < s->runs[i].cycle.n; k++) {
			const struct pass_progress *p = &s->runs[i].cycle.disks[k].progress;

			sum += atomic_load_explicit(&p->bytes_done, memory_order_relaxed) +
			       atomic_load_explicit(&p->blocks_hashed, memory_order_relaxed) +
			       atomic_load_explicit(&p->bytes_sent, memory_order_relaxed) +
			       atomic_load_explicit(&p->bytes_cleared, memory_order_relaxed);
		}
		sum += atomic_load(&s->runs[i].done);
	}
	return sum;
}

static bool goes_on(struct sync_attend *a)
{
	uint64_t sum, in;
	bool moved;

	LOCK_SCOPE(&a->lock);
	if (!a->working || (a->run->rate && rate_limit_waiting(a->run->rate)))
		return true;
	sum = a->set ? counters(a->set) : 0;
	in = bytes_read(a);
	moved = sum != a->seen || in >= a->seen_read + READ_MIN;
	if (moved) {
		a->seen = sum;
		a->seen_read = in;
	}
	return moved;
}

/* ---- the thread ---- */

static void tell_rate(struct sync_attend *a)
{
	uint64_t rate = a->run->rate ? rate_limit_now(a->run->rate) : a->rate;
	char text[FORMAT_TEXT_LEN];

	if (rate == a->rate)
		return;
	a->rate = rate;
	format_size(rate, text);
	if (rate == 0)
		output_line("limit: nothing is sent now");
	else
		output_line("limit: %s%s", rate == CALENDAR_UNLIMITED ? "none" : text, rate == CALENDAR_UNLIMITED ? "" : "/s");
}

static void reload_rate(struct sync_attend *a)
{
	const char *text = a->run->opt->limit_rate;
	struct error why = ERROR_INIT;
	struct calendar calendar;

	if (!text)
		return;
	if (sync_read_rate(text, &calendar, &why) < 0)
		log_warn("sync", "the limit stays as it was: %s", why.msg);
	else
		rate_limit_set(a->run->rate, &calendar);
}

static void reload(struct sync_attend *a)
{
	char state[64];

	lower_event(a->reload_fd);
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_monotonic_ns() / 1000);
	notify_send(state);
	reload_rate(a);
	a->metrics_ns = 0;
	pthread_mutex_lock(&a->lock);
	if (a->creds) /* what renews itself; between rounds the connection is made anew, whatever its credentials are */
		credentials_reload(a->creds);
	a->reload = true;
	pthread_mutex_unlock(&a->lock);
	raise_event(a->wake_fd);
	notify_send("READY=1");
}

static void keep_metrics(struct sync_attend *a)
{
	uint64_t now = clock_monotonic_ns();

	if (now < a->metrics_ns)
		return;
	a->metrics_ns = now + TICK_MS * UINT64_C(1000000) - SLACK_NS;
	sync_metrics_write(a->run->metrics);
}

static void *attend(void *arg)
{
	struct sync_attend *a = arg;

	for (;;) {
		struct pollfd fds[2] = { { .fd = a->end_fd, .events = POLLIN }, { .fd = a->reload_fd, .events = POLLIN } };

		(void)poll(fds, 2, (int)a->tick_ms);
		if (fds[0].revents)
			return NULL;
		if (fds[1].revents)
			reload(a);
		tell_rate(a);
		if (a->watchdog && goes_on(a))
			notify_send("WATCHDOG=1");
		keep_metrics(a);
	}
}

struct sync_attend *sync_attend_start(const struct sync_run *run, int reload_fd, struct error *err)
{
	struct sync_attend *a = calloc(1, sizeof(*a));
	uint64_t watchdog_ms = notify_watchdog_ms();
	int rc;

	if (!a) {
		error_errno(err, ENOMEM, "watch");
		return NULL;
	}
	*a = (struct sync_attend){ .run = run, .reload_fd = reload_fd, .watchdog = watchdog_ms > 0, .rate = CALENDAR_UNLIMITED };
	a->tick_ms = watchdog_ms > 0 && watchdog_ms / 4 < TICK_MS ? (unsigned)(watchdog_ms / 4) + 1 : TICK_MS;
	pthread_mutex_init(&a->lock, NULL);
	a->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	a->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = a->end_fd < 0 || a->wake_fd < 0 ? errno : 0;
	if (rc == 0) {
		tell_rate(a);
		rc = pthread_create(&a->thread, NULL, attend, a);
	}
	if (rc == 0)
		return a;
	error_errno(err, rc, "watch");
	if (a->end_fd >= 0)
		close(a->end_fd);
	if (a->wake_fd >= 0)
		close(a->wake_fd);
	pthread_mutex_destroy(&a->lock);
	free(a);
	return NULL;
}

void sync_attend_end(struct sync_attend *a)
{
	if (!a)
		return;
	notify_send("STOPPING=1");
	raise_event(a->end_fd);
	pthread_join(a->thread, NULL);
	close(a->end_fd);
	close(a->wake_fd);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

void sync_attend_say(struct sync_attend *a, const char *fmt, ...)
{
	char text[512], shown[OUTPUT_TEXT_MAX], state[OUTPUT_TEXT_MAX + 16];
	va_list ap;

	if (!a)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(state, sizeof(state), "STATUS=%s", output_visible(text, shown));
	notify_send(state);
}

void sync_attend_ready(struct sync_attend *a)
{
	if (a)
		notify_send("READY=1");
}

void sync_attend_work(struct sync_attend *a, bool working, const struct sync_set *set)
{
	if (!a)
		return;
	LOCK_SCOPE(&a->lock);
	a->working = working;
	a->creds = working ? a->run->place.creds : NULL;
	a->set = set;
	a->seen = UINT64_MAX; /* what begins has moved */
}

int sync_attend_wait(struct sync_attend *a, uint64_t until_ns)
{
	for (;;) {
		struct pollfd fds[2] = { { .fd = a->wake_fd, .events = POLLIN },
					 { .fd = a->run->cancel->event_fd, .events = POLLIN } };
		uint64_t now = clock_boottime_ns(), ms;
		bool asked;

		if (cancel_level(a->run->cancel) != CANCEL_NONE)
			return -1;
		lower_event(a->wake_fd); /* before the flag: what comes after it wakes again */
		pthread_mutex_lock(&a->lock);
		asked = a->reload;
		a->reload = false;
		pthread_mutex_unlock(&a->lock);
		if (asked)
			return 1;
		if (now >= until_ns)
			return 0;
		ms = (until_ns - now) / 1000000 + 1;
		(void)poll(fds, 2, ms < SLICE_MS ? (int)ms : SLICE_MS);
	}
}

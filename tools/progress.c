/* SPDX-License-Identifier: Apache-2.0 */
/* Progress: a thread that samples counters and says how far the work is. */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"
#include "output.h"

#define TERMINAL_MS 500
#define LINES_MS 30000
#define JSON_MS 1000
#define RATE_NS (UINT64_C(10) * 1000 * 1000 * 1000) /* the rate is that of about the last 10 s */

struct progress {
	enum progress_format format;
	const char *what;
	progress_sample_fn *sample;
	void *ctx;
	struct cancel stop;
	pthread_t thread;
	uint64_t start_ns, mark_ns, mark_done; /* where the rate is measured from */
	uint64_t rate;
};

void progress_format_line(const struct progress_now *now, uint64_t rate, char out[PROGRESS_TEXT_LEN])
{
	char done[FORMAT_TEXT_LEN], total[FORMAT_TEXT_LEN], speed[FORMAT_TEXT_LEN], left[FORMAT_TEXT_LEN],
		changed[FORMAT_TEXT_LEN], of[FORMAT_TEXT_LEN + 16] = "", eta[FORMAT_TEXT_LEN + 16] = "",
		disks[48] = "";
	uint64_t reached = now->total && now->done > now->total ? now->total : now->done;

	format_size(reached, done);
	format_size(rate, speed);
	format_size(now->changed, changed);
	if (now->total > 0) {
		format_size(now->total, total);
		snprintf(of, sizeof(of), " of %s, %u%%", total, (unsigned)((double)reached * 100 / (double)now->total));
		if (rate > 0 && reached < now->total) {
			format_duration((uint64_t)((double)(now->total - reached) * 1000 / (double)rate), left);
			snprintf(eta, sizeof(eta), ", %s left", left);
		}
	}
	if (now->disks > 1)
		snprintf(disks, sizeof(disks), "%u/%u disks, ", now->disks_done, now->disks);
	snprintf(out, PROGRESS_TEXT_LEN, "%s%s%s, %s/s%s, %s changed", disks, done, of, speed, eta, changed);
}

void progress_format_json(const struct progress_now *now, uint64_t rate, uint64_t elapsed_ms,
			  char out[PROGRESS_TEXT_LEN])
{
	snprintf(out, PROGRESS_TEXT_LEN,
		 "{\"bytes_done\":%" PRIu64 ",\"bytes_total\":%" PRIu64 ",\"bytes_changed\":%" PRIu64
		 ",\"bytes_sent\":%" PRIu64 ",\"disks_done\":%u,\"disks\":%u,\"bytes_per_second\":%" PRIu64
		 ",\"seconds\":%" PRIu64 ".%03u}",
		 now->done, now->total, now->changed, now->sent, now->disks_done, now->disks, rate, elapsed_ms / 1000,
		 (unsigned)(elapsed_ms % 1000));
}

static void show(struct progress *p)
{
	struct progress_now now = { 0 };
	uint64_t t = clock_monotonic_ns();
	char text[PROGRESS_TEXT_LEN], line[PROGRESS_TEXT_LEN + 64];

	p->sample(p->ctx, &now);
	if (t > p->mark_ns && now.done >= p->mark_done)
		p->rate = (uint64_t)((double)(now.done - p->mark_done) * 1e9 / (double)(t - p->mark_ns));
	if (t - p->mark_ns > RATE_NS) {
		p->mark_ns = t;
		p->mark_done = now.done;
	}
	if (p->format == PROGRESS_JSON) {
		progress_format_json(&now, p->rate, (t - p->start_ns) / 1000000, text);
		output_line("%s", text);
		return;
	}
	progress_format_line(&now, p->rate, text);
	snprintf(line, sizeof(line), "%s: %s", p->what, text);
	if (p->format == PROGRESS_LINES)
		output_line("%s", line);
	else
		output_status(line);
}

static void *run(void *arg)
{
	struct progress *p = arg;
	unsigned ms = p->format == PROGRESS_JSON ? JSON_MS : p->format == PROGRESS_LINES ? LINES_MS : TERMINAL_MS;

	while (cancel_sleep(&p->stop, ms, NULL) == 0)
		show(p);
	return NULL;
}

struct progress *progress_start(enum progress_format format, const char *what, progress_sample_fn *sample, void *ctx,
				struct error *err)
{
	CLEANUP_FREE struct progress *p = calloc(1, sizeof(*p));
	int rc;

	if (!p) {
		error_set(err, ERR_NOMEM, "no memory to show progress");
		return NULL;
	}
	p->format = format == PROGRESS_AUTO && !output_is_terminal() ? PROGRESS_LINES : format;
	p->what = what;
	p->sample = sample;
	p->ctx = ctx;
	p->start_ns = p->mark_ns = clock_monotonic_ns();
	if (p->format == PROGRESS_NONE)
		return steal_ptr(&p);
	if (cancel_init(&p->stop, err) < 0)
		return NULL;
	rc = pthread_create(&p->thread, NULL, run, p);
	if (rc != 0) {
		cancel_fini(&p->stop);
		error_errno(err, rc, "progress thread");
		return NULL;
	}
	return steal_ptr(&p);
}

void progress_stop(struct progress *p)
{
	if (!p)
		return;
	if (p->format != PROGRESS_NONE) {
		cancel_set(&p->stop, CANCEL_NOW);
		pthread_join(p->thread, NULL);
		cancel_fini(&p->stop);
		output_status(NULL);
	}
	free(p);
}

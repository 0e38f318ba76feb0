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

/* Every how many samples it is shown: twice a second, every 30 s, once a second. */
#define TERMINAL_SAMPLES 1
#define LINES_SAMPLES (30000 / PACE_MS)
#define JSON_SAMPLES (1000 / PACE_MS)

struct progress {
	enum progress_format format;
	const char *what;
	progress_sample_fn *sample;
	void *ctx;
	struct cancel stop;
	pthread_t thread;
	uint64_t start_ns;
	struct pace pace;
};

static uint64_t left(const struct progress_now *now)
{
	return now->counts_reads ? now->left : now->total > now->done ? now->total - now->done : 0;
}

/* ", 64 MiB/s, 8.0 s left" */
static void format_pace(const struct pace_now *pace, char out[PROGRESS_TEXT_LEN])
{
	char speed[FORMAT_TEXT_LEN], time[FORMAT_TEXT_LEN];

	if (pace->held) {
		snprintf(out, PROGRESS_TEXT_LEN, ", paused by --limit-rate");
	} else if (pace->idle_ms > 0) {
		format_duration(pace->idle_ms / 1000 * 1000, time);
		snprintf(out, PROGRESS_TEXT_LEN, ", nothing read or sent for %s", time);
	} else {
		format_size(pace->rate, speed);
		format_duration(pace->left_ms, time);
		snprintf(out, PROGRESS_TEXT_LEN, pace->left_ms == UINT64_MAX ? ", %s/s" : ", %s/s, %s left", speed, time);
	}
}

void progress_format_line(const struct progress_now *now, const struct pace_now *pace, char out[PROGRESS_TEXT_LEN])
{
	char done[FORMAT_TEXT_LEN], total[FORMAT_TEXT_LEN], changed[FORMAT_TEXT_LEN], of[FORMAT_TEXT_LEN + 16] = "",
		speed[PROGRESS_TEXT_LEN], disks[48] = "";
	uint64_t reached = now->total && now->done > now->total ? now->total : now->done;

	format_size(reached, done);
	format_size(now->changed, changed);
	format_pace(pace, speed);
	if (now->total > 0) {
		format_size(now->total, total);
		snprintf(of, sizeof(of), " of %s, %u%%", total, (unsigned)((double)reached * 100 / (double)now->total));
	}
	if (now->disks > 1)
		snprintf(disks, sizeof(disks), "%u/%u disks, ", now->disks_done, now->disks);
	snprintf(out, PROGRESS_TEXT_LEN, "%s%s%s%.96s, %s changed", disks, done, of, speed, changed);
}

void progress_format_json(const struct progress_now *now, const struct pace_now *pace, uint64_t elapsed_ms,
			  char out[PROGRESS_TEXT_LEN])
{
	char seconds[32] = "null";

	if (pace->left_ms != UINT64_MAX)
		snprintf(seconds, sizeof(seconds), "%" PRIu64, pace->left_ms / 1000);
	snprintf(out, PROGRESS_TEXT_LEN,
		 "{\"bytes_done\":%" PRIu64 ",\"bytes_total\":%" PRIu64 ",\"bytes_changed\":%" PRIu64
		 ",\"bytes_sent\":%" PRIu64 ",\"disks_done\":%u,\"disks\":%u,\"bytes_per_second\":%" PRIu64
		 ",\"seconds_left\":%s,\"paused\":%s,\"seconds\":%" PRIu64 ".%03u}",
		 now->done, now->total, now->changed, now->sent, now->disks_done, now->disks, pace->rate, seconds,
		 pace->held ? "true" : "false", elapsed_ms / 1000, (unsigned)(elapsed_ms % 1000));
}

static void show(struct progress *p, const struct progress_now *now)
{
	char text[PROGRESS_TEXT_LEN], line[PROGRESS_TEXT_LEN + 64];
	struct pace_now pace;

	pace_get(&p->pace, &pace);
	if (p->format == PROGRESS_JSON) {
		progress_format_json(now, &pace, (clock_monotonic_ns() - p->start_ns) / 1000000, text);
		output_line("%s", text);
		return;
	}
	progress_format_line(now, &pace, text);
	snprintf(line, sizeof(line), "%s: %s", p->what, text);
	if (p->format == PROGRESS_LINES)
		output_line("%s", line);
	else
		output_status(line);
}

static void *run(void *arg)
{
	struct progress *p = arg;
	unsigned every = p->format == PROGRESS_JSON  ? JSON_SAMPLES :
			 p->format == PROGRESS_LINES ? LINES_SAMPLES :
						       TERMINAL_SAMPLES;

	for (unsigned i = 1; cancel_sleep(&p->stop, PACE_MS, NULL) == 0; i++) {
		struct progress_now now = { 0 };
		struct pace_sample s;

		p->sample(p->ctx, &now);
		s = (struct pace_sample){ .at_ns = clock_monotonic_ns(), .read = now.counts_reads ? now.read : now.done,
					  .sent = now.sent, .left = left(&now), .held = now.paused };
		pace_add(&p->pace, &s);
		if (i % every == 0)
			show(p, &now);
	}
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
	p->start_ns = clock_monotonic_ns();
	pace_add(&p->pace, &(struct pace_sample){ .at_ns = p->start_ns });
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

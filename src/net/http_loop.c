/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that owns the CURLM.  Round after round: call the timers that are due, drop what was cancelled, start what
 * waits as far as connections allow, let curl work, hand back what is complete, sleep until something happens.
 *
 * Callbacks run without the lock and may submit, cancel and set timers.  At the end the rounds go on until a callback
 * has left nothing behind.
 */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/http_private.h"
#include "net/redact.h"

#define POLL_MS 1000 /* at most; a wakeup or a due timer ends the sleep earlier */

/* From here on the request is its sender's again, and may be gone. */
static void complete(struct http *h, struct http_request *req)
{
	{
		LOCK_SCOPE(&h->lock);
		req->state = HTTP_IDLE;
	}
	req->done(req);
}

static void complete_cancelled(struct http *h, struct http_request *req)
{
	char url[REDACT_URL_LEN];

	redact_url(req->url, url, sizeof(url));
	error_set(&req->err, ERR_CANCELLED, "%s %s: stopped", req->method, url);
	complete(h, req);
}

static struct http_timer *due_timers(struct http *h)
{
	LOCK_SCOPE(&h->lock);
	struct http_timer *due = h->timers, **at = &due;
	uint64_t now = clock_monotonic_ns();

	while (*at && (h->stop || (*at)->due_ns <= now))
		at = &(*at)->next;
	h->timers = *at;
	*at = NULL;
	return due;
}

static void run_timers(struct http *h)
{
	for (struct http_timer *t = due_timers(h), *next; t; t = next) {
		next = t->next; /* fn may set the timer again, or free it */
		t->fn(t->ctx);
	}
}

/* Takes a transfer out of the active ones; its handle is out of the multi already. */
static void retire(struct http *h, struct http_transfer *t)
{
	struct http_transfer **at = &h->active;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	t->next = h->idle;
	h->idle = t;
	t->req->transfer = NULL;
	t->req = NULL;
	h->in_flight--;
}

static void drop_cancelled(struct http *h)
{
	struct http_request *queued = NULL, **tail = &queued;
	struct http_transfer *dropped = NULL, **at = &h->active;
	bool all;

	{
		LOCK_SCOPE(&h->lock);
		all = h->stop;
		if (!h->cancels && !all)
			return;
		h->cancels = false;
		for (struct http_request **r = &h->ready; *r;) {
			struct http_request *req = *r;

			if (!all && !req->cancel) {
				r = &req->next;
				continue;
			}
			*r = req->next;
			req->next = NULL;
			*tail = req;
			tail = &req->next;
		}
		h->ready_tail = &h->ready;
		while (*h->ready_tail)
			h->ready_tail = &(*h->ready_tail)->next;
		/* `cancel` is read under the lock; the list is this thread's own. */
		while (*at) {
			struct http_transfer *t = *at;

			if (!all && !t->req->cancel) {
				at = &t->next;
				continue;
			}
			*at = t->next;
			t->next = dropped;
			dropped = t;
		}
	}
	while (queued) {
		struct http_request *req = queued;

		queued = req->next;
		complete_cancelled(h, req);
	}
	while (dropped) {
		struct http_transfer *t = dropped;
		struct http_request *req = t->req;

		dropped = t->next;
		t->next = h->active; /* as retire() wants it */
		h->active = t;
		curl_multi_remove_handle(h->multi, t->easy);
		transfer_reached(t);
		retire(h, t);
		complete_cancelled(h, req);
	}
}

static struct http_request *next_ready(struct http *h)
{
	LOCK_SCOPE(&h->lock);
	struct http_request *req = h->ready;

	if (!req || req->cancel) /* the next round drops it */
		return NULL;
	h->ready = req->next;
	if (!h->ready)
		h->ready_tail = &h->ready;
	req->next = NULL;
	req->state = HTTP_IN_FLIGHT;
	return req;
}

static void start(struct http *h, struct http_request *req)
{
	struct http_transfer *t = h->idle;

	if (t)
		h->idle = t->next;
	else
		t = transfer_new();
	if (!t) {
		error_errno(&req->err, ENOMEM, "%s", req->method);
		complete(h, req);
		return;
	}
	if (transfer_prepare(h, t, req) < 0) {
		t->next = h->idle;
		h->idle = t;
		complete(h, req);
		return;
	}
	t->next = h->active;
	h->active = t;
	h->in_flight++;
	if (curl_multi_add_handle(h->multi, t->easy) != CURLM_OK) {
		retire(h, t);
		error_errno(&req->err, ENOMEM, "%s", req->method);
		complete(h, req);
	}
}

static void start_ready(struct http *h)
{
	while (h->in_flight < h->connections) {
		struct http_request *req = next_ready(h);

		if (!req)
			return;
		start(h, req);
	}
}

static void log_outcome(const struct http_transfer *t)
{
	const struct http_request *req = t->req;
	char url[REDACT_URL_LEN];

	if (!log_debug_enabled("http"))
		return;
	redact_url(req->url, url, sizeof(url));
	log_debug("http", "%s %s status=%ld sent=%zu received=%zu us=%" PRIu64 "%s%s%s", req->method, url, req->status,
		  t->sent, req->reply_len, req->elapsed_us, t->resent ? " resent" : "",
		  req->err.code != ERR_NONE ? ": " : "", req->err.msg);
}

static void finish(struct http *h, struct http_transfer *t, CURLcode rc)
{
	struct http_request *req = t->req;

	transfer_reached(t);
	early_read(h, t, rc);
	if (!t->resent && transfer_was_stale(t, rc)) {
		transfer_rewind(t);
		t->resent = true;
		if (curl_multi_add_handle(h->multi, t->easy) == CURLM_OK)
			return;
	}
	transfer_outcome(t, rc);
	log_outcome(t);
	retire(h, t);
	complete(h, req);
}

static void reap(struct http *h)
{
	int left;

	for (CURLMsg *m = curl_multi_info_read(h->multi, &left); m; m = curl_multi_info_read(h->multi, &left)) {
		CURL *easy = m->easy_handle;
		CURLcode rc = m->data.result;
		char *t = NULL;

		curl_easy_getinfo(easy, CURLINFO_PRIVATE, &t);
		curl_multi_remove_handle(h->multi, easy); /* *m is gone from here on */
		finish(h, (struct http_transfer *)(void *)t, rc);
	}
}

static bool at_end(struct http *h)
{
	LOCK_SCOPE(&h->lock);

	return h->stop && !h->ready && !h->timers && !h->active;
}

static int sleep_ms(struct http *h)
{
	LOCK_SCOPE(&h->lock);
	uint64_t now = clock_monotonic_ns(), ms;

	if (h->stop || h->cancels)
		return 0;
	if (!h->timers)
		return POLL_MS;
	if (h->timers->due_ns <= now)
		return 0;
	ms = (h->timers->due_ns - now + 999999) / 1000000;
	return ms < POLL_MS ? (int)ms : POLL_MS;
}

void *http_loop(void *http)
{
	struct http *h = http;

	while (!at_end(h)) {
		int running;

		run_timers(h);
		drop_cancelled(h);
		start_ready(h);
		curl_multi_perform(h->multi, &running);
		reap(h);
		early_forget(h);
		curl_multi_poll(h->multi, NULL, 0, sleep_ms(h), NULL);
	}
	while (h->idle) {
		struct http_transfer *t = h->idle;

		h->idle = t->next;
		transfer_free(t);
	}
	return NULL;
}

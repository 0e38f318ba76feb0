/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP engine as its callers see it: lists under a lock, and a thread that is woken.  All curl work is in
 * http_loop.c. */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "net/http.h"
#include "net/http_private.h"

#define DEFAULT_CONNECTIONS 16
#define DEFAULT_CONNECT_TIMEOUT_MS 10000

static bool copy(char **out, const char *text)
{
	*out = text ? strdup(text) : NULL;
	return !text || *out;
}

static void release(struct http *h)
{
	if (h->multi)
		curl_multi_cleanup(h->multi);
	early_forget(h); /* closing may have left some */
	pthread_mutex_destroy(&h->lock);
	free(h->cacert);
	free(h->pinned_key);
	free(h->proxy);
	free(h->http_proxy);
	free(h->https_proxy);
	free(h->all_proxy);
	free(h->no_proxy);
	free(h->user_agent);
	free(h);
}
DEFINE_CLEANUP(cleanup_unstarted, struct http *, release);

/* Signals are for other threads; SIGPIPE, which TLS may raise, stays pending and harms nobody. */
static int start_thread(struct http *h)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&h->thread, NULL, http_loop, h);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

struct http *http_new(const struct http_config *config, struct error *err)
{
	CLEANUP(cleanup_unstarted) struct http *h = NULL;
	int rc;

	if (libcurl_load(err) < 0)
		return NULL;
	h = calloc(1, sizeof(*h));
	if (!h) {
		error_errno(err, ENOMEM, "HTTP");
		return NULL;
	}
	pthread_mutex_init(&h->lock, NULL);
	h->ready_tail = &h->ready;
	h->connections = config->connections ? config->connections : DEFAULT_CONNECTIONS;
	h->connect_timeout_ms =
		config->connect_timeout_ms ? (long)config->connect_timeout_ms : DEFAULT_CONNECT_TIMEOUT_MS;
	h->multi = curl_multi_init();
	if (!h->multi || !copy(&h->cacert, config->cacert) ||
	    !copy(&h->pinned_key, config->pinned_key) || !copy(&h->proxy, config->proxy) ||
	    !copy(&h->http_proxy, config->http_proxy) || !copy(&h->https_proxy, config->https_proxy) ||
	    !copy(&h->all_proxy, config->all_proxy) || !copy(&h->no_proxy, config->no_proxy) ||
	    !copy(&h->user_agent, config->user_agent) ||
	    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)h->connections) != CURLM_OK ||
	    curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) != CURLM_OK) {
		error_errno(err, ENOMEM, "HTTP");
		return NULL;
	}
	rc = start_thread(h);
	if (rc != 0) {
		error_errno(err, rc, "HTTP: start a thread");
		return NULL;
	}
	return steal_ptr(&h);
}

void http_free(struct http *h)
{
	if (!h)
		return;
	assert(!http_on_thread(h)); /* it would wait for itself */
	{
		LOCK_SCOPE(&h->lock);
		h->stop = true;
	}
	curl_multi_wakeup(h->multi);
	pthread_join(h->thread, NULL);
	assert(!h->ready && !h->timers);
	release(h);
}

bool http_on_thread(const struct http *h)
{
	return pthread_equal(h->thread, pthread_self());
}

bool http_is_ending(struct http *h)
{
	LOCK_SCOPE(&h->lock);

	return h->stop;
}

void http_submit(struct http *h, struct http_request *req)
{
	assert(req->method && req->url && req->done);
	assert(req->body || req->body_len == 0);
	assert(req->err.code == ERR_NONE && !req->reply &&
	       !req->reply_headers); /* or http_request_fini() was forgotten */
	{
		LOCK_SCOPE(&h->lock);
		assert(req->state == HTTP_IDLE);
		req->state = HTTP_QUEUED;
		req->cancel = false;
		req->next = NULL;
		*h->ready_tail = req;
		h->ready_tail = &req->next;
	}
	curl_multi_wakeup(h->multi);
}

void http_cancel(struct http *h, struct http_request *req)
{
	{
		LOCK_SCOPE(&h->lock);
		if (req->state == HTTP_IDLE)
			return;
		req->cancel = true;
		h->cancels = true;
	}
	curl_multi_wakeup(h->multi);
}

#define LOOK_NS 100000000 /* how often a waiter asks whether it is to stop */

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* by the monotonic clock */
	bool done;
};

static void waiter_init(struct waiter *w)
{
	pthread_condattr_t attr;

	w->done = false;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, &attr);
	pthread_condattr_destroy(&attr);
}

static void wake_waiter(struct http_request *req)
{
	struct waiter *w = req->ctx;
	LOCK_SCOPE(&w->lock);

	w->done = true;
	pthread_cond_signal(&w->changed);
}

/* Under the waiter's lock.  True if that time passed in vain. */
static bool wait_a_little(struct waiter *w)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_nsec += LOOK_NS;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	return pthread_cond_timedwait(&w->changed, &w->lock, &at) == ETIMEDOUT && !w->done;
}

int http_perform_unless(struct http *h, struct http_request *req, bool (*stop)(void *ctx), void *stop_ctx,
			struct error *err)
{
	void (*done)(struct http_request *) = req->done;
	void *ctx = req->ctx;
	struct waiter w;

	assert(!http_on_thread(h));
	waiter_init(&w);
	req->done = wake_waiter;
	req->ctx = &w;
	http_submit(h, req);
	pthread_mutex_lock(&w.lock);
	while (!w.done) {
		if (!stop)
			pthread_cond_wait(&w.changed, &w.lock);
		else if (wait_a_little(&w) && stop(stop_ctx))
			http_cancel(h, req);
	}
	pthread_mutex_unlock(&w.lock);
	pthread_cond_destroy(&w.changed);
	pthread_mutex_destroy(&w.lock);
	req->done = done;
	req->ctx = ctx;
	if (req->err.code == ERR_NONE)
		return 0;
	if (err)
		*err = req->err;
	return -1;
}

int http_perform(struct http *h, struct http_request *req, struct error *err)
{
	return http_perform_unless(h, req, NULL, NULL, err);
}

const char *http_reply_header(const struct http_request *req, const char *name)
{
	const struct http_reply_headers *r = req->reply_headers;

	for (size_t i = 0; r && i < r->n; i++)
		if (strcasecmp(r->text + r->name[i], name) == 0)
			return r->text + r->value[i];
	return NULL;
}

bool http_reply_header_at(const struct http_request *req, size_t i, const char **name_out, const char **value_out)
{
	const struct http_reply_headers *r = req->reply_headers;

	if (!r || i >= r->n)
		return false;
	*name_out = r->text + r->name[i];
	*value_out = r->text + r->value[i];
	return true;
}

void http_request_fini(struct http_request *req)
{
	assert(req->state == HTTP_IDLE);
	if (req->reply_headers)
		free(req->reply_headers->text);
	free(req->reply_headers);
	free(req->reply);
	req->reply_headers = NULL;
	req->reply = NULL;
	req->reply_len = 0;
	req->err.code = ERR_NONE;
	req->err.detail = 0;
	req->err.msg[0] = '\0';
	req->reached = false;
	req->timed_out = false;
	req->too_long = false;
	req->status = 0;
	req->elapsed_us = 0;
}

void http_after(struct http *h, struct http_timer *t, unsigned ms)
{
	assert(t->fn);
	{
		LOCK_SCOPE(&h->lock);
		struct http_timer **at = &h->timers;

		t->due_ns = clock_monotonic_ns() + (uint64_t)ms * 1000000;
		while (*at && (*at)->due_ns <= t->due_ns)
			at = &(*at)->next;
		t->next = *at;
		*at = t;
	}
	curl_multi_wakeup(h->multi);
}

bool http_timer_cancel(struct http *h, struct http_timer *t)
{
	LOCK_SCOPE(&h->lock);

	for (struct http_timer **at = &h->timers; *at; at = &(*at)->next)
		if (*at == t) {
			*at = t->next;
			return true;
		}
	return false;
}

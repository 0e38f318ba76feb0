/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 requests over one CURLM, driven by one thread.
 *
 * http_submit() hands a request over from any thread and returns at once; the request's `done` is called exactly once,
 * on the network thread, also after http_cancel and when the engine ends.  Connections are kept alive and shared; at
 * most `connections` requests are in flight, the rest wait in order.  A request that met a stale keep-alive connection
 * is sent again once at once (the server had closed it before it saw anything).  Nothing else is retried here: what an
 * answer means is its sender's knowledge (net/retry.h).
 *
 * Timers: http_after() calls a function on the network thread later, which is how retries wait without a thread.
 */
#ifndef LIFTFS_NET_HTTP_H
#define LIFTFS_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

struct http;

struct http_config {
	unsigned connections; /* requests in flight at most; 0: 16 */
	const char *cacert;   /* PEM file of the CAs to trust; NULL: the system's */
	/* "sha256//BASE64": the one public key to trust, whoever signed it and whatever it is called; NULL: the CAs count */
	const char *pinned_key;
	const char *proxy;    /* URL; NULL: none.  "" means: by the lists below */
	const char *http_proxy, *https_proxy, *all_proxy, *no_proxy; /* as curl's environment variables; may be NULL */
	const char *user_agent;
	unsigned connect_timeout_ms; /* 0: 10,000 */
};

struct http *http_new(const struct http_config *config, struct error *err) MUST_CHECK;
/* Ends the thread; requests still there complete with ERR_CANCELLED first. */
void http_free(struct http *h);
DEFINE_CLEANUP(cleanup_http, struct http *, http_free);

#define HTTP_REPLY_HEADERS_MAX 64
#define HTTP_REPLY_HEADER_BYTES_MAX (64 << 10)

struct http_header {
	const char *name, *value;
};

struct http_request {
	/* Set by the sender; all pointers stay valid until done. */
	const char *method; /* "GET", "PUT", "HEAD", "DELETE", "POST" */
	const char *url;    /* complete, query included; it may carry a signature and is never logged whole */
	const struct http_header *headers; /* in order; Content-Length and Expect are the engine's */
	size_t n_headers;
	const void *body; /* NULL with body_len 0: a PUT or POST then sends Content-Length: 0 */
	size_t body_len;
	void *reply_buf;     /* a body with a 2xx status is written here ... */
	size_t reply_cap;    /* ... up to this; a longer one fails the request */
	size_t reply_max;    /* without reply_buf: allocate up to this many bytes (also for error bodies; 0: 64 KiB) */
	unsigned timeout_ms; /* of the whole exchange; 0: 120,000.  A stall of 30 s below 1 KiB/s ends it too */
	/*
	 * Must not reach the server twice: a kept connection that ends without an answer may have ended before the
	 * request or because of it.  Goes over a connection of its own, and the engine never sends it again.
	 */
	bool only_once;
	void (*done)(struct http_request *req);
	void *ctx;

	/* The outcome, to be read in done and after it until http_request_fini. */
	struct error err; /* transport only: ERR_NETWORK (detail: CURLcode), ERR_CANCELLED, ERR_REFUSED (TLS trust) */
	bool reached; /* false: certainly never left this host (connect, DNS): the outcome is known, nothing happened */
	bool timed_out;      /* a congestion signal */
	bool too_long;       /* a reply longer than it may be, which it will be the next time too */
	long status;         /* HTTP status; besides an error only if all of the answer's headers came, else 0 */
	char *reply;         /* allocated body (NUL-terminated), or NULL */
	size_t reply_len;    /* bytes in reply_buf or reply */
	uint64_t elapsed_us; /* of the exchange, without the wait for a free connection */

	struct http_reply_headers *reply_headers; /* private: use http_reply_header() */
	struct http_transfer *transfer;           /* private */
	struct http_request *next;                /* private */
	int state;                                /* private; 0 at first */
	bool cancel;                              /* private */
};

void http_submit(struct http *h, struct http_request *req);
/* Asks for an early end: done follows, with ERR_CANCELLED unless the answer was there already.  Any thread. */
void http_cancel(struct http *h, struct http_request *req);
/* Submits and waits.  Not on the network thread.  0 if an HTTP status came, whatever it is. */
int http_perform(struct http *h, struct http_request *req, struct error *err) MUST_CHECK;
/*
 * The same for a caller that may be stopped: `stop` is asked ten times a second on its thread, and the request called
 * off if it says so.  NULL: never.  req tells what came of it, too.
 */
int http_perform_unless(struct http *h, struct http_request *req, bool (*stop)(void *ctx), void *ctx,
			struct error *err);
/* Value of a reply header, any case of name; NULL if absent. */
const char *http_reply_header(const struct http_request *req, const char *name);
/* The i-th reply header, in the order in which they came; false behind the last. */
bool http_reply_header_at(const struct http_request *req, size_t i, const char **name_out, const char **value_out);
/* Frees the outcome's memory and makes the request ready to be submitted again (err, status, reply cleared). */
void http_request_fini(struct http_request *req);

/* Calls fn(ctx) on the network thread after ms (0: as soon as it comes round); at the engine's end at once. */
struct http_timer {
	void (*fn)(void *ctx);
	void *ctx;
	uint64_t due_ns;         /* private */
	struct http_timer *next; /* private */
};
void http_after(struct http *h, struct http_timer *t, unsigned ms);
/* Takes a timer back.  True: fn will not be called for it; false: it was called, or is just being called. */
bool http_timer_cancel(struct http *h, struct http_timer *t);
bool http_on_thread(const struct http *h);
/* True from http_free on: a callback that then submits or sets a timer again is called again at once, so it must not.
 */
bool http_is_ending(struct http *h);

#endif

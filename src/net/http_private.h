/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the HTTP engine share: http.c (callers' side), http_loop.c (the thread), http_transfer.c (one
 * exchange), http_early.c (answers to bodies that were not sent whole).
 */
#ifndef LIFTFS_NET_HTTP_PRIVATE_H
#define LIFTFS_NET_HTTP_PRIVATE_H

#include <pthread.h>

#include "net/http.h"
#include "net/libcurl.h"

/* A request in flight.  Network thread only; kept with its easy handle and used again. */
struct http_transfer {
	struct http_transfer *next;
	struct http_request *req;
	CURL *easy;
	struct curl_slist *headers;
	size_t sent;         /* of the body, by curl's reading */
	size_t reply_alloc;  /* of req->reply */
	size_t header_bytes; /* of the answer */
	long status;         /* of the last status line */
	bool headers_done;   /* the empty line after the final status came */
	bool too_long;       /* the answer's body found no room */
	bool no_memory;
	bool bad_headers;
	bool resent; /* after a stale connection */
	uint64_t started_ns;
	char curl_text[CURL_ERROR_SIZE];
};

/* Bounds, see http.h: about 1 KiB a reply until a server sends more. */
struct http_reply_headers {
	size_t n, used, cap;
	char *text;                                                         /* name NUL value NUL ... */
	size_t name[HTTP_REPLY_HEADERS_MAX], value[HTTP_REPLY_HEADERS_MAX]; /* offsets in text */
};

enum http_state { HTTP_IDLE = 0, HTTP_QUEUED, HTTP_IN_FLIGHT };

struct http {
	pthread_t thread;
	CURLM *multi; /* network thread only, but for curl_multi_wakeup() */
	pthread_mutex_t lock;

	/* Under the lock. */
	struct http_request *ready, **ready_tail;
	struct http_timer *timers; /* the next one due first */
	bool stop;
	bool cancels; /* some request's cancel was asked for */

	/* Network thread only. */
	struct http_transfer *idle, *active;
	unsigned in_flight;
	struct last_words *last_words;

	/* Constant. */
	unsigned connections;
	long connect_timeout_ms;
	char *cacert, *pinned_key, *proxy, *http_proxy, *https_proxy, *all_proxy, *no_proxy, *user_agent;
};

void *http_loop(void *http); /* the thread */

/* NULL without memory. */
struct http_transfer *transfer_new(void);
void transfer_free(struct http_transfer *t);
/* Makes the handle ready to be added.  On failure req->err is set and t can take another request. */
int transfer_prepare(struct http *h, struct http_transfer *t, struct http_request *req) MUST_CHECK;
/* The answer, a header line or some of the body; less than len if that ends the transfer. */
size_t transfer_take_header(struct http_transfer *t, const char *line, size_t len);
size_t transfer_take_body(struct http_transfer *t, const char *data, size_t len);
/* Back to the body's first byte, and nothing received: to be sent again. */
void transfer_rewind(struct http_transfer *t);
/* Did it meet a connection that the server had closed before it saw the request? */
bool transfer_was_stale(const struct http_transfer *t, CURLcode rc);
/* Fills the request's outcome; rc is curl's word. */
void transfer_outcome(struct http_transfer *t, CURLcode rc);
void transfer_reached(struct http_transfer *t);

/* What a connection still held when it was closed; see http_early.c. */
int early_close_socket(void *http, curl_socket_t fd);
void early_read(struct http *h, struct http_transfer *t, CURLcode rc);
void early_forget(struct http *h); /* when a round's transfers are finished */

#endif

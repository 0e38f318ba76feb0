/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP/1.1 server on 127.0.0.1 with a port of its own, in the test's process, that behaves as badly as it is told
 * to. A thread a connection.  What it is told comes from `handle`, called once a request, when its headers are in and
 * its body is not; calls never overlap.
 */
#ifndef LIFTFS_TESTS_LOOPBACK_HTTP_H
#define LIFTFS_TESTS_LOOPBACK_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loopback;

struct loopback_request {
	const char *method, *target; /* as sent */
	const char *headers;         /* the lines after the first, each with "\r\n" */
	size_t body_len;             /* announced */
	unsigned number;             /* of the request, from 0 */
	unsigned connection;         /* from 0 */
	unsigned on_connection;      /* from 0: how many this connection carried before */
};

/* All zero: "200 OK" with an empty body, once the request's body is in. */
struct loopback_answer {
	const char *raw;    /* status line, headers, empty line, body; NULL: as above */
	size_t raw_len;     /* 0: strlen(raw) */
	unsigned delay_ms;  /* before the first byte */
	unsigned drip_ms;   /* before each further byte */
	size_t cut;         /* if not 0: so many bytes of raw, then a reset */
	bool early;         /* the request's body stays unread; closes, which resets as bytes are waiting */
	size_t early_after; /* with early: read so much of the body first */
	bool drop;          /* close without an answer, the body unread */
	bool close_after;   /* close when answered, without having said so */
};

typedef void loopback_fn(void *ctx, const struct loopback_request *req, struct loopback_answer *out);

struct loopback *loopback_start(loopback_fn *handle, void *ctx);
void loopback_stop(struct loopback *s);
unsigned loopback_port(const struct loopback *s);
unsigned loopback_requests(struct loopback *s);
unsigned loopback_connections(struct loopback *s);
/* The most that were being answered at one time. */
unsigned loopback_peak(struct loopback *s);
/* The last body that came in whole; the caller frees it. */
void *loopback_last_body(struct loopback *s, size_t *len_out);

/* Value of a header in req->headers, copied to out ("" and false if absent). */
bool loopback_header(const struct loopback_request *req, const char *name, char *out, size_t len);

#endif

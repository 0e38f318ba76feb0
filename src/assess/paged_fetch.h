/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer that a service gives page by page, each but the last with a link to the next.
 *
 * A link leads to where the first question went, scheme, host and port, and never to a page that was read already: what is
 * sent with a question (a token) is for that host alone.  Redirections are not followed.  A page that is not there for the
 * moment (no answer, 408, 429, 5xx) is asked for again, PAGED_TRIES times in all; the service's Retry-After is honoured up to
 * RETRY_AFTER_MAX_MS (net/retry.h).
 */
#ifndef LIFTFS_ASSESS_PAGED_FETCH_H
#define LIFTFS_ASSESS_PAGED_FETCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/error.h"
#include "net/http.h"

#define PAGED_PAGES_MAX 1000                 /* of one question: a region's sizes are 5,000 rows, at 100 a page 50 pages */
#define PAGED_BYTES_MAX ((size_t)32 << 20)   /* of one page: the largest, all kinds of one region, has about 4 MiB */
#define PAGED_LINK_MAX 8192                  /* bytes */
#define PAGED_TRIES 6

struct paged_fetch {
	struct http *http;
	struct cancel *cancel; /* may be NULL */
	/* The value of the Authorization header; the caller frees it.  NULL: the service asks nobody who he is. */
	int (*authorize)(void *ctx, const char *url, char **value_out, struct error *err);
	void *ctx;
	uint64_t (*below)(uint64_t n); /* dice for waits between tries; NULL: random_below() */
};

/* Takes a page in.  *next_out: the link to the next, which is freed here; NULL: this was the last. */
typedef int paged_fn(void *ctx, const char *body, size_t len, char **next_out, struct error *err);

/*
 * ERR_NETWORK: gave up; ERR_REFUSED: 401, 403; ERR_UNSUPPORTED: any other status but 200; ERR_CORRUPT: a link that leads
 * elsewhere or round in a circle, or more than the limits.  Messages name the URL without its query.
 */
int paged_fetch(const struct paged_fetch *f, const char *url, paged_fn *page, void *ctx, struct error *err) MUST_CHECK;

/* The link as it is asked for, blanks in it as %20.  Pure.  ERR_CORRUPT: not one to where `from` went. */
int paged_link(const char *from, const char *link, char **url_out, struct error *err) MUST_CHECK;

#endif

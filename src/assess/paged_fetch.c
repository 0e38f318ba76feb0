/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "assess/catalogue_table.h"
#include "assess/paged_fetch.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "net/redact.h"
#include "net/retry.h"

#define TIMEOUT_MS 180000 /* a page of megabytes over a slow line */
#define SAID_LEN 160
#define NOT_TAKEN 23 /* CURLE_WRITE_ERROR: the answer is longer than we take, and will be again */

DEFINE_CLEANUP(cleanup_json, json_t *, json_decref);

/* ---- links ---- */

struct origin {
	const char *scheme, *host, *port;
	size_t scheme_len, host_len, port_len;
};

/* "https://host[:port]/..."; a user's name would be a part of the host.  False: it is no such URL. */
static bool take_origin(const char *url, struct origin *o)
{
	const char *at = strstr(url, "://"), *end, *colon;

	if (!at || at == url)
		return false;
	*o = (struct origin){ .scheme = url, .scheme_len = (size_t)(at - url), .host = at + 3 };
	end = o->host + strcspn(o->host, "/?#");
	colon = *o->host == '[' ? memchr(o->host, ']', (size_t)(end - o->host)) : o->host;
	colon = colon ? memchr(colon, ':', (size_t)(end - colon)) : NULL;
	o->host_len = (size_t)((colon ? colon : end) - o->host);
	o->port = colon ? colon + 1 : end;
	o->port_len = (size_t)(end - o->port);
	if (o->port_len == 0) {
		o->port = o->scheme_len == 5 ? "443" : "80";
		o->port_len = strlen(o->port);
	}
	return o->host_len > 0;
}

static bool same(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && strncasecmp(a, b, a_len) == 0;
}

static bool same_origin(const char *a, const char *b)
{
	struct origin x, y;

	return take_origin(a, &x) && take_origin(b, &y) && same(x.scheme, x.scheme_len, y.scheme, y.scheme_len) &&
	       same(x.host, x.host_len, y.host, y.host_len) && same(x.port, x.port_len, y.port, y.port_len);
}

int paged_link(const char *from, const char *link, char **url_out, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	char shown[REDACT_URL_LEN], visible[REDACT_URL_LEN];

	redact_url(link, shown, sizeof(shown));
	escape_visible(shown, visible, sizeof(visible));
	if (strlen(link) > PAGED_LINK_MAX)
		return error_set(err, ERR_CORRUPT, "the link to the next page has more than %d bytes", PAGED_LINK_MAX);
	for (const char *p = link; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
			return error_set(err, ERR_CORRUPT, "the link to the next page, '%s', is no URL", visible);
	if (!same_origin(from, link))
		return error_set(err, ERR_CORRUPT, "the link to the next page leads elsewhere: '%s'", visible);
	for (const char *p = link; *p; p++)
		strbuf_add(&b, *p == ' ' ? "%20" : p, *p == ' ' ? 3 : 1);
	*url_out = strbuf_take(&b, err);
	return *url_out ? 0 : -1;
}

/* Those that were asked for. */
struct visited {
	char **v;
	size_t n, cap;
};

static void cleanup_visited(struct visited *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
}

static int visit(struct visited *s, char *url, struct error *err)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i], url) == 0) {
			free(url);
			return error_set(err, ERR_CORRUPT, "page %zu leads back to page %zu", s->n, i + 1);
		}
	if (s->n == PAGED_PAGES_MAX) {
		free(url);
		return error_set(err, ERR_CORRUPT, "more than %d pages", PAGED_PAGES_MAX);
	}
	if (table_grow(&s->v, sizeof(*s->v), s->n, &s->cap, err) < 0) {
		free(url);
		return -1;
	}
	s->v[s->n++] = url;
	return 0;
}

/* ---- one page ---- */

static bool is_stopped(void *cancel)
{
	return cancel_level(cancel) != CANCEL_NONE;
}

static void never(struct http_request *req)
{
	(void)req;
}

/* What the service says in {"error": {"code", "message"}} or {"Error": ...}; "" if it does not. */
static void take_said(const struct http_request *req, char out[SAID_LEN])
{
	CLEANUP(cleanup_json)
	json_t *doc = req->reply ? json_loadb(req->reply, req->reply_len, 0, NULL) : NULL;
	const json_t *error = json_object_get(doc, "error") ? json_object_get(doc, "error") : json_object_get(doc, "Error");
	const char *code = json_string_value(json_object_get(error, "code"));
	const char *message = json_string_value(json_object_get(error, "message"));
	char text[2 * SAID_LEN];

	snprintf(text, sizeof(text), "%.40s%s%.200s", code ? code : "", code && message ? ": " : "", message ? message : "");
	text[strcspn(text, "\r\n")] = '\0';
	redact_text(text);
	escape_visible(text, out, SAID_LEN);
}

static int refuse_status(const struct http_request *req, struct error *err)
{
	char said[SAID_LEN];

	take_said(req, said);
	if (req->status == 401 || req->status == 403)
		return error_set(err, ERR_REFUSED, "HTTP status %ld%s%s", req->status, *said ? " " : "", said);
	if (req->status >= 300 && req->status < 400)
		return error_set(err, ERR_UNSUPPORTED, "HTTP status %ld: redirections are not followed", req->status);
	return error_set(err, req->status >= 500 || req->status == 429 || req->status == 408 ? ERR_NETWORK : ERR_UNSUPPORTED,
			 "HTTP status %ld%s%s", req->status, *said ? " " : "", said);
}

/* Is it worth another try?  Then how long to wait. */
static bool again(const struct paged_fetch *f, const struct http_request *req, unsigned tries, unsigned *wait_ms)
{
	struct retry_input in = {
		.attempt = tries,
		.transport = req->err.code,
		.reached = req->reached,
		.timed_out = req->timed_out,
		.status = 503, /* all that may pass are alike: a question changes nothing */
		.retry_after = http_reply_header(req, "Retry-After"),
		.below = f->below,
	};
	struct retry_decision d;

	if (tries >= PAGED_TRIES || (req->err.code == ERR_NETWORK && req->err.detail == NOT_TAKEN))
		return false;
	if (req->err.code == ERR_NONE && req->status != 408 && req->status != 429 && req->status < 500)
		return false;
	d = retry_decide(&in);
	*wait_ms = d.after_ms;
	return d.verdict == RETRY_AGAIN;
}

static int give_up(const struct http_request *req, unsigned tries, struct error *err)
{
	if (req->err.code == ERR_NONE)
		refuse_status(req, err);
	else if (err)
		*err = req->err;
	return tries > 1 ? error_prefix(err, "gave up after %u tries", tries) : -1;
}

/* An exchange with an answer of 200, or an error. */
static int ask(const struct paged_fetch *f, const char *shown, struct http_request *req, struct error *err)
{
	for (unsigned tries = 1;; tries++) {
		unsigned wait_ms = 0;

		if (cancel_check(f->cancel, err) < 0)
			return -1;
		http_perform_unless(f->http, req, is_stopped, f->cancel, NULL);
		if (req->err.code == ERR_NONE && req->status == 200)
			return 0;
		if (!again(f, req, tries, &wait_ms))
			return give_up(req, tries, err);
		log_info("catalogue", "%s: %s; again in %u ms, after try %u status=%ld", shown,
			 req->err.code ? req->err.msg : "not now", wait_ms, tries, req->status);
		http_request_fini(req);
		if (cancel_sleep(f->cancel, wait_ms, err) < 0)
			return -1;
	}
}

static int fetch_page(const struct paged_fetch *f, const char *url, const char *shown, paged_fn *page, void *ctx,
		      char **next_out, struct error *err)
{
	CLEANUP_FREE char *authorization = NULL;
	struct http_header headers[] = { { "Accept", "application/json" }, { "Authorization", NULL } };
	struct http_request req = { .method = "GET",
				    .url = url,
				    .headers = headers,
				    .n_headers = f->authorize ? 2 : 1,
				    .reply_max = PAGED_BYTES_MAX,
				    .timeout_ms = TIMEOUT_MS,
				    .done = never };
	int rc;

	if (f->authorize && f->authorize(f->ctx, url, &authorization, err) < 0)
		return -1;
	headers[1].value = authorization;
	rc = ask(f, shown, &req, err);
	if (rc == 0)
		rc = page(ctx, req.reply ? req.reply : "", req.reply_len, next_out, err);
	http_request_fini(&req);
	return rc;
}

int paged_fetch(const struct paged_fetch *f, const char *url, paged_fn *page, void *ctx, struct error *err)
{
	CLEANUP(cleanup_visited) struct visited visited = { .v = NULL };
	char shown[REDACT_URL_LEN], *next = strdup(url);

	redact_url(url, shown, sizeof(shown));
	if (!next)
		return error_errno(err, ENOMEM, "%s", shown);
	while (next) {
		CLEANUP_FREE char *link = NULL;
		const char *present;

		if (visit(&visited, next, err) < 0)
			return error_prefix(err, "%s", shown);
		present = next;
		next = NULL;
		if (fetch_page(f, present, shown, page, ctx, &link, err) < 0 ||
		    (link && paged_link(url, link, &next, err) < 0))
			return error_prefix(err, "%s", shown);
	}
	log_info("catalogue", "%s: read pages=%zu", shown, visited.n);
	return 0;
}

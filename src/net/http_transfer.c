/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One exchange: a request becomes the options of an easy handle, and what came back becomes the request's outcome.
 * Network thread only.
 */
#include <config.h>

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "net/http_private.h"
#include "net/proxy.h"
#include "net/redact.h"

#define DEFAULT_TIMEOUT_MS 120000L
#define DEFAULT_REPLY_MAX ((size_t)64 << 10)
#define STALL_BYTES_PER_S 1024L
#define STALL_S 30L
#define UPLOAD_BUFFER (512L << 10) /* measured: fewest CPU seconds a GiB between 256 and 512 KiB */

struct http_transfer *transfer_new(void)
{
	struct http_transfer *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->easy = curl_easy_init();
	if (!t->easy) {
		free(t);
		return NULL;
	}
	return t;
}

void transfer_free(struct http_transfer *t)
{
	if (!t)
		return;
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	free(t);
}

/* The body, from where it is. */

static size_t give_body(char *buf, size_t size, size_t n, void *transfer)
{
	struct http_transfer *t = transfer;
	size_t left = t->req->body_len - t->sent, len = size * n < left ? size * n : left;

	if (len > 0)
		memcpy(buf, (const char *)t->req->body + t->sent, len);
	t->sent += len;
	return len;
}

static int seek_body(void *transfer, curl_off_t off, int whence)
{
	struct http_transfer *t = transfer;

	if (whence != SEEK_SET || off < 0 || (uint64_t)off > t->req->body_len)
		return CURL_SEEKFUNC_FAIL;
	t->sent = (size_t)off;
	return CURL_SEEKFUNC_OK;
}

/* The answer's headers. */

static bool reserve(struct http_reply_headers *r, size_t more)
{
	size_t cap = r->cap ? r->cap : 1024;
	char *text;

	while (cap - r->used < more)
		cap *= 2; /* bounded: used + more <= HTTP_REPLY_HEADER_BYTES_MAX + a line's two NULs */
	if (cap == r->cap)
		return true;
	text = realloc(r->text, cap);
	if (!text)
		return false;
	r->text = text;
	r->cap = cap;
	return true;
}

static size_t append(struct http_reply_headers *r, const char *text, size_t len)
{
	size_t at = r->used;

	memcpy(r->text + at, text, len);
	r->text[at + len] = '\0';
	r->used += len + 1;
	return at;
}

static bool keep_header(struct http_transfer *t, const char *line, size_t len)
{
	struct http_reply_headers *r = t->req->reply_headers;
	const char *colon = memchr(line, ':', len);
	size_t value;

	if (!colon)
		return true; /* not a header; curl has its own opinion about it */
	value = (size_t)(colon - line) + 1;
	while (value < len && (line[value] == ' ' || line[value] == '\t'))
		value++;
	while (len > value && isspace((unsigned char)line[len - 1]))
		len--;
	if (!r) {
		r = t->req->reply_headers = calloc(1, sizeof(*r));
		t->no_memory = !r;
	}
	if (!r)
		return false;
	if (r->n == HTTP_REPLY_HEADERS_MAX || memchr(line, '\0', len)) {
		t->bad_headers = true;
		return false;
	}
	if (!reserve(r, len + 2)) {
		t->no_memory = true;
		return false;
	}
	r->name[r->n] = append(r, line, (size_t)(colon - line));
	r->value[r->n] = append(r, line + value, len - value);
	r->n++;
	return true;
}

static void forget_headers(struct http_request *req)
{
	if (req->reply_headers)
		req->reply_headers->n = req->reply_headers->used = 0;
}

static long parse_status(const char *line, size_t len)
{
	const char *p = memchr(line, ' ', len);
	long status = 0;

	if (!p)
		return 0;
	for (p++; p < line + len && isdigit((unsigned char)*p) && status < 1000; p++)
		status = status * 10 + (*p - '0');
	return status;
}

size_t transfer_take_header(struct http_transfer *t, const char *line, size_t len)
{
	t->header_bytes += len;
	if (t->header_bytes > HTTP_REPLY_HEADER_BYTES_MAX) {
		t->bad_headers = true;
		return 0;
	}
	if (len >= 5 &&
	    memcmp(line, "HTTP/", 5) == 0) { /* an interim answer (1xx) is followed by another status line */
		t->status = parse_status(line, len);
		t->headers_done = false;
		forget_headers(t->req);
		return len;
	}
	if (t->headers_done)
		return len; /* a trailer: nobody asked for it */
	if (len > 0 && (line[0] == '\r' || line[0] == '\n')) {
		t->headers_done = t->status >= 200;
		return len;
	}
	return keep_header(t, line, len) ? len : 0;
}

/* One line a call, with its line end. */
static size_t take_header(char *line, size_t size, size_t n, void *transfer)
{
	return transfer_take_header(transfer, line, size * n);
}

/* The answer's body. */

static bool is_success(long status)
{
	return status >= 200 && status <= 299;
}

static bool grow_reply(struct http_transfer *t, size_t len)
{
	struct http_request *req = t->req;
	size_t max = req->reply_max ? req->reply_max : DEFAULT_REPLY_MAX,
	       alloc = t->reply_alloc ? t->reply_alloc : 4096;
	char *reply;

	if (len > max - req->reply_len) {
		t->too_long = true;
		return false;
	}
	while (alloc < req->reply_len + len + 1)
		alloc *= 2;
	if (alloc == t->reply_alloc)
		return true;
	reply = realloc(req->reply, alloc);
	if (!reply) {
		t->no_memory = true;
		return false;
	}
	req->reply = reply;
	t->reply_alloc = alloc;
	return true;
}

size_t transfer_take_body(struct http_transfer *t, const char *data, size_t len)
{
	struct http_request *req = t->req;

	if (req->reply_buf && is_success(t->status)) {
		if (len > req->reply_cap - req->reply_len) {
			t->too_long = true;
			return 0;
		}
		memcpy((char *)req->reply_buf + req->reply_len, data, len);
		req->reply_len += len;
		return len;
	}
	if (!grow_reply(t, len))
		return 0;
	memcpy(req->reply + req->reply_len, data, len);
	req->reply_len += len;
	req->reply[req->reply_len] = '\0';
	return len;
}

static size_t take_body(char *data, size_t size, size_t n, void *transfer)
{
	return transfer_take_body(transfer, data, size * n);
}

/* The request. */

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static bool add_line(struct http_transfer *t, const char *line)
{
	struct curl_slist *more = curl_slist_append(t->headers, line);

	if (more)
		t->headers = more;
	return more;
}

static int make_headers(struct http_transfer *t, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf line = { .len = 0 };

	if (!add_line(t, "Expect:")) /* or curl waits a second for a 100 before a long body */
		return error_errno(err, ENOMEM, "headers");
	for (size_t i = 0; i < t->req->n_headers; i++) {
		const struct http_header *h = &t->req->headers[i];

		if (h->name[0] == '\0' || strpbrk(h->name, ":; \t") || has_control(h->name) || has_control(h->value))
			return error_set(err, ERR_USAGE, "header %zu: a character that headers cannot hold", i);
		line.len = 0;
		strbuf_adds(&line, h->name);
		strbuf_adds(&line, h->value[0] ? ": " : ";"); /* curl's way to write an empty one */
		strbuf_adds(&line, h->value);
		if (line.failed || !add_line(t, line.s))
			return error_errno(err, ENOMEM, "headers");
	}
	return 0;
}

static CURLcode restrict_protocols(CURL *e)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	return curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	return curl_easy_setopt(e, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

#define SET(option, value)                                           \
	do {                                                         \
		if (rc == CURLE_OK)                                  \
			rc = curl_easy_setopt(e, (option), (value)); \
	} while (0)

static CURLcode set_connection(struct http *h, CURL *e, const char *url)
{
	const struct proxy_config proxies = {
		.proxy = h->proxy, .http_proxy = h->http_proxy, .https_proxy = h->https_proxy, .all_proxy = h->all_proxy
	};
	CURLcode rc = restrict_protocols(e);

	SET(CURLOPT_URL, url);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_CLOSESOCKETFUNCTION, early_close_socket);
	SET(CURLOPT_CLOSESOCKETDATA, h);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, h->pinned_key ? 0L : 1L);
	SET(CURLOPT_SSL_VERIFYHOST, h->pinned_key ? 0L : 2L);
	if (h->pinned_key)
		SET(CURLOPT_PINNEDPUBLICKEY, h->pinned_key);
	if (h->cacert)
		SET(CURLOPT_CAINFO, h->cacert);
	SET(CURLOPT_PROXY,
	    proxy_choose(&proxies, url)); /* "" keeps curl from looking into the environment; so does the next */
	SET(CURLOPT_NOPROXY, h->no_proxy ? h->no_proxy : "");
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, h->connect_timeout_ms);
	if (h->user_agent)
		SET(CURLOPT_USERAGENT, h->user_agent);
	return rc;
}

static CURLcode set_exchange(struct http_transfer *t)
{
	const struct http_request *req = t->req;
	bool sends = req->body_len > 0 || strcmp(req->method, "PUT") == 0 || strcmp(req->method, "POST") == 0;
	CURL *e = t->easy;
	CURLcode rc = CURLE_OK;

	if (strcmp(req->method, "HEAD") == 0) {
		SET(CURLOPT_NOBODY, 1L);
	} else if (sends) {
		SET(CURLOPT_UPLOAD, 1L); /* unlike POSTFIELDS it brings no Content-Type, which signatures cover */
		SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)req->body_len);
		if (req->body_len > (size_t)UPLOAD_BUFFER / 8)
			SET(CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER);
		SET(CURLOPT_READFUNCTION, give_body);
		SET(CURLOPT_READDATA, t);
		SET(CURLOPT_SEEKFUNCTION, seek_body);
		SET(CURLOPT_SEEKDATA, t);
		SET(CURLOPT_CUSTOMREQUEST, req->method);
	} else if (strcmp(req->method, "GET") != 0) {
		SET(CURLOPT_CUSTOMREQUEST, req->method);
	}
	SET(CURLOPT_HTTPHEADER, t->headers);
	SET(CURLOPT_HEADERFUNCTION, take_header);
	SET(CURLOPT_HEADERDATA, t);
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_TIMEOUT_MS, req->timeout_ms ? (long)req->timeout_ms : DEFAULT_TIMEOUT_MS);
	SET(CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES_PER_S);
	SET(CURLOPT_LOW_SPEED_TIME, STALL_S);
	SET(CURLOPT_ERRORBUFFER, t->curl_text);
	SET(CURLOPT_PRIVATE, t);
	return rc;
}

static void forget_answer(struct http_transfer *t)
{
	t->sent = 0;
	t->header_bytes = 0;
	t->status = 0;
	t->headers_done = t->too_long = t->no_memory = t->bad_headers = false;
	t->curl_text[0] = '\0';
}

void transfer_rewind(struct http_transfer *t)
{
	forget_answer(t);
	forget_headers(t->req);
}

static void prefix_with_request(struct http_request *req)
{
	char url[REDACT_URL_LEN];

	redact_url(req->url, url, sizeof(url));
	error_prefix(&req->err, "%s %s", req->method, url);
}

int transfer_prepare(struct http *h, struct http_transfer *t, struct http_request *req)
{
	CURLcode rc;

	curl_easy_reset(t->easy); /* keeps the connections: they are the multi's */
	curl_slist_free_all(t->headers);
	t->headers = NULL;
	t->req = req;
	t->reply_alloc = 0;
	t->resent = false;
	forget_answer(t);
	if (make_headers(t, &req->err) < 0) {
		prefix_with_request(req);
		t->req = NULL;
		return -1;
	}
	rc = set_connection(h, t->easy, req->url);
	if (rc == CURLE_OK)
		rc = set_exchange(t);
	if (rc == CURLE_OK && req->only_once) /* libcurl, too, repeats what met a dead connection */
		rc = curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 1L);
	if (rc != CURLE_OK) {
		error_set(&req->err, rc == CURLE_OUT_OF_MEMORY ? ERR_NOMEM : ERR_UNSUPPORTED, "%s",
			  curl_easy_strerror(rc));
		prefix_with_request(req);
		t->req = NULL;
		return -1;
	}
	t->started_ns = clock_monotonic_ns();
	req->transfer = t;
	return 0;
}

/* The outcome. */

bool transfer_was_stale(const struct http_transfer *t, CURLcode rc)
{
	long connects = 1;

	if (t->req->only_once || (rc != CURLE_SEND_ERROR && rc != CURLE_RECV_ERROR && rc != CURLE_GOT_NOTHING))
		return false;
	curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects);
	return connects == 0 && t->header_bytes == 0;
}

/* Sticky over a second sending: the first may have arrived. */
void transfer_reached(struct http_transfer *t)
{
	long bytes = 0, tunnel = 0;

	curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &bytes);
	curl_easy_getinfo(t->easy, CURLINFO_HTTP_CONNECTCODE, &tunnel);
	if (bytes > 0 && tunnel < 300) /* else only a proxy was spoken to, and it declined */
		t->req->reached = true;
}

static bool is_refusal(CURLcode rc, long tunnel)
{
	switch (rc) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
		return true;
	default:
		return tunnel == 407;
	}
}

static enum error_code code_of(CURLcode rc, long tunnel)
{
	if (is_refusal(rc, tunnel))
		return ERR_REFUSED;
	switch (rc) {
	case CURLE_OUT_OF_MEMORY:
		return ERR_NOMEM;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return ERR_USAGE;
	default:
		return ERR_NETWORK;
	}
}

static void describe(struct http_transfer *t, CURLcode rc)
{
	struct http_request *req = t->req;
	long tunnel = 0;

	curl_easy_getinfo(t->easy, CURLINFO_HTTP_CONNECTCODE, &tunnel);
	if (t->no_memory) {
		error_errno(&req->err, ENOMEM, "reply");
	} else if (t->bad_headers) {
		error_set(&req->err, ERR_NETWORK, "reply headers: more than %d or %d bytes, or a NUL",
			  HTTP_REPLY_HEADERS_MAX, HTTP_REPLY_HEADER_BYTES_MAX);
	} else if (t->too_long) {
		error_set(&req->err, ERR_NETWORK, "reply of more than %zu bytes",
			  req->reply_buf   ? req->reply_cap
			  : req->reply_max ? req->reply_max
					   : DEFAULT_REPLY_MAX);
	} else {
		redact_text(t->curl_text);
		error_set(&req->err, code_of(rc, tunnel), "%s",
			  t->curl_text[0] ? t->curl_text : curl_easy_strerror(rc));
	}
	req->err.detail = req->err.code == ERR_NETWORK ? (int)rc : tunnel == 407 ? 407 : req->err.detail;
	prefix_with_request(req);
}

/* An answer that says no counts even if the rest of its body, or of ours, was lost: its status and headers are whole.
 */
static bool is_answered(const struct http_transfer *t, CURLcode rc)
{
	if (rc == CURLE_OK)
		return true;
	return t->headers_done && t->status >= 300 && !t->no_memory &&
	       (rc == CURLE_SEND_ERROR || rc == CURLE_RECV_ERROR || rc == CURLE_PARTIAL_FILE || t->too_long);
}

void transfer_outcome(struct http_transfer *t, CURLcode rc)
{
	struct http_request *req = t->req;

	req->elapsed_us = (clock_monotonic_ns() - t->started_ns) / 1000;
	req->status = t->headers_done ? t->status : 0;
	req->timed_out = rc == CURLE_OPERATION_TIMEDOUT;
	req->too_long = t->too_long;
	if (rc == CURLE_OK && !t->headers_done) { /* for curl an answer may end in its headers */
		rc = CURLE_PARTIAL_FILE;
		snprintf(t->curl_text, sizeof(t->curl_text), "the answer's headers were cut off");
	}
	if (!is_answered(t, rc))
		describe(t, rc);
}

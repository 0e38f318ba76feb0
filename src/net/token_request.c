/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "net/token_request.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "net/outage.h"
#include "net/redact.h"
#include "net/retry.h"
#include "net/skew.h"

enum {
	ANSWER_MAX = 64 << 10,
	TIMEOUT_MS = 30000,
	ENTRA_MS = 120000,    /* no try begins later than this after the first */
	METADATA_MS = 110000, /* 410 may last 70 s; the last wait is at most 30 s */
	SILENT_TRIES = 3,     /* of a metadata service from which nothing ever came: there is none */
};

static bool is_stopped(void *stop)
{
	return cancel_level(stop) != CANCEL_NONE;
}

static void request_wipe(struct http_request *req)
{
	if (req->reply)
		secret_wipe(req->reply, req->reply_len);
	http_request_fini(req);
}

static bool is_passing(const struct token_question *q, long status)
{
	return status == 408 || status == 429 || status >= 500 || (q->metadata && (status == 404 || status == 410));
}

/* Worth another try?  Then how long to wait. */
static bool again(const struct token_ask *ask, const struct token_question *q, const struct http_request *req,
		  unsigned tries, bool answered, uint64_t elapsed_ms, unsigned *wait_ms)
{
	struct retry_input in = {
		.attempt = tries < RETRY_TRIES ? tries : RETRY_TRIES - 1, /* time is the limit */
		.transport = req->err.code,
		.reached = req->reached,
		.timed_out = req->timed_out,
		.status = 503, /* all that pass are alike */
		.retry_after = http_reply_header(req, "Retry-After"),
		.elapsed_ms = elapsed_ms,
		.elapsed_max_ms = q->metadata ? METADATA_MS : ENTRA_MS,
		.below = ask->below,
	};
	struct retry_decision d;

	if (req->err.code == ERR_NONE && !is_passing(q, req->status))
		return false;
	if (q->metadata && !answered && tries >= SILENT_TRIES)
		return false;
	d = retry_decide(&in);
	*wait_ms = d.after_ms;
	return d.verdict == RETRY_AGAIN;
}

static void take_answer(struct http_request *req, struct token_answer *out)
{
	const char *challenge = http_reply_header(req, "WWW-Authenticate"), *date = http_reply_header(req, "Date");

	*out = (struct token_answer){ .status = req->status,
				      .body = steal_ptr(&req->reply),
				      .body_len = req->reply_len,
				      .realtime_ns = clock_realtime_ns() };
	snprintf(out->challenge, sizeof(out->challenge), "%s", challenge ? challenge : "");
	snprintf(out->date, sizeof(out->date), "%s", date ? date : "");
}

static int give_up(const struct token_question *q, const struct http_request *req, unsigned tries, struct error *err)
{
	if (req->err.code != ERR_NONE) {
		if (err)
			*err = req->err;
	} else {
		error_set(err, ERR_NETWORK, "HTTP status %ld%s", req->status,
			  q->metadata && req->status == 404 ? " (is an identity assigned to this machine?)" : "");
	}
	return tries > 1 ? error_prefix(err, "gave up after %u tries", tries) : -1;
}

static void tell_outage(struct outage *o, const struct token_question *q, const struct http_request *req, unsigned tries)
{
	if (outage_failed(o, tries, clock_boottime_ns()))
		log_notice("credentials", "%.*s: %s; trying again for a while", (int)strcspn(q->url, "?"), q->url,
			   req->err.code ? req->err.msg : "not now");
}

static void tell_recovery(struct outage *o, const struct token_question *q)
{
	char took[FORMAT_TEXT_LEN];
	uint64_t ns;

	if (!outage_answered(o, clock_boottime_ns(), &ns))
		return;
	format_duration(ns / 1000000, took);
	log_notice("credentials", "%.*s: answers again, after %s", (int)strcspn(q->url, "?"), q->url, took);
}

int token_request(const struct token_ask *ask, const struct token_question *q, struct token_answer *out,
		  struct error *err)
{
	struct http_request req = { .method = q->method,
				    .url = q->url,
				    .headers = q->headers,
				    .n_headers = q->n_headers,
				    .body = q->body,
				    .body_len = q->body_len,
				    .reply_max = ANSWER_MAX,
				    .timeout_ms = TIMEOUT_MS };
	uint64_t first_ns = clock_monotonic_ns();
	struct outage here = { .failures = 0 }, *o = ask->outage ? ask->outage : &here;
	bool answered = false;
	int rc = -1;

	for (unsigned tries = 1;; tries++) {
		unsigned wait_ms = 0;

		if (cancel_check(ask->stop, err) < 0)
			break;
		http_perform_unless(ask->http, &req, is_stopped, ask->stop, NULL);
		answered = answered || req.status != 0;
		if (!again(ask, q, &req, tries, answered, (clock_monotonic_ns() - first_ns) / 1000000, &wait_ms)) {
			if (req.err.code == ERR_NONE && !is_passing(q, req.status)) {
				tell_recovery(o, q);
				take_answer(&req, out);
				rc = 0;
			} else {
				rc = give_up(q, &req, tries, err);
			}
			break;
		}
		tell_outage(o, q, &req, tries);
		log_debug("credentials", "token endpoint: status %ld%s%s: again in %u ms after try %u", req.status,
			  req.err.code ? ", " : "", req.err.code ? req.err.msg : "", wait_ms, tries);
		request_wipe(&req);
		if (cancel_sleep(ask->stop, wait_ms, err) < 0)
			break;
	}
	request_wipe(&req);
	return rc;
}

void token_answer_fini(struct token_answer *a)
{
	if (a->body)
		secret_wipe(a->body, a->body_len);
	free(a->body);
	*a = (struct token_answer){ 0 };
}

static int refused(const struct token_answer *a, const char *never, struct error *err)
{
	char skew[SKEW_TEXT_LEN];
	struct token_refusal r;
	const char *remedy;

	token_refusal_parse(a->body, a->body_len, &r);
	if (never && *never && (strstr(r.message, never) || strstr(r.error, never)))
		r.message[0] = r.error[0] = '\0';
	redact_text(r.message);
	remedy = token_refusal_remedy(&r);
	error_set(err, ERR_REFUSED, "HTTP status %ld%s%s%s%s%s%s%s%s", a->status, r.code[0] || r.error[0] ? " " : "",
		  r.code[0] ? r.code : r.error, r.message[0] ? ": " : "", r.message, remedy ? "; " : "",
		  remedy ? remedy : "", skew_describe(a->date, a->realtime_ns, skew) ? "; " : "", skew);
	if (err)
		err->detail = (int)a->status;
	return -1;
}

int token_answer_read(const struct token_answer *a, const char *never, struct token *out, struct error *err)
{
	char skew[SKEW_TEXT_LEN];

	if (a->status != 200)
		return refused(a, never, err);
	if (token_reply_parse(a->body ? a->body : "", a->body_len, a->realtime_ns, out, err) < 0)
		return -1;
	skew_describe(a->date, a->realtime_ns, skew);
	if (out->not_before_ns > a->realtime_ns + SKEW_TOLD_MS * 1000000)
		log_warn("credentials", "the token is not valid yet%s%s", skew[0] ? ": " : "", skew);
	else if (skew[0])
		log_warn("credentials", "%s", skew);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A call's way to the server and back, again where that may help. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "inventory/vsphere_soap.h"
#include "net/retry.h"

#define COOKIE "vmware_soap_session="
#define SIGNED_OUT "NotAuthenticated"

static bool is_stopped(void *cancel)
{
	return cancel_level(cancel) != CANCEL_NONE;
}

static void never(struct http_request *req)
{
	(void)req;
}

static int keep_cookie(struct vsphere_soap *s, const struct http_request *req, struct error *err)
{
	const char *name, *value;

	for (size_t i = 0; http_reply_header_at(req, i, &name, &value); i++) {
		struct secret *cookie;

		if (strcasecmp(name, "Set-Cookie") != 0 || strncmp(value, COOKIE, strlen(COOKIE)) != 0)
			continue;
		cookie = secret_new_len(value, strcspn(value, ";"), err);
		if (!cookie)
			return -1;
		secret_free(s->cookie);
		s->cookie = cookie;
	}
	return 0;
}

/* ---- again? ---- */

struct tries {
	unsigned n; /* made */
	uint64_t begin_ns;
};

static bool again(const struct vsphere_soap *s, const struct vsphere_call *call, const struct http_request *req,
		  const struct tries *tries, unsigned *wait_ms)
{
	const struct retry_input in = {
		.attempt = tries->n,
		.transport = req->err.code,
		.reached = req->reached,
		.timed_out = req->timed_out,
		.status = req->status,
		.retry_after = http_reply_header(req, "Retry-After"),
		.elapsed_ms = (clock_monotonic_ns() - tries->begin_ns) / 1000000,
		.elapsed_max_ms = s->timeout_ms,
		.below = s->below,
	};
	char text[RETRY_TEXT_LEN];
	struct retry_decision d;

	if (tries->n >= VSPHERE_TRIES || req->too_long || (!s->answered && !req->reached))
		return false;
	d = retry_decide(&in);
	if (d.verdict != RETRY_AGAIN || (call->once && d.unknown_outcome))
		return false;
	retry_describe(&in, text);
	log_info("vsphere", "%s: %s: %s: again in %u ms after try %u", s->host, call->method, text, d.after_ms, tries->n);
	*wait_ms = d.after_ms;
	return true;
}

/* ---- the exchange ---- */

/* One try.  *wait_ms: how long to wait for the next one; else this was the last, with its outcome. */
static int try_once(struct vsphere_soap *s, const struct vsphere_call *call, const struct strbuf *body,
		    struct tries *tries, struct vsphere_reply *out, bool *again_out, unsigned *wait_ms, struct error *err)
{
	char action[sizeof("\"urn:vim25/\"") + VSPHERE_VERSION_LEN];
	const struct http_header headers[] = {
		{ "Content-Type", "text/xml; charset=\"utf-8\"" },
		{ "SOAPAction", action },
		{ "Cookie", s->cookie ? secret_reveal(s->cookie) : "" },
	};
	struct http_request req = { .method = "POST",
				    .url = s->url,
				    .headers = headers,
				    .n_headers = s->cookie ? 3 : 2,
				    .body = body->s,
				    .body_len = body->len,
				    .reply_max = XML_MAX,
				    .timeout_ms = s->timeout_ms,
				    .only_once = call->once,
				    .done = never };
	int rc;

	snprintf(action, sizeof(action), "\"urn:vim25/%s\"", s->version);
	rc = http_perform_unless(s->http, &req, is_stopped, s->cancel, NULL);
	s->answered = s->answered || rc == 0;
	tries->n++;
	*again_out = again(s, call, &req, tries, wait_ms);
	if (!*again_out && rc < 0 && err)
		*err = req.err;
	if (!*again_out && rc == 0)
		rc = keep_cookie(s, &req, err);
	if (!*again_out && rc == 0)
		rc = vsphere_soap_parse(req.reply, req.reply_len, req.status, call->method, out, err);
	http_request_fini(&req);
	return rc;
}

static int exchange(struct vsphere_soap *s, const struct vsphere_call *call, const struct strbuf *body,
		    struct vsphere_reply *out, struct error *err)
{
	struct tries tries = { .begin_ns = clock_monotonic_ns() };
	bool again;
	int rc;

	for (;;) {
		unsigned wait_ms;

		rc = try_once(s, call, body, &tries, out, &again, &wait_ms, err);
		if (!again)
			break;
		if (cancel_sleep(s->cancel, wait_ms, err) < 0)
			return -1;
	}
	s->signed_out = rc < 0 && strcmp(out->fault, SIGNED_OUT) == 0;
	return rc < 0 && tries.n > 1 && !out->fault[0] ? error_prefix(err, "gave up after %u tries", tries.n) : rc;
}

int vsphere_soap_call(struct vsphere_soap *s, const struct vsphere_call *call, struct vsphere_reply *out,
		      struct error *err)
{
	struct strbuf body = { .len = 0 };
	int rc;

	s->signed_out = false;
	vsphere_add_envelope(&body, call);
	if (body.failed)
		rc = error_errno(err, ENOMEM, "%s", call->method);
	else
		rc = exchange(s, call, &body, out, err);
	if (body.s)
		secret_wipe(body.s, body.cap);
	strbuf_fini(&body);
	return rc < 0 ? error_prefix(err, "%s: %s", s->host, call->method) : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows an attempt.  How patient to be is net/retry.h's; what an answer means to a blob's owner is
 * azure_reply's; here the two meet, with the one thing that is done instead of waiting: the other checksum.  Decides,
 * never waits.
 */
#include <config.h>

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "net/retry.h"
#include "net/skew.h"
#include "target/azure.h"

static bool uses_crc64(const struct azure_call *call)
{
	return (call->op == AZURE_WRITE || call->op == AZURE_READ) && call->checksum == AZURE_CRC64;
}

static struct retry_decision decide(const struct credentials *creds, const struct azure_call *call,
				    const struct http_request *req, const struct azure_reply *reply,
				    struct azure_tries *tries, char text[RETRY_TEXT_LEN])
{
	struct retry_input in = {
		.attempt = ++tries->n,
		.reached = req->reached,
		.timed_out = req->timed_out,
		.status = reply->status,
		.service_code = reply->code,
		.retry_after = http_reply_header(req, "Retry-After"),
		.can_refresh = !tries->renewed && credentials_renewable(creds, call->generation, reply->status),
	};
	struct retry_decision d;

	/* An answer that came while the body was still on its way counts, whatever became of the body. */
	if (req->err.code != ERR_NETWORK || reply->status < 400)
		in.transport = req->err.code;
	d = retry_decide(&in);
	retry_describe(&in, text);
	tries->congested = d.congestion;
	return d;
}

/* Why the service may have refused to let us in: what is said of it comes before everything else. */
static int explain(struct target *t, const struct http_request *req, const struct azure_reply *reply, struct error *err)
{
	char skew[SKEW_TEXT_LEN], doubt[CREDENTIALS_TEXT_LEN];

	if (reply->status != 401 && reply->status != 403)
		return -1;
	credentials_doubt(t->config.creds, doubt);
	if (doubt[0])
		error_prefix(err, "%s", doubt);
	if (skew_describe(http_reply_header(req, "Date"), clock_realtime_ns(), skew))
		error_prefix(err, "%s", skew);
	return -1;
}

/* Asks for other credentials; the next attempt waits for them. */
static void renew(struct target *t, const struct azure_call *call, const struct http_request *req,
		  const struct azure_reply *reply, struct azure_tries *tries)
{
	char skew[SKEW_TEXT_LEN], said[256];

	skew_describe(http_reply_header(req, "Date"), clock_realtime_ns(), skew);
	snprintf(said, sizeof(said), "HTTP status %ld%s%s%s%s", reply->status, reply->code[0] ? " " : "", reply->code,
		 skew[0] ? ", " : "", skew);
	if (credentials_refused(t->config.creds, call->generation, said))
		tries->renewed = true;
}

/* No usable answer, for good. */
static enum azure_step fail_unanswered(const struct http_request *req, const char *doing, const char *why, long status,
				       struct error *err)
{
	if (!err)
		return AZURE_STEP_FAILED;
	if (req->err.code != ERR_NONE)
		*err = req->err;
	else
		error_set(err, ERR_NETWORK, "HTTP status %ld", status);
	if (err->code == ERR_NETWORK)
		err->detail = (int)status;
	error_prefix(err, "%s%s%s", doing, *why ? ": " : "", why);
	return AZURE_STEP_FAILED;
}

static void tell_outage(struct target *t, const char *doing, const struct error *why, unsigned tries)
{
	struct azure_place *place = azure_place(t);
	bool say;

	{
		LOCK_SCOPE(&place->lock);
		say = outage_failed(&place->outage, tries, clock_boottime_ns());
	}
	if (say)
		log_notice("azure", "%s: %s; trying again for a while", doing, why->msg);
}

static void tell_recovery(struct target *t)
{
	struct azure_place *place = azure_place(t);
	char took[FORMAT_TEXT_LEN];
	uint64_t ns;
	bool say;

	{
		LOCK_SCOPE(&place->lock);
		say = outage_answered(&place->outage, clock_boottime_ns(), &ns);
	}
	if (!say)
		return;
	format_duration(ns / 1000000, took);
	log_notice("azure", "%s: answers again, after %s", target_name(t), took);
}

enum azure_step azure_next(struct target *t, const struct azure_call *call, const struct http_request *req,
			   const struct azure_reply *reply, long expect, bool once, struct azure_tries *tries,
			   unsigned *wait_ms, struct error *err)
{
	char doing[96], text[RETRY_TEXT_LEN], why[RETRY_TEXT_LEN + 64] = "";
	struct retry_decision d;

	*wait_ms = 0;
	tries->congested = false;
	if (reply->status != 0)
		tell_recovery(t);
	if (req->err.code == ERR_NONE && reply->status == expect)
		return AZURE_STEP_DONE;
	if (strcmp(reply->code, "FeatureNotSupported") == 0 && uses_crc64(call)) {
		azure_fall_back(t);
		return AZURE_STEP_AGAIN;
	}
	azure_call_describe(call, doing, sizeof(doing));
	d = decide(t->config.creds, call, req, reply, tries, text);
	if (d.verdict == RETRY_AGAIN && !(once && d.unknown_outcome)) {
		*wait_ms = d.after_ms;
		if (d.refresh)
			renew(t, call, req, reply, tries);
		if (reply->status == 0)
			tell_outage(t, doing, &req->err, tries->n);
		log_debug("azure", "%s: %s: again in %u ms after try %u", doing, text, d.after_ms, tries->n);
		return AZURE_STEP_AGAIN;
	}
	if (once && d.unknown_outcome)
		snprintf(why, sizeof(why), "%s: whether it was done is unknown", text);
	else if (tries->n > 1)
		snprintf(why, sizeof(why), "gave up after %u tries", tries->n);
	if (reply->status < 400 && req->err.code != ERR_NONE)
		return fail_unanswered(req, doing, why, reply->status, err);
	if (d.unknown_outcome || d.congestion) {
		error_set(err, ERR_NETWORK, "%s: %s%sHTTP status %ld%s%s%s%s", doing, why, *why ? ": " : "",
			  reply->status, reply->code[0] ? " " : "", reply->code, reply->message[0] ? ": " : "",
			  reply->message);
		if (err)
			err->detail = (int)reply->status;
		return AZURE_STEP_FAILED;
	}
	azure_reply_error(reply, doing, azure_place(t)->who, call->op == AZURE_DELETE_SNAPSHOT ? "rcwld: prune needs d" : "rcwl",
			  err);
	explain(t, req, reply, err);
	if (*why)
		error_prefix(err, "%s", why);
	return AZURE_STEP_FAILED;
}

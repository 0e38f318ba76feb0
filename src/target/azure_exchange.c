/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its answer, for whoever waits: sent again while that may help, until the tries are used up or the
 * cancel token is set.  The wait looks at the token ten times a second, so that "now", or ten seconds after "gentle",
 * ends a transfer that makes no progress.
 */
#include <config.h>

#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "target/azure.h"

int azure_cancel_level(struct target *t, uint64_t *since_ns)
{
	int level = cancel_level(t->config.cancel);
	uint64_t now;

	if (level != CANCEL_GENTLE)
		return level;
	now = clock_monotonic_ns();
	if (*since_ns == 0)
		*since_ns = now;
	return now - *since_ns >= AZURE_GENTLE_NS ? CANCEL_NOW : CANCEL_GENTLE;
}

/* Who waits for an answer, and when he was asked to stop gently. */
struct waiting {
	struct target *t;
	uint64_t since_ns;
};

static bool is_to_stop(void *waiting)
{
	struct waiting *w = waiting;

	return azure_cancel_level(w->t, &w->since_ns) >= CANCEL_NOW;
}

static void count(struct target_counters *c, enum azure_operation op, bool again)
{
	_Atomic uint64_t *which = op == AZURE_READ ? &c->reads : op == AZURE_CREATE ? &c->writes : &c->others;

	atomic_fetch_add_explicit(which, 1, memory_order_relaxed);
	if (again)
		atomic_fetch_add_explicit(&c->retries, 1, memory_order_relaxed);
}

/* Credentials that are being renewed are waited for: the service would only refuse those that are there. */
static int wait_credentials(struct target *t, struct error *err)
{
	uint64_t since_ns = 0;

	for (;;) {
		enum token_state state = credentials_ready(t->config.creds, 100, err);

		if (state != TOKEN_COMING)
			return state == TOKEN_READY ? 0 : -1;
		if (azure_cancel_level(t, &since_ns) >= CANCEL_NOW)
			return cancel_check(t->config.cancel, err);
	}
}

/* Lists and reads take as long as there is to tell; what changes one thing, or looks at it, is quick. */
static bool is_quick(enum azure_operation op)
{
	switch (op) {
	case AZURE_READ:
	case AZURE_RANGES:
	case AZURE_LIST:
		return false;
	default:
		return true;
	}
}

static unsigned patience_now(struct target *t, enum azure_operation op)
{
	struct azure_place *place = azure_place(t);

	if (!is_quick(op))
		return 0;
	LOCK_SCOPE(&place->lock);
	return patience_ms(&place->patience, 0);
}

static void learn(struct target *t, const struct azure_exchange *x)
{
	struct azure_place *place = azure_place(t);

	if (!is_quick(x->call.op))
		return;
	LOCK_SCOPE(&place->lock);
	if (x->req.status != 0 && x->req.err.code == ERR_NONE)
		patience_answered(&place->patience, x->req.elapsed_us, 0);
	else if (x->req.timed_out)
		patience_timed_out(&place->patience);
}

/* One attempt: what became of it is in x->req and x->reply. */
static int attempt(struct target *t, struct azure_exchange *x, struct error *err)
{
	struct waiting w = { .t = t };

	http_request_fini(&x->req);
	if (wait_credentials(t, err) < 0 || azure_build(t, &x->call, 0, &x->text, err) < 0)
		return -1;
	x->req.method = x->text.method;
	x->req.url = x->text.url.s;
	x->req.headers = x->text.headers;
	x->req.n_headers = x->text.n_headers;
	x->req.only_once = x->once;
	x->req.timeout_ms = patience_now(t, x->call.op);
	x->req.reply_buf = x->reply_buf;
	x->req.reply_cap = x->reply_cap;
	x->req.reply_max = x->reply_max;
	http_perform_unless(t->config.http, &x->req, t->config.cancel ? is_to_stop : NULL, &w, NULL);
	azure_answer(&x->req, &x->reply);
	learn(t, x);
	return 0;
}

int azure_exchange(struct target *t, struct target_counters *counters, struct azure_exchange *x, struct error *err)
{
	struct azure_place *place = azure_place(t);
	struct azure_tries tries = { 0 };

	for (;;) {
		enum azure_step step;
		unsigned wait_ms = 0;

		if (cancel_level(t->config.cancel) >= CANCEL_NOW)
			return cancel_check(t->config.cancel, err);
		x->call.checksum = (enum azure_checksum)atomic_load(&place->checksum);
		count(counters ? counters : &t->counters, x->call.op, tries.n > 0);
		if (attempt(t, x, err) < 0)
			return -1;
		step = azure_next(t, &x->call, &x->req, &x->reply, x->expect, x->once, &tries, &wait_ms, err);
		if (step == AZURE_STEP_DONE)
			return 0;
		if (step == AZURE_STEP_FAILED)
			return -1;
		if (cancel_sleep(t->config.cancel, wait_ms, err) < 0)
			return -1;
	}
}

void azure_exchange_fini(struct azure_exchange *x)
{
	http_request_fini(&x->req);
	azure_text_fini(&x->text);
}

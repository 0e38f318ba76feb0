/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "net/token.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/outage.h"

#define NS_PER_MS UINT64_C(1000000)
#define LOOK_MS 1000 /* the thread looks at the clock so often: it may have been moved, or the host have slept */

struct token_keeper {
	struct token_source source; /* the thread's, while there is one */
	struct http *http;
	uint64_t (*below)(uint64_t n);
	struct cancel stop;
	bool has_stop;
	pthread_t thread;
	struct outage outage; /* the thread's */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool running, ending; /* under the lock, like all that follows */
	bool wanted;          /* the thread is to ask */
	bool asking;
	bool refused; /* the present one, by the service */
	char refusal[256];
	bool replaces_refused; /* the present one came since another was refused */
	uint64_t taken_ns;     /* boot time */
	struct secret *text;   /* NULL before the first */
	uint64_t generation;
	uint64_t end_ns, due_ns; /* boot time; UINT64_MAX: never */
	uint64_t failed_ns;      /* boot time; when `failed` was set */
	struct error failed;     /* of the last try, if no token came since */
};

uint64_t token_due_ms(uint64_t life_ms)
{
	const uint64_t before_ms = 5 * 60 * 1000;
	uint64_t due_ms = life_ms - life_ms / 5;

	if (life_ms > 2 * before_ms && life_ms - before_ms < due_ms)
		due_ms = life_ms - before_ms;
	return due_ms;
}

struct token_keeper *token_keeper_new(const struct token_source *source, struct error *err)
{
	CLEANUP(cleanup_token_keeper) struct token_keeper *k = calloc(1, sizeof(*k));
	pthread_condattr_t attr;

	if (!k) {
		if (source->free)
			source->free(source->ctx);
		error_errno(err, ENOMEM, "credentials");
		return NULL;
	}
	k->source = *source;
	pthread_mutex_init(&k->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&k->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (cancel_init(&k->stop, err) < 0)
		return NULL;
	k->has_stop = true;
	return steal_ptr(&k);
}

void token_keeper_free(struct token_keeper *k)
{
	if (!k)
		return;
	token_keeper_stop(k);
	if (k->source.free)
		k->source.free(k->source.ctx);
	if (k->has_stop)
		cancel_fini(&k->stop);
	secret_free(k->text);
	pthread_cond_destroy(&k->changed);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

/* Waits for a change, at most ms. */
static void wait_locked(struct token_keeper *k, unsigned ms)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += (long)(ms % 1000) * 1000000;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	pthread_cond_timedwait(&k->changed, &k->lock, &at);
}

/* ---- the thread ---- */

static uint64_t after_ms(uint64_t from_ns, uint64_t ms)
{
	return ms < (UINT64_MAX - from_ns) / NS_PER_MS ? from_ns + ms * NS_PER_MS : UINT64_MAX;
}

static void take_locked(struct token_keeper *k, struct token *t, uint64_t asked_ns)
{
	secret_free(k->text);
	k->text = steal_ptr(&t->text);
	k->generation++;
	k->end_ns = t->life_ms ? after_ms(asked_ns, t->life_ms) : UINT64_MAX;
	k->due_ns = t->renew_ms  ? after_ms(asked_ns, t->renew_ms)
		    : t->life_ms ? after_ms(asked_ns, token_due_ms(t->life_ms))
				 : UINT64_MAX;
	k->replaces_refused = k->refused;
	k->taken_ns = clock_boottime_ns();
	k->refused = false;
	k->refusal[0] = '\0';
	k->failed = (struct error)ERROR_INIT;
}

static void fail_locked(struct token_keeper *k, const struct error *failed)
{
	k->failed = *failed;
	k->failed_ns = clock_boottime_ns();
	k->due_ns = after_ms(k->failed_ns, TOKEN_AGAIN_MS);
	if (k->text && !k->refused && k->failed_ns < k->end_ns)
		log_warn("credentials", "not renewed, the present ones go on for now: %s", failed->msg);
}

static void ask_locked(struct token_keeper *k)
{
	struct token_ask ask = { .http = k->http, .stop = &k->stop, .below = k->below, .outage = &k->outage };
	struct error err = ERROR_INIT;
	struct token t = { .text = NULL };
	char refusal[sizeof(k->refusal)];
	uint64_t asked_ns;
	int rc;

	if (k->refused) {
		memcpy(refusal, k->refusal, sizeof(refusal));
		ask.refused = k->text; /* which this thread alone replaces */
		ask.refusal = refusal;
	}
	k->wanted = false;
	k->asking = true;
	pthread_mutex_unlock(&k->lock);
	asked_ns = clock_boottime_ns();
	rc = k->source.fetch(k->source.ctx, &ask, &t, &err);
	pthread_mutex_lock(&k->lock);
	k->asking = false;
	if (rc == 0)
		take_locked(k, &t, asked_ns);
	else if (!k->ending)
		fail_locked(k, &err);
	pthread_cond_broadcast(&k->changed);
}

static void *work(void *keeper)
{
	struct token_keeper *k = keeper;

	LOCK_SCOPE(&k->lock);
	while (!k->ending) {
		uint64_t now = clock_boottime_ns(), left_ms = now < k->due_ns ? (k->due_ns - now) / NS_PER_MS + 1 : 0;

		if (k->wanted || left_ms == 0)
			ask_locked(k);
		else
			wait_locked(k, left_ms < LOOK_MS ? (unsigned)left_ms : LOOK_MS);
	}
	return NULL;
}

int token_keeper_start(struct token_keeper *k, struct http *http, uint64_t (*below)(uint64_t n), struct error *err)
{
	int rc;

	LOCK_SCOPE(&k->lock);
	assert(!k->running);
	k->http = http;
	k->below = below;
	k->wanted = true;
	rc = pthread_create(&k->thread, NULL, work, k);
	if (rc != 0)
		return error_errno(err, rc, "credentials: thread");
	k->running = true;
	return 0;
}

void token_keeper_stop(struct token_keeper *k)
{
	{
		LOCK_SCOPE(&k->lock);
		if (!k->running)
			return;
		k->ending = true;
		cancel_set(&k->stop, CANCEL_NOW);
		pthread_cond_broadcast(&k->changed);
	}
	pthread_join(k->thread, NULL);
	LOCK_SCOPE(&k->lock);
	k->running = false;
	k->ending = false;
}

/* ---- those who ask ---- */

static void want_locked(struct token_keeper *k)
{
	if (k->asking || k->wanted)
		return;
	k->wanted = true;
	pthread_cond_broadcast(&k->changed);
}

/* Did the last try fail, lately, and with nothing to go on with?  Then it is not asked again at once. */
static bool has_failed_locked(const struct token_keeper *k, uint64_t now)
{
	return !k->asking && !k->wanted && k->failed.code != ERR_NONE && now < after_ms(k->failed_ns, TOKEN_AGAIN_MS) &&
	       (!k->text || k->refused || k->failed_ns >= k->end_ns);
}

static enum token_state poll_locked(struct token_keeper *k, struct error *err)
{
	uint64_t now = clock_boottime_ns();

	if (k->text && !k->refused && now < k->end_ns)
		return TOKEN_READY;
	if (!k->running) {
		error_set(err, ERR_BUG, "credentials: used before they were started");
		return TOKEN_FAILED;
	}
	if (has_failed_locked(k, now)) {
		if (err)
			*err = k->failed;
		return TOKEN_FAILED;
	}
	want_locked(k);
	return TOKEN_COMING;
}

enum token_state token_keeper_poll(struct token_keeper *k, struct error *err)
{
	LOCK_SCOPE(&k->lock);

	return poll_locked(k, err);
}

enum token_state token_keeper_wait(struct token_keeper *k, unsigned ms, struct error *err)
{
	enum token_state state;

	LOCK_SCOPE(&k->lock);
	state = poll_locked(k, err);
	if (state != TOKEN_COMING)
		return state;
	wait_locked(k, ms);
	return poll_locked(k, err);
}

struct secret *token_keeper_get(struct token_keeper *k, uint64_t *generation_out, struct error *err)
{
	LOCK_SCOPE(&k->lock);
	if (!k->text) {
		error_set(err, ERR_BUG, "credentials: used before the first came");
		return NULL;
	}
	*generation_out = k->generation;
	return secret_new_len(secret_reveal(k->text), secret_len(k->text), err);
}

bool token_keeper_may_refuse(struct token_keeper *k, uint64_t generation)
{
	uint64_t now;

	LOCK_SCOPE(&k->lock);
	now = clock_boottime_ns();
	return generation != k->generation || !k->replaces_refused || now >= k->end_ns ||
	       now >= after_ms(k->taken_ns, TOKEN_AGAIN_MS);
}

bool token_keeper_refuse(struct token_keeper *k, uint64_t generation, const char *said)
{
	bool ended;

	LOCK_SCOPE(&k->lock);
	if (generation != k->generation)
		return true; /* an older one: somebody else has renewed it */
	ended = clock_boottime_ns() >= k->end_ns;
	if (!k->refused) {
		k->refused = true;
		k->failed = (struct error)ERROR_INIT;
		snprintf(k->refusal, sizeof(k->refusal), "%s", said);
		want_locked(k);
	}
	return !ended;
}

void token_keeper_renew(struct token_keeper *k)
{
	LOCK_SCOPE(&k->lock);
	if (k->running) {
		k->wanted = true;
		pthread_cond_broadcast(&k->changed);
	}
}

uint64_t token_keeper_end(struct token_keeper *k)
{
	uint64_t now;

	LOCK_SCOPE(&k->lock);
	now = clock_boottime_ns();
	if (!k->text || k->end_ns == UINT64_MAX || k->end_ns < now)
		return 0;
	return clock_realtime_ns() + (k->end_ns - now);
}

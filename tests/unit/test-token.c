/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/token.h"

#define NS_PER_S UINT64_C(1000000000)

static _Atomic uint64_t test_now_ns;

static uint64_t test_clock(int which)
{
	(void)which;
	return atomic_load(&test_now_ns);
}

/* A source that gives "token-N", waits at a gate if told to, and fails if told to. */
struct fake {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	unsigned asked, warnings;
	bool gate;
	enum error_code fail;
	uint64_t life_ms;
	char refused[32], refusal[64];
};

static int fetch(void *ctx, const struct token_ask *ask, struct token *out, struct error *err)
{
	struct fake *f = ctx;
	char text[32];
	bool gone = false;

	LOCK_SCOPE(&f->lock);
	f->asked++;
	snprintf(f->refused, sizeof(f->refused), "%s", ask->refused ? secret_reveal(ask->refused) : "");
	snprintf(f->refusal, sizeof(f->refusal), "%s", ask->refusal ? ask->refusal : "");
	pthread_cond_broadcast(&f->moved);
	while (f->gate && !gone) {
		pthread_mutex_unlock(&f->lock);
		if (cancel_sleep(ask->stop, 5, NULL) < 0)
			gone = true;
		pthread_mutex_lock(&f->lock);
	}
	if (gone)
		return error_set(err, ERR_CANCELLED, "stopped");
	if (f->fail)
		return error_set(err, f->fail, "the endpoint is down");
	snprintf(text, sizeof(text), "token-%u", f->asked);
	*out = (struct token){ .text = secret_new(text, err), .life_ms = f->life_ms };
	return 0;
}

static struct token_keeper *start(struct fake *f, uint64_t life_ms)
{
	const struct token_source source = { .fetch = fetch, .ctx = f };
	struct token_keeper *k;

	memset(f, 0, sizeof(*f));
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->moved, NULL);
	f->life_ms = life_ms;
	atomic_store(&test_now_ns, 1000 * NS_PER_S);
	clock_set_for_test(test_clock);
	k = token_keeper_new(&source, NULL);
	assert_non_null(k);
	assert_int_equal(token_keeper_start(k, NULL, NULL, NULL), 0);
	return k;
}

static void stop(struct token_keeper *k, struct fake *f)
{
	token_keeper_free(k);
	pthread_cond_destroy(&f->moved);
	pthread_mutex_destroy(&f->lock);
	clock_set_for_test(NULL);
}

static void set_gate(struct fake *f, bool closed)
{
	LOCK_SCOPE(&f->lock);
	f->gate = closed;
}

static void set_fail(struct fake *f, enum error_code code)
{
	LOCK_SCOPE(&f->lock);
	f->fail = code;
}

static unsigned asked(struct fake *f)
{
	LOCK_SCOPE(&f->lock);
	return f->asked;
}

static void wait_asked(struct fake *f, unsigned n)
{
	LOCK_SCOPE(&f->lock);
	while (f->asked < n)
		pthread_cond_wait(&f->moved, &f->lock);
}

static enum token_state wait_state(struct token_keeper *k, struct error *err)
{
	enum token_state state;

	do
		state = token_keeper_wait(k, 50, err);
	while (state == TOKEN_COMING);
	return state;
}

static uint64_t want_token(struct token_keeper *k, const char *text)
{
	CLEANUP(cleanup_secret) struct secret *s = NULL;
	uint64_t generation = 0;

	assert_int_equal(wait_state(k, NULL), TOKEN_READY);
	s = token_keeper_get(k, &generation, NULL);
	assert_non_null(s);
	assert_string_equal(secret_reveal(s), text);
	return generation;
}

/* The thread takes what came after the source has returned. */
static void wait_token(struct token_keeper *k, uint64_t generation)
{
	uint64_t now = 0;

	while (now < generation) {
		secret_free(token_keeper_get(k, &now, NULL));
		if (now < generation)
			token_keeper_wait(k, 5, NULL);
	}
}

static void it_is_due_at_80_percent_or_5_minutes_before_its_end(void **state)
{
	(void)state;
	assert_int_equal(token_due_ms(2000), 1600);
	assert_int_equal(token_due_ms(600000), 480000);
	assert_int_equal(token_due_ms(1200000), 900000);  /* 5 minutes are earlier */
	assert_int_equal(token_due_ms(3600000), 2880000); /* 80 % is */
	assert_int_equal(token_due_ms(86400000), 69120000);
}

static void the_old_one_is_served_while_the_next_is_fetched(void **state)
{
	struct fake f;
	struct token_keeper *k = start(&f, 100000);

	(void)state;
	assert_int_equal(want_token(k, "token-1"), 1);
	set_gate(&f, true);
	atomic_store(&test_now_ns, 1079 * NS_PER_S);
	assert_int_equal(asked(&f), 1);
	atomic_store(&test_now_ns, 1081 * NS_PER_S);
	wait_asked(&f, 2); /* by itself: nobody has asked for one */
	assert_int_equal(token_keeper_poll(k, NULL), TOKEN_READY);
	want_token(k, "token-1");
	atomic_store(&test_now_ns, 1100 * NS_PER_S); /* its end */
	assert_int_equal(token_keeper_poll(k, NULL), TOKEN_COMING);
	set_gate(&f, false);
	assert_int_equal(want_token(k, "token-2"), 2);
	assert_int_equal(asked(&f), 2);
	stop(k, &f);
}

static void many_who_are_refused_at_once_make_it_ask_once(void **state)
{
	struct fake f;
	struct token_keeper *k = start(&f, 100000);
	uint64_t first = want_token(k, "token-1");

	(void)state;
	set_gate(&f, true);
	assert_true(token_keeper_refuse(k, first, "HTTP status 401"));
	assert_int_equal(token_keeper_poll(k, NULL), TOKEN_COMING); /* a refused one is not sent again */
	for (int i = 0; i < 20; i++)
		assert_true(token_keeper_refuse(k, first, "later"));
	wait_asked(&f, 2);
	set_gate(&f, false);
	want_token(k, "token-2");
	for (int i = 0; i < 20; i++)
		assert_true(token_keeper_refuse(k, first, "late answers"));
	assert_int_equal(token_keeper_poll(k, NULL), TOKEN_READY);
	assert_int_equal(asked(&f), 2);
	assert_string_equal(f.refused, "token-1");
	assert_string_equal(f.refusal, "HTTP status 401");
	stop(k, &f);
}

static void a_refusal_after_its_end_is_nothing_unusual(void **state)
{
	struct fake f;
	struct token_keeper *k = start(&f, 100000);
	uint64_t first = want_token(k, "token-1");

	(void)state;
	atomic_store(&test_now_ns, 1101 * NS_PER_S);
	set_gate(&f, true);
	assert_false(token_keeper_refuse(k, first, "expired"));
	set_gate(&f, false);
	want_token(k, "token-2");
	stop(k, &f);
}

static void count_warnings(void *ctx, enum log_level level, const char *module, const char *line)
{
	struct fake *f = ctx;

	(void)module;
	if (level != LOG_WARN || !strstr(line, "the present ones go on"))
		return;
	LOCK_SCOPE(&f->lock);
	f->warnings++;
	pthread_cond_broadcast(&f->moved);
}

static void wait_warned(struct fake *f)
{
	LOCK_SCOPE(&f->lock);
	while (f->warnings == 0)
		pthread_cond_wait(&f->moved, &f->lock);
}

static void a_source_that_fails_is_asked_again_later_and_the_old_one_goes_on(void **state)
{
	struct fake f;
	struct token_keeper *k = start(&f, 100000);
	struct error e = ERROR_INIT;

	(void)state;
	want_token(k, "token-1");
	log_set_sink(count_warnings, &f);
	set_fail(&f, ERR_NETWORK);
	atomic_store(&test_now_ns, 1085 * NS_PER_S);
	wait_warned(&f);
	want_token(k, "token-1");
	atomic_store(&test_now_ns, 1101 * NS_PER_S); /* it has ended; the failure was before that */
	assert_int_equal(wait_state(k, &e), TOKEN_FAILED);
	assert_error(&e, ERR_NETWORK, "the endpoint is down");
	assert_int_equal(asked(&f), 3);
	assert_int_equal(token_keeper_poll(k, NULL), TOKEN_FAILED); /* not asked again at once */
	assert_int_equal(asked(&f), 3);
	set_fail(&f, ERR_NONE);
	atomic_store(&test_now_ns, 1132 * NS_PER_S);
	want_token(k, "token-4");
	log_set_sink(NULL, NULL);
	assert_int_equal(f.warnings, 1);
	stop(k, &f);
}

static void a_reload_asks_whatever_the_age(void **state)
{
	struct fake f;
	struct token_keeper *k = start(&f, 0); /* no end */

	(void)state;
	assert_int_equal(want_token(k, "token-1"), 1);
	assert_int_equal(token_keeper_end(k), 0);
	token_keeper_renew(k);
	wait_asked(&f, 2);
	wait_token(k, 2);
	want_token(k, "token-2");
	stop(k, &f);
}

static void its_end_ends_an_exchange(void **state)
{
	struct fake f;
	struct token_keeper *k = start(&f, 100000);
	struct error e = ERROR_INIT;

	(void)state;
	want_token(k, "token-1");
	set_gate(&f, true);
	token_keeper_renew(k);
	wait_asked(&f, 2);
	token_keeper_stop(k); /* would wait for ever at the gate */
	want_token(k, "token-1");
	atomic_store(&test_now_ns, 1200 * NS_PER_S);
	assert_int_equal(token_keeper_poll(k, &e), TOKEN_FAILED);
	assert_error(&e, ERR_BUG, "credentials: used before they were started");
	stop(k, &f);
}

static void its_end_is_told_in_the_time_of_people(void **state)
{
	struct fake f;
	struct token_keeper *k = start(&f, 100000);

	(void)state;
	want_token(k, "token-1");
	assert_int_equal(token_keeper_end(k), 1100 * NS_PER_S);
	stop(k, &f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_due_at_80_percent_or_5_minutes_before_its_end),
		cmocka_unit_test(the_old_one_is_served_while_the_next_is_fetched),
		cmocka_unit_test(many_who_are_refused_at_once_make_it_ask_once),
		cmocka_unit_test(a_refusal_after_its_end_is_nothing_unusual),
		cmocka_unit_test(a_source_that_fails_is_asked_again_later_and_the_old_one_goes_on),
		cmocka_unit_test(a_reload_asks_whatever_the_age),
		cmocka_unit_test(its_end_ends_an_exchange),
		cmocka_unit_test(its_end_is_told_in_the_time_of_people),
	};

	return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/rate_limit.h"

#define SECOND UINT64_C(1000000000)

static _Atomic uint64_t real_ns, mono_ns; /* what the clocks say */

static uint64_t set_clock(int which)
{
	return which == 0 ? real_ns : mono_ns;
}

static struct calendar calendar(const char *text)
{
	struct calendar c;

	assert_int_equal(calendar_parse(text, &c, NULL), 0);
	return c;
}

static int take(struct rate_limit *r, uint64_t bytes)
{
	return rate_limit_take(r, bytes, NULL, NULL, NULL);
}

static int at_noon_on_a_sunday(void **state)
{
	(void)state;
	setenv("TZ", "UTC0", 1);
	real_ns = UINT64_C(1732449600) * SECOND; /* 2024-11-24T12:00:00Z */
	mono_ns = 100 * SECOND;
	clock_set_for_test(set_clock);
	return 0;
}

static int real_clocks(void **state)
{
	(void)state;
	clock_set_for_test(NULL);
	return 0;
}

/* ---- the arithmetic ---- */

static void a_debt_lasts_as_long_as_its_bytes_take(void **state)
{
	struct rate_debt d = { .last_ns = SECOND };

	(void)state;
	assert_int_equal(rate_debt_pay(&d, 1000, SECOND), 0);
	d.bytes = 3000;
	assert_in_range(rate_debt_pay(&d, 1000, SECOND), 3 * SECOND, 3 * SECOND + 1);
	assert_in_range(rate_debt_pay(&d, 1000, 3 * SECOND), SECOND, SECOND + 1);
	assert_in_range(rate_debt_pay(&d, 4000, 3 * SECOND), SECOND / 4, SECOND / 4 + 1); /* the rest at the new rate */
	assert_int_equal(rate_debt_pay(&d, 4000, 3 * SECOND + SECOND / 4), 0);
}

static void quiet_times_give_no_credit(void **state)
{
	struct rate_debt d = { .last_ns = 0 };

	(void)state;
	assert_int_equal(rate_debt_pay(&d, 1000, 3600 * SECOND), 0);
	d.bytes += 1000;
	assert_in_range(rate_debt_pay(&d, 1000, 3600 * SECOND), SECOND, SECOND + 1);
}

static void a_pause_pays_nothing_and_no_limit_forgives(void **state)
{
	struct rate_debt d = { .bytes = 1000, .last_ns = SECOND };

	(void)state;
	assert_true(rate_debt_pay(&d, 0, 50 * SECOND) == UINT64_MAX);
	assert_in_range(rate_debt_pay(&d, 1000, 50 * SECOND), SECOND, SECOND + 1);
	assert_int_equal(rate_debt_pay(&d, CALENDAR_UNLIMITED, 50 * SECOND), 0);
	assert_true(d.bytes == 0);
	d.bytes = 1e15;
	assert_true(rate_debt_pay(&d, 1, 50 * SECOND) < UINT64_MAX); /* not a pause, only long */
}

/* ---- taking ---- */

static void without_a_limit_or_bytes_nobody_waits(void **state)
{
	const struct calendar paused = calendar("pause");
	CLEANUP(cleanup_rate_limit) struct rate_limit *none = rate_limit_new(NULL, NULL);
	CLEANUP(cleanup_rate_limit) struct rate_limit *r = rate_limit_new(&paused, NULL);

	(void)state;
	assert_int_equal(take(NULL, 1 << 30), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(take(none, 1 << 30), 0);
	assert_int_equal(take(r, 0), 0);
	assert_true(rate_limit_now(none) == CALENDAR_UNLIMITED);
	assert_int_equal(rate_limit_now(r), 0);
}

static void a_token_that_is_set_takes_nothing(void **state)
{
	const struct calendar c = calendar("1000");
	CLEANUP(cleanup_rate_limit) struct rate_limit *r = rate_limit_new(&c, NULL);
	struct error e = ERROR_INIT;
	struct cancel token;

	(void)state;
	assert_int_equal(cancel_init(&token, NULL), 0);
	cancel_set(&token, CANCEL_GENTLE);
	assert_int_equal(rate_limit_take(r, 5000, &token, NULL, &e), -1);
	assert_error(&e, ERR_CANCELLED, "stopped");
	assert_int_equal(rate_limit_take(r, 5000, NULL, &token, NULL), -1);
	assert_int_equal(take(r, 1), 0); /* nothing is owed: the clock stands still */
	cancel_fini(&token);
}

static void the_rule_is_that_of_the_hosts_zone(void **state)
{
	const struct calendar c = calendar("Sun 12:00-13:00=10; Sun 07:00-08:00=20; *=30");
	struct rate_limit *r = rate_limit_new(&c, NULL);

	(void)state;
	assert_int_equal(rate_limit_now(r), 10);
	real_ns += 3600 * SECOND;
	assert_int_equal(rate_limit_now(r), 30);
	real_ns -= 3600 * SECOND;
	rate_limit_free(r);
	setenv("TZ", "EST5EDT,M3.2.0,M11.1.0", 1);
	r = rate_limit_new(&c, NULL);
	assert_int_equal(rate_limit_now(r), 20);
	rate_limit_free(r);
}

/* 2024-03-10: at 07:00 UTC 02:00 becomes 03:00; 2024-11-03: at 06:00 UTC 02:00 becomes 01:00 again. */
static void hours_that_are_left_out_or_come_twice_are_what_the_wall_clock_says(void **state)
{
	const struct calendar c = calendar("02:00-03:00=2; 01:00-02:00=1; 03:00-04:00=3; *=9");
	CLEANUP(cleanup_rate_limit) struct rate_limit *r = NULL;
	const uint64_t spring = UINT64_C(1710054000), autumn = UINT64_C(1730613600);

	(void)state;
	setenv("TZ", "EST5EDT,M3.2.0,M11.1.0", 1);
	r = rate_limit_new(&c, NULL);
	real_ns = (spring - 1) * SECOND;
	assert_int_equal(rate_limit_now(r), 1);
	real_ns = spring * SECOND;
	assert_int_equal(rate_limit_now(r), 3);
	real_ns = (autumn - 1) * SECOND;
	assert_int_equal(rate_limit_now(r), 1);
	real_ns = autumn * SECOND;
	assert_int_equal(rate_limit_now(r), 1);
	real_ns = (autumn + 3600) * SECOND;
	assert_int_equal(rate_limit_now(r), 2);
}

/* ---- waiting ---- */

struct taker {
	struct rate_limit *r;
	uint64_t bytes;
	struct cancel *stop, *also;
	_Atomic int rc; /* 1: has not returned */
	pthread_t thread;
	struct error err;
};

static _Atomic unsigned granted; /* so many have returned */

static void *run_taker(void *arg)
{
	struct taker *t = arg;
	int rc = rate_limit_take(t->r, t->bytes, t->stop, t->also, &t->err);

	atomic_fetch_add(&granted, 1);
	t->rc = rc;
	return NULL;
}

static void start(struct taker *t)
{
	t->rc = 1;
	assert_int_equal(pthread_create(&t->thread, NULL, run_taker, t), 0);
}

static int end(struct taker *t)
{
	assert_int_equal(pthread_join(t->thread, NULL), 0);
	return t->rc;
}

/* Until somebody stands in line. */
static void wait_for_line(struct rate_limit *r)
{
	for (int ms = 0; !rate_limit_waiting(r); ms++) {
		assert_in_range(ms, 0, 20000);
		assert_int_equal(cancel_sleep(NULL, 1, NULL), 0);
	}
}

static void a_new_calendar_reaches_who_waits(void **state)
{
	const struct calendar paused = calendar("pause"), open = calendar("unlimited");
	CLEANUP(cleanup_rate_limit) struct rate_limit *r = rate_limit_new(&paused, NULL);
	struct taker a = { .r = r, .bytes = 10 }, b = { .r = r, .bytes = 20 };

	(void)state;
	start(&a);
	wait_for_line(r);
	start(&b);
	rate_limit_set(r, &paused); /* wakes, and changes nothing */
	assert_int_equal(a.rc, 1);
	rate_limit_set(r, &open);
	assert_int_equal(end(&a), 0);
	assert_int_equal(end(&b), 0);
	assert_false(rate_limit_waiting(r));
}

static void no_calendar_is_no_limit(void **state)
{
	const struct calendar paused = calendar("pause");
	CLEANUP(cleanup_rate_limit) struct rate_limit *r = rate_limit_new(&paused, NULL);
	struct taker a = { .r = r, .bytes = 10 };

	(void)state;
	start(&a);
	wait_for_line(r);
	rate_limit_set(r, NULL);
	assert_int_equal(end(&a), 0);
}

static void either_token_ends_a_wait_wherever_in_line(void **state)
{
	const struct calendar paused = calendar("pause");
	CLEANUP(cleanup_rate_limit) struct rate_limit *r = rate_limit_new(&paused, NULL);
	struct cancel one, other;
	struct taker a = { .r = r, .bytes = 10, .stop = &one }, b = { .r = r, .bytes = 20, .also = &other };

	(void)state;
	assert_int_equal(cancel_init(&one, NULL), 0);
	assert_int_equal(cancel_init(&other, NULL), 0);
	start(&a);
	wait_for_line(r);
	start(&b);
	cancel_set(&other, CANCEL_NOW);
	assert_int_equal(end(&b), -1);
	assert_error(&b.err, ERR_CANCELLED, "stopped");
	assert_true(rate_limit_waiting(r));
	cancel_set(&one, CANCEL_GENTLE);
	assert_int_equal(end(&a), -1);
	assert_false(rate_limit_waiting(r));
	cancel_fini(&one);
	cancel_fini(&other);
}

/* With the clock standing still nobody but the first may go, and that one not twice. */
static void one_request_at_a_time_in_the_order_of_asking(void **state)
{
	const struct calendar c = calendar("1000");
	CLEANUP(cleanup_rate_limit) struct rate_limit *r = rate_limit_new(&c, NULL);
	struct taker a = { .r = r, .bytes = 1000 }, b = { .r = r, .bytes = 1 };

	(void)state;
	assert_int_equal(take(r, 5000000), 0); /* owes 5,000 s: nobody's wait ends by itself while the test runs */
	granted = 0;
	start(&a);
	wait_for_line(r);
	start(&b); /* small, and behind nevertheless */
	mono_ns += 5000 * SECOND;
	rate_limit_set(r, &c); /* wakes the first: it may go, and owes a second from now on */
	assert_int_equal(end(&a), 0);
	assert_int_equal(b.rc, 1);
	mono_ns += SECOND;
	rate_limit_set(r, &c);
	assert_int_equal(end(&b), 0);
}

static void a_rate_is_kept_over_time(void **state)
{
	const struct calendar c = calendar("100M");
	CLEANUP(cleanup_rate_limit) struct rate_limit *r = NULL;
	uint64_t began;

	(void)state;
	clock_set_for_test(NULL);
	r = rate_limit_new(&c, NULL);
	began = clock_monotonic_ns();
	for (int i = 0; i < 11; i++) /* the first is free */
		assert_int_equal(take(r, 1 << 20), 0);
	assert_true(clock_monotonic_ns() - began >= SECOND / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_debt_lasts_as_long_as_its_bytes_take),
		cmocka_unit_test(quiet_times_give_no_credit),
		cmocka_unit_test(a_pause_pays_nothing_and_no_limit_forgives),
		cmocka_unit_test_setup_teardown(without_a_limit_or_bytes_nobody_waits, at_noon_on_a_sunday, real_clocks),
		cmocka_unit_test_setup_teardown(a_token_that_is_set_takes_nothing, at_noon_on_a_sunday, real_clocks),
		cmocka_unit_test_setup_teardown(the_rule_is_that_of_the_hosts_zone, at_noon_on_a_sunday, real_clocks),
		cmocka_unit_test_setup_teardown(hours_that_are_left_out_or_come_twice_are_what_the_wall_clock_says,
						at_noon_on_a_sunday, real_clocks),
		cmocka_unit_test_setup_teardown(a_new_calendar_reaches_who_waits, at_noon_on_a_sunday, real_clocks),
		cmocka_unit_test_setup_teardown(no_calendar_is_no_limit, at_noon_on_a_sunday, real_clocks),
		cmocka_unit_test_setup_teardown(either_token_ends_a_wait_wherever_in_line, at_noon_on_a_sunday, real_clocks),
		cmocka_unit_test_setup_teardown(one_request_at_a_time_in_the_order_of_asking, at_noon_on_a_sunday, real_clocks),
		cmocka_unit_test_setup_teardown(a_rate_is_kept_over_time, at_noon_on_a_sunday, real_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

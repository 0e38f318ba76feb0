/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdbool.h>

#include "target/congestion.h"

static void starts_wide_open(void **state)
{
	struct congestion c;

	(void)state;
	congestion_init(&c, 4);
	assert_int_equal(c.window, 4);
	assert_int_equal(c.chunk, 4 << 20);
	assert_false(congestion_success(&c, 1)); /* nothing to grow */
}

static void a_signal_halves_window_and_chunk(void **state)
{
	struct congestion c;

	(void)state;
	congestion_init(&c, 4);
	assert_true(congestion_signal(&c, 10, 20));
	assert_int_equal(c.window, 2);
	assert_int_equal(c.chunk, 2 << 20);
}

static void requests_under_way_at_the_halving_count_once(void **state)
{
	struct congestion c;

	(void)state;
	congestion_init(&c, 4);
	assert_true(congestion_signal(&c, 10, 20));
	assert_false(congestion_signal(&c, 11, 21));
	assert_false(congestion_signal(&c, 20, 22));
	assert_int_equal(c.window, 2);
	assert_true(congestion_signal(&c, 21, 30));
	assert_int_equal(c.window, 1);
	assert_int_equal(c.chunk, 1 << 20);
}

static void never_below_one_request_of_256_kib(void **state)
{
	struct congestion c;

	(void)state;
	congestion_init(&c, 4);
	for (uint64_t t = 1; t < 100; t += 2)
		congestion_signal(&c, t + 1, t + 2);
	assert_int_equal(c.window, 1);
	assert_int_equal(c.chunk, 256 << 10);
}

static void success_grows_chunk_first_then_window(void **state)
{
	struct congestion c;

	(void)state;
	congestion_init(&c, 4);
	congestion_signal(&c, 1, 2);
	congestion_signal(&c, 3, 4);
	assert_int_equal(c.window, 1);
	for (int i = 0; i < CONGESTION_GROW_AFTER - 1; i++)
		assert_false(congestion_success(&c, 5));
	assert_int_equal(c.chunk, 1 << 20);
	assert_true(congestion_success(&c, 5));
	assert_int_equal(c.chunk, 2 << 20);
	for (int i = 0; i < 1000; i++)
		congestion_success(&c, 5);
	assert_int_equal(c.chunk, 4 << 20);
	assert_int_equal(c.window, 4);
}

static void a_success_from_before_the_halving_tells_nothing(void **state)
{
	struct congestion c;

	(void)state;
	congestion_init(&c, 2);
	congestion_signal(&c, 10, 20);
	for (int i = 0; i < 1000; i++)
		assert_false(congestion_success(&c, 20));
	assert_int_equal(c.window, 1);
}

static void a_signal_restarts_the_count_of_successes(void **state)
{
	struct congestion c;

	(void)state;
	congestion_init(&c, 2);
	congestion_signal(&c, 1, 2);
	for (int i = 0; i < CONGESTION_GROW_AFTER - 1; i++)
		congestion_success(&c, 3);
	congestion_signal(&c, 4, 5);
	assert_false(congestion_success(&c, 6));
	assert_int_equal(c.chunk, 1 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_wide_open),
		cmocka_unit_test(a_signal_halves_window_and_chunk),
		cmocka_unit_test(requests_under_way_at_the_halving_count_once),
		cmocka_unit_test(never_below_one_request_of_256_kib),
		cmocka_unit_test(success_grows_chunk_first_then_window),
		cmocka_unit_test(a_success_from_before_the_halving_tells_nothing),
		cmocka_unit_test(a_signal_restarts_the_count_of_successes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

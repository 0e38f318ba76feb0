/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdbool.h>

#include "target/patience.h"

#define MIB (UINT64_C(1) << 20)

static void waits_longest_while_nothing_is_known(void **state)
{
	const struct patience p = { 0 };

	(void)state;
	assert_int_equal(patience_ms(&p, 0), PATIENCE_MAX_MS);
	assert_int_equal(patience_ms(&p, 4 * MIB), PATIENCE_MAX_MS);
}

static void quick_answers_bring_it_down_to_the_least(void **state)
{
	struct patience p = { 0 };

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		patience_answered(&p, 50000, 4 * MIB);
	assert_int_equal(patience_ms(&p, 4 * MIB), PATIENCE_MIN_MS);
	assert_int_equal(patience_ms(&p, 0), PATIENCE_MIN_MS);
}

static void slow_answers_raise_it_to_a_multiple_of_theirs(void **state)
{
	struct patience p = { 0 };

	(void)state;
	for (unsigned i = 0; i < 60; i++)
		patience_answered(&p, 8000000, 4 * MIB);
	assert_in_range(patience_ms(&p, 4 * MIB), 32000, 36000);
	for (unsigned i = 0; i < 60; i++)
		patience_answered(&p, 60000000, 4 * MIB);
	assert_int_equal(patience_ms(&p, 4 * MIB), PATIENCE_MAX_MS);
}

static void a_single_outlier_makes_it_careful(void **state)
{
	struct patience p = { 0 };
	unsigned before;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		patience_answered(&p, 100000, 4 * MIB);
	before = patience_ms(&p, 4 * MIB);
	patience_answered(&p, 5000000, 4 * MIB);
	assert_true(patience_ms(&p, 4 * MIB) > before);
}

static void more_bytes_are_given_more_time(void **state)
{
	struct patience p = { 0 };

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		patience_answered(&p, 2000000, MIB);
	assert_true(patience_ms(&p, 4 * MIB) >= 4 * patience_ms(&p, MIB) - 4000);
	assert_int_equal(patience_ms(&p, 512), patience_ms(&p, MIB));
}

static void time_outs_double_it_until_an_answer(void **state)
{
	struct patience p = { 0 };

	(void)state;
	patience_answered(&p, 1000, 512);
	assert_int_equal(patience_ms(&p, 512), PATIENCE_MIN_MS);
	patience_timed_out(&p);
	assert_int_equal(patience_ms(&p, 512), 2 * PATIENCE_MIN_MS);
	patience_timed_out(&p);
	assert_int_equal(patience_ms(&p, 512), 4 * PATIENCE_MIN_MS);
	for (unsigned i = 0; i < 100; i++)
		patience_timed_out(&p);
	assert_int_equal(patience_ms(&p, 512), PATIENCE_MAX_MS);
	patience_answered(&p, 1000, 512);
	assert_int_equal(patience_ms(&p, 512), PATIENCE_MIN_MS);
}

static void no_sample_overflows_it(void **state)
{
	struct patience p = { 0 };

	(void)state;
	patience_answered(&p, UINT64_C(1) << 40, 0);
	assert_int_equal(patience_ms(&p, UINT64_C(1) << 43), PATIENCE_MAX_MS);
	for (unsigned i = 0; i < 100; i++)
		patience_answered(&p, 0, 0);
	assert_in_range(patience_ms(&p, UINT64_C(1) << 43), PATIENCE_MIN_MS, PATIENCE_MAX_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_longest_while_nothing_is_known),
		cmocka_unit_test(quick_answers_bring_it_down_to_the_least),
		cmocka_unit_test(slow_answers_raise_it_to_a_multiple_of_theirs),
		cmocka_unit_test(a_single_outlier_makes_it_careful),
		cmocka_unit_test(more_bytes_are_given_more_time),
		cmocka_unit_test(time_outs_double_it_until_an_answer),
		cmocka_unit_test(no_sample_overflows_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdatomic.h>
#include <stdio.h>

#include "base/parallel.h"

#define STEPS 1000

struct counts {
	_Atomic unsigned of[STEPS];
	size_t bad, worse; /* steps that fail */
};

static int count(void *ctx, size_t i, struct error *err)
{
	struct counts *c = ctx;

	atomic_fetch_add(&c->of[i], 1);
	if (i == c->bad || i == c->worse)
		return error_set(err, ERR_CORRUPT, "step %zu", i);
	return 0;
}

static void each_step_is_made_once(void **state)
{
	(void)state;
	for (size_t n = 0; n <= STEPS; n = n * 3 + 1) {
		struct counts c = { .bad = STEPS, .worse = STEPS };

		assert_int_equal(parallel_each(n, count, &c, NULL), 0);
		for (size_t i = 0; i < STEPS; i++)
			assert_int_equal(c.of[i], i < n);
	}
}

static void long_steps_are_shared_even_if_they_are_few(void **state)
{
	(void)state;
	for (size_t n = 0; n < 20; n++) {
		struct counts c = { .bad = STEPS, .worse = STEPS };

		assert_int_equal(parallel_each_long(n, count, &c, NULL), 0);
		for (size_t i = 0; i < 20; i++)
			assert_int_equal(c.of[i], i < n);
	}
	for (size_t bad = 0; bad < 20; bad++) {
		struct counts c = { .bad = bad, .worse = 19 };
		struct error err = ERROR_INIT;
		char text[32];

		snprintf(text, sizeof(text), "step %zu", bad);
		assert_int_equal(parallel_each_long(20, count, &c, &err), -1);
		assert_int_equal(err.code, ERR_CORRUPT);
		assert_string_equal(err.msg, text);
	}
}

static void the_failure_that_a_plain_loop_meets_first_is_returned(void **state)
{
	(void)state;
	for (size_t bad = 0; bad < STEPS - 1; bad += 37) {
		struct counts c = { .bad = bad, .worse = STEPS - 1 };
		struct error err = ERROR_INIT;
		char text[32];

		snprintf(text, sizeof(text), "step %zu", bad);
		assert_int_equal(parallel_each(STEPS, count, &c, &err), -1);
		assert_int_equal(err.code, ERR_CORRUPT);
		assert_string_equal(err.msg, text);
		for (size_t i = 0; i <= bad; i++)
			assert_int_equal(c.of[i], 1);
	}
}

static void a_failure_without_a_place_for_it_is_still_one(void **state)
{
	struct counts c = { .bad = 3, .worse = STEPS };

	(void)state;
	assert_int_equal(parallel_each(STEPS, count, &c, NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_step_is_made_once),
		cmocka_unit_test(long_steps_are_shared_even_if_they_are_few),
		cmocka_unit_test(the_failure_that_a_plain_loop_meets_first_is_returned),
		cmocka_unit_test(a_failure_without_a_place_for_it_is_still_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

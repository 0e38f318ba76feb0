/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "net/outage.h"

static void an_outage_is_said_once_and_its_end_once(void **state)
{
	struct outage o = { .failures = 0 };
	uint64_t ns;

	(void)state;
	assert_false(outage_failed(&o, 1, 100));
	assert_false(outage_failed(&o, 2, 200));
	assert_true(outage_failed(&o, 3, 300));
	for (unsigned i = 1; i < 8; i++) /* others, and those of the next round */
		assert_false(outage_failed(&o, i, 400));
	assert_true(outage_answered(&o, 1100, &ns));
	assert_int_equal(ns, 1000);
	assert_false(outage_answered(&o, 1200, &ns));
}

static void the_next_one_is_said_again(void **state)
{
	struct outage o = { .failures = 0 };
	uint64_t ns;

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 1; i < 3; i++)
			assert_false(outage_failed(&o, i, 1000 * round + i));
		assert_true(outage_failed(&o, 3, 1000 * round + 3));
		assert_true(outage_answered(&o, 1000 * round + 11, &ns));
		assert_int_equal(ns, 10);
	}
}

static void what_mends_itself_is_none(void **state)
{
	struct outage o = { .failures = 0 };
	uint64_t ns;

	(void)state;
	for (unsigned i = 0; i < 8; i++) /* all connections are cut at once */
		assert_false(outage_failed(&o, 1, 100));
	assert_false(outage_failed(&o, 2, 200));
	assert_false(outage_answered(&o, 300, &ns));
}

static void one_that_fails_while_others_are_answered_is_none(void **state)
{
	struct outage o = { .failures = 0 };
	uint64_t ns;

	(void)state;
	for (unsigned i = 1; i < 7; i++) {
		assert_false(outage_failed(&o, i, 100 * i));
		assert_false(outage_answered(&o, 100 * i + 1, &ns));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_outage_is_said_once_and_its_end_once),
		cmocka_unit_test(the_next_one_is_said_again),
		cmocka_unit_test(what_mends_itself_is_none),
		cmocka_unit_test(one_that_fails_while_others_are_answered_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/clock.h"
#include "net/skew.h"

#define NS_PER_S UINT64_C(1000000000)
#define NOW_NS (UINT64_C(1795298400) * NS_PER_S) /* 2026-11-21T22:00:00Z */

static void a_clock_that_is_off_is_told_with_how_far_and_which_way(void **state)
{
	char text[SKEW_TEXT_LEN];

	(void)state;
	assert_true(skew_describe("Sat, 21 Nov 2026 22:17:00 GMT", NOW_NS, text));
	assert_string_equal(text, "this host's clock is 17 min 00 s behind the service's");
	assert_true(skew_describe("Fri, 20 Nov 2026 22:00:00 GMT", NOW_NS, text));
	assert_string_equal(text, "this host's clock is 1 d 00 h ahead of the service's");
}

static void up_to_five_minutes_and_no_date_are_nothing_to_tell(void **state)
{
	static const char *const dates[] = { "Sat, 21 Nov 2026 22:05:00 GMT", "Sat, 21 Nov 2026 21:55:00 GMT", "soon",
					     NULL };
	char text[SKEW_TEXT_LEN] = "x";

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_false(skew_describe(dates[i], NOW_NS, text));
		assert_string_equal(text, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clock_that_is_off_is_told_with_how_far_and_which_way),
		cmocka_unit_test(up_to_five_minutes_and_no_date_are_nothing_to_tell),
	};

	return cmocka_run_group_tests_name("skew", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "sync_schedule.h"

#define MS UINT64_C(1000000)
#define MINUTE (60000 * MS)
#define HOUR (60 * MINUTE)

static void an_interval_counts_from_beginning_to_beginning(void **state)
{
	(void)state;
	assert_int_equal(sync_schedule_next(HOUR, HOUR + MINUTE, 15 * SYNC_MINUTE_MS, false), HOUR + 15 * MINUTE);
	assert_int_equal(sync_schedule_next(HOUR, HOUR + MINUTE, 15 * SYNC_MINUTE_MS, true), HOUR + 15 * MINUTE);
}

static void a_round_that_overran_is_followed_at_once(void **state)
{
	(void)state;
	assert_int_equal(sync_schedule_next(HOUR, 2 * HOUR, 15 * SYNC_MINUTE_MS, false), 2 * HOUR);
	assert_int_equal(sync_schedule_next(HOUR, HOUR + 15 * MINUTE, 15 * SYNC_MINUTE_MS, false), HOUR + 15 * MINUTE);
	assert_true(sync_schedule_next(HOUR, 2 * HOUR, UINT64_MAX, false) == UINT64_MAX); /* and no interval is too long */
}

static void without_an_interval_half_a_rounds_time_is_rested(void **state)
{
	(void)state;
	assert_int_equal(sync_schedule_next(HOUR, HOUR, 0, false), 2 * HOUR);
	assert_int_equal(sync_schedule_next(HOUR, 2 * HOUR, 0, false), 3 * HOUR);
	assert_int_equal(sync_schedule_next(0, 6 * HOUR, 0, false), 9 * HOUR);
	assert_int_equal(sync_schedule_next(0, 24 * HOUR, 0, false), 36 * HOUR);
	assert_int_equal(sync_schedule_next(0, 90 * HOUR, 0, false), 102 * HOUR);
	assert_int_equal(sync_schedule_next(HOUR, 0, 0, false), HOUR); /* clocks that went back are no long round */
}

static void a_delta_follows_first_copies_at_once(void **state)
{
	(void)state;
	assert_int_equal(sync_schedule_next(0, 6 * HOUR, 0, true), 6 * HOUR);
}

static void what_is_parked_is_tried_after_1_2_4_minutes_at_most_the_interval(void **state)
{
	static const unsigned minutes[] = { 1, 2, 4, 8, 16, 32, 60, 60 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(minutes); i++)
		assert_int_equal(sync_schedule_retry_ms(i + 1, 0), minutes[i] * SYNC_MINUTE_MS);
	assert_int_equal(sync_schedule_retry_ms(3, 3 * SYNC_MINUTE_MS), 3 * SYNC_MINUTE_MS);
	assert_int_equal(sync_schedule_retry_ms(1, 2000), 2000);
	assert_int_equal(sync_schedule_retry_ms(7, 24 * 60 * SYNC_MINUTE_MS), 64 * SYNC_MINUTE_MS);
	assert_true(sync_schedule_retry_ms(UINT32_MAX, UINT64_MAX / 4) <= UINT64_MAX / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_interval_counts_from_beginning_to_beginning),
		cmocka_unit_test(a_round_that_overran_is_followed_at_once),
		cmocka_unit_test(without_an_interval_half_a_rounds_time_is_rested),
		cmocka_unit_test(a_delta_follows_first_copies_at_once),
		cmocka_unit_test(what_is_parked_is_tried_after_1_2_4_minutes_at_most_the_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

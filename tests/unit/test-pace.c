/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "pace.h"

#define MIB (UINT64_C(1) << 20)
#define SECOND UINT64_C(1000000000)

static struct pace pace;
static struct pace_sample sample;

/* n samples, half a second each, in which so many bytes are read and sent. */
static void go(unsigned n, uint64_t read, uint64_t sent)
{
	for (unsigned i = 0; i < n; i++) {
		sample.at_ns += SECOND / 2;
		sample.read += read;
		sample.sent += sent;
		sample.left -= read < sample.left ? read : sample.left;
		pace_add(&pace, &sample);
	}
}

static struct pace_now now(void)
{
	struct pace_now out;

	pace_get(&pace, &out);
	return out;
}

static int start(void **state)
{
	(void)state;
	pace = (struct pace){ .n = 0 };
	sample = (struct pace_sample){ .at_ns = SECOND, .left = 1000 * MIB };
	pace_add(&pace, &sample);
	return 0;
}

static void the_rate_is_of_the_last_seconds(void **state)
{
	(void)state;
	go(100, 50 * MIB / 10, 0);
	go(20, MIB, 0);
	assert_int_equal(now().rate, 2 * MIB);
	assert_int_equal(now().left_ms, (1000 - 500 - 20) / 2 * 1000);
	assert_int_equal(now().idle_ms, 0);
}

static void nothing_is_foretold_from_one_second(void **state)
{
	(void)state;
	go(2, MIB, 0);
	assert_int_equal(now().rate, 2 * MIB);
	assert_int_equal(now().left_ms, UINT64_MAX);
}

static void what_is_sent_after_the_last_was_read_has_a_rate_and_no_estimate(void **state)
{
	(void)state;
	go(40, 0, MIB);
	assert_int_equal(now().rate, 2 * MIB);
	assert_int_equal(now().left_ms, UINT64_MAX);
}

static void what_stands_still_has_neither_rate_nor_estimate(void **state)
{
	(void)state;
	go(20, MIB, 0);
	go(12, 0, 0);
	assert_int_equal(now().rate, 0);
	assert_int_equal(now().left_ms, UINT64_MAX);
	assert_int_equal(now().idle_ms, 6000);
	go(10, MIB, 0); /* the outage is over: it does not count */
	assert_int_equal(now().rate, 2 * MIB);
	assert_int_equal(now().idle_ms, 0);
}

static void a_pause_is_no_standstill_and_does_not_count(void **state)
{
	(void)state;
	go(20, MIB, 0);
	sample.held = true;
	go(100, 0, 0);
	assert_true(now().held);
	assert_int_equal(now().idle_ms, 0);
	assert_int_equal(now().left_ms, UINT64_MAX);
	sample.held = false;
	go(10, MIB, 0);
	assert_false(now().held);
	assert_int_equal(now().rate, 2 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_rate_is_of_the_last_seconds, start),
		cmocka_unit_test_setup(nothing_is_foretold_from_one_second, start),
		cmocka_unit_test_setup(what_is_sent_after_the_last_was_read_has_a_rate_and_no_estimate, start),
		cmocka_unit_test_setup(what_stands_still_has_neither_rate_nor_estimate, start),
		cmocka_unit_test_setup(a_pause_is_no_standstill_and_does_not_count, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

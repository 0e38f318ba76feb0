/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "assess/cadence.h"

static void assert_near(double got, double want)
{
	double diff = got > want ? got - want : want - got;

	if (diff > 1e-6 * (want > 1 ? want : 1))
		fail_msg("%.12g, not %.12g", got, want);
}

static void the_next_cycle_waits_half_as_long_as_the_last_took(void **state)
{
	(void)state;
	assert_near(cadence_wait(10 * 60), 3600);
	assert_near(cadence_wait(2 * 3600), 3600);
	assert_near(cadence_wait(5 * 3600), 2.5 * 3600);
	assert_near(cadence_wait(30 * 3600), 12 * 3600);
}

static void what_does_not_change_takes_the_fixed_time(void **state)
{
	struct cadence c;

	(void)state;
	assert_true(cadence_settle(120, 0, &c));
	assert_near(c.cycle_s, 120);
	assert_near(c.interval_s, 3720);
	assert_near(c.lag_s, 3840);
}

/* The slow way: cycle after cycle, after a first sync of any length. */
static double by_cycles(double fixed, double share, double first)
{
	double cycle = fixed + share * first;

	for (int i = 0; i < 4000; i++)
		cycle = fixed + share * (cycle + cadence_wait(cycle));
	return cycle;
}

static void it_settles_where_cycle_after_cycle_leads(void **state)
{
	static const double fixed[] = { 0, 60, 3000, 7000, 30000, 90000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		for (int percent = 0; percent <= 95; percent += 5) {
			struct cadence c;

			assert_true(cadence_settle(fixed[i], percent / 100.0, &c));
			assert_near(c.cycle_s, by_cycles(fixed[i], percent / 100.0, 0));
			assert_near(c.cycle_s, by_cycles(fixed[i], percent / 100.0, 1e6));
			assert_near(c.interval_s, c.cycle_s + cadence_wait(c.cycle_s));
			assert_near(c.lag_s, c.interval_s + c.cycle_s);
		}
}

static void changes_that_outrun_the_line_never_settle(void **state)
{
	struct cadence c;

	(void)state;
	assert_true(cadence_settle(60, 0.999, &c));
	assert_false(cadence_settle(60, 1, &c));
	assert_false(cadence_settle(0, 1.5, &c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_cycle_waits_half_as_long_as_the_last_took),
		cmocka_unit_test(what_does_not_change_takes_the_fixed_time),
		cmocka_unit_test(it_settles_where_cycle_after_cycle_leads),
		cmocka_unit_test(changes_that_outrun_the_line_never_settle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

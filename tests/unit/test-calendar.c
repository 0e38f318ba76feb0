/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/calendar.h"

enum { SUN, MON, TUE, WED, THU, FRI, SAT };
#define MB (UINT64_C(1) << 20)
#define AT(hour, minute) ((hour) * 60u + (minute))

static uint64_t rate(const char *text, unsigned weekday, unsigned minute)
{
	struct calendar c;

	assert_int_equal(calendar_parse(text, &c, NULL), 0);
	return calendar_rate(&c, weekday, minute);
}

static void the_first_rule_that_matches_wins(void **state)
{
	static const char text[] = "Mon-Fri 08:00-18:00=20M\nSat,Sun=unlimited\n*=50M\n";

	(void)state;
	assert_int_equal(rate(text, MON, AT(8, 0)), 20 * MB);
	assert_int_equal(rate(text, FRI, AT(17, 59)), 20 * MB);
	assert_int_equal(rate(text, MON, AT(7, 59)), 50 * MB);
	assert_int_equal(rate(text, FRI, AT(18, 0)), 50 * MB);
	assert_true(rate(text, SAT, AT(12, 0)) == CALENDAR_UNLIMITED);
	assert_true(rate(text, SUN, AT(12, 0)) == CALENDAR_UNLIMITED);
	assert_int_equal(rate("*=1K; Mon=2K", MON, 0), 1024);
}

static void a_rate_alone_is_for_always(void **state)
{
	(void)state;
	for (unsigned d = SUN; d <= SAT; d++)
		assert_int_equal(rate("160mbit", d, d * 200), 20000000);
	assert_int_equal(rate("0", WED, 5), 0);
	assert_int_equal(rate("Pause", WED, 5), 0);
}

static void without_a_match_nothing_is_limited(void **state)
{
	const struct calendar empty = { .n = 0 };

	(void)state;
	assert_true(rate("Mon=1M", TUE, 0) == CALENDAR_UNLIMITED);
	assert_true(calendar_rate(&empty, SUN, 0) == CALENDAR_UNLIMITED);
}

static void a_night_belongs_to_the_day_on_which_it_begins(void **state)
{
	static const char text[] = "Mon-Thu 22:00-06:00=pause; *=7";

	(void)state;
	assert_int_equal(rate(text, MON, AT(5, 59)), 7); /* Sunday's night */
	assert_int_equal(rate(text, MON, AT(22, 0)), 0);
	assert_int_equal(rate(text, TUE, AT(5, 59)), 0);
	assert_int_equal(rate(text, TUE, AT(6, 0)), 7);
	assert_int_equal(rate(text, FRI, AT(5, 0)), 0);
	assert_int_equal(rate(text, FRI, AT(22, 0)), 7);
	assert_int_equal(rate("Sat 23:00-01:00=3;*=9", SUN, 0), 3); /* and over the end of the week */
}

static void days_and_times_may_be_missing_and_weeks_turn_round(void **state)
{
	(void)state;
	assert_int_equal(rate("08:00-18:00=5;*=6", SUN, AT(9, 0)), 5);
	assert_int_equal(rate("08:00-18:00=5;*=6", SUN, AT(18, 0)), 6);
	assert_int_equal(rate("fri-MON=5;*=6", SUN, 0), 5);
	assert_int_equal(rate("fri-MON=5;*=6", TUE, 0), 6);
	assert_int_equal(rate("Tue,Thu-Fri,Sun=5;*=6", FRI, 0), 5);
	assert_int_equal(rate("Tue,Thu-Fri,Sun=5;*=6", WED, 0), 6);
	assert_int_equal(rate("* 20:00-24:00=5;*=6", WED, AT(23, 59)), 5);
	assert_int_equal(rate("* 20:00-24:00=5;*=6", WED, 0), 6);
}

static void blanks_comments_and_empty_rules_are_nothing(void **state)
{
	(void)state;
	assert_int_equal(rate("# nights\r\n\n  Mon-Fri \t 08:00-18:00  =  20M  # less\r\n;; * = 5 ;\n", MON, AT(8, 0)), 20 * MB);
	assert_int_equal(rate("\n\n*=5 # a=b; Mon=7", MON, 0), 5);
}

static void what_is_no_rule_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{ "", "no rule such as 20M or Mon-Fri 08:00-18:00=20M" },
		{ " # only words\n", "no rule such as 20M or Mon-Fri 08:00-18:00=20M" },
		{ "fast", "'fast': not a rate such as 20M (bytes a second) or 160mbit" },
		{ "Mon=", "'': not a rate such as 20M (bytes a second) or 160mbit" },
		{ "=20M", "nothing stands before the '='" },
		{ "*=1\nMonday=2", "line 2: 'Monday': not days such as Mon, Mon-Fri, Sat,Sun or *" },
		{ "Mon-=2", "'Mon-': not days such as Mon, Mon-Fri, Sat,Sun or *" },
		{ "Mon,,Tue=2", "'': not days such as Mon, Mon-Fri, Sat,Sun or *" },
		{ "Mon 8:00-18:00=2", "'8:00-18:00': not times such as 08:00-18:00" },
		{ "Mon 08:00-18:60=2", "'08:00-18:60': not times such as 08:00-18:00" },
		{ "Mon 08:00-24:01=2", "'08:00-24:01': not times such as 08:00-18:00" },
		{ "08:00-08:00=2", "'08:00-08:00': no time lies between them; the whole day is 00:00-24:00" },
		{ "24:00-06:00=2", "'24:00-06:00': no time lies between them; the whole day is 00:00-24:00" },
		{ "Mon 08:00-10:00 12:00-14:00=2", "'08:00-10:00 12:00-14:00': not times such as 08:00-18:00" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct calendar c = { .n = 9 };
		struct error e = ERROR_INIT;

		assert_int_equal(calendar_parse(bad[i].text, &c, &e), -1);
		assert_error(&e, ERR_USAGE, bad[i].message);
		assert_int_equal(c.n, 9);
	}
}

static void there_is_an_end_to_rules_and_to_a_rule(void **state)
{
	char text[65 * 3 + 1], message[80];
	struct error e = ERROR_INIT;
	struct calendar c;

	(void)state;
	for (size_t i = 0; i < 65; i++)
		memcpy(text + 3 * i, "7;\n", 4);
	assert_int_equal(calendar_parse(text + 3, &c, NULL), 0);
	assert_int_equal(c.n, CALENDAR_RULES_MAX);
	assert_int_equal(calendar_parse(text, &c, &e), -1);
	snprintf(message, sizeof(message), "line 65: more than %d rules", CALENDAR_RULES_MAX);
	assert_error(&e, ERR_USAGE, message);
	memset(text, '1', sizeof(text) - 1);
	e = (struct error)ERROR_INIT;
	assert_int_equal(calendar_parse(text, &c, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_rule_that_matches_wins),
		cmocka_unit_test(a_rate_alone_is_for_always),
		cmocka_unit_test(without_a_match_nothing_is_limited),
		cmocka_unit_test(a_night_belongs_to_the_day_on_which_it_begins),
		cmocka_unit_test(days_and_times_may_be_missing_and_weeks_turn_round),
		cmocka_unit_test(blanks_comments_and_empty_rules_are_nothing),
		cmocka_unit_test(what_is_no_rule_is_refused_with_its_line),
		cmocka_unit_test(there_is_an_end_to_rules_and_to_a_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

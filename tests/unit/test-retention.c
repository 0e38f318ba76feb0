/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy keeps, against a model that asks strftime(3) which points lie in one hour, day, week or month. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/guid.h"
#include "replicate/retention.h"

#define S UINT64_C(1000000000)
#define HOUR (3600 * S)
#define DAY (24 * HOUR)
#define POINTS_MAX 400

/* POSIX rules instead of names: no zone files are needed. */
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define LORD_HOWE "LHST-10:30LHDT-11,M10.1.0,M4.1.0"
#define NEW_YORK "EST5EDT,M3.2.0,M11.1.0"

static void zone(const char *tz)
{
	assert_int_equal(setenv("TZ", tz, 1), 0);
	tzset();
}

static uint64_t at(const char *text)
{
	uint64_t ns;

	assert_int_equal(clock_parse(text, &ns, NULL), 0);
	return ns;
}

/* ---- the model ---- */

#define LABEL_LEN 40

static size_t hour(char out[LABEL_LEN], const struct tm *tm)
{
	return strftime(out, LABEL_LEN, "%Y-%m-%d %H %z", tm);
}

static size_t date(char out[LABEL_LEN], const struct tm *tm)
{
	return strftime(out, LABEL_LEN, "%Y-%m-%d", tm);
}

static size_t week(char out[LABEL_LEN], const struct tm *tm)
{
	return strftime(out, LABEL_LEN, "%G week %V", tm);
}

static size_t month(char out[LABEL_LEN], const struct tm *tm)
{
	return strftime(out, LABEL_LEN, "%Y-%m", tm);
}

typedef size_t label_fn(char out[LABEL_LEN], const struct tm *tm);

static const struct {
	enum retention_reason reason;
	label_fn *label;
} buckets[] = {
	{ RETENTION_HOURLY, hour },
	{ RETENTION_DAILY, date },
	{ RETENTION_WEEKLY, week },
	{ RETENTION_MONTHLY, month },
};

static void label(uint64_t ns, label_fn *fn, char out[LABEL_LEN])
{
	time_t t = (time_t)(ns / S);
	struct tm tm;

	assert_non_null(localtime_r(&t, &tm));
	assert_true(fn(out, &tm) > 0);
}

/* Is the i-th the newest of its label, and are there fewer than `count` newer labels? */
static bool model_keeps(const uint64_t *m, size_t n, size_t i, label_fn *fn, unsigned count)
{
	char mine[LABEL_LEN], newer[LABEL_LEN], before[LABEL_LEN] = "";
	unsigned labels = 0;

	label(m[i], fn, mine);
	for (size_t k = n; k > i + 1; k--) {
		label(m[k - 1], fn, newer);
		if (strcmp(newer, mine) == 0)
			return false;
		labels += strcmp(newer, before) != 0;
		memcpy(before, newer, sizeof(before));
	}
	return labels < count;
}

static unsigned model(const struct retention_policy *p, const uint64_t *m, size_t n, size_t i)
{
	const unsigned counts[] = { p->hourly, p->daily, p->weekly, p->monthly };
	unsigned reasons = 0;

	if (n - i <= p->last)
		reasons |= RETENTION_LAST;
	if (m[n - 1] - m[i] < p->within_ms * 1000000)
		reasons |= RETENTION_WITHIN;
	for (size_t b = 0; b < ARRAY_LEN(buckets); b++)
		if (counts[b] > 0 && model_keeps(m, n, i, buckets[b].label, counts[b]))
			reasons |= buckets[b].reason;
	return reasons;
}

/* ---- */

static unsigned reasons[POINTS_MAX];

static size_t kept(const struct retention_policy *p, const uint64_t *m, size_t n)
{
	size_t count = 0;

	retention_apply(p, m, n, reasons);
	for (size_t i = 0; i < n; i++)
		count += reasons[i] != 0;
	return count;
}

static void any_policy_keeps_what_the_model_keeps(void **state)
{
	static const char *const zones[] = { "UTC0", BERLIN, LORD_HOWE, NEW_YORK, "NPT-5:45" };
	static uint64_t m[60];

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		uint64_t spread = round % 3 == 0 ? 2 * DAY : round % 3 == 1 ? 40 * DAY : 500 * DAY;
		uint64_t start = at("2026-01-01T00:00:00Z") + random_below(400) * DAY;
		size_t n = 1 + (size_t)random_below(ARRAY_LEN(m));
		struct retention_policy p = { .last = (unsigned)random_below(4), .hourly = (unsigned)random_below(5),
					      .daily = (unsigned)random_below(8), .weekly = (unsigned)random_below(5),
					      .monthly = (unsigned)random_below(14),
					      .within_ms = random_below(3) * 36 * 3600 * 1000 };

		zone(zones[round % ARRAY_LEN(zones)]);
		if (!retention_given(&p))
			p.last = 1;
		for (size_t i = 0; i < n; i++)
			m[i] = (i ? m[i - 1] : start) + random_below(2 * spread / n + 1);
		retention_apply(&p, m, n, reasons);
		for (size_t i = 0; i < n; i++)
			if (reasons[i] != model(&p, m, n, i))
				fail_msg("round %u, point %zu of %zu: %#x, the model has %#x", round, i, n, reasons[i],
					 model(&p, m, n, i));
		assert_int_not_equal(reasons[n - 1], 0);
	}
}

/* The example of restic's manual: a backup every Sunday. */
static void a_rule_counts_only_what_has_a_point(void **state)
{
	uint64_t m[12];

	(void)state;
	zone("UTC0");
	for (size_t i = 0; i < 12; i++)
		m[i] = at("2026-01-04T11:00:00Z") + i * 7 * DAY; /* Sundays */
	assert_int_equal(kept(&(struct retention_policy){ .daily = 4 }, m, 12), 4);
	assert_int_equal(reasons[8], RETENTION_DAILY);
	assert_int_equal(reasons[7], 0);
	assert_int_equal(kept(&(struct retention_policy){ .weekly = 4 }, m, 12), 4);
	assert_int_equal(kept(&(struct retention_policy){ .monthly = 4 }, m, 12), 3); /* there are only three */
	assert_int_equal(reasons[3], RETENTION_MONTHLY); /* the 25th of January: the newest of its month */
}

/* And its other one: a backup every day, 7 daily, 5 weekly, 12 monthly. */
static void rules_overlap_and_a_point_needs_only_one(void **state)
{
	uint64_t m[POINTS_MAX];
	unsigned daily = 0, weekly = 0, monthly = 0, only_weekly = 0;

	(void)state;
	zone("UTC0");
	for (size_t i = 0; i < POINTS_MAX; i++)
		m[i] = at("2025-10-19T22:00:00Z") + i * DAY; /* to 2026-11-22, a Sunday */
	/* Weeks end on Sundays; the last of them is one of the seven days; no month ends on one of these. */
	assert_int_equal(kept(&(struct retention_policy){ .daily = 7, .weekly = 5, .monthly = 12 }, m, POINTS_MAX), 7 + 4 + 11);
	for (size_t i = 0; i < POINTS_MAX; i++) {
		daily += (reasons[i] & RETENTION_DAILY) != 0;
		weekly += (reasons[i] & RETENTION_WEEKLY) != 0;
		monthly += (reasons[i] & RETENTION_MONTHLY) != 0;
		only_weekly += reasons[i] == RETENTION_WEEKLY;
	}
	assert_int_equal(daily, 7);
	assert_int_equal(weekly, 5);
	assert_int_equal(monthly, 12);
	assert_int_equal(only_weekly, 4);
	assert_int_equal(reasons[POINTS_MAX - 1], RETENTION_DAILY | RETENTION_WEEKLY | RETENTION_MONTHLY);
}

static void within_is_counted_from_the_newest_point_and_not_from_now(void **state)
{
	const uint64_t m[] = { at("2020-01-01T00:00:00Z"), at("2020-01-02T00:00:00Z"), at("2020-01-02T00:00:01Z"),
			       at("2020-01-03T00:00:00Z") };

	(void)state;
	assert_int_equal(kept(&(struct retention_policy){ .within_ms = 24 * 3600 * 1000 }, m, 4), 2);
	assert_int_equal(reasons[1], 0); /* a day old is not less than a day old */
	assert_int_equal(reasons[2], RETENTION_WITHIN);
}

static void the_newest_of_a_day_is_kept_and_not_the_first(void **state)
{
	const uint64_t m[] = { at("2026-05-05T01:00:00Z"), at("2026-05-05T23:00:00Z"), at("2026-05-06T01:00:00Z") };

	(void)state;
	zone("UTC0");
	assert_int_equal(kept(&(struct retention_policy){ .daily = 9 }, m, 3), 2);
	assert_int_equal(reasons[0], 0);
}

static void days_are_those_of_the_hosts_zone(void **state)
{
	/* 23:30 and 00:30 in Berlin; one day in UTC. */
	const uint64_t m[] = { at("2026-07-01T21:30:00Z"), at("2026-07-01T22:30:00Z") };

	(void)state;
	zone("UTC0");
	assert_int_equal(kept(&(struct retention_policy){ .daily = 2 }, m, 2), 1);
	zone(BERLIN);
	assert_int_equal(kept(&(struct retention_policy){ .daily = 2 }, m, 2), 2);
}

static void an_hour_that_comes_twice_is_two_and_one_that_is_left_out_is_none(void **state)
{
	/* 02:30 summer time and 02:30 winter time; the day has 25 hours and is one day. */
	const uint64_t autumn[] = { at("2026-10-25T00:30:00Z"), at("2026-10-25T01:30:00Z") };
	/* 01:30 and 03:30, an hour apart. */
	const uint64_t spring[] = { at("2026-03-29T00:30:00Z"), at("2026-03-29T01:30:00Z") };
	/* 01:45 twice, where the clock goes back half an hour. */
	const uint64_t half[] = { at("2026-04-04T14:45:00Z"), at("2026-04-04T15:15:00Z") };

	(void)state;
	zone(BERLIN);
	assert_int_equal(kept(&(struct retention_policy){ .hourly = 9 }, autumn, 2), 2);
	assert_int_equal(kept(&(struct retention_policy){ .daily = 9 }, autumn, 2), 1);
	assert_int_equal(kept(&(struct retention_policy){ .hourly = 9 }, spring, 2), 2);
	zone(LORD_HOWE);
	assert_int_equal(kept(&(struct retention_policy){ .hourly = 9 }, half, 2), 2);
}

static void weeks_begin_on_monday_also_where_a_year_ends(void **state)
{
	/* Sunday; Monday; Thursday of the same week, next year: ISO week 53 of 2026. */
	const uint64_t m[] = { at("2026-12-27T12:00:00Z"), at("2026-12-28T12:00:00Z"), at("2027-01-03T12:00:00Z"),
			       at("2027-01-04T12:00:00Z") };

	(void)state;
	zone("UTC0");
	assert_int_equal(kept(&(struct retention_policy){ .weekly = 9 }, m, 4), 3);
	assert_int_equal(reasons[1], 0);
}

static void no_points_are_no_work_and_no_rule_is_none(void **state)
{
	(void)state;
	assert_int_equal(kept(&(struct retention_policy){ .last = 1 }, NULL, 0), 0);
	assert_false(retention_given(&(struct retention_policy){ 0 }));
	assert_true(retention_given(&(struct retention_policy){ .within_ms = 1 }));
	assert_true(retention_given(&(struct retention_policy){ .monthly = 1 }));
}

static void reasons_have_names(void **state)
{
	char text[RETENTION_TEXT_LEN];

	(void)state;
	retention_text(RETENTION_DAILY | RETENTION_WEEKLY, text);
	assert_string_equal(text, "daily, weekly");
	retention_text(0, text);
	assert_string_equal(text, "");
	retention_text((1 << RETENTION_REASONS) - 1, text);
	assert_string_equal(text, "last, within, hourly, daily, weekly, monthly, newest");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_policy_keeps_what_the_model_keeps),
		cmocka_unit_test(a_rule_counts_only_what_has_a_point),
		cmocka_unit_test(rules_overlap_and_a_point_needs_only_one),
		cmocka_unit_test(within_is_counted_from_the_newest_point_and_not_from_now),
		cmocka_unit_test(the_newest_of_a_day_is_kept_and_not_the_first),
		cmocka_unit_test(days_are_those_of_the_hosts_zone),
		cmocka_unit_test(an_hour_that_comes_twice_is_two_and_one_that_is_left_out_is_none),
		cmocka_unit_test(weeks_begin_on_monday_also_where_a_year_ends),
		cmocka_unit_test(no_points_are_no_work_and_no_rule_is_none),
		cmocka_unit_test(reasons_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

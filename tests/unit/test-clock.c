/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define S UINT64_C(1000000000)

static void instants_have_three_texts(void **state)
{
	static const struct {
		uint64_t ns;
		const char *iso, *point, *http;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00Z", "19700101T000000.000Z", "Thu, 01 Jan 1970 00:00:00 GMT" },
		{ 951782400 * S, "2000-02-29T00:00:00Z", "20000229T000000.000Z", "Tue, 29 Feb 2000 00:00:00 GMT" },
		{ 1795298400 * S + 7999999, "2026-11-21T22:00:00Z", "20261121T220000.007Z",
		  "Sat, 21 Nov 2026 22:00:00 GMT" },
		{ 4107542399 * S, "2100-02-28T23:59:59Z", "21000228T235959.000Z", "Sun, 28 Feb 2100 23:59:59 GMT" },
		{ 4107542400 * S, "2100-03-01T00:00:00Z", "21000301T000000.000Z", "Mon, 01 Mar 2100 00:00:00 GMT" },
		{ UINT64_MAX, "2554-07-21T23:34:33Z", "25540721T233433.709Z", "Sun, 21 Jul 2554 23:34:33 GMT" },
	};
	char text[CLOCK_TEXT_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t back;

		clock_format_iso(cases[i].ns, text);
		assert_string_equal(text, cases[i].iso);
		clock_format_point(cases[i].ns, text);
		assert_string_equal(text, cases[i].point);
		assert_int_equal(clock_parse(text, &back, NULL), 0);
		assert_true(back == cases[i].ns / 1000000 * 1000000);
		clock_format_http(cases[i].ns, text);
		assert_string_equal(text, cases[i].http);
		assert_int_equal(clock_parse(text, &back, NULL), 0);
		assert_true(back == cases[i].ns / S * S);
	}
}

/* The C library as the oracle, a bit more than a day apart. */
static void days_agree_with_the_c_library(void **state)
{
	(void)state;
	for (uint64_t s = 1; s < UINT64_MAX / S; s += 86400 * 3 + 12347) {
		time_t t = (time_t)s;
		char ours[CLOCK_TEXT_LEN], theirs[CLOCK_TEXT_LEN];
		struct tm tm;
		uint64_t back;

		clock_format_http(s * S, ours);
		assert_non_null(gmtime_r(&t, &tm));
		assert_true(strftime(theirs, sizeof(theirs), "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0);
		assert_string_equal(ours, theirs);
		assert_int_equal(clock_parse(ours, &back, NULL), 0);
		assert_true(back == s * S);
	}
}

static void services_write_time_in_several_ways(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} cases[] = {
		{ "2026-11-21T22:00:00.1234567Z", 1795298400 * S + 123456700 },
		{ "2026-11-21T22:00:00.123456789999Z", 1795298400 * S + 123456789 },
		{ "2026-11-21T22:00:00+00:00", 1795298400 * S },
		{ "20261121T220000Z", 1795298400 * S },
		{ "2016-12-31T23:59:60Z", 1483228800 * S },
		{ "2554-07-21T23:34:33.709551615Z", UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t ns = 0;

		assert_int_equal(clock_parse(cases[i].text, &ns, NULL), 0);
		assert_true(ns == cases[i].ns);
	}
}

static void other_texts_are_no_times(void **state)
{
	static const char *const texts[] = {
		"",
		"now",
		"2026-11-21",
		"2026-11-21T22:00:00",
		"2026-11-21T22:00:00.Z",
		"2026-11-21T22:00:00Z ",
		" 2026-11-21T22:00:00Z",
		"2026-11-21T220000Z",
		"20261121T22:00:00Z",
		"2026-13-21T22:00:00Z",
		"2026-00-21T22:00:00Z",
		"2026-02-29T22:00:00Z",
		"2026-11-00T22:00:00Z",
		"2026-11-21T24:00:00Z",
		"2026-11-21T22:60:00Z",
		"2026-11-21T22:00:61Z",
		"2026-11-21T22:00:00+01:00",
		"1969-12-31T23:59:59Z",
		"2554-07-21T23:34:33.709551616Z",
		"9999-12-31T23:59:59Z",
		"Sat, 21 Nov 2026 22:00:00",
		"Sat, 21 Nov 2026 22:00:00 CET",
		"Sad, 21 Nov 2026 22:00:00 GMT",
		"Sat, 21 nov 2026 22:00:00 GMT",
		"Sat, 1 Nov 2026 22:00:00 GMT",
		"Sat, 31 Nov 2026 22:00:00 GMT",
		"Saturday, 21-Nov-26 22:00:00 GMT",
	};
	struct error e = ERROR_INIT;
	uint64_t ns = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_int_equal(clock_parse(texts[i], &ns, NULL), -1);
	assert_true(ns == 7); /* untouched */
	assert_int_equal(clock_parse("yesterday", &ns, &e), -1);
	assert_error(&e, ERR_CORRUPT, "'yesterday': not a time such as 2026-11-21T22:00:00Z");
}

static uint64_t fixed(int which)
{
	return 1000 + (uint64_t)which;
}

static void tests_bring_their_own_time(void **state)
{
	uint64_t before;

	(void)state;
	clock_set_for_test(fixed);
	assert_int_equal(clock_realtime_ns(), 1000);
	assert_int_equal(clock_monotonic_ns(), 1001);
	assert_int_equal(clock_boottime_ns(), 1002);
	clock_set_for_test(NULL);
	before = clock_monotonic_ns();
	assert_true(clock_monotonic_ns() >= before);
	assert_true(clock_boottime_ns() + S >= before); /* suspended time can only add */
	assert_true(clock_realtime_ns() > 1700000000 * S);
}

static void a_boot_has_one_id(void **state)
{
	char a[CLOCK_BOOT_ID_LEN], b[CLOCK_BOOT_ID_LEN];

	(void)state;
	clock_boot_id(a);
	clock_boot_id(b);
	assert_string_equal(a, b);
	if (access("/proc/sys/kernel/random/boot_id", R_OK) != 0)
		skip();
	assert_int_equal(strlen(a), 36);
	assert_int_equal(strspn(a, "0123456789abcdef-"), 36);
}

static void a_moment_has_its_place_in_the_hosts_calendar(void **state)
{
	static const struct {
		const char *tz, *utc;
		unsigned day, hour, minute;
		int offset_s;
	} cases[] = {
		{ "UTC0", "2026-10-25T00:30:00Z", 25, 0, 30, 0 },
		/* The hour that comes twice. */
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T00:30:00Z", 25, 2, 30, 7200 },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T01:30:00Z", 25, 2, 30, 3600 },
		/* On both sides of the one that is left out. */
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T00:59:59Z", 29, 1, 59, 3600 },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T01:00:00Z", 29, 3, 0, 7200 },
		/* A change of half an hour; another day; another year than in UTC. */
		{ "LHST-10:30LHDT-11,M10.1.0,M4.1.0", "2026-04-04T15:15:00Z", 5, 1, 45, 37800 },
		{ "PST8PDT,M3.2.0,M11.1.0", "2026-07-01T03:00:00Z", 30, 20, 0, -25200 },
		{ "<+14>-14", "2026-12-31T12:00:00Z", 1, 2, 0, 50400 },
	};
	struct clock_local t;
	uint64_t ns;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(setenv("TZ", cases[i].tz, 1), 0);
		tzset();
		assert_int_equal(clock_parse(cases[i].utc, &ns, NULL), 0);
		clock_local(ns, &t);
		assert_int_equal(t.day, cases[i].day);
		assert_int_equal(t.hour, cases[i].hour);
		assert_int_equal(t.minute, cases[i].minute);
		assert_int_equal(t.offset_s, cases[i].offset_s);
		assert_int_equal(t.day_number, (uint64_t)((int64_t)(ns / S) + t.offset_s) / 86400);
	}
	assert_int_equal(t.year, 2027);
	assert_int_equal(t.month, 1);
	setenv("TZ", "PST8", 1);
	tzset();
	clock_local(0, &t); /* it was still 1969 there */
	assert_int_equal(t.year, 1970);
	assert_int_equal(t.day_number, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instants_have_three_texts),           cmocka_unit_test(days_agree_with_the_c_library),
		cmocka_unit_test(services_write_time_in_several_ways), cmocka_unit_test(other_texts_are_no_times),
		cmocka_unit_test(a_moment_has_its_place_in_the_hosts_calendar),
		cmocka_unit_test(tests_bring_their_own_time),          cmocka_unit_test(a_boot_has_one_id),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/parse.h"

typedef int parser(const char *text, uint64_t *out, struct error *err);

struct good {
	const char *text;
	uint64_t value;
};

static void all_good(parser *parse, const struct good *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v = 0;

		assert_int_equal(parse(cases[i].text, &v, NULL), 0);
		assert_true(v == cases[i].value);
	}
}

static void all_bad(parser *parse, const char *const *texts, size_t n)
{
	uint64_t v = 7;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(parse(texts[i], &v, NULL), -1);
	assert_int_equal(v, 7); /* untouched */
}

static int any_u64(const char *text, uint64_t *out, struct error *err)
{
	return parse_u64(text, UINT64_MAX, out, err);
}

static void numbers_are_digits_and_nothing_else(void **state)
{
	static const struct good good[] = { { "0", 0 }, { "007", 7 }, { "18446744073709551615", UINT64_MAX } };
	static const char *const bad[] = {
		"", " 1", "1 ", "+1", "-1", "0x10", "1.0", "18446744073709551616", "99999999999999999999999"
	};
	struct error e = ERROR_INIT, e2 = ERROR_INIT, e3 = ERROR_INIT;
	uint64_t v;

	(void)state;
	all_good(any_u64, good, ARRAY_LEN(good));
	all_bad(any_u64, bad, ARRAY_LEN(bad));
	assert_int_equal(parse_u64("64", 64, &v, NULL), 0);
	assert_int_equal(parse_u64("65", 64, &v, &e), -1);
	assert_error(&e, ERR_USAGE, "'65': more than 64");
	assert_int_equal(parse_u64("99999999999999999999999", 64, &v, &e2), -1);
	assert_error(&e2, ERR_USAGE, "'99999999999999999999999': more than 64");
	assert_int_equal(parse_u64("six", 64, &v, &e3), -1);
	assert_error(&e3, ERR_USAGE, "'six': not a number");
}

static void hexadecimal_has_no_prefix(void **state)
{
	static const struct good good[] = { { "0", 0 }, { "fF0a", 0xff0a }, { "ffffffffffffffff", UINT64_MAX } };
	static const char *const bad[] = { "", "0x1", "-1", "g", " 1", "10000000000000000" };
	struct error e = ERROR_INIT;
	uint64_t v;

	(void)state;
	all_good(parse_hex64, good, ARRAY_LEN(good));
	all_bad(parse_hex64, bad, ARRAY_LEN(bad));
	assert_int_equal(parse_hex64("xyz", &v, &e), -1);
	assert_error(&e, ERR_USAGE, "'xyz': not a hexadecimal number of 64 bits");
}

static void sizes_have_binary_units(void **state)
{
	static const struct good good[] = {
		{ "0", 0 },
		{ "4096", 4096 },
		{ "64K", 65536 },
		{ "64k", 65536 },
		{ "64KiB", 65536 },
		{ "64kib", 65536 },
		{ "4M", 4 << 20 },
		{ "4MiB", 4 << 20 },
		{ "1G", 1 << 30 },
		{ "2T", UINT64_C(2) << 40 },
		{ "1p", UINT64_C(1) << 50 },
		{ "15E", UINT64_C(15) << 60 },
		{ "18446744073709551615", UINT64_MAX },
	};
	static const char *const bad[] = { "",      "K",
					   "-1K",   " 1K",
					   "1 K",   "1KB",
					   "1.5G",  "1Q",
					   "1KK",   "1Ki",
					   "1KiBs", "1iB",
					   "1B",    "16E",
					   "0x10",  "18446744073709551615K",
					   "64K ",  "18446744073709551616" };
	struct error e = ERROR_INIT;
	uint64_t v;

	(void)state;
	all_good(parse_size, good, ARRAY_LEN(good));
	all_bad(parse_size, bad, ARRAY_LEN(bad));
	assert_int_equal(parse_size("64KB", &v, &e), -1);
	assert_error(&e, ERR_USAGE, "'64KB': not a size such as 64K, 4M or 1G");
}

static void rates_are_bytes_or_decimal_bits(void **state)
{
	static const struct good good[] = {
		{ "20M", 20 << 20 },     { "20MiB", 20 << 20 },
		{ "1000", 1000 },        { "160mbit", 20000000 },
		{ "160Mbit", 20000000 }, { "1gbit", 125000000 },
		{ "64kbit", 8000 },      { "1tbit", UINT64_C(125000000000) },
	};
	static const char *const bad[] = { "", "mbit", "160bit", "160mbits", "160 mbit", "160mb", "20M/s", "20ebit" };
	struct error e = ERROR_INIT;
	uint64_t v;

	(void)state;
	all_good(parse_rate, good, ARRAY_LEN(good));
	all_bad(parse_rate, bad, ARRAY_LEN(bad));
	assert_int_equal(parse_rate("fast", &v, &e), -1);
	assert_error(&e, ERR_USAGE, "'fast': not a rate such as 20M (bytes a second) or 160mbit");
}

static void durations_have_a_unit(void **state)
{
	static const struct good good[] = {
		{ "0s", 0 }, { "90s", 90000 }, { "15m", 900000 }, { "1h", 3600000 }, { "7d", 604800000 }
	};
	static const char *const bad[] = {
		"", "90", "s", "90S", "1h30m", "-1s", "1.5h", "5ms", "18446744073709551615s"
	};
	struct error e = ERROR_INIT;
	uint64_t v;

	(void)state;
	all_good(parse_duration, good, ARRAY_LEN(good));
	all_bad(parse_duration, bad, ARRAY_LEN(bad));
	assert_int_equal(parse_duration("90", &v, &e), -1);
	assert_error(&e, ERR_USAGE, "'90': not a duration such as 90s, 15m, 1h or 1d");
}

static void sizes_are_shown_in_three_digits(void **state)
{
	static const struct good cases[] = {
		{ "0 B", 0 },
		{ "312 B", 312 },
		{ "1023 B", 1023 },
		{ "1 KiB", 1024 },
		{ "1.5 KiB", 1536 },
		{ "1.46 KiB", 1500 },
		{ "1.05 KiB", 1075 },
		{ "10 KiB", 10239 },
		{ "14.6 KiB", 15000 },
		{ "146 KiB", 150000 },
		{ "1 MiB", (1 << 20) - 1 },
		{ "1023 KiB", 1023 << 10 },
		{ "1.5 GiB", UINT64_C(3) << 29 },
		{ "2 TiB", UINT64_C(2) << 40 },
		{ "3.75 PiB", UINT64_C(15) << 48 },
		{ "16 EiB", UINT64_MAX },
	};
	char text[FORMAT_TEXT_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		format_size(cases[i].value, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void durations_are_shown_in_two_units(void **state)
{
	static const struct good cases[] = {
		{ "0.0 s", 0 },
		{ "12.3 s", 12345 },
		{ "59.9 s", 59949 },
		{ "1 min 00 s", 59950 },
		{ "59 min 59 s", 3599499 },
		{ "1 h 00 min", 3599500 },
		{ "2 h 05 min", 7500000 },
		{ "23 h 59 min", 86369999 },
		{ "1 d 00 h", 86370000 },
		{ "10 d 04 h", 878400000 },
		{ "213503982334 d 14 h", UINT64_MAX },
	};
	char text[FORMAT_TEXT_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		format_duration(cases[i].value, text);
		assert_string_equal(text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_digits_and_nothing_else),
		cmocka_unit_test(hexadecimal_has_no_prefix),
		cmocka_unit_test(sizes_have_binary_units),
		cmocka_unit_test(rates_are_bytes_or_decimal_bits),
		cmocka_unit_test(durations_have_a_unit),
		cmocka_unit_test(sizes_are_shown_in_three_digits),
		cmocka_unit_test(durations_are_shown_in_two_units),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}

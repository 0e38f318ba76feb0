/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/csv.h"

static void numbers_are_read_as_their_file_writes_them(void **state)
{
	static const struct {
		const char *text;
		char delimiter;
		bool known;
		double v;
	} cases[] = {
		{ "8192", ',', true, 8192 },
		{ "0", ',', true, 0 },
		{ "1,234,567.5", ',', true, 1234567.5 },
		{ "1.234.567,5", ';', true, 1234567.5 },
		{ "1.234", ';', true, 1234 },
		{ "1.234", '\t', true, 1.234 },
		{ "1,234", '\t', true, 1234 },
		{ " 12 345 ", ',', true, 12345 },
		{ "12\xc2\xa0" "345", ',', true, 12345 },
		{ "12\xe2\x80\xaf" "345,5", ';', true, 12345.5 },
		{ "12'345.25", ',', true, 12345.25 },
		{ "12\xe2\x80\x99" "345", ',', true, 12345 },
		{ "35%", ',', true, 35 },
		{ "35 %", ';', true, 35 },
		{ "-1", ',', true, -1 },
		{ "1.5E+3", ',', true, 1500 },
		{ "", ',', false, 0 },
		{ " ", ',', false, 0 },
		{ "%", ',', false, 0 },
		{ "four", ',', false, 0 },
		{ "4 GB", ',', false, 0 },
		{ "1.2.3", ',', false, 0 },
		{ "0x10", ',', false, 0 },
		{ "inf", ',', false, 0 },
		{ "nan", ',', false, 0 },
		{ "1e999", ',', false, 0 },
		{ "5%%", ',', false, 0 },
		{ "-", ',', false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		double v = 0;
		bool known = csv_number(cases[i].text, cases[i].delimiter, &v);

		if (known != cases[i].known || v != cases[i].v)
			fail_msg("'%s' (%c): %d %f", cases[i].text, cases[i].delimiter, known, v);
	}
}

static void four_words_are_true(void **state)
{
	(void)state;
	assert_true(csv_truth("True") && csv_truth("1") && csv_truth("YES") && csv_truth("y"));
	assert_false(csv_truth("") || csv_truth("false") || csv_truth("0") || csv_truth("11") || csv_truth("ja"));
}

static void cells_are_quoted_and_formulas_disarmed(void **state)
{
	CLEANUP(cleanup_csv_writer) struct csv_writer w = { .begun = false };
	struct error err = ERROR_INIT;
	CLEANUP_FREE char *text = NULL;

	(void)state;
	csv_put(&w, "plain");
	csv_put(&w, "a,b");
	csv_put(&w, "say \"hi\"");
	csv_put(&w, "two\nlines");
	csv_put(&w, NULL);
	csv_put(&w, "");
	csv_put(&w, " blank");
	csv_end_row(&w);
	csv_put(&w, "=1+1");
	csv_put(&w, "+1");
	csv_put(&w, "-1");
	csv_put(&w, "@a");
	csv_put(&w, "\ta");
	csv_put(&w, "=a,\"b\"");
	csv_put(&w, "a=b");
	csv_end_row(&w);
	text = strbuf_take(&w.out, &err);
	assert_string_equal(text, "plain,\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",,,\" blank\"\n"
				  "'=1+1,'+1,'-1,'@a,\"'\ta\",\"'=a,\"\"b\"\"\",a=b\n");
}

static void numbers_are_written_as_short_as_they_are_exact(void **state)
{
	CLEANUP(cleanup_csv_writer) struct csv_writer w = { .begun = false };
	static const double numbers[] = { 0, -1.5, 0.1, 8192, 1234567890123, 0.09765625, 1.0 / 3, 1e-30, 1e300 };
	struct error err = ERROR_INIT;
	CLEANUP_FREE char *text = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		csv_put_number(&w, numbers[i]);
	csv_end_row(&w);
	text = strbuf_take(&w.out, &err);
	assert_string_equal(text, "0,-1.5,0.1,8192,1234567890123,0.09765625,0.3333333333333333,"
				  "1.0000000000000001e-30,1.0000000000000001e+300\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_read_as_their_file_writes_them),
		cmocka_unit_test(four_words_are_true),
		cmocka_unit_test(cells_are_quoted_and_formulas_disarmed),
		cmocka_unit_test(numbers_are_written_as_short_as_they_are_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "assess.h"
#include "base/cleanup.h"

static void money_is_grouped_and_rounded_to_cents(void **state)
{
	static const struct {
		double usd;
		const char *text;
	} cases[] = { { 0, "0.00" },
		      { 0.004, "0.00" },
		      { 0.006, "0.01" },
		      { 999.994, "999.99" },
		      { 999.996, "1,000.00" },
		      { 1234567.5, "1,234,567.50" },
		      { 100000, "100,000.00" },
		      { -12.3, "-12.30" },
		      { -0.001, "0.00" },
		      { 1e20, "1.00e+20" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[ASSESS_MONEY_LEN];

		assess_money(cases[i].usd, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void cents_are_the_nearest(void **state)
{
	(void)state;
	assert_true(assess_cents(275.944) == 275.94);
	assert_true(assess_cents(275.946) == 275.95);
	assert_true(assess_cents(0) == 0);
}

/* Characters count, not bytes, and none is cut in half. */
static void long_text_is_cut_between_characters(void **state)
{
	static const struct {
		const char *text, *cut;
	} cases[] = { { "", "" },
		      { "12345678", "12345678" },
		      { "123456789", "12345..." },
		      { "\303\274\303\274\303\274\303\274\303\274\303\274\303\274\303\274",
			"\303\274\303\274\303\274\303\274\303\274\303\274\303\274\303\274" },
		      { "\303\274\303\274\303\274\303\274\303\274\303\274\303\274\303\274!",
			"\303\274\303\274\303\274\303\274\303\274..." } };
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP_FREE char *cut = assess_cut(cases[i].text, 8, &err);

		assert_non_null(cut);
		assert_string_equal(cut, cases[i].cut);
	}
}

/* What stands in a page's element may not end it. */
static void json_is_written_so_that_it_can_stand_in_a_page(void **state)
{
	CLEANUP_FREE char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);

	(void)state;
	assert_non_null(f);
	assess_put_json("{\"a\":\"</script><!--\"}", f);
	assert_int_equal(fclose(f), 0);
	assert_string_equal(out, "{\"a\":\"\\u003c/script>\\u003c!--\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(money_is_grouped_and_rounded_to_cents),
		cmocka_unit_test(cents_are_the_nearest),
		cmocka_unit_test(long_text_is_cut_between_characters),
		cmocka_unit_test(json_is_written_so_that_it_can_stand_in_a_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

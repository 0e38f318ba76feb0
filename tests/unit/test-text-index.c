/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "inventory/text_index.h"

static void a_text_leads_to_its_first_and_last_value(void **state)
{
	static const char *const texts[] = { "web", "db", "web", "", "web2", "db", "web" };
	CLEANUP(text_index_fini) struct text_index x = { .n = 0 };
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_int_equal(text_index_add(&x, texts[i], 10 + i, &err), 0);
	text_index_sort(&x);
	assert_int_equal(text_index_first(&x, "web"), 10);
	assert_int_equal(text_index_last(&x, "web"), 16);
	assert_int_equal(text_index_first(&x, "db"), 11);
	assert_int_equal(text_index_last(&x, "db"), 15);
	assert_int_equal(text_index_first(&x, ""), 13);
	assert_int_equal(text_index_last(&x, "web2"), 14);
	assert_int_equal(text_index_first(&x, "we"), TEXT_INDEX_NONE);
	assert_int_equal(text_index_last(&x, "zz"), TEXT_INDEX_NONE);
}

static void an_empty_one_knows_nothing(void **state)
{
	struct text_index x = { .n = 0 };

	(void)state;
	text_index_sort(&x);
	assert_int_equal(text_index_first(&x, "a"), TEXT_INDEX_NONE);
	assert_int_equal(text_index_last(&x, ""), TEXT_INDEX_NONE);
	text_index_fini(&x);
}

static void each_of_many_is_found(void **state)
{
	CLEANUP(text_index_fini) struct text_index x = { .n = 0 };
	struct error err = ERROR_INIT;
	char text[32];

	(void)state;
	for (size_t i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "vm-%zu", i * 7919 % 5000);
		assert_int_equal(text_index_add(&x, text, i, &err), 0);
	}
	text_index_sort(&x);
	for (size_t i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "vm-%zu", i * 7919 % 5000);
		assert_int_equal(text_index_first(&x, text), i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_leads_to_its_first_and_last_value),
		cmocka_unit_test(an_empty_one_knows_nothing),
		cmocka_unit_test(each_of_many_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

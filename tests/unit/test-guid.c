/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "base/guid.h"

#define TEXT "2dc27766-f623-4200-9d64-115e9bfd4a08" /* VHDX's BAT region */

static const uint8_t raw[16] = { 0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42,
				 0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08 };

static void text_and_both_byte_orders_agree(void **state)
{
	char text[GUID_TEXT_LEN];
	uint8_t back[16];
	struct guid g, parsed;

	(void)state;
	guid_from_le(raw, &g);
	guid_format(&g, text);
	assert_string_equal(text, TEXT);
	guid_to_le(&g, back);
	assert_memory_equal(back, raw, 16);
	guid_to_le(&g, g.b); /* in place */
	assert_memory_equal(g.b, raw, 16);
	guid_from_le(raw, &g);
	assert_int_equal(guid_parse("{2DC27766-F623-4200-9d64-115E9BFD4A08}", &parsed, NULL), 0);
	assert_true(guid_equal(&parsed, &g));
	parsed.b[15] ^= 1;
	assert_false(guid_equal(&parsed, &g));
}

static void other_texts_are_no_guids(void **state)
{
	static const char *const texts[] = {
		"",
		"{}",
		"2dc27766",
		"{" TEXT,
		TEXT "}",
		TEXT " ",
		" " TEXT,
		"{" TEXT "}}",
		"2dc27766f62342009d64115e9bfd4a08",
		"2dc27766-f623-4200-9d64-115e9bfd4a0",
		"2dc27766-f623-4200-9d64-115e9bfd4a0g",
		"2dc27766-f623-42009-d64-115e9bfd4a08",
	};
	struct error e = ERROR_INIT;
	struct guid g = { { 7 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_int_equal(guid_parse(texts[i], &g, NULL), -1);
	assert_int_equal(guid_parse("abc", &g, &e), -1);
	assert_error(&e, ERR_CORRUPT, "'abc': not a GUID");
	assert_int_equal(g.b[0], 7);
}

static void random_ones_differ_and_carry_the_version(void **state)
{
	struct guid a, b, zero = { { 0 } };
	char text[GUID_TEXT_LEN];

	(void)state;
	assert_int_equal(guid_random(&a, NULL), 0);
	assert_int_equal(guid_random(&b, NULL), 0);
	assert_false(guid_equal(&a, &b) || guid_is_zero(&a));
	assert_true(guid_is_zero(&zero));
	for (int i = 0; i < 100; i++) {
		assert_int_equal(guid_random(&a, NULL), 0);
		guid_format(&a, text);
		assert_int_equal(text[14], '4');
		assert_non_null(strchr("89ab", text[19]));
	}
}

static void random_bytes_fill_the_buffer_and_no_more(void **state)
{
	uint8_t buf[1002], any[1000] = { 0 };

	(void)state;
	for (int round = 0; round < 10; round++) {
		memset(buf, 0, sizeof(buf));
		assert_int_equal(random_bytes(buf + 1, 1000, NULL), 0);
		assert_true(buf[0] == 0 && buf[1001] == 0);
		for (size_t i = 0; i < sizeof(any); i++)
			any[i] |= buf[i + 1];
	}
	for (size_t i = 0; i < sizeof(any); i++)
		assert_int_not_equal(any[i], 0); /* by chance: once in 2^70 */
	assert_int_equal(random_bytes(buf, 0, NULL), 0);
}

static void random_numbers_stay_below_and_reach_all(void **state)
{
	unsigned seen[7] = { 0 };
	int upper = 0;

	(void)state;
	for (int i = 0; i < 7000; i++) {
		uint64_t v = random_below(7);

		assert_true(v < 7);
		seen[v]++;
		assert_int_equal(random_below(1), 0);
		upper += random_below((UINT64_C(3) << 62)) >= UINT64_C(3) << 61;
	}
	for (size_t i = 0; i < 7; i++)
		assert_in_range(seen[i], 700, 1300); /* ten deviations */
	assert_in_range(upper, 3000, 4000);          /* a modulo without care would give 2333 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_and_both_byte_orders_agree),
		cmocka_unit_test(other_texts_are_no_guids),
		cmocka_unit_test(random_ones_differ_and_carry_the_version),
		cmocka_unit_test(random_bytes_fill_the_buffer_and_no_more),
		cmocka_unit_test(random_numbers_stay_below_and_reach_all),
	};

	return cmocka_run_group_tests_name("guid", tests, NULL, NULL);
}

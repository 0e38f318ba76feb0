/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "base/cleanup.h"
#include "disk/utf16.h"

static void converts_every_length_of_character(void **state)
{
	const uint8_t raw[] = { 'a', 0, 0xe9, 0, 0xac, 0x20, 0x3d, 0xd8, 0x00, 0xde, 'z', 0 };
	CLEANUP_FREE char *text = utf16le_to_utf8(raw, sizeof(raw), NULL), *empty = utf16le_to_utf8(raw, 0, NULL);

	(void)state;
	assert_string_equal(text, "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
	assert_string_equal(empty, "");
}

static void big_endian_text_is_the_same(void **state)
{
	const uint8_t raw[] = { 0, 'a', 0, 0xe9, 0x20, 0xac, 0xd8, 0x3d, 0xde, 0x00, 0, 'z' };
	CLEANUP_FREE char *text = utf16be_to_utf8(raw, sizeof(raw), NULL);
	struct error e = ERROR_INIT;

	(void)state;
	assert_string_equal(text, "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
	assert_null(utf16be_to_utf8(raw, 8, &e));
	assert_error(&e, ERR_CORRUPT, "UTF-16 text: unpaired surrogate at byte 6");
}

static void assert_refused(const uint8_t *raw, size_t len, const char *msg)
{
	struct error e = ERROR_INIT;

	assert_null(utf16le_to_utf8(raw, len, &e));
	assert_error(&e, ERR_CORRUPT, msg);
}

static void refuses_what_is_no_text(void **state)
{
	const uint8_t high[] = { 'a', 0, 0x3d, 0xd8 }, high_a[] = { 0x3d, 0xd8, 'a', 0 }, low[] = { 0x00, 0xde };
	const uint8_t nul[] = { 'a', 0, 0, 0, 'b', 0 };

	(void)state;
	assert_refused(high, 4, "UTF-16 text: unpaired surrogate at byte 2");
	assert_refused(high_a, 4, "UTF-16 text: unpaired surrogate at byte 0");
	assert_refused(low, 2, "UTF-16 text: unpaired surrogate at byte 0");
	assert_refused(nul, 6, "UTF-16 text: NUL at byte 2");
	assert_refused(nul, 3, "UTF-16 text of 3 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(converts_every_length_of_character),
		cmocka_unit_test(big_endian_text_is_the_same),
		cmocka_unit_test(refuses_what_is_no_text),
	};

	return cmocka_run_group_tests_name("utf16", tests, NULL, NULL);
}

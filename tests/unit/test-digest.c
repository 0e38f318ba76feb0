/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "net/digest.h"

static void base64_of_rfc_4648(void **state)
{
	static const struct {
		const char *plain, *coded;
	} rows[] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xff\xfe\xfb", "//77" },
	};
	char text[BASE64_LEN(8)];
	uint8_t raw[8];
	size_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		base64_encode(rows[i].plain, strlen(rows[i].plain), text);
		assert_string_equal(text, rows[i].coded);
		assert_int_equal(base64_decode(rows[i].coded, raw, sizeof(raw), &len, NULL), 0);
		assert_int_equal(len, strlen(rows[i].plain));
		assert_memory_equal(raw, rows[i].plain, len);
	}
}

static void base64_that_is_none_is_refused(void **state)
{
	static const struct {
		const char *text, *msg;
	} rows[] = {
		{ "Zg", "base64: 2 characters, not a multiple of 4" },
		{ "Zg=", "base64: 3 characters, not a multiple of 4" },
		{ "Zg==Zg==", "base64: not of its alphabet at 2" },
		{ "Z===", "base64: not of its alphabet at 1" },
		{ "====", "base64: not of its alphabet at 0" },
		{ "Zm 9", "base64: not of its alphabet at 2" },
		{ "Zh==", "base64: bits left over at its end" },
		{ "Zm9=", "base64: bits left over at its end" },
		{ "Zm9vYmFyZm9v", "base64: 9 bytes, more than 8" },
	};
	uint8_t raw[8];
	size_t len = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e = ERROR_INIT;

		assert_int_equal(base64_decode(rows[i].text, raw, sizeof(raw), &len, &e), -1);
		assert_error(&e, ERR_CORRUPT, rows[i].msg);
	}
	assert_int_equal(len, 77);
}

static void known_hashes(void **state)
{
	static const uint8_t abc256[4] = { 0xba, 0x78, 0x16, 0xbf };
	char text[BASE64_LEN(MD5_LEN)];
	uint8_t sha[SHA256_LEN];

	(void)state;
	assert_int_equal(digest_md5_header("", 0, text, NULL), 0);
	assert_string_equal(text, "1B2M2Y8AsgTpgAmY7PhCfg==");
	assert_int_equal(digest_sha256("abc", 3, sha, NULL), 0);
	assert_memory_equal(sha, abc256, sizeof(abc256));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_of_rfc_4648),
		cmocka_unit_test(base64_that_is_none_is_refused),
		cmocka_unit_test(known_hashes),
	};

	return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}

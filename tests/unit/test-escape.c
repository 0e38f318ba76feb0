/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "base/guid.h"

struct pair {
	const char *from, *to;
};

static void names_keep_utf8_and_escape_the_rest(void **state)
{
	static const struct pair cases[] = {
		{ "", "" },
		{ "web01/web 01~!.vmdk", "web01/web 01~!.vmdk" },
		{ "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "a\xfc\xff", "a%FC%FF" },      /* Latin-1 */
		{ "\xc0\xaf", "%C0%AF" },        /* overlong '/' */
		{ "\xed\xa0\x80", "%ED%A0%80" }, /* a surrogate */
		{ "\xe2\x82", "%E2%82" },        /* cut short */
		{ "a\n\x7f", "a%0A%7F" },
		{ "\xc2\x85\xc2\xa0", "%C2%85\xc2\xa0" }, /* C1 ends at U+009F */
		{ "50%\\x", "50%25%5Cx" },
		{ "a./b.", "a%2E/b%2E" },
		{ "./../...", "%2E/.%2E/..%2E" },
		{ ".a/a.b", ".a/a.b" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP_FREE char *to = escape_name(cases[i].from, NULL);
		CLEANUP_FREE char *back = to ? unescape_percent(to, NULL) : NULL;

		assert_true(to && back);
		assert_string_equal(to, cases[i].to);
		assert_string_equal(back, cases[i].from);
	}
}

static void any_bytes_survive_the_way_there_and_back(void **state)
{
	(void)state;
	for (int round = 0; round < 2000; round++) {
		char name[24];
		CLEANUP_FREE char *there = NULL, *back = NULL, *url = NULL, *url_back = NULL;

		assert_int_equal(random_bytes(name, sizeof(name), NULL), 0);
		name[sizeof(name) - 1] = '\0';
		there = escape_name(name, NULL);
		assert_true(there && utf8_valid(there, strlen(there)));
		back = unescape_percent(there, NULL);
		assert_true(back && strcmp(back, name) == 0);
		url = escape_url_component(name, NULL);
		assert_true(url && url[strspn(url, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
						   "-._~%")] == '\0');
		url_back = unescape_percent(url, NULL);
		assert_true(url_back && strcmp(url_back, name) == 0);
	}
}

static void bad_escapes_are_named(void **state)
{
	static const struct pair cases[] = {
		{ "a%", "'a%': '%' is no escaped byte" },       { "a%4", "'a%4': '%4' is no escaped byte" },
		{ "%4g!", "'%4g!': '%4g' is no escaped byte" }, { "%g4", "'%g4': '%g4' is no escaped byte" },
		{ "x%00", "'x%00': '%00' is no escaped byte" },
	};
	CLEANUP_FREE char *lower = unescape_percent("%c3%BC+", NULL);

	(void)state;
	assert_string_equal(lower, "\xc3\xbc+");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error e = ERROR_INIT;

		assert_null(unescape_percent(cases[i].from, &e));
		assert_error(&e, ERR_CORRUPT, cases[i].to);
	}
}

static void urls_keep_the_unreserved_characters(void **state)
{
	CLEANUP_FREE char *path = escape_url_path("/a b/\xc3\xbc-._~%2E?#+&=:@", NULL);
	CLEANUP_FREE char *component = escape_url_component("a/b", NULL);

	(void)state;
	assert_string_equal(path, "/a%20b/%C3%BC-._~%252E%3F%23%2B%26%3D%3A%40");
	assert_string_equal(component, "a%2Fb");
}

static void messages_show_what_a_terminal_would_obey(void **state)
{
	static const struct pair cases[] = {
		{ "plain \xc3\xbc \\", "plain \xc3\xbc \\" },
		{ "\033[2J\r\n\t\x7f", "\\x1B[2J\\x0D\\x0A\\x09\\x7F" },
		{ "\xc2\x9b", "\\xC2\\x9B" }, /* CSI in one character */
		{ "\xff", "\\xFF" },
		{ "\xe2\x80\xaegpj.exe", "\\xE2\\x80\\xAEgpj.exe" }, /* U+202E: written backwards from here on */
		{ "a\xe2\x80\x8b\xef\xbb\xbf", "a\\xE2\\x80\\x8B\\xEF\\xBB\\xBF" }, /* without width */
		{ "\xe2\x81\xa6\xd8\x9c\xf3\xa0\x80\x81", "\\xE2\\x81\\xA6\\xD8\\x9C\\xF3\\xA0\\x80\\x81" },
		{ "\xe2\x80\x90\xe2\x80\xaf\xd7\x90", "\xe2\x80\x90\xe2\x80\xaf\xd7\x90" }, /* a hyphen, a blank, a letter */
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		escape_visible(cases[i].from, out, sizeof(out));
		assert_string_equal(out, cases[i].to);
	}
}

static void a_name_is_shown_without_what_misleads(void **state)
{
	static const struct pair cases[] = {
		{ "plain \xc3\xbc %41 \\", "plain \xc3\xbc %41 \\" },
		{ "\xe2\x80\xaegpj.exe", "%E2%80%AEgpj.exe" },
		{ "\033[m\xff\xe2\x80\x8b", "%1B[m%FF%E2%80%8B" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP_FREE char *shown = escape_shown(cases[i].from, NULL);

		assert_string_equal(shown, cases[i].to);
	}
}

static void a_small_buffer_gets_whole_characters(void **state)
{
	static const char *const want[] = { NULL,
					    "",
					    "a",
					    "a",
					    "a\xc3\xbc",
					    "a\xc3\xbc",
					    "a\xc3\xbc",
					    "a\xc3\xbc",
					    "a\xc3\xbc\\x01",
					    "a\xc3\xbc\\x01" };
	char out[11];

	(void)state;
	for (size_t len = 0; len < ARRAY_LEN(want); len++) {
		memset(out, '!', sizeof(out));
		escape_visible("a\xc3\xbc\x01", out, len);
		assert_int_equal(out[len], '!');
		if (want[len])
			assert_string_equal(out, want[len]);
	}
}

static void utf8_is_strict(void **state)
{
	static const char *const good[] = { "",
					    "a",
					    "\xc2\x80",
					    "\xe0\xa0\x80",
					    "\xed\x9f\xbf",
					    "\xee\x80\x80",
					    "\xf0\x90\x80\x80",
					    "\xf4\x8f\xbf\xbf" };
	static const char *const bad[] = { "\x80",
					   "\xc1\xbf",
					   "\xe0\x9f\xbf",
					   "\xed\xa0\x80",
					   "\xed\xbf\xbf",
					   "\xf0\x8f\xbf\xbf",
					   "\xf4\x90\x80\x80",
					   "\xf8\x88\x80\x80\x80",
					   "\xc3",
					   "a\xc3(",
					   "\xff" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(utf8_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(utf8_valid(bad[i], strlen(bad[i])));
	assert_false(utf8_valid("\xe2\x82\xac", 2)); /* looks no further than it may */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_keep_utf8_and_escape_the_rest),
		cmocka_unit_test(any_bytes_survive_the_way_there_and_back),
		cmocka_unit_test(bad_escapes_are_named),
		cmocka_unit_test(urls_keep_the_unreserved_characters),
		cmocka_unit_test(messages_show_what_a_terminal_would_obey),
		cmocka_unit_test(a_name_is_shown_without_what_misleads),
		cmocka_unit_test(a_small_buffer_gets_whole_characters),
		cmocka_unit_test(utf8_is_strict),
	};

	return cmocka_run_group_tests_name("escape", tests, NULL, NULL);
}

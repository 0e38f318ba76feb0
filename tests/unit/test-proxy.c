/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "net/proxy.h"

static void what_is_local_never_goes_through_a_proxy(void **state)
{
	static const char *const local[] = {
		"http://127.0.0.1:10000/a", "http://127.1/",
		"http://0x7f000001/",       "http://localhost/",
		"http://LOCALHOST:1/",      "http://a.localhost/",
		"http://[::1]:8/",          "http://169.254.169.254/metadata/identity/oauth2/token",
	};
	static const char *const remote[] = {
		"https://acct.blob.core.windows.net/",
		"http://localhost.example.com/",
		"http://169.254.169.253/",
		"http://128.0.0.1/",
	};
	const struct proxy_config c = { .proxy = "http://p:1" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(local); i++) {
		assert_true(proxy_is_local(local[i]));
		assert_string_equal(proxy_choose(&c, local[i]), "");
	}
	for (size_t i = 0; i < ARRAY_LEN(remote); i++) {
		assert_false(proxy_is_local(remote[i]));
		assert_string_equal(proxy_choose(&c, remote[i]), "http://p:1");
	}
}

static void the_scheme_chooses_when_the_lists_do(void **state)
{
	const struct proxy_config none = { .http_proxy = "http://h", .https_proxy = "http://s" },
				  lists = { .proxy = "",
					    .http_proxy = "http://h",
					    .https_proxy = "http://s",
					    .all_proxy = "http://a" },
				  only_all = { .proxy = "", .https_proxy = "", .all_proxy = "http://a" },
				  empty = { .proxy = "" };

	(void)state;
	assert_string_equal(proxy_choose(&none, "https://x/"), "");
	assert_string_equal(proxy_choose(&lists, "https://x/"), "http://s");
	assert_string_equal(proxy_choose(&lists, "HTTP://x/"), "http://h");
	assert_string_equal(proxy_choose(&only_all, "https://x/"), "http://a");
	assert_string_equal(proxy_choose(&empty, "https://x/"), "");
	assert_string_equal(proxy_choose(&lists, "http://"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_local_never_goes_through_a_proxy),
		cmocka_unit_test(the_scheme_chooses_when_the_lists_do),
	};

	return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}

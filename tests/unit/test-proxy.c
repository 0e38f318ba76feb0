/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "net/libcurl.h"
#include "net/proxy.h"

static bool is_local(const char *url)
{
	bool local;

	assert_int_equal(proxy_is_local(url, &local, NULL), 0);
	return local;
}

static bool is_loopback(const char *url)
{
	bool loopback;

	assert_int_equal(proxy_is_loopback(url, &loopback, NULL), 0);
	return loopback;
}

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
		assert_true(is_local(local[i]));
		assert_string_equal(proxy_choose(&c, local[i]), "");
	}
	for (size_t i = 0; i < ARRAY_LEN(remote); i++) {
		assert_false(is_local(remote[i]));
		assert_string_equal(proxy_choose(&c, remote[i]), "http://p:1");
	}
}

static void loopback_is_what_curl_connects_to_loopback(void **state)
{
	(void)state;
	assert_true(is_loopback("http://127.0.0.1:10000/a"));
	assert_true(is_loopback("http://0x7f.1/"));
	assert_true(is_loopback("http://[::1]:8/"));
	assert_false(is_loopback("http://169.254.169.254/"));
	assert_false(is_loopback("http://127.example.com/"));
	assert_false(is_loopback("http://"));
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
	assert_int_equal(libcurl_load(NULL), 0);
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
		cmocka_unit_test(loopback_is_what_curl_connects_to_loopback),
		cmocka_unit_test(the_scheme_chooses_when_the_lists_do),
	};

	return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}

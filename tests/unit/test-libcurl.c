/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "net/libcurl.h"

static void the_library_is_loaded_once_and_stays(void **state)
{
	struct libcurl first;

	(void)state;
	assert_int_equal(libcurl_load(NULL), 0);
	first = libcurl;
	assert_int_equal(libcurl_load(NULL), 0);
	assert_memory_equal(&first, &libcurl, sizeof(first));
	assert_true(curl_version_info(CURLVERSION_NOW)->version_num >= 0x074400);
}

static void a_library_that_is_not_there_says_what_to_install(void **state)
{
	struct error err = ERROR_INIT;
	struct libcurl out = { NULL };
	char want[ERROR_MSG_MAX];

	(void)state;
	assert_null(dlopen("libcurl-nowhere.so.4", RTLD_NOW));
	snprintf(want, sizeof(want), "libcurl 7.68.0 or newer is needed (Debian: libcurl4): %s", dlerror());
	assert_non_null(strstr(want, "libcurl-nowhere.so.4"));
	assert_int_equal(libcurl_open("libcurl-nowhere.so.4", 0x074400, &out, &err), -1);
	assert_error(&err, ERR_UNSUPPORTED, want);
	assert_null(out.easy_init);
	assert_int_equal(libcurl_open("libcurl-nowhere.so.4", 0x074400, &out, NULL), -1);
}

static void a_library_without_a_function_is_named_with_it(void **state)
{
	struct error err = ERROR_INIT;
	struct libcurl out = { NULL };
	char want[ERROR_MSG_MAX];
	Dl_info other;

	(void)state;
	assert_true(dladdr((void *)_cmocka_run_group_tests, &other) != 0);
	snprintf(want, sizeof(want),
		 "libcurl 7.68.0 or newer is needed (Debian: libcurl4): %s: no curl_easy_cleanup() in it",
		 other.dli_fname);
	assert_int_equal(libcurl_open(other.dli_fname, 0x074400, &out, &err), -1);
	assert_error(&err, ERR_UNSUPPORTED, want);
	assert_null(out.easy_init);
}

static void a_library_that_is_too_old_is_named_with_its_version(void **state)
{
	struct error err = ERROR_INIT;
	struct libcurl out = { NULL };
	char want[ERROR_MSG_MAX];

	(void)state;
	assert_int_equal(libcurl_load(NULL), 0);
	snprintf(want, sizeof(want),
		 "libcurl 99.1.2 or newer is needed (Debian: libcurl4): " LIBCURL_SONAME ": version %s",
		 curl_version_info(CURLVERSION_NOW)->version);
	assert_int_equal(libcurl_open(LIBCURL_SONAME, 0x630102, &out, &err), -1);
	assert_error(&err, ERR_UNSUPPORTED, want);
	assert_null(out.easy_init);
	assert_int_equal(libcurl_open(LIBCURL_SONAME, curl_version_info(CURLVERSION_NOW)->version_num, &out, &err), 0);
	assert_memory_equal(&out, &libcurl, sizeof(out));
}

static int was_read_by;

static size_t read_nothing(char *buf, size_t size, size_t n, void *ctx)
{
	(void)buf;
	(void)size;
	(void)n;
	was_read_by = *(int *)ctx;
	return 0;
}

/* What goes through a function with a variable argument list: each type of option. */
static void options_of_each_type_arrive(void **state)
{
	const curl_off_t beyond_a_long_of_32_bits = (curl_off_t)1 << 40;
	char text[CURL_ERROR_SIZE] = "";
	int mine = 17;
	void *kept = NULL;
	CURL *e;

	(void)state;
	assert_int_equal(libcurl_load(NULL), 0);
	e = curl_easy_init();
	assert_non_null(e);
	assert_int_equal(curl_easy_setopt(e, CURLOPT_PRIVATE, &mine), CURLE_OK);
	assert_int_equal(curl_easy_getinfo(e, CURLINFO_PRIVATE, &kept), CURLE_OK);
	assert_ptr_equal(kept, &mine);
	assert_int_equal(curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, beyond_a_long_of_32_bits), CURLE_OK);
	assert_int_equal(curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)-2), CURLE_BAD_FUNCTION_ARGUMENT);
	assert_int_equal(curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, 30L), CURLE_OK);
	assert_int_equal(curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, -1L), CURLE_BAD_FUNCTION_ARGUMENT);

	assert_int_equal(curl_easy_setopt(e, CURLOPT_ERRORBUFFER, text), CURLE_OK);
	assert_int_equal(curl_easy_setopt(e, CURLOPT_URL, "file:///dev/null"), CURLE_OK);
	assert_int_equal(curl_easy_setopt(e, CURLOPT_UPLOAD, 1L), CURLE_OK);
	assert_int_equal(curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)0), CURLE_OK);
	assert_int_equal(curl_easy_setopt(e, CURLOPT_READFUNCTION, read_nothing), CURLE_OK);
	assert_int_equal(curl_easy_setopt(e, CURLOPT_READDATA, &mine), CURLE_OK);
	assert_int_equal(curl_easy_perform(e), CURLE_OK);
	assert_int_equal(was_read_by, 17);
	assert_int_equal(curl_easy_setopt(e, CURLOPT_URL, "no-such-scheme://x/"), CURLE_OK);
	assert_int_equal(curl_easy_perform(e), CURLE_UNSUPPORTED_PROTOCOL);
	assert_string_not_equal(text, "");
	curl_easy_cleanup(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_library_is_loaded_once_and_stays),
		cmocka_unit_test(a_library_that_is_not_there_says_what_to_install),
		cmocka_unit_test(a_library_without_a_function_is_named_with_it),
		cmocka_unit_test(a_library_that_is_too_old_is_named_with_its_version),
		cmocka_unit_test(options_of_each_type_arrive),
	};

	return cmocka_run_group_tests_name("libcurl", tests, NULL, NULL);
}

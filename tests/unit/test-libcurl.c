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

static struct {
	long number;
	curl_off_t offset;
	void *object;
	curl_write_callback function;
} heard;

/* As curl's own reads its arguments. */
static CURLcode hear_option(CURL *easy, CURLoption option, ...)
{
	va_list args;

	(void)easy;
	va_start(args, option);
	switch (option) {
	case CURLOPT_TIMEOUT_MS:
		heard.number = va_arg(args, long);
		break;
	case CURLOPT_INFILESIZE_LARGE:
		heard.offset = va_arg(args, curl_off_t);
		break;
	case CURLOPT_PRIVATE:
		heard.object = va_arg(args, void *);
		break;
	default:
		heard.function = va_arg(args, curl_write_callback);
	}
	va_end(args);
	return CURLE_UNKNOWN_OPTION;
}

static size_t take_nothing(char *data, size_t size, size_t n, void *ctx)
{
	(void)data;
	(void)size;
	(void)n;
	(void)ctx;
	return 0;
}

static void options_of_each_type_arrive_and_so_does_the_answer(void **state)
{
	int mine = 17;

	(void)state;
	assert_int_equal(libcurl_load(NULL), 0);
	libcurl.easy_setopt = hear_option;
	assert_int_equal(curl_easy_setopt(NULL, CURLOPT_TIMEOUT_MS, -5L), CURLE_UNKNOWN_OPTION);
	assert_int_equal(heard.number, -5);
	assert_int_equal(curl_easy_setopt(NULL, CURLOPT_INFILESIZE_LARGE, ((curl_off_t)1 << 40) + 3),
			 CURLE_UNKNOWN_OPTION);
	assert_true(heard.offset == ((curl_off_t)1 << 40) + 3);
	assert_int_equal(curl_easy_setopt(NULL, CURLOPT_PRIVATE, &mine), CURLE_UNKNOWN_OPTION);
	assert_ptr_equal(heard.object, &mine);
	assert_int_equal(curl_easy_setopt(NULL, CURLOPT_WRITEFUNCTION, take_nothing), CURLE_UNKNOWN_OPTION);
	assert_true(heard.function == take_nothing);
}

static void what_curl_says_of_a_transfer_arrives(void **state)
{
	void *kept = NULL;
	int mine = 17;
	CURL *e;

	(void)state;
	assert_int_equal(libcurl_load(NULL), 0);
	e = curl_easy_init();
	assert_non_null(e);
	assert_int_equal(curl_easy_setopt(e, CURLOPT_PRIVATE, &mine), CURLE_OK);
	assert_int_equal(curl_easy_getinfo(e, CURLINFO_PRIVATE, &kept), CURLE_OK);
	assert_ptr_equal(kept, &mine);
	curl_easy_cleanup(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_library_is_loaded_once_and_stays),
		cmocka_unit_test(a_library_that_is_not_there_says_what_to_install),
		cmocka_unit_test(a_library_without_a_function_is_named_with_it),
		cmocka_unit_test(a_library_that_is_too_old_is_named_with_its_version),
		cmocka_unit_test(what_curl_says_of_a_transfer_arrives),
		cmocka_unit_test(
			options_of_each_type_arrive_and_so_does_the_answer), /* the last: it replaces a function */
	};

	return cmocka_run_group_tests_name("libcurl", tests, NULL, NULL);
}

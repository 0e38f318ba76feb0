/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/sharedkey.h"

#define ACCOUNT "devstoreaccount1"
#define KEY "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
#define PAGE_URL "http://127.0.0.1:10000/devstoreaccount1/disks/disk.vhd?comp=page"

static const struct http_header put_page[] = {
	{ "x-ms-version", "2021-12-02" },
	{ "x-ms-range", "bytes=0-511" },
	{ "x-ms-date", "Sat, 21 Nov 2026 22:36:13 GMT" },
	{ "x-ms-page-write", "update" },
};

static struct sharedkey *emulators_key(void)
{
	CLEANUP(cleanup_secret) struct secret *s = secret_new(KEY, NULL);
	struct sharedkey *k = sharedkey_new(ACCOUNT, s, NULL);

	assert_non_null(k);
	return k;
}

static void a_put_page_that_the_emulator_accepts(void **state)
{
	CLEANUP(cleanup_sharedkey) struct sharedkey *k = emulators_key();
	CLEANUP_FREE char *text = sharedkey_string_to_sign(ACCOUNT, "PUT", PAGE_URL, put_page, 4, 512, NULL);
	CLEANUP_FREE char *value = sharedkey_authorization(k, "PUT", PAGE_URL, put_page, 4, 512, NULL);

	(void)state;
	assert_string_equal(text, "PUT\n\n\n512\n\n\n\n\n\n\n\n\nx-ms-date:Sat, 21 Nov 2026 22:36:13 GMT\n"
				  "x-ms-page-write:update\nx-ms-range:bytes=0-511\nx-ms-version:2021-12-02\n"
				  "/devstoreaccount1/devstoreaccount1/disks/disk.vhd\ncomp:page");
	assert_int_equal(strlen(text), 187);
	assert_string_equal(value, "SharedKey devstoreaccount1:NtfrXcwPH4GED1//AlZ4u2N0KryflA6PWvc/6n7rpog=");
}

static void every_line_has_its_place(void **state)
{
	const struct http_header headers[] = {
		{ "Range", "bytes=1-2" },
		{ "If-Unmodified-Since", "ius" },
		{ "If-None-Match", "*" },
		{ "If-Match", "\"0x1\"" },
		{ "If-Modified-Since", "ims" },
		{ "Date", "date" },
		{ "Content-Type", "a/b" },
		{ "Content-MD5", "md5" },
		{ "Content-Language", "cl" },
		{ "Content-Encoding", "ce" },
		{ "X-Ms-Meta-B", "  two   blanks\t here " },
		{ "x-ms-meta-A", "" },
		{ "User-Agent", "not signed" },
	};
	CLEANUP_FREE char *text = sharedkey_string_to_sign(
		"acct", "GET",
		"https://acct.blob.core.windows.net/c/d%20e.vhd?restype=z&COMP=list&include=b&include=a%2Cc&empty",
		headers, ARRAY_LEN(headers), 0, NULL);

	(void)state;
	assert_string_equal(text, "GET\nce\ncl\n\nmd5\na/b\ndate\nims\n\"0x1\"\n*\nius\nbytes=1-2\n"
				  "x-ms-meta-a:\nx-ms-meta-b:two blanks here\n"
				  "/acct/c/d%20e.vhd\ncomp:list\nempty:\ninclude:a,c,b\nrestype:z");
}

static void a_date_gives_way_to_x_ms_date_and_the_root_is_a_slash(void **state)
{
	const struct http_header headers[] = { { "Date", "d" }, { "x-ms-date", "x" } };
	CLEANUP_FREE char *text = sharedkey_string_to_sign("a", "GET", "https://a.example", headers, 2, 0, NULL);

	(void)state;
	assert_string_equal(text, "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:x\n/a/");
}

static void a_key_that_is_none_is_refused_without_showing_it(void **state)
{
	static const char *const keys[] = { "not base64!", "", "QUJ" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		CLEANUP(cleanup_secret) struct secret *s = secret_new(keys[i], NULL);
		struct error e = ERROR_INIT;

		assert_null(sharedkey_new("acct", s, &e));
		assert_error(&e, ERR_REFUSED, "key of account acct: not base64");
	}
}

/* HMAC hashes a key of more than 64 bytes first. */
static void a_key_longer_than_a_block_counts_whole(void **state)
{
	char key[137], other[137];
	CLEANUP(cleanup_secret) struct secret *s = NULL, *s2 = NULL;
	CLEANUP(cleanup_sharedkey) struct sharedkey *k = NULL, *k2 = NULL;
	CLEANUP_FREE char *a = NULL, *b = NULL;

	(void)state;
	memset(key, 'A', 136);
	memset(other, 'A', 136);
	key[136] = other[136] = '\0';
	other[130] = 'B';
	s = secret_new(key, NULL);
	s2 = secret_new(other, NULL);
	k = sharedkey_new("a", s, NULL);
	k2 = sharedkey_new("a", s2, NULL);
	a = sharedkey_authorization(k, "GET", "https://a/c", NULL, 0, 0, NULL);
	b = sharedkey_authorization(k2, "GET", "https://a/c", NULL, 0, 0, NULL);
	assert_non_null(a);
	assert_string_not_equal(a, b);
}

static void *sign_many(void *key)
{
	for (int i = 0; i < 200; i++) {
		CLEANUP_FREE char *value = sharedkey_authorization(key, "PUT", PAGE_URL, put_page, 4, 512, NULL);

		if (!value ||
		    strcmp(value, "SharedKey devstoreaccount1:NtfrXcwPH4GED1//AlZ4u2N0KryflA6PWvc/6n7rpog=") != 0)
			return key;
	}
	return NULL;
}

static void threads_share_a_key(void **state)
{
	CLEANUP(cleanup_sharedkey) struct sharedkey *k = emulators_key();
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sign_many, k), 0);
	for (size_t i = 0; i < 4; i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_put_page_that_the_emulator_accepts),
		cmocka_unit_test(every_line_has_its_place),
		cmocka_unit_test(a_date_gives_way_to_x_ms_date_and_the_root_is_a_slash),
		cmocka_unit_test(a_key_that_is_none_is_refused_without_showing_it),
		cmocka_unit_test(a_key_longer_than_a_block_counts_whole),
		cmocka_unit_test(threads_share_a_key),
	};

	return cmocka_run_group_tests_name("sharedkey", tests, NULL, NULL);
}

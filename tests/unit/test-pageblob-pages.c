/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "support/pageblob_codec.h"
#include "support/pageblob_pages.h"

#define K UINT64_C(1024)
#define TIB (K * K * K * K)

static void assert_next(const struct pageblob_pages *p, const struct pageblob_pages *prev, uint64_t since,
			uint64_t from, uint64_t start, uint64_t end, bool cleared)
{
	struct pageblob_range r;

	assert_true(pageblob_pages_next(p, prev, since, from, 8 * TIB, &r));
	assert_int_equal(r.start, start);
	assert_int_equal(r.end, end);
	assert_int_equal(r.cleared, cleared);
}

static void ranges_join_over_chunks_and_stop_at_gaps(void **state)
{
	struct pageblob_pages p = { 0 };
	struct pageblob_range r;
	uint8_t data[2048];

	(void)state;
	memset(data, 7, sizeof(data));
	pageblob_pages_write(&p, 64 * K - 1024, 2048, data, 1); /* in two chunks */
	pageblob_pages_write(&p, 8 * TIB - 512, 512, data, 2);
	assert_next(&p, NULL, 0, 0, 64 * K - 1024, 64 * K + 1024, false);
	assert_next(&p, NULL, 0, 64 * K, 64 * K, 64 * K + 1024, false);
	assert_next(&p, NULL, 0, 64 * K + 1024, 8 * TIB - 512, 8 * TIB, false);
	pageblob_pages_clear(&p, 64 * K - 512, 1024);
	assert_next(&p, NULL, 0, 0, 64 * K - 1024, 64 * K - 512, false);
	assert_next(&p, NULL, 0, 64 * K - 512, 64 * K + 512, 64 * K + 1024, false);
	pageblob_pages_clear(&p, 0, 8 * TIB);
	assert_false(pageblob_pages_next(&p, NULL, 0, 0, 8 * TIB, &r));
	assert_int_equal(p.n, 0);
	pageblob_pages_fini(&p);
}

static void a_copy_keeps_what_it_had_and_the_difference_names_the_rest(void **state)
{
	struct pageblob_pages p = { 0 }, old = { 0 };
	struct pageblob_range r;
	uint8_t data[1024], out[1024];

	(void)state;
	memset(data, 1, sizeof(data));
	pageblob_pages_write(&p, 0, 1024, data, 1);
	pageblob_pages_write(&p, 4096, 512, data, 2);
	pageblob_pages_copy(&old, &p);
	memset(data, 2, sizeof(data));
	pageblob_pages_write(&p, 512, 512, data, 3);
	pageblob_pages_clear(&p, 4096, 512);
	pageblob_pages_write(&p, TIB, 512, data, 4);
	pageblob_pages_read(&old, 0, 1024, out);
	assert_int_equal(out[512], 1);
	pageblob_pages_read(&p, 256, 512, out);
	assert_int_equal(out[255], 1);
	assert_int_equal(out[256], 2);
	pageblob_pages_read(&old, 4096, 512, out);
	assert_int_equal(out[0], 1);
	assert_next(&p, &old, 2, 0, 512, 1024, false);
	assert_next(&p, &old, 2, 1024, 4096, 4608, true);
	assert_next(&p, &old, 2, 4608, TIB, TIB + 512, false);
	assert_false(pageblob_pages_next(&p, &old, 2, TIB + 512, 8 * TIB, &r));
	pageblob_pages_fini(&p);
	pageblob_pages_fini(&old);
}

static void checksums_are_those_of_the_service(void **state)
{
	char text[PAGEBLOB_MD5_TEXT];
	uint8_t raw[16];

	(void)state;
	assert_true(pageblob_crc64("123456789", 9) == UINT64_C(0xae8b14860a799888));
	pageblob_crc64_text("", 0, text);
	assert_string_equal(text, "AAAAAAAAAAA=");
	pageblob_crc64_text("Hello Azure!", 12, text);
	assert_string_equal(text, "DtjZpL9/o8c=");
	pageblob_md5_text("", 0, text);
	assert_string_equal(text, "1B2M2Y8AsgTpgAmY7PhCfg==");
	assert_int_equal(pageblob_base64_decode(text, raw, sizeof(raw)), 16);
	assert_int_equal(pageblob_base64_decode("1B2M2Y8AsgTpgAmY7PhCfg=", raw, sizeof(raw)), -1);
	assert_int_equal(pageblob_base64_decode("1B2M2Y8A gTpgAmY7PhCfg==", raw, sizeof(raw)), -1);
	assert_int_equal(pageblob_base64_decode(text, raw, 15), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_join_over_chunks_and_stop_at_gaps),
		cmocka_unit_test(a_copy_keeps_what_it_had_and_the_difference_names_the_rest),
		cmocka_unit_test(checksums_are_those_of_the_service),
	};

	return cmocka_run_group_tests_name("pageblob-pages", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include "disk/inflate.h"
#include "support/scratch.h"

#define LEN ((size_t)10000)

static size_t compress(uint8_t *out, size_t cap, const uint8_t *in)
{
	struct libdeflate_compressor *c = libdeflate_alloc_compressor(6);
	size_t n;

	assert_non_null(c);
	n = libdeflate_zlib_compress(c, in, LEN, out, cap);
	assert_true(n > 0);
	libdeflate_free_compressor(c);
	return n;
}

static void streams_are_inflated_or_refused_as_a_whole(void **state)
{
	struct inflate_pool *p = inflate_pool_new(1000, NULL);
	static uint8_t in[2 * LEN], want[LEN], out[LEN + 1];
	struct inflater *inf = inflate_get(p, NULL);
	struct error e[4] = { ERROR_INIT };
	size_t n, got = 0;

	(void)state;
	pattern_fill(want, LEN, 0, 1);
	n = compress(in, sizeof(in), want);
	assert_non_null(inf);
	assert_int_equal(inf->in_cap, 1000);
	memset(inf->in, 1, inf->in_cap);
	assert_int_equal(inflate_zlib(inf, in, n, out, LEN, &got, NULL), 0);
	assert_int_equal(got, LEN);
	assert_memory_equal(out, want, LEN);
	assert_int_equal(inflate_zlib(inf, in, n, out, LEN + 1, &got, NULL), 0);
	assert_int_equal(got, LEN);
	assert_int_equal(inflate_zlib(inf, in, n, out, LEN - 1, &got, &e[0]), -1);
	assert_error(&e[0], ERR_CORRUPT, "inflates to more than 9999 bytes");
	assert_int_equal(inflate_zlib(inf, in, n - 1, out, LEN, &got, &e[1]), -1);
	assert_int_equal(e[1].code, ERR_CORRUPT);
	assert_non_null(strstr(e[1].msg, "no valid zlib stream in "));
	in[n - 1] ^= 1; /* Adler-32 */
	assert_int_equal(inflate_zlib(inf, in, n, out, LEN, &got, &e[2]), -1);
	assert_int_equal(e[2].code, ERR_CORRUPT);
	assert_int_equal(inflate_zlib(inf, in, 0, out, LEN, &got, &e[3]), -1);
	assert_error(&e[3], ERR_CORRUPT, "no valid zlib stream in 0 bytes");
	inflate_put(p, inf);
	inflate_pool_free(p);
}

static void what_was_given_back_is_lent_again(void **state)
{
	struct inflate_pool *p = inflate_pool_new(16, NULL);
	struct inflater *a = inflate_get(p, NULL), *b = inflate_get(p, NULL);

	(void)state;
	assert_true(a && b && a != b);
	inflate_put(p, a);
	assert_ptr_equal(inflate_get(p, NULL), a);
	inflate_put(p, b);
	inflate_put(p, a);
	inflate_pool_free(p);
	inflate_pool_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_are_inflated_or_refused_as_a_whole),
		cmocka_unit_test(what_was_given_back_is_lent_again),
	};

	return cmocka_run_group_tests_name("inflate", tests, NULL, NULL);
}

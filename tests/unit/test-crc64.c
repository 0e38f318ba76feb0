/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "net/crc64.h"

#define BIG ((size_t)4 << 20)

typedef uint64_t way_fn(uint64_t crc, const void *buf, size_t len);

/* The definition, bit by bit. */
static uint64_t by_definition(uint64_t crc, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	uint64_t c = ~crc;

	while (len--) {
		c ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ UINT64_C(0x9A6C9329AC4BC9B5) : c >> 1;
	}
	return ~c;
}

static size_t usable_ways(way_fn *out[4])
{
	size_t n = 0;

	out[n++] = crc64;
	out[n++] = crc64_portable;
#if defined(__x86_64__)
	if (__builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1"))
		out[n++] = crc64_pclmul;
	if (__builtin_cpu_supports("vpclmulqdq") && __builtin_cpu_supports("avx512f"))
		out[n++] = crc64_vpclmul;
#endif
	return n;
}

static void published_vectors_in_every_way(void **state)
{
	CLEANUP_FREE uint8_t *zeros = calloc(1, BIG);
	way_fn *ways[4];
	size_t n = usable_ways(ways);

	(void)state;
	assert_non_null(zeros);
	for (size_t i = 0; i < n; i++) {
		assert_true(ways[i](0, "", 0) == 0);
		assert_true(ways[i](0, "123456789", 9) == UINT64_C(0xAE8B14860A799888));
		assert_true(ways[i](0, "Hello Azure!", 12) == UINT64_C(0xC7A37FBFA4D9D80E));
		assert_true(ways[i](0, zeros, 512) == UINT64_C(0x1DE60E2868A782E9));
		assert_true(ways[i](0, zeros, BIG) == UINT64_C(0x043257E6895EFCED));
	}
}

static void all_ways_agree_at_any_length_start_and_split(void **state)
{
	CLEANUP_FREE uint8_t *buf = malloc(8192);
	way_fn *ways[4];
	size_t n = usable_ways(ways);
	uint64_t seed = 42;

	(void)state;
	assert_non_null(buf);
	for (size_t i = 0; i < 8192; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		buf[i] = (uint8_t)seed;
	}
	for (size_t len = 0; len < 1400; len++) {
		size_t off = len % 61, cut = len * 7919 % (len + 1);
		uint64_t want = by_definition(0, buf + off, len), head = by_definition(0, buf + off, cut);
		uint64_t tail = by_definition(0, buf + off + cut, len - cut);

		for (size_t i = 0; i < n; i++) {
			assert_true(ways[i](0, buf + off, len) == want);
			assert_true(ways[i](ways[i](0, buf + off, cut), buf + off + cut, len - cut) == want);
		}
		assert_true(crc64_combine(head, tail, len - cut) == want);
	}
	for (size_t len = 4000; len < 8000; len += 517)
		for (size_t i = 0; i < n; i++)
			assert_true(ways[i](0, buf + 3, len) == by_definition(0, buf + 3, len));
}

static void the_headers_value(void **state)
{
	static const struct {
		uint64_t crc;
		const char *text;
	} rows[] = {
		{ 0, "AAAAAAAAAAA=" },
		{ UINT64_C(0xAE8B14860A799888), "iJh5CoYUi64=" },
		{ UINT64_C(0xC7A37FBFA4D9D80E), "DtjZpL9/o8c=" },
		{ UINT64_C(0x1DE60E2868A782E9), "6YKnaCgO5h0=" },
		{ UINT64_C(0x043257E6895EFCED), "7fxeieZXMgQ=" },
	};
	struct error e = ERROR_INIT;
	char text[CRC64_HEADER_LEN];
	uint64_t crc = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		crc64_format(rows[i].crc, text);
		assert_string_equal(text, rows[i].text);
		assert_int_equal(crc64_parse(rows[i].text, &crc, NULL), 0);
		assert_true(crc == rows[i].crc);
	}
	assert_int_equal(crc64_parse("AAAA", &crc, &e), -1);
	assert_error(&e, ERR_CORRUPT, "crc64: 3 bytes, not 8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors_in_every_way),
		cmocka_unit_test(all_ways_agree_at_any_length_start_and_split),
		cmocka_unit_test(the_headers_value),
	};

	return cmocka_run_group_tests_name("crc64", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/md5_lanes.h"

typedef void way_fn(struct md5_body *bodies, size_t n);

static size_t usable_ways(way_fn *out[3])
{
	size_t n = 0;

	out[n++] = md5_lanes;
	out[n++] = md5_lanes_portable;
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx512vl"))
		out[n++] = md5_lanes_avx512;
#endif
	return n;
}

static uint64_t draw(uint64_t *seed, uint64_t below)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed % below;
}

static void assert_as_openssl(const struct md5_body *b)
{
	uint8_t expected[MD5_LEN];

	assert_int_equal(digest_md5(b->len ? b->data : "", b->len, expected, NULL), 0);
	assert_memory_equal(b->md5, expected, MD5_LEN);
}

static void published_vectors_in_every_way(void **state)
{
	static const struct {
		const char *text, *hex;
	} vectors[] = { /* RFC 1321 */
		{ "", "1B2M2Y8AsgTpgAmY7PhCfg==" },
		{ "a", "DMF1ucDxtqgxw5niaXcmYQ==" },
		{ "abc", "kAFQmDzST7DWlj99KOF/cg==" },
		{ "12345678901234567890123456789012345678901234567890123456789012345678901234567890", "V+30oivjyVWsSdouIQe2eg==" },
	};
	struct md5_body b[4];
	char text[BASE64_LEN(MD5_LEN)];
	way_fn *ways[3];
	size_t n = usable_ways(ways);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < 4; k++)
			b[k] = (struct md5_body){ .data = vectors[k].text, .len = strlen(vectors[k].text) };
		b[0].data = NULL;
		ways[i](b, 4);
		for (size_t k = 0; k < 4; k++) {
			base64_encode(b[k].md5, MD5_LEN, text);
			assert_string_equal(text, vectors[k].hex);
		}
	}
}

/* Every length around the padding's turns, each body in memory of its own so that a read behind its end is seen. */
static void every_length_up_to_a_few_blocks_is_as_openssl_has_it(void **state)
{
	enum { LENGTHS = 300 };
	struct md5_body b[LENGTHS];
	way_fn *ways[3];
	size_t n = usable_ways(ways);
	uint64_t seed = 7;

	(void)state;
	for (size_t k = 0; k < LENGTHS; k++) {
		uint8_t *data = malloc(k ? k : 1);

		assert_non_null(data);
		for (size_t i = 0; i < k; i++)
			data[i] = (uint8_t)draw(&seed, 256);
		b[k] = (struct md5_body){ .data = data, .len = k };
	}
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < LENGTHS; k++)
			memset(b[k].md5, 0, MD5_LEN);
		ways[i](b, LENGTHS);
		for (size_t k = 0; k < LENGTHS; k++)
			assert_as_openssl(&b[k]);
	}
	for (size_t k = 0; k < LENGTHS; k++)
		free((void *)(uintptr_t)b[k].data);
}

/* Fewer bodies than lanes and more, none, long beside short, at any alignment. */
static void any_number_length_and_start_is_as_openssl_has_it(void **state)
{
	enum { ROOM = 1 << 18, MOST = 20 };
	CLEANUP_FREE uint8_t *buf = malloc(ROOM);
	struct md5_body b[MOST];
	way_fn *ways[3];
	size_t n = usable_ways(ways);
	uint64_t seed = 20261122;

	(void)state;
	assert_non_null(buf);
	for (size_t i = 0; i < ROOM; i++)
		buf[i] = (uint8_t)draw(&seed, 256);
	for (unsigned round = 0; round < 60; round++) {
		size_t bodies = round % (MOST + 1);

		for (size_t k = 0; k < bodies; k++) {
			size_t len = draw(&seed, 4) == 0 ? draw(&seed, ROOM) : draw(&seed, 5000);

			b[k] = (struct md5_body){ .data = buf + draw(&seed, ROOM - len + 1), .len = len };
		}
		ways[round % n](b, bodies);
		for (size_t k = 0; k < bodies; k++)
			assert_as_openssl(&b[k]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors_in_every_way),
		cmocka_unit_test(every_length_up_to_a_few_blocks_is_as_openssl_has_it),
		cmocka_unit_test(any_number_length_and_start_is_as_openssl_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>
#include <xxhash.h>

#include "map/hasher.h"

static uint8_t content[1 << 16];
static uint8_t secret[HASHER_SECRET_LEN];

static int fill_content(void **state)
{
	uint64_t x = 88172645463325252u;

	(void)state;
	for (size_t i = 0; i < sizeof(content); i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		content[i] = (uint8_t)(x >> 32);
	}
	memcpy(secret, content + 1000, sizeof(secret));
	return 0;
}

static const size_t lengths[] = {
	0, 1, 3, 4, 8, 9, 16, 17, 128, 129, 240, 241, 512, 513, 1024, 4095, 4096, 65535, 65536
};

static void vector_code_agrees_with_plain_code(void **state)
{
	struct hasher h;

	(void)state;
	hasher_init(&h, secret);
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		XXH128_hash_t want = XXH3_128bits_withSecret(content, lengths[i], secret, sizeof(secret));
		struct block_hash got;

		hasher_hash(&h, content, lengths[i], &got);
		assert_int_equal(got.lo, want.low64);
		assert_int_equal(got.hi, want.high64);
		assert_int_equal(hasher_checksum(content, lengths[i], 7), XXH3_64bits_withSeed(content, lengths[i], 7));
		assert_int_equal(hasher_checksum(content, lengths[i], 0), XXH3_64bits(content, lengths[i]));
	}
}

static void another_secret_gives_another_hash(void **state)
{
	uint8_t other[HASHER_SECRET_LEN];
	struct hasher a, b;
	struct block_hash x, y;

	(void)state;
	memcpy(other, secret, sizeof(other));
	other[100] ^= 1;
	hasher_init(&a, secret);
	hasher_init(&b, other);
	hasher_hash(&a, content, sizeof(content), &x);
	hasher_hash(&b, content, sizeof(content), &y);
	assert_false(block_hash_equal(&x, &y));
}

static void every_byte_counts(void **state)
{
	struct block_hash before, after;
	struct hasher h;

	(void)state;
	hasher_init(&h, secret);
	hasher_hash(&h, content, 512, &before);
	for (size_t i = 0; i < 512; i++) {
		content[i] ^= 0x80;
		hasher_hash(&h, content, 512, &after);
		content[i] ^= 0x80;
		assert_false(block_hash_equal(&before, &after));
	}
}

static void users_see_what_xxhsum_prints(void **state)
{
	char hex[33];

	(void)state;
	hasher_plain_hex("", 0, hex); /* printf '' | xxhsum -H128 */
	assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");
	hasher_plain_hex("liftfs\n", 7, hex); /* echo liftfs | xxhsum -H128 */
	assert_string_equal(hex, "4ad7bcff38947f7cf4962ed28f49a874");
}

static void values_of_the_map_are_no_hashes(void **state)
{
	struct block_hash zero = { 0, 0 }, one = { 1, 0 }, big = { 1, 1 };

	(void)state;
	block_hash_fix(&zero);
	block_hash_fix(&one);
	block_hash_fix(&big);
	assert_int_equal(zero.lo, 2);
	assert_int_equal(one.lo, 2);
	assert_int_equal(big.lo, 1);
	assert_int_equal(big.hi, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vector_code_agrees_with_plain_code),
		cmocka_unit_test(another_secret_gives_another_hash),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(users_see_what_xxhsum_prints),
		cmocka_unit_test(values_of_the_map_are_no_hashes),
	};

	return cmocka_run_group_tests_name("hasher", tests, fill_content, NULL);
}

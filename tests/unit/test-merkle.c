/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "replicate/merkle.h"

/* RFC 9162's definition, word by word: split at the largest power of two below n. */
static void root_of(const uint8_t (*leaves)[MERKLE_HASH_LEN], uint64_t n, uint8_t out[MERKLE_HASH_LEN])
{
	uint8_t half[2][MERKLE_HASH_LEN];
	struct merkle two;
	uint64_t k = 1;

	if (n == 1) {
		memcpy(out, leaves[0], MERKLE_HASH_LEN);
		return;
	}
	while (2 * k < n)
		k *= 2;
	root_of(leaves, k, half[0]);
	root_of(leaves + k, n - k, half[1]);
	merkle_init(&two);
	assert_int_equal(merkle_add(&two, half[0], NULL), 0);
	assert_int_equal(merkle_add(&two, half[1], NULL), 0);
	assert_int_equal(merkle_root(&two, out, NULL), 0);
}

/* The vectors of Certificate Transparency's reference implementations. */
static void known_trees_have_known_roots(void **state)
{
	static const struct {
		uint8_t data[16];
		size_t len;
		const char *root; /* of the tree up to and with this leaf */
	} steps[] = {
		{ "", 0, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d" },
		{ { 0x00 }, 1, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125" },
		{ { 0x10 }, 1, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77" },
		{ { 0x20, 0x21 }, 2, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" },
		{ { 0x30, 0x31 }, 2, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4" },
		{ { 0x40, 0x41, 0x42, 0x43 }, 4, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef" },
	};
	uint8_t hash[MERKLE_HASH_LEN];
	char hex[65];
	struct merkle m;

	(void)state;
	merkle_init(&m);
	assert_int_equal(merkle_root(&m, hash, NULL), 0);
	merkle_hex(hash, hex);
	assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		assert_int_equal(merkle_leaf(steps[i].data, steps[i].len, hash, NULL), 0);
		assert_int_equal(merkle_add(&m, hash, NULL), 0);
		assert_int_equal(merkle_root(&m, hash, NULL), 0);
		merkle_hex(hash, hex);
		assert_string_equal(hex, steps[i].root);
	}
}

static void trees_of_any_size_follow_the_definition(void **state)
{
	static uint8_t leaves[70][MERKLE_HASH_LEN];
	uint8_t want[MERKLE_HASH_LEN], got[MERKLE_HASH_LEN];
	struct merkle m;

	(void)state;
	merkle_init(&m);
	for (uint8_t n = 0; n < ARRAY_LEN(leaves); n++) {
		assert_int_equal(merkle_leaf(&n, 1, leaves[n], NULL), 0);
		assert_int_equal(merkle_add(&m, leaves[n], NULL), 0);
		assert_int_equal(merkle_root(&m, got, NULL), 0);
		root_of((const uint8_t(*)[MERKLE_HASH_LEN])leaves, n + 1u, want);
		assert_memory_equal(got, want, MERKLE_HASH_LEN);
	}
	assert_int_equal(m.leaves, 70);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_trees_have_known_roots),
		cmocka_unit_test(trees_of_any_size_follow_the_definition),
	};

	return cmocka_run_group_tests_name("merkle", tests, NULL, NULL);
}

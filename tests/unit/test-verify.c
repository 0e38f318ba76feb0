/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "replicate/merkle.h"
#include "replicate/verify.h"
#include "support/model_disk.h"

#define MIB (UINT64_C(1) << 20)

static struct model_disk *pattern(uint64_t size)
{
	struct model_disk *m = model_disk_new(size);

	model_disk_fill(m, 0, size / 2, 3);
	model_disk_zero(m, size / 4, size / 8);
	return m;
}

static struct verify_result verify(struct model_disk *a, struct model_disk *b, struct verify_options opt)
{
	struct verify_result out = { 0 };
	struct error e = ERROR_INIT;

	if (verify_disks(a->disk, b->disk, &opt, &out, &e) < 0)
		fail_msg("%s", e.msg);
	return out;
}

static void assert_range(const struct verify_result *v, size_t i, uint64_t off, uint64_t len)
{
	assert_true(i < v->n_mismatches);
	assert_int_equal(v->mismatches[i].off, off);
	assert_int_equal(v->mismatches[i].len, len);
}

static void equal_disks_match_and_common_zeros_are_not_read(void **state)
{
	struct model_disk *a = pattern(40 * MIB), *b = pattern(40 * MIB);
	struct verify_result v;
	_Atomic uint64_t done = 0;

	(void)state;
	v = verify(a, b, (struct verify_options){ .threads = 3, .bytes_done = &done });
	assert_true(v.match && v.n_mismatches == 0 && !v.truncated);
	assert_int_equal(v.bytes_compared, 40 * MIB);
	assert_int_equal(done, 40 * MIB);
	assert_int_equal(a->bytes_read, 15 * MIB);
	assert_int_equal(b->bytes_read, 15 * MIB);
	assert_string_equal(v.sha256, "");
	verify_result_fini(&v);
	model_disk_free(a);
	model_disk_free(b);
}

static void differences_are_named_to_the_byte_and_merged(void **state)
{
	struct model_disk *a = pattern(40 * MIB), *b = pattern(40 * MIB);
	struct verify_result v;

	(void)state;
	b->bytes[0] ^= 1;
	for (uint64_t i = 4 * MIB - 3; i < 4 * MIB + 5; i++)
		b->bytes[i] ^= 1; /* over the end of a unit */
	b->bytes[39 * MIB + 1] ^= 1; /* where a is a hole */
	b->bytes[40 * MIB - 1] ^= 1;
	v = verify(a, b, (struct verify_options){ .threads = 4 });
	assert_false(v.match);
	assert_int_equal(v.n_mismatches, 4);
	assert_range(&v, 0, 0, 1);
	assert_range(&v, 1, 4 * MIB - 3, 8);
	assert_range(&v, 2, 39 * MIB + 1, 1);
	assert_range(&v, 3, 40 * MIB - 1, 1);
	verify_result_fini(&v);
	model_disk_free(a);
	model_disk_free(b);
}

/* Large reads or small ones, with the unit kept for the digests or not. */
static void ways_to_read_find_the_same(void **state)
{
	struct model_disk *a = pattern(20 * MIB), *b = pattern(20 * MIB);
	uint64_t expected[64], n = 0;

	(void)state;
	for (uint64_t at = 1000; at < 20 * MIB && n < ARRAY_LEN(expected); at += 333333) {
		b->bytes[at] ^= 1;
		expected[n++] = at;
	}
	for (unsigned way = 0; way < 4; way++) {
		struct verify_result v = verify(a, b, (struct verify_options){ .threads = 3, .digest = way & 1, .remote = way & 2 });

		assert_int_equal(v.n_mismatches, n);
		for (uint64_t i = 0; i < n; i++)
			assert_range(&v, i, expected[i], 1);
		verify_result_fini(&v);
	}
	model_disk_free(a);
	model_disk_free(b);
}

static void of_many_differences_the_first_thousand_are_named(void **state)
{
	struct model_disk *a = model_disk_new(16 * MIB), *b = model_disk_new(16 * MIB);
	struct verify_result v;

	(void)state;
	for (uint64_t i = 0; i < 999; i++)
		b->bytes[i * 8192] = 1;
	v = verify(a, b, (struct verify_options){ .threads = 4 });
	assert_true(v.n_mismatches == 999 && !v.truncated);
	verify_result_fini(&v);
	b->bytes[15 * MIB] = b->bytes[15 * MIB + 2] = 1;
	v = verify(a, b, (struct verify_options){ .threads = 4 });
	assert_true(v.n_mismatches == VERIFY_MISMATCHES_MAX && v.truncated && !v.match);
	for (uint64_t i = 0; i < 999; i++)
		assert_range(&v, i, i * 8192, 1);
	assert_range(&v, 999, 15 * MIB, 1);
	verify_result_fini(&v);
	model_disk_free(a);
	model_disk_free(b);
}

static void sizes_may_differ_by_zeros_unless_strict(void **state)
{
	struct model_disk *a = pattern(5 * MIB + 700), *b = model_disk_new(9 * MIB);
	struct verify_result v;

	(void)state;
	memcpy(b->bytes, a->bytes, a->size);
	v = verify(a, b, (struct verify_options){ .threads = 2 });
	assert_true(v.match);
	assert_true(v.size_a == a->size && v.size_b == b->size);
	assert_int_equal(v.bytes_compared, 9 * MIB);
	verify_result_fini(&v);
	v = verify(b, a, (struct verify_options){ .strict = true });
	assert_false(v.match);
	assert_int_equal(v.n_mismatches, 1);
	assert_range(&v, 0, 5 * MIB + 700, 4 * MIB - 700);
	verify_result_fini(&v);
	b->bytes[8 * MIB] = 1;
	v = verify(a, b, (struct verify_options){ .threads = 2 });
	assert_int_equal(v.n_mismatches, 1);
	assert_range(&v, 0, 8 * MIB, 1);
	verify_result_fini(&v);
	model_disk_free(a);
	model_disk_free(b);
}

static void reference_digests(const struct model_disk *m, char sha256[65], char root[65])
{
	uint8_t hash[MERKLE_HASH_LEN];
	struct merkle tree;

	assert_int_equal(EVP_Digest(m->bytes, m->size, hash, NULL, EVP_sha256(), NULL), 1);
	merkle_hex(hash, sha256);
	merkle_init(&tree);
	for (uint64_t off = 0; off < m->size; off += MERKLE_CHUNK) {
		uint64_t len = m->size - off < MERKLE_CHUNK ? m->size - off : MERKLE_CHUNK;

		assert_int_equal(merkle_leaf(m->bytes + off, len, hash, NULL), 0);
		assert_int_equal(merkle_add(&tree, hash, NULL), 0);
	}
	assert_int_equal(merkle_root(&tree, hash, NULL), 0);
	merkle_hex(hash, root);
}

static void digests_are_those_of_the_flat_content(void **state)
{
	static const uint64_t sizes[] = { 1, 512, MIB, MIB + 1, 4 * MIB, 4 * MIB + 512, 13 * MIB + 700, 33 * MIB };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		for (int larger = 0; larger < 2; larger++) {
			struct model_disk *a = pattern(sizes[i]);
			struct model_disk *b = model_disk_new(sizes[i] + (larger ? 6 * MIB : 0));
			char sha256[65], root[65];
			struct verify_result v;

			reference_digests(a, sha256, root);
			memcpy(b->bytes, a->bytes, a->size);
			v = verify(a, b, (struct verify_options){ .digest = true, .threads = 3 });
			assert_true(v.match);
			assert_string_equal(v.sha256, sha256);
			assert_string_equal(v.merkle_root, root);
			verify_result_fini(&v);
			v = verify(b, a, (struct verify_options){ .digest = true, .threads = 3 });
			reference_digests(b, sha256, root);
			assert_string_equal(v.sha256, sha256);
			assert_string_equal(v.merkle_root, root);
			verify_result_fini(&v);
			model_disk_free(a);
			model_disk_free(b);
		}
}

/* What one loop over both disks finds. */
static void assert_as_serially(const struct model_disk *a, const struct model_disk *b, const struct verify_result *v)
{
	uint64_t size = a->size > b->size ? a->size : b->size, both = a->size + b->size - size, from = 0;
	char sha256[65], root[65];
	bool before = false;
	size_t n = 0;

	reference_digests(a, sha256, root);
	assert_string_equal(v->sha256, sha256);
	assert_string_equal(v->merkle_root, root);
	assert_int_equal(v->bytes_compared, size);
	for (uint64_t off = 0; off <= size; off++) {
		while (!before && off + 4096 <= both && memcmp(a->bytes + off, b->bytes + off, 4096) == 0)
			off += 4096;

		bool differs = off < size && (off < a->size ? a->bytes[off] : 0) != (off < b->size ? b->bytes[off] : 0);

		if (differs && !before)
			from = off;
		if (before && !differs)
			assert_range(v, n++, from, off - from);
		before = differs;
	}
	assert_int_equal(v->n_mismatches, n);
	assert_int_equal(v->match, n == 0);
}

/* Data, zeros that are known and zeros that are not, in whole chunks and across their ends; a few bytes differ. */
static void scatter(struct model_disk *a, struct model_disk *b, uint64_t *random)
{
	for (unsigned i = 0; i < 6 && a->size > 0; i++) {
		uint64_t off = model_random(random) % a->size, len = model_random(random) % (3 * MIB);

		if (len > a->size - off)
			len = a->size - off;
		model_disk_fill(a, off, len, i);
		if (i % 2)
			memset(a->bytes + off, 0, (size_t)len);
		for (uint64_t grain = off / MODEL_GRAIN; i % 4 == 1 && grain < (off + len) / MODEL_GRAIN; grain++)
			a->known_zero[grain] = b->known_zero[grain] = false;
		memcpy(b->bytes + off, a->bytes + off, (size_t)len);
	}
	for (unsigned i = 0; i < 3 && b->size > 0; i++)
		model_disk_fill(b, model_random(random) % b->size, 1, 99);
	a->no_extents = model_random(random) % 4 == 0;
	b->no_extents = model_random(random) % 4 == 0;
}

static void any_number_of_threads_finds_what_one_loop_finds(void **state)
{
	static const uint64_t sizes[] = { 1, 511, MIB - 1, MIB, MIB + 1, 4 * MIB - 1, 4 * MIB + 1, 9 * MIB + 512, 33 * MIB + 3 };
	uint64_t random = 5;

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
		uint64_t size = sizes[i / 2], other = i % 2 ? size : size / 2 + 1;
		struct model_disk *a = model_disk_new(size), *b = model_disk_new(size);
		struct model_disk *c = model_disk_new(other);
		struct verify_options opt = { .digest = true, .threads = 1 + (unsigned)(17 - i) % 9, .remote = i % 3 == 0 };
		struct verify_result v;

		scatter(a, b, &random);
		model_disk_fill(c, 0, other, 7);
		v = verify(a, b, opt);
		assert_as_serially(a, b, &v);
		verify_result_fini(&v);
		v = verify(c, a, opt);
		assert_string_not_equal(v.sha256, "");
		assert_int_equal(v.bytes_compared, size);
		if (v.n_mismatches < VERIFY_MISMATCHES_MAX)
			assert_as_serially(c, a, &v);
		verify_result_fini(&v);
		model_disk_free(a);
		model_disk_free(b);
		model_disk_free(c);
	}
}

static void disks_of_no_bytes_have_the_digests_of_nothing(void **state)
{
	static const char nothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	struct model_disk *a = model_disk_new(0), *b = model_disk_new(5 * MIB);
	struct verify_result v;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		v = verify(a, i ? b : a, (struct verify_options){ .digest = true, .threads = 2 });
		assert_true(v.match);
		assert_int_equal(v.bytes_compared, i * 5 * MIB);
		assert_string_equal(v.sha256, nothing);
		assert_string_equal(v.merkle_root, nothing);
		verify_result_fini(&v);
	}
	model_disk_free(a);
	model_disk_free(b);
}

static void what_cannot_be_read_cannot_be_compared(void **state)
{
	struct model_disk *a = pattern(40 * MIB), *b = pattern(40 * MIB);
	struct verify_options opt = { .threads = 4, .digest = true };
	struct verify_result out = { .n_mismatches = 7 };
	struct error e = ERROR_INIT;
	struct cancel token;

	(void)state;
	b->fail_at = 6 * MIB;
	assert_int_equal(verify_disks(a->disk, b->disk, &opt, &out, &e), -1);
	assert_error(&e, ERR_CORRUPT, "model: broken");
	assert_int_equal(out.n_mismatches, 7); /* untouched */
	b->fail_at = UINT64_MAX;
	assert_int_equal(cancel_init(&token, NULL), 0);
	opt.cancel = a->cancel = &token;
	a->cancel_at = 2 * MIB;
	e = (struct error)ERROR_INIT;
	assert_int_equal(verify_disks(a->disk, b->disk, &opt, &out, &e), -1);
	assert_error(&e, ERR_CANCELLED, "stopped");
	cancel_fini(&token);
	model_disk_free(a);
	model_disk_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_disks_match_and_common_zeros_are_not_read),
		cmocka_unit_test(differences_are_named_to_the_byte_and_merged),
		cmocka_unit_test(ways_to_read_find_the_same),
		cmocka_unit_test(of_many_differences_the_first_thousand_are_named),
		cmocka_unit_test(sizes_may_differ_by_zeros_unless_strict),
		cmocka_unit_test(digests_are_those_of_the_flat_content),
		cmocka_unit_test(any_number_of_threads_finds_what_one_loop_finds),
		cmocka_unit_test(disks_of_no_bytes_have_the_digests_of_nothing),
		cmocka_unit_test(what_cannot_be_read_cannot_be_compared),
	};

	return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}

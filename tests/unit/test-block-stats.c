/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "guest/block_stats.h"

/* Steele's splitmix64: good in each bit, as a hash is. */
static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static void add(struct block_stats *s, uint64_t which)
{
	block_stats_add(s, mix(which), mix(~which));
}

static void what_fits_is_exact(void **state)
{
	CLEANUP(cleanup_block_stats) struct block_stats *s = block_stats_new(64, NULL);
	struct block_shares out;

	(void)state;
	block_stats_shares(s, &out);
	assert_true(out.blocks == 0 && out.duplicate == 0);
	for (uint64_t i = 0; i < 40; i++)
		add(s, i % 30);
	block_stats_add_zeros(s, 5);
	block_stats_shares(s, &out);
	assert_int_equal(out.blocks, 45);
	assert_int_equal(out.zero, 5);
	assert_int_equal(out.sampled, 40);
	assert_true(out.duplicate == 0.25 && out.error == 0);
}

/* Half of 200,000 blocks are the second of their kind; so few are kept that the answer is only about right. */
static void a_sample_is_right_within_the_error_it_names(void **state)
{
	CLEANUP(cleanup_block_stats) struct block_stats *s = block_stats_new(4096, NULL);
	struct block_shares out;
	double off;

	(void)state;
	for (uint64_t i = 0; i < 200000; i++)
		add(s, i % 100000);
	block_stats_shares(s, &out);
	off = out.duplicate > 0.5 ? out.duplicate - 0.5 : 0.5 - out.duplicate;
	assert_int_equal(out.blocks, 200000);
	assert_true(out.sampled > 1024 && out.sampled <= 2 * 3072);
	assert_true(out.error > 0.002 && out.error < 0.02);
	assert_true(off < 4 * out.error);
}

static void merged_is_as_if_one_had_seen_all(void **state)
{
	CLEANUP(cleanup_block_stats)
	struct block_stats *a = block_stats_new(256, NULL),
			   *b = block_stats_new(1024, NULL), *all = block_stats_new(256, NULL);
	struct block_shares out, want;

	(void)state;
	for (uint64_t i = 0; i < 3000; i++) {
		add(i % 2 ? a : b, i / 3);
		add(all, i / 3);
	}
	block_stats_add_zeros(b, 7);
	block_stats_add_zeros(all, 7);
	block_stats_merge(a, b);
	block_stats_shares(a, &out);
	block_stats_shares(all, &want);
	assert_int_equal(out.blocks, want.blocks);
	assert_int_equal(out.zero, 7);
	assert_int_equal(out.sampled, want.sampled);
	assert_true(out.duplicate == want.duplicate && out.error == want.error);
}

struct model {
	uint64_t reads;
};

/* Blocks 0 and 2 alike, 1 zero, known to be zero from 4 on; the last is short. */
static int model_read(void *ctx, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct model *m = ctx;

	(void)err;
	m->reads += len;
	for (size_t i = 0; i < len; i++) {
		uint64_t block = (off + i) / BLOCK_STATS_BLOCK;

		((uint8_t *)buf)[i] = block == 1 || block >= 4 ? 0 : block == 3 ? 3 : 1;
	}
	return 0;
}

static int model_extents(void *ctx, uint64_t len, uint64_t off, struct extent_list *out, struct error *err)
{
	uint64_t cut = 4 * BLOCK_STATS_BLOCK, data = off < cut ? (len < cut - off ? len : cut - off) : 0;

	(void)ctx;
	if (data && extent_list_add_run(out, off, data, EXTENT_DATA, 0, err) < 0)
		return -1;
	return len > data ? extent_list_add_run(out, off + data, len - data, EXTENT_ZERO, 0, err) : 0;
}

static void first_bytes(const void *ctx, const void *buf, size_t len, uint64_t *lo, uint64_t *hi)
{
	const uint8_t *p = buf;

	(void)ctx;
	*lo = mix(p[0]);
	*hi = mix(len);
}

static void a_disk_is_read_where_it_may_hold_data(void **state)
{
	static const struct disk_foreign_ops ops = { .format = "model", .read = model_read, .extents = model_extents };
	CLEANUP(cleanup_block_stats) struct block_stats *s = block_stats_new(64, NULL);
	struct model m = { 0 };
	CLEANUP(cleanup_disk) struct disk *d = disk_new_foreign("model", 6 * BLOCK_STATS_BLOCK + 512, &ops, &m, NULL);
	struct block_shares out;
	struct error e = ERROR_INIT;
	struct cancel c;

	(void)state;
	assert_int_equal(block_stats_scan(s, d, first_bytes, NULL, NULL, &e), 0);
	block_stats_shares(s, &out);
	assert_int_equal(out.blocks, 7);
	assert_int_equal(out.zero, 4);
	assert_int_equal(m.reads, 4 * BLOCK_STATS_BLOCK);
	assert_true(out.duplicate > 0.333 && out.duplicate < 0.334);
	assert_int_equal(cancel_init(&c, NULL), 0);
	cancel_set(&c, CANCEL_GENTLE);
	assert_int_equal(block_stats_scan(s, d, first_bytes, NULL, &c, &e), -1);
	assert_error(&e, ERR_CANCELLED, "stopped");
	cancel_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits_is_exact),
		cmocka_unit_test(a_sample_is_right_within_the_error_it_names),
		cmocka_unit_test(merged_is_as_if_one_had_seen_all),
		cmocka_unit_test(a_disk_is_read_where_it_may_hold_data),
	};

	return cmocka_run_group_tests_name("block-stats", tests, NULL, NULL);
}

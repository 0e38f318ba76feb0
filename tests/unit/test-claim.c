/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "replicate/engine_priv.h"
#include "support/scratch.h"

#define MIB (UINT64_C(1) << 20)
#define SIZE (UINT64_C(1) << 30)
#define UNITS (SIZE / ENGINE_UNIT)

/* A disk that is never read: data but for [zero_from, zero_to), and nobody knows what at bad_at. */
struct shape {
	uint64_t zero_from, zero_to, bad_at;
};

static int shape_extents(void *ctx, uint64_t len, uint64_t off, struct extent_list *out, struct error *err)
{
	const struct shape *s = ctx;
	uint64_t end = off + len, to;

	for (; off < end; off = to) {
		bool zero = off >= s->zero_from && off < s->zero_to;

		if (off == s->bad_at)
			return error_set(err, ERR_CORRUPT, "bad at %llu", (unsigned long long)off);
		to = zero ? s->zero_to : off < s->zero_from ? s->zero_from : end;
		to = off < s->bad_at && s->bad_at < to ? s->bad_at : to;
		to = to < end ? to : end;
		if (extent_list_add_run(out, off, to - off, zero ? EXTENT_ZERO : EXTENT_DATA, 0, err) < 0)
			return -1;
	}
	return 0;
}

static const struct disk_foreign_ops shape_ops = { .format = "shape", .extents = shape_extents };

struct bench {
	struct scratch_dir *dir;
	struct engine engine;
	struct pass_progress progress;
	struct pass pass;
	struct run run;
};

static void bench_init(struct bench *b, void **state, struct shape *shape, unsigned workers)
{
	const struct blockmap_header head = { .content_size = SIZE, .virtual_size = SIZE, .block_size = BLOCK_SIZE_MIN };

	*b = (struct bench){ .dir = *state, .engine = { .n_workers = workers } };
	b->pass.source = disk_new_foreign("shape", SIZE, &shape_ops, shape, NULL);
	b->pass.map = blockmap_create(b->dir->fd, "map", &head, NULL);
	assert_true(b->pass.source && b->pass.map);
	b->pass.progress = &b->progress;
	b->run = (struct run){ .e = &b->engine, .pass = &b->pass, .block_size = BLOCK_SIZE_MIN, .content_size = SIZE };
	b->run.blocks = SIZE / BLOCK_SIZE_MIN;
	zeros_init(&b->run.zeros, b->pass.source);
	pthread_mutex_init(&b->run.claim_lock, NULL);
}

static void bench_fini(struct bench *b)
{
	pthread_mutex_destroy(&b->run.claim_lock);
	zeros_fini(&b->run.zeros);
	blockmap_close(b->pass.map);
	disk_close(b->pass.source);
}

static void ranges_are_long_follow_each_other_and_get_shorter_at_the_end(void **state)
{
	struct shape shape = { .bad_at = UINT64_MAX };
	struct scan_range range = { 0 };
	uint64_t blk = 0;
	unsigned last = SCAN_RANGE_UNITS, ranges = 0;
	struct bench b;

	bench_init(&b, state, &shape, 2);
	while (claim_range(&b.run, &range, NULL) > 0) {
		assert_int_equal(range.at, 0);
		assert_in_range(range.n, 1, last);
		if ((UNITS - blk / SLOT_BLOCKS) >= 8 * SCAN_RANGE_UNITS)
			assert_int_equal(range.n, SCAN_RANGE_UNITS);
		for (unsigned i = 0; i < range.n; i++) {
			assert_int_equal(range.unit[i].blk, blk);
			assert_int_equal(range.unit[i].count, SLOT_BLOCKS);
			assert_int_equal(range.unit[i].zero_mask, 0);
			blk += range.unit[i].count;
		}
		last = range.n;
		ranges++;
	}
	assert_int_equal(blk, b.run.blocks);
	assert_int_equal(last, 1);
	assert_true(ranges < UNITS / 4);
	bench_fini(&b);
}

static void a_run_of_zeros_ends_a_range_whatever_its_length(void **state)
{
	struct shape shape = { .zero_from = 10 * MIB, .zero_to = 700 * MIB + BLOCK_SIZE_MIN, .bad_at = UINT64_MAX };
	struct scan_range range = { 0 };
	struct bench b;

	bench_init(&b, state, &shape, 1);
	assert_int_equal(claim_range(&b.run, &range, NULL), 1);
	assert_int_equal(range.n, 4);
	assert_int_equal(range.unit[2].count, 2 * MIB / BLOCK_SIZE_MIN); /* its zeros belong to the run */
	assert_true(range.unit[3].zero);
	assert_int_equal(range.unit[3].count, 690 * MIB / BLOCK_SIZE_MIN + 1);
	assert_int_equal(claim_range(&b.run, &range, NULL), 1);
	assert_int_equal(range.unit[0].blk, 700 * MIB / BLOCK_SIZE_MIN + 1);
	assert_int_equal(range.unit[0].count, SLOT_BLOCKS - 1); /* up to where units begin */
	bench_fini(&b);
}

static void what_is_bad_further_on_fails_only_when_it_comes_first(void **state)
{
	struct shape shape = { .zero_to = 8 * MIB, .bad_at = 2 * ZEROS_WINDOW }; /* in the midst of a range */
	struct scan_range range = { 0 };
	struct error e = ERROR_INIT;
	uint64_t blk = 0;
	struct bench b;
	int rc;

	bench_init(&b, state, &shape, 1);
	for (rc = 1; rc > 0;) {
		rc = claim_range(&b.run, &range, &e);
		if (rc > 0)
			blk = range.unit[range.n - 1].blk + range.unit[range.n - 1].count;
	}
	assert_int_equal(rc, -1);
	assert_int_equal(blk, 2 * ZEROS_WINDOW / BLOCK_SIZE_MIN);
	assert_error(&e, ERR_CORRUPT, "bad at 536870912");
	bench_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_long_follow_each_other_and_get_shorter_at_the_end),
		cmocka_unit_test(a_run_of_zeros_ends_a_range_whatever_its_length),
		cmocka_unit_test(what_is_bad_further_on_fails_only_when_it_comes_first),
	};

	return cmocka_run_group_tests_name("claim", tests, scratch_setup, scratch_teardown);
}

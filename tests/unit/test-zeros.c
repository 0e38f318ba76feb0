/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "replicate/zeros.h"

#define K64 (UINT64_C(64) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define SIZE (3 * GIB + 1000)

static unsigned asked;
static bool broken;

/* Data at 1 MiB for 64 KiB, at 5 MiB + 4096 for 10,000 bytes, and from 2 GiB - 64 KiB for 128 KiB; else zero. */
static const struct {
	uint64_t off, len;
} data[] = { { MIB, K64 }, { 5 * MIB + 4096, 10000 }, { 2 * GIB - K64, 2 * K64 } };

static int no_read(void *ctx, void *buf, size_t len, uint64_t off, struct error *err)
{
	(void)ctx;
	(void)buf;
	(void)len;
	(void)off;
	return error_set(err, ERR_BUG, "read");
}

static int extents(void *ctx, uint64_t len, uint64_t off, struct extent_list *out, struct error *err)
{
	uint64_t at = off, end = off + len;

	(void)ctx;
	asked++;
	if (broken)
		return error_set(err, ERR_CORRUPT, "table 7");
	for (size_t i = 0; i < ARRAY_LEN(data); i++) {
		uint64_t from = data[i].off > at ? data[i].off : at, to = data[i].off + data[i].len;

		if (to > end)
			to = end;
		if (from >= to)
			continue;
		if (from > at)
			assert_int_equal(extent_list_add_run(out, at, from - at, EXTENT_ZERO, 0, NULL), 0);
		assert_int_equal(extent_list_add_run(out, from, to - from, EXTENT_DATA, 0, NULL), 0);
		at = to;
	}
	if (at < end)
		assert_int_equal(extent_list_add_run(out, at, end - at, EXTENT_ZERO, 1, NULL), 0);
	return 0;
}

static const struct disk_foreign_ops ops = { .format = "model", .read = no_read, .extents = extents };

static int setup(void **state)
{
	asked = 0;
	broken = false;
	*state = disk_new_foreign("model", SIZE, &ops, NULL, NULL);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	disk_close(*state);
	return 0;
}

static void assert_run(struct zeros *z, uint64_t off, uint64_t limit, bool want_zero, uint64_t want_end)
{
	uint64_t end;
	bool zero;

	assert_int_equal(zeros_run(z, off, limit, &zero, &end, NULL), 0);
	assert_int_equal(zero, want_zero);
	assert_int_equal(end, want_end);
}

static void runs_reach_across_windows_and_beyond_the_end(void **state)
{
	struct zeros z;

	zeros_init(&z, *state);
	assert_run(&z, 0, 4 * GIB, true, MIB);
	assert_run(&z, MIB, 4 * GIB, false, MIB + K64);
	assert_run(&z, MIB + K64, 4 * GIB, true, 5 * MIB + 4096);
	assert_run(&z, 5 * MIB + 4096, 4 * GIB, false, 5 * MIB + 14096);
	assert_run(&z, 6 * MIB, 4 * GIB, true, 2 * GIB - K64);
	assert_run(&z, 2 * GIB - K64, 4 * GIB, false, 2 * GIB); /* data ends with its window */
	assert_run(&z, 2 * GIB, 4 * GIB, false, 2 * GIB + K64);
	assert_run(&z, 2 * GIB + K64, 3 * GIB + MIB, true, 3 * GIB + MIB);
	assert_run(&z, 3 * GIB + 2000, 3 * GIB + MIB, true, 3 * GIB + MIB);
	assert_run(&z, 2 * GIB + K64, 2 * GIB + MIB, true, 2 * GIB + MIB); /* limit; a step back */
	zeros_fini(&z);
}

static void each_window_is_asked_for_once(void **state)
{
	struct zeros z;

	zeros_init(&z, *state);
	assert_run(&z, 0, 4 * GIB, true, MIB);
	assert_run(&z, MIB, 4 * GIB, false, MIB + K64);
	assert_run(&z, 6 * MIB, 4 * GIB, true, 2 * GIB - K64);
	assert_run(&z, 2 * GIB - 2 * K64, 4 * GIB, true, 2 * GIB - K64);
	assert_int_equal(asked, 2 * GIB / ZEROS_WINDOW);
	zeros_fini(&z);
}

static void a_mask_has_the_blocks_that_are_zero_throughout(void **state)
{
	struct zeros z;
	uint64_t mask;

	zeros_init(&z, *state);
	assert_int_equal(zeros_mask(&z, 0, 4 * MIB, K64, 64, &mask, NULL), 0);
	assert_true(mask == ~(UINT64_C(1) << 16));
	assert_int_equal(zeros_mask(&z, 4 * MIB, 8 * MIB, MIB, 4, &mask, NULL), 0);
	assert_true(mask == 0xd);
	assert_int_equal(zeros_mask(&z, 5 * MIB + 3 * K64, 6 * MIB - 100, K64, 13, &mask, NULL), 0);
	assert_true(mask == 0x1fff); /* the last one is short */
	assert_int_equal(zeros_mask(&z, 5 * MIB, 5 * MIB + 5000, K64, 3, &mask, NULL), 0);
	assert_true(mask == 0);
	zeros_fini(&z);
}

static void a_broken_table_is_an_error_and_may_be_asked_again(void **state)
{
	struct error e = ERROR_INIT;
	struct zeros z;
	uint64_t end;
	bool zero;

	zeros_init(&z, *state);
	broken = true;
	assert_int_equal(zeros_run(&z, 0, GIB, &zero, &end, &e), -1);
	assert_error(&e, ERR_CORRUPT, "table 7");
	broken = false;
	assert_run(&z, 0, GIB, true, MIB);
	zeros_fini(&z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(runs_reach_across_windows_and_beyond_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(each_window_is_asked_for_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_mask_has_the_blocks_that_are_zero_throughout, setup, teardown),
		cmocka_unit_test_setup_teardown(a_broken_table_is_an_error_and_may_be_asked_again, setup, teardown),
	};

	return cmocka_run_group_tests_name("zeros", tests, NULL, NULL);
}

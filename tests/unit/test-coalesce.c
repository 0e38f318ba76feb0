/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/guid.h"
#include "base/io.h"
#include "map/coalesce.h"

#define BLOCK (UINT64_C(64) << 10)
#define BLOCKS 130

static uint8_t data[BLOCKS * BLOCK];
static struct coalesce_block blocks[BLOCKS];
static struct coalesce_op ops[BLOCKS];

/* One letter a block: '.' skip, 'w' write, 'W' write over known zero, 'c' clear. */
static struct coalesce_unit unit(const char *actions)
{
	struct coalesce_unit u = {
		.blocks = blocks, .n = strlen(actions), .off = 1 << 20, .block_size = BLOCK, .data = data
	};

	memset(data, 0, sizeof(data));
	for (size_t i = 0; i < u.n; i++) {
		blocks[i].blk = 16 + i;
		blocks[i].action = actions[i] == '.'   ? COALESCE_SKIP
				   : actions[i] == 'c' ? COALESCE_CLEAR
						       : COALESCE_WRITE;
		blocks[i].known_zero_before = actions[i] == 'W';
		if (actions[i] == 'w' || actions[i] == 'W')
			memset(data + i * BLOCK, 'x', BLOCK);
	}
	u.len = u.n * BLOCK;
	return u;
}

static void assert_op(const struct coalesce_op *op, size_t first, size_t n, bool clear)
{
	assert_int_equal(op->off, (1 << 20) + first * BLOCK);
	assert_int_equal(op->len, n * BLOCK);
	assert_ptr_equal(op->data, clear ? NULL : data + first * BLOCK);
	assert_int_equal(op->blk, 16 + first);
	assert_int_equal(op->count, n);
}

static void neighbours_join_and_skipped_blocks_part(void **state)
{
	struct coalesce_unit u = unit("ww.cc.wcw");

	(void)state;
	assert_int_equal(coalesce(&u, ops), 5);
	assert_op(&ops[0], 0, 2, false);
	assert_op(&ops[1], 3, 2, true);
	assert_op(&ops[2], 6, 1, false);
	assert_op(&ops[3], 7, 1, true);
	assert_op(&ops[4], 8, 1, false);
	u = unit("...");
	assert_int_equal(coalesce(&u, ops), 0);
	u = unit("");
	assert_int_equal(coalesce(&u, ops), 0);
}

static void writes_end_at_4_mib_and_clears_do_not(void **state)
{
	char actions[BLOCKS + 1] = { 0 };
	struct coalesce_unit u;

	(void)state;
	memset(actions, 'w', BLOCKS);
	u = unit(actions);
	assert_int_equal(coalesce(&u, ops), 3);
	assert_op(&ops[0], 0, 64, false);
	assert_op(&ops[1], 64, 64, false);
	assert_op(&ops[2], 128, 2, false);
	memset(actions, 'c', BLOCKS);
	u = unit(actions);
	assert_int_equal(coalesce(&u, ops), 1);
	assert_op(&ops[0], 0, BLOCKS, true);
}

static void zero_sectors_at_the_ends_stay_where_zero_was_known(void **state)
{
	struct coalesce_unit u = unit("WwW");

	(void)state;
	memset(data, 0, 1024);
	data[1023] = 1; /* a sector counts as a whole */
	memset(data + 3 * BLOCK - 512, 0, 512);
	memset(data + BLOCK + 512, 0, 4096); /* inside: sent */
	assert_int_equal(coalesce(&u, ops), 1);
	assert_int_equal(ops[0].off, (1 << 20) + 512);
	assert_int_equal(ops[0].len, 3 * BLOCK - 1024);
	assert_ptr_equal(ops[0].data, data + 512);
	assert_int_equal(ops[0].blk, 16);
	assert_int_equal(ops[0].count, 3);
	u = unit("wWw");
	memset(data, 0, BLOCK + 4096); /* unknown before: all of it goes */
	memset(data + 2 * BLOCK + 512, 0, BLOCK - 512);
	assert_int_equal(coalesce(&u, ops), 1);
	assert_op(&ops[0], 0, 3, false);
}

static void a_last_short_block_and_the_footer(void **state)
{
	struct coalesce_unit u = unit("Wc");

	(void)state;
	u.len = BLOCK + 4096;
	assert_int_equal(coalesce(&u, ops), 2);
	assert_op(&ops[0], 0, 1, false);
	assert_int_equal(ops[1].len, 4096);
	u = unit("w");
	u.len = 512;
	assert_int_equal(coalesce(&u, ops), 1);
	assert_int_equal(ops[0].len, 512);
}

static void zeros_over_known_zero_are_finished_by_a_clear(void **state)
{
	struct coalesce_unit u = unit("cWWc");

	(void)state;
	memset(data, 0, sizeof(data));
	assert_int_equal(coalesce(&u, ops), 1);
	assert_op(&ops[0], 0, 4, true);
}

static void clears_join_over_units(void **state)
{
	struct coalesce_op a = { .off = 0, .len = 512, .blk = 0, .count = 1 };
	struct coalesce_op b = { .off = 512, .len = 1024, .blk = 1, .count = 2 };
	struct coalesce_op far = { .off = 4096, .len = 512, .blk = 3, .count = 1 };
	struct coalesce_op write = { .off = 1536, .len = 512, .data = data, .blk = 3, .count = 1 };

	(void)state;
	assert_true(coalesce_join_clears(&a, &b));
	assert_int_equal(a.len, 1536);
	assert_int_equal(a.count, 3);
	assert_false(coalesce_join_clears(&a, &far));
	assert_false(coalesce_join_clears(&a, &write));
	assert_int_equal(a.len, 1536);
}

/* The oracle: a replica of bytes, on which the operations are played. */
static void random_units_leave_what_was_asked_for(void **state)
{
	enum { N = 40, SMALL = 4096 };
	static uint8_t replica[N * SMALL], want[N * SMALL], source[N * SMALL];

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct coalesce_unit u = {
			.blocks = blocks, .n = 1 + random_below(N), .block_size = SMALL, .data = source
		};
		uint64_t seen = 0;
		size_t n;

		u.len = (u.n - 1) * SMALL + 512 * (1 + random_below(8));
		memset(replica, 'r', sizeof(replica));
		memset(source, 0, sizeof(source));
		for (size_t i = 0; i < u.n; i++) {
			uint8_t *src = source + i * SMALL;

			blocks[i] =
				(struct coalesce_block){ .blk = i, .action = (enum coalesce_action)random_below(3) };
			blocks[i].known_zero_before = random_below(2);
			for (int k = (int)random_below(4); k > 0; k--)
				src[random_below(SMALL)] = 's';
			if (blocks[i].known_zero_before)
				memset(replica + i * SMALL, 0, SMALL);
		}
		memcpy(want, replica, sizeof(want));
		for (size_t i = 0; i < u.n; i++) {
			size_t len = i + 1 < u.n ? SMALL : u.len - i * SMALL;

			if (blocks[i].action == COALESCE_WRITE)
				memcpy(want + i * SMALL, source + i * SMALL, len);
			else if (blocks[i].action == COALESCE_CLEAR)
				memset(want + i * SMALL, 0, len);
		}
		n = coalesce(&u, ops);
		assert_true(n <= u.n);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal((ops[i].off | ops[i].len) % 512, 0);
			assert_true(ops[i].len > 0 && ops[i].off + ops[i].len <= u.len);
			if (ops[i].data) {
				assert_ptr_equal(ops[i].data, source + ops[i].off);
				memcpy(replica + ops[i].off, ops[i].data, ops[i].len);
			} else {
				memset(replica + ops[i].off, 0, ops[i].len);
			}
			for (uint64_t b = ops[i].blk; b < ops[i].blk + ops[i].count; b++) {
				assert_int_not_equal(blocks[b].action, COALESCE_SKIP);
				assert_false(seen >> b & 1);
				seen |= UINT64_C(1) << b;
			}
		}
		for (size_t i = 0; i < u.n; i++)
			assert_int_equal(seen >> i & 1, blocks[i].action != COALESCE_SKIP);
		assert_memory_equal(replica, want, sizeof(want));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_join_and_skipped_blocks_part),
		cmocka_unit_test(writes_end_at_4_mib_and_clears_do_not),
		cmocka_unit_test(zero_sectors_at_the_ends_stay_where_zero_was_known),
		cmocka_unit_test(a_last_short_block_and_the_footer),
		cmocka_unit_test(zeros_over_known_zero_are_finished_by_a_clear),
		cmocka_unit_test(clears_join_over_units),
		cmocka_unit_test(random_units_leave_what_was_asked_for),
	};

	return cmocka_run_group_tests_name("coalesce", tests, NULL, NULL);
}

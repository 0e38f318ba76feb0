/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "net/digest.h"
#include "target/md5_batch.h"

enum { OPS = 12, WINDOW = 8 };

static struct target_op ops[OPS];

static void add(struct md5_batch *b, unsigned n)
{
	md5_batch_init(b);
	memset(ops, 0, sizeof(ops));
	for (unsigned i = 0; i < n; i++)
		md5_batch_add(b, &ops[i]);
}

static void assert_list(const struct target_op *list, unsigned from, unsigned n)
{
	for (unsigned i = 0; i < n; i++, list = list->next)
		assert_ptr_equal(list, &ops[from + i]);
	assert_null(list);
}

static void few_wait_while_more_than_half_of_the_window_is_under_way(void **state)
{
	struct md5_batch b;

	(void)state;
	for (unsigned n = 1; n < MD5_BATCH_LEAST; n++) {
		add(&b, n);
		assert_null(md5_batch_take(&b, WINDOW, WINDOW));
		assert_null(md5_batch_take(&b, WINDOW / 2 + 1, WINDOW));
		assert_list(md5_batch_take(&b, WINDOW / 2, WINDOW), 0, n);
	}
}

static void nothing_waits_without_a_request_under_way(void **state)
{
	struct md5_batch b;

	(void)state;
	for (unsigned window = 1; window <= WINDOW; window++) {
		add(&b, 1);
		assert_list(md5_batch_take(&b, 0, window), 0, 1);
	}
}

static void a_good_number_does_not_wait(void **state)
{
	struct md5_batch b;

	(void)state;
	add(&b, MD5_BATCH_LEAST);
	assert_list(md5_batch_take(&b, WINDOW, WINDOW), 0, MD5_BATCH_LEAST);
	md5_batch_done(&b);
	assert_null(md5_batch_take(&b, 0, WINDOW));
}

static void one_batch_at_a_time_the_oldest_first(void **state)
{
	struct md5_batch b;

	(void)state;
	add(&b, OPS);
	assert_list(md5_batch_take(&b, WINDOW, WINDOW), 0, MD5_BATCH_MOST);
	assert_null(md5_batch_take(&b, 0, WINDOW));
	md5_batch_done(&b);
	assert_list(md5_batch_take(&b, 0, WINDOW), MD5_BATCH_MOST, OPS - MD5_BATCH_MOST);
	md5_batch_done(&b);
	assert_int_equal(b.n, 0);
	md5_batch_add(&b, &ops[3]);
	assert_list(md5_batch_take(&b, 0, WINDOW), 3, 1);
}

static void each_gets_the_text_of_its_own_md5(void **state)
{
	static uint8_t data[OPS][4096];
	char expected[BASE64_LEN(MD5_LEN)];

	(void)state;
	for (unsigned n = 1; n <= MD5_BATCH_MOST; n++) {
		struct md5_batch b;

		add(&b, n);
		for (unsigned i = 0; i < n; i++) {
			memset(data[i], (int)(n * 16 + i), sizeof(data[i]));
			ops[i].data = data[i];
			ops[i].len = 512 * (1 + (i * 3 + n) % 8);
		}
		md5_batch_make(md5_batch_take(&b, 0, WINDOW));
		for (unsigned i = 0; i < n; i++) {
			assert_int_equal(digest_md5_header(ops[i].data, ops[i].len, expected, NULL), 0);
			assert_string_equal(ops[i].sum, expected);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_wait_while_more_than_half_of_the_window_is_under_way),
		cmocka_unit_test(nothing_waits_without_a_request_under_way),
		cmocka_unit_test(a_good_number_does_not_wait),
		cmocka_unit_test(one_batch_at_a_time_the_oldest_first),
		cmocka_unit_test(each_gets_the_text_of_its_own_md5),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

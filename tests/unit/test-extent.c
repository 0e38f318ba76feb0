/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/extent.h"

#define LIST CLEANUP(cleanup_extent_list) struct extent_list

static void add_file(struct extent_list *list, uint64_t off, uint64_t len, uint32_t file, uint64_t file_off)
{
	struct extent e = { off, len, EXTENT_DATA, 0, file, file_off };

	assert_int_equal(extent_list_add(list, &e, NULL), 0);
}

static void neighbours_that_say_the_same_merge(void **state)
{
	LIST list = { 0 };

	(void)state;
	assert_int_equal(extent_list_add_run(&list, 512, 512, EXTENT_ZERO, 1, NULL), 0);
	assert_int_equal(extent_list_add_run(&list, 1024, 512, EXTENT_ZERO, 1, NULL), 0);
	assert_int_equal(list.n, 1);
	assert_true(list.v[0].off == 512 && list.v[0].len == 1024);
	assert_int_equal(list.v[0].file, EXTENT_NO_FILE);
	assert_int_equal(extent_list_add_run(&list, 1536, 512, EXTENT_ZERO, 2, NULL), 0); /* another depth */
	assert_int_equal(extent_list_add_run(&list, 2048, 512, EXTENT_DATA, 2, NULL), 0); /* another kind */
	assert_int_equal(list.n, 3);
}

static void host_file_ranges_merge_only_where_they_continue(void **state)
{
	LIST list = { 0 };

	(void)state;
	add_file(&list, 0, 4096, 0, 65536);
	add_file(&list, 4096, 4096, 0, 69632);
	assert_int_equal(list.n, 1);
	add_file(&list, 8192, 4096, 0, 65536); /* back to the beginning */
	assert_int_equal(list.n, 2);
	add_file(&list, 12288, 4096, 1, 69632); /* the right place in another file */
	assert_int_equal(list.n, 3);
	assert_int_equal(extent_list_add_run(&list, 16384, 4096, EXTENT_DATA, 0, NULL), 0); /* in no file */
	assert_int_equal(list.n, 4);
	add_file(&list, 20480, 4096, EXTENT_NO_FILE, 123);
	assert_int_equal(list.n, 4);
	assert_true(list.v[3].len == 8192 && list.v[3].file_off == 0);
}

static void gaps_overlaps_and_empty_ranges_are_refused(void **state)
{
	struct error e1 = ERROR_INIT, e2 = ERROR_INIT, e3 = ERROR_INIT, e4 = ERROR_INIT;
	LIST list = { 0 };

	(void)state;
	assert_int_equal(extent_list_add_run(&list, 0, 0, EXTENT_ZERO, 0, &e1), -1);
	assert_error(&e1, ERR_BUG, "extent 0+0: not a range of bytes");
	assert_int_equal(extent_list_add_run(&list, 4096, UINT64_MAX, EXTENT_ZERO, 0, &e2), -1);
	assert_error(&e2, ERR_BUG, "extent 0x1000+0xffffffffffffffff: not a range of bytes");
	assert_int_equal(extent_list_add_run(&list, 4096, 4096, EXTENT_ZERO, 0, NULL), 0);
	assert_int_equal(extent_list_add_run(&list, 12288, 4096, EXTENT_ZERO, 0, &e3), -1);
	assert_error(&e3, ERR_BUG, "extent at 0x3000: the list ends at 0x2000");
	assert_int_equal(extent_list_add_run(&list, 4096, 4096, EXTENT_ZERO, 0, &e4), -1);
	assert_error(&e4, ERR_BUG, "extent at 0x1000: the list ends at 0x2000");
	assert_true(list.n == 1 && list.v[0].len == 4096);
}

static void finds_what_holds_an_offset(void **state)
{
	LIST list = { 0 };

	(void)state;
	assert_null(extent_list_find(&list, 0));
	for (uint64_t i = 1; i <= 100; i++)
		assert_int_equal(extent_list_add_run(&list, i * 10, 10, i % 2 ? EXTENT_DATA : EXTENT_ZERO, 0, NULL), 0);
	assert_int_equal(list.n, 100);
	assert_null(extent_list_find(&list, 9));
	for (uint64_t off = 10; off < 1010; off++)
		assert_ptr_equal(extent_list_find(&list, off), &list.v[off / 10 - 1]);
	assert_null(extent_list_find(&list, 1010));
	assert_null(extent_list_find(&list, UINT64_MAX));
	/* Data at 10, zeros at 20, and so on up to 1010. */
	assert_true(extent_list_has_data(&list, 10, 1) && !extent_list_has_data(&list, 20, 10));
	assert_true(extent_list_has_data(&list, 19, 2) && extent_list_has_data(&list, 29, 2));
	assert_true(!extent_list_has_data(&list, 1000, 10) && extent_list_has_data(&list, 1000, 11));
}

static void counts_bytes_by_kind_and_starts_over(void **state)
{
	LIST list = { 0 };
	size_t cap;

	(void)state;
	assert_int_equal(extent_list_add_run(&list, 0, 100, EXTENT_DATA, 0, NULL), 0);
	assert_int_equal(extent_list_add_run(&list, 100, 20, EXTENT_ABSENT, 0, NULL), 0);
	assert_int_equal(extent_list_add_run(&list, 120, 3, EXTENT_DATA, 0, NULL), 0);
	assert_int_equal(extent_list_bytes(&list, EXTENT_DATA), 103);
	assert_int_equal(extent_list_bytes(&list, EXTENT_ABSENT), 20);
	assert_int_equal(extent_list_bytes(&list, EXTENT_ZERO), 0);
	cap = list.cap;
	extent_list_clear(&list);
	assert_int_equal(list.n, 0);
	assert_int_equal(list.cap, cap);
	assert_int_equal(extent_list_add_run(&list, 7000, 3, EXTENT_DATA, 0, NULL), 0); /* any beginning */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_that_say_the_same_merge),
		cmocka_unit_test(host_file_ranges_merge_only_where_they_continue),
		cmocka_unit_test(gaps_overlaps_and_empty_ranges_are_refused),
		cmocka_unit_test(finds_what_holds_an_offset),
		cmocka_unit_test(counts_bytes_by_kind_and_starts_over),
	};

	return cmocka_run_group_tests_name("extent", tests, NULL, NULL);
}

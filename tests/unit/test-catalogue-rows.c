/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assess/catalogue.h"
#include "assess/catalogue_rows.h"
#include "base/cleanup.h"
#include "base/compiler.h"
#include "base/io.h"
#include "support/assess_fixture.h"
#include "support/scratch.h"

static void cleanup_rows(struct catalogue_rows *r)
{
	catalogue_rows_fini(r);
}

static void read_text(const struct scratch_dir *dir, const char *text, struct catalogue_rows *out)
{
	struct error e = ERROR_INIT;

	scratch_write(dir, "rows.csv", text, strlen(text));
	if (catalogue_rows_read(out, dir->path, "rows.csv", &e) < 0)
		fail_msg("%s", e.msg);
}

static void assert_text(const struct catalogue_rows *r, const char *want)
{
	struct error e = ERROR_INIT;
	CLEANUP_FREE char *text = catalogue_rows_text(r, &e);

	assert_non_null(text);
	assert_string_equal(text, want);
}

static void what_is_shipped_comes_out_as_it_went_in(void **state)
{
	static const char *const renewed[] = { "azure-vm-sizes.csv", "azure-prices.csv" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(renewed); i++) {
		CLEANUP(cleanup_rows) struct catalogue_rows r = { .n = 0 };
		CLEANUP_FREE char *path = NULL, *text = NULL;
		struct error e = ERROR_INIT;
		char folder[4096];

		catalogue_path(folder);
		assert_true(asprintf(&path, "%s/%s", folder, renewed[i]) > 0);
		text = io_read_file(AT_FDCWD, path, 1 << 20, NULL, &e);
		assert_non_null(text);
		assert_int_equal(catalogue_rows_read(&r, folder, renewed[i], &e), 0);
		assert_text(&r, text);
	}
}

static void cells_are_changed_added_and_taken_away(void **state)
{
	static const bool gone[] = { true, false, false };
	CLEANUP(cleanup_rows) struct catalogue_rows r = { .n = 0 };
	struct error e = ERROR_INIT;

	read_text(*state, "a,b\n1,2\n3,\"x, \"\"y\"\"\"\n", &r);
	assert_int_equal(r.n, 2);
	assert_int_equal(catalogue_rows_column(&r, "b"), 1);
	assert_int_equal(catalogue_rows_column(&r, "c"), SIZE_MAX);
	assert_string_equal(catalogue_rows_get(&r, 1, 1), "x, \"y\"");
	assert_string_equal(catalogue_rows_get(&r, 1, SIZE_MAX), "");
	assert_int_equal(catalogue_rows_add(&r, &e), 0);
	assert_int_equal(catalogue_rows_set(&r, 2, 0, " =1+1", &e), 0);
	assert_int_equal(catalogue_rows_set(&r, 2, SIZE_MAX, "nowhere", &e), 0);
	catalogue_rows_drop(&r, gone);
	assert_text(&r, "a,b\n3,\"x, \"\"y\"\"\"\n\" =1+1\",\n");
}

static void rows_of_another_width_are_refused(void **state)
{
	const struct scratch_dir *dir = *state;
	CLEANUP(cleanup_rows) struct catalogue_rows r = { .n = 0 }, none = { .n = 0 };
	struct error e = ERROR_INIT;

	scratch_write(dir, "rows.csv", "a,b\n1,2\n3\n", 10);
	assert_int_equal(catalogue_rows_read(&r, dir->path, "rows.csv", &e), -1);
	assert_int_equal(e.code, ERR_CORRUPT);
	assert_non_null(strstr(e.msg, "/rows.csv:3: 1 cells; the header has 2"));
	e = (struct error)ERROR_INIT;
	scratch_write(dir, "rows.csv", "", 0);
	assert_int_equal(catalogue_rows_read(&none, dir->path, "rows.csv", &e), -1);
	assert_non_null(strstr(e.msg, "/rows.csv: empty"));
}

static void numbers_have_no_exponent(void **state)
{
	static const struct {
		double v;
		const char *text;
	} numbers[] = { { 0, "0" },         { 0.115, "0.115" }, { 172.0488, "172.0488" }, { 100, "100" },
			{ 1e-6, "0.000001" }, { 1e6, "1000000" }, { 41.811428, "41.811428" } };
	char text[CATALOGUE_DECIMAL_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		catalogue_decimal(numbers[i].v, text);
		assert_string_equal(text, numbers[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_shipped_comes_out_as_it_went_in),
		cmocka_unit_test_setup_teardown(cells_are_changed_added_and_taken_away, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(rows_of_another_width_are_refused, scratch_setup, scratch_teardown),
		cmocka_unit_test(numbers_have_no_exponent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "inventory/csv_table.h"
#include "support/machine_text.h"
#include "support/scratch.h"

static struct csv_table *open_text(const struct scratch_dir *dir, const char *text, size_t len, struct error *err)
{
	CLEANUP_FREE char *path = NULL;

	assert_true(asprintf(&path, "%s/t.csv", dir->path) > 0);
	scratch_write(dir, "t.csv", text, len);
	return csv_table_open(path, err);
}

static void headers_are_compared_without_what_releases_change(void **state)
{
	static const char header[] = "*Server  name,\xc2\xa0 CPUs\t,Capacity MiB,Size mb,\"In\nUse MiB\",Memory (In MB),MiB,cpus";
	struct error err = ERROR_INIT;
	CLEANUP(cleanup_csv_table) struct csv_table *t = open_text(*state, header, strlen(header), &err);

	assert_non_null(t);
	assert_int_equal(csv_table_column(t, "server name"), 0);
	assert_int_equal(csv_table_column(t, "cpus"), 1);
	assert_int_equal(csv_table_column(t, "capacity"), 2);
	assert_int_equal(csv_table_column(t, "size"), 3);
	assert_int_equal(csv_table_column(t, "in use"), 4);
	assert_int_equal(csv_table_column(t, "memory (in mb)"), 5);
	assert_int_equal(csv_table_column(t, "mib"), 6);
	assert_int_equal(csv_table_column(t, "none"), CSV_TABLE_NO_COLUMN);
}

static void short_rows_are_padded_and_disordered_ones_left_out(void **state)
{
	static const char text[] = "a,b,c\n1\n\n,,\n1,2,3,4\n5,6,7,,\n";
	static const struct csv_field fields[] = { { { "a" } }, { { "x", "c" } }, { { "none" } } };
	struct machine_notices notices = { .n = 0 };
	struct error err = ERROR_INIT;
	CLEANUP(cleanup_csv_table) struct csv_table *t = open_text(*state, text, strlen(text), &err);

	assert_non_null(t);
	t->notices = &notices;
	csv_table_bind(t, fields, ARRAY_LEN(fields));
	assert_int_equal(csv_table_next(t, &err), 1);
	assert_string_equal(csv_table_text(t, 0), "1");
	assert_string_equal(csv_table_text(t, 1), "");
	assert_string_equal(csv_table_text(t, 2), "");
	assert_int_equal(csv_table_next(t, &err), 1);
	assert_string_equal(csv_table_text(t, 0), "5");
	assert_string_equal(csv_table_text(t, 1), "7");
	assert_int_equal(csv_table_next(t, &err), 0);
	assert_int_equal(notices.n, 1);
	assert_string_equal(notices.v[0], "t.csv:5: left out: 4 cells under 3 columns");
	free(notices.v[0]);
	free(notices.v);
}

static void a_text_that_is_too_long_is_cut_between_characters(void **state)
{
	static const struct csv_field fields[] = { { { "note" } } };
	CLEANUP(cleanup_strbuf) struct strbuf text = { .len = 0 };
	struct machine_notices notices = { .n = 0 };
	struct error err = ERROR_INIT;
	CLEANUP(cleanup_csv_table) struct csv_table *t = NULL;
	CLEANUP_FREE char *note = NULL;

	strbuf_adds(&text, "Note\nx");
	while (text.len < MACHINE_TEXT_MAX + 100)
		strbuf_adds(&text, "\xe2\x82\xac");
	t = open_text(*state, text.s, text.len, &err);
	assert_non_null(t);
	t->notices = &notices;
	csv_table_bind(t, fields, 1);
	assert_int_equal(csv_table_next(t, &err), 1);
	assert_int_equal(csv_table_set(t, 0, &note, &err), 0);
	assert_int_equal(strlen(note), 1 + (MACHINE_TEXT_MAX - 1) / 3 * 3);
	assert_string_equal(note + strlen(note) - 3, "\xe2\x82\xac");
	assert_string_equal(notices.v[0], "t.csv:2: Note: a text of more than 32768 bytes is cut");
	free(notices.v[0]);
	free(notices.v);
}

static void what_a_message_shows_ends_with_a_character(void **state)
{
	char text[200];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(csv_table_shown(text), 64);
	memcpy(text + 62, "\xe2\x82\xac", 3);
	assert_int_equal(csv_table_shown(text), 62);
	memcpy(text + 61, "\xe2\x82\xacx", 4);
	assert_int_equal(csv_table_shown(text), 64);
	assert_int_equal(csv_table_shown("short"), 5);
}

static void a_file_without_a_line_is_no_table(void **state)
{
	struct error err = ERROR_INIT;

	assert_null(open_text(*state, "\n\n", 2, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "/t.csv: no line that names columns"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_compared_without_what_releases_change),
		cmocka_unit_test(short_rows_are_padded_and_disordered_ones_left_out),
		cmocka_unit_test(a_text_that_is_too_long_is_cut_between_characters),
		cmocka_unit_test(what_a_message_shows_ends_with_a_character),
		cmocka_unit_test(a_file_without_a_line_is_no_table),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}

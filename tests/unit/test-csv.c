/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "support/scratch.h"

/* All rows as "LINE:cell|cell" with LF after each, or NULL with the error. */
static char *rows_of(const struct scratch_dir *dir, const void *bytes, size_t len, char *delimiter, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf out = { 0 };
	CLEANUP(cleanup_csv) struct csv *c = NULL;
	struct csv_row row;
	int rc;

	scratch_write(dir, "f.csv", bytes, len);
	c = csv_open(dir->fd, "f.csv", err);
	if (!c)
		return NULL;
	*delimiter = csv_delimiter(c);
	while ((rc = csv_next(c, &row, err)) > 0) {
		strbuf_addf(&out, "%zu:", row.line);
		for (size_t i = 0; i < row.n; i++)
			strbuf_addf(&out, "%s%s", i ? "|" : "", row.cells[i]);
		strbuf_adds(&out, "\n");
	}
	return rc < 0 ? NULL : strbuf_take(&out, err);
}

static void check_rows(const struct scratch_dir *dir, const char *text, char delimiter, const char *rows)
{
	struct error err = ERROR_INIT;
	char found = 0;
	CLEANUP_FREE char *got = rows_of(dir, text, strlen(text), &found, &err);

	assert_string_equal(err.msg, "");
	assert_string_equal(got, rows);
	assert_int_equal(found, delimiter);
}

static void check_error(const struct scratch_dir *dir, const struct strbuf *b, const char *msg)
{
	struct error err = ERROR_INIT;
	char delimiter;

	assert_null(rows_of(dir, b->s, b->len, &delimiter, &err));
	assert_error(&err, ERR_CORRUPT, msg);
}

static void rows_come_with_the_line_that_they_begin_on(void **state)
{
	check_rows(*state, "", ',', "");
	check_rows(*state, "a,b\n1,2\n", ',', "1:a|b\n2:1|2\n");
	check_rows(*state, "a,b\r\n1,2\r\n3,4", ',', "1:a|b\n2:1|2\n3:3|4\n");
	check_rows(*state, "a,b\r1,2\r\r3,4\r", ',', "1:a|b\n2:1|2\n4:3|4\n");
	check_rows(*state, "\r\n\n  \na,b\n\n\n1,2\n", ',', "4:a|b\n7:1|2\n");
	check_rows(*state, "\"a\nb\r\nc\",d\n1,2\n", ',', "1:a\nb\r\nc|d\n4:1|2\n");
}

static void cells_are_taken_out_of_their_quotes(void **state)
{
	check_rows(*state, "a,\"b,c\",\"d\"\"e\",\"\"\n", ',', "1:a|b,c|d\"e|\n");
	check_rows(*state, " a , \" b \" ,c\n", ',', "1:a| b |c\n");
	check_rows(*state, "15\" rack,b\n1,2\n", ',', "1:15\" rack|b\n2:1|2\n");
	check_rows(*state, ",,\n", ',', "1:||\n");
}

static void the_delimiter_is_what_the_first_line_has_most_of_outside_quotes(void **state)
{
	check_rows(*state, "a;b;c,d\n1;2;3\n", ';', "1:a|b|c,d\n2:1|2|3\n");
	check_rows(*state, "\"a,,,,\";b\n", ';', "1:a,,,,|b\n");
	check_rows(*state, "a\tb\tc;\n\t\t\n", '\t', "1:a|b|c;\n2:||\n");
	check_rows(*state, "a,b;c\n", ',', "1:a|b;c\n");
	check_rows(*state, "a;b\tc\n", ';', "1:a|b\tc\n");
	check_rows(*state, "\n\n\"a\nb,,\";c\nd,e,f,g\n", ';', "3:a\nb,,|c\n5:d,e,f,g\n");
	check_rows(*state, "a\n", ',', "1:a\n");
}

static void utf_16_is_read_as_any_other(void **state)
{
	static const char text[] = "\xff\xfe" "a\0;\0b\0\r\0\n\0\xfc\0;\0" "2\0";
	struct error err = ERROR_INIT;
	char delimiter = 0;
	CLEANUP_FREE char *rows = rows_of(*state, text, sizeof(text) - 1, &delimiter, &err);

	assert_string_equal(rows, "1:a|b\n2:\xc3\xbc|2\n");
	assert_int_equal(delimiter, ';');
}

static void rows_across_pieces_of_the_file_stay_whole(void **state)
{
	CLEANUP(cleanup_csv) struct csv *c = NULL;
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	struct error err = ERROR_INIT;
	struct csv_row row;
	char want[64];

	for (int i = 0; i < 20000; i++)
		strbuf_addf(&b, "row %d,\"%d\r\n\"\r\n", i, i);
	scratch_write(*state, "f.csv", b.s, b.len);
	c = csv_open(((struct scratch_dir *)*state)->fd, "f.csv", &err);
	assert_non_null(c);
	for (int i = 0; i < 20000; i++) {
		assert_int_equal(csv_next(c, &row, &err), 1);
		assert_int_equal(row.line, 2 * i + 1);
		assert_int_equal(row.n, 2);
		snprintf(want, sizeof(want), "row %d", i);
		assert_string_equal(row.cells[0], want);
		snprintf(want, sizeof(want), "%d\r\n", i);
		assert_string_equal(row.cells[1], want);
	}
	assert_int_equal(csv_next(c, &row, &err), 0);
}

static void add_many(struct strbuf *b, const char *text, size_t n)
{
	while (n-- > 0)
		strbuf_adds(b, text);
}

static void a_cell_has_a_limit(void **state)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 }, fits = { 0 };
	struct error err = ERROR_INIT;
	CLEANUP_FREE char *rows = NULL;
	char delimiter;

	strbuf_adds(&fits, "a,b\n1,");
	add_many(&fits, "0123456789abcdef", CSV_CELL_MAX / 16 - 1);
	rows = rows_of(*state, fits.s, fits.len, &delimiter, &err);
	assert_string_equal(err.msg, "");
	assert_int_equal(strlen(rows), fits.len + strlen("1:2:\n"));
	strbuf_adds(&b, "a,b\n1,2\n3,");
	add_many(&b, "0123456789abcdef", CSV_CELL_MAX / 16);
	strbuf_adds(&b, ",4\n");
	check_error(*state, &b, "f.csv:3: column 2: a cell of 1 MiB or more, or a quote without an end");
}

static void a_row_has_a_limit(void **state)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };

	for (int i = 0; i < 9; i++) {
		add_many(&b, "0123456789abcde", (CSV_CELL_MAX - 64) / 15);
		strbuf_adds(&b, ",");
	}
	check_error(*state, &b, "f.csv:1: column 9: a row of more than 8 MiB");
}

static void columns_have_a_limit(void **state)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 }, fits = { 0 };
	struct error err = ERROR_INIT;
	CLEANUP_FREE char *rows = NULL;
	char delimiter;

	add_many(&fits, ",", CSV_COLUMNS_MAX - 1);
	rows = rows_of(*state, fits.s, fits.len, &delimiter, &err);
	assert_string_equal(err.msg, "");
	strbuf_adds(&b, "a\n");
	add_many(&b, ",", 100000);
	check_error(*state, &b, "f.csv:2: column 16385: more columns than the 16384 that a row may have");
}

static void what_is_no_text_is_told_with_its_place(void **state)
{
	CLEANUP(cleanup_strbuf) struct strbuf nul = { 0 }, quote = { 0 };

	strbuf_add(&nul, "a,b\n1,2\n3,\0\n", 12);
	check_error(*state, &nul, "f.csv:3: column 2: a NUL byte: not a text, or UTF-16 without its byte order mark");
	strbuf_adds(&quote, "a,b\n1,\"2\n3,4\n");
	check_error(*state, &quote, "f.csv:2: column 2: a quote without an end");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_come_with_the_line_that_they_begin_on),
		cmocka_unit_test(cells_are_taken_out_of_their_quotes),
		cmocka_unit_test(the_delimiter_is_what_the_first_line_has_most_of_outside_quotes),
		cmocka_unit_test(utf_16_is_read_as_any_other),
		cmocka_unit_test(rows_across_pieces_of_the_file_stay_whole),
		cmocka_unit_test(a_cell_has_a_limit),
		cmocka_unit_test(a_row_has_a_limit),
		cmocka_unit_test(columns_have_a_limit),
		cmocka_unit_test(what_is_no_text_is_told_with_its_place),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}

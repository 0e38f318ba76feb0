/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a sheet. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "inventory/xlsx_sheet.h"

#define ROWS_MAX 1048576 /* as a spreadsheet has */
#define NOTHING SIZE_MAX

struct xlsx_sheet {
	const struct xlsx *x;
	struct xlsx_part *part;
	char *name;
	size_t line;  /* of the present row */
	bool in_row;
	size_t column; /* of the present cell; before the first of a row: NOTHING, which one more makes 0 */
	char type[16]; /* of the present cell */
	size_t start;  /* of its text in buf */
	struct xlsx_text text;
	struct strbuf buf; /* the row's cells, each with its NUL */
	size_t n;
	size_t starts[CSV_COLUMNS_MAX]; /* in buf; NOTHING: an empty cell */
	char *cells[CSV_COLUMNS_MAX];
	char nothing[1]; /* an empty cell: nobody makes it longer */
};

struct xlsx_sheet *xlsx_sheet_open(const struct xlsx *x, size_t i, struct error *err)
{
	CLEANUP(cleanup_xlsx_sheet) struct xlsx_sheet *s = calloc(1, sizeof(*s));

	if (s)
		s->name = strdup(xlsx_sheet_name(x, i));
	if (!s || !s->name) {
		error_errno(err, ENOMEM, "%s", xlsx_path(x));
		return NULL;
	}
	s->x = x;
	s->part = xlsx_sheet_part(x, i, err);
	return s->part ? steal_ptr(&s) : NULL;
}

void xlsx_sheet_close(struct xlsx_sheet *s)
{
	if (!s)
		return;
	xlsx_part_close(s->part);
	strbuf_fini(&s->buf);
	free(s->name);
	free(s);
}

static int fail(const struct xlsx_sheet *s, const char *what, struct error *err)
{
	return error_set(err, ERR_CORRUPT, "%s: sheet %s: row %zu: %s", xlsx_path(s->x), s->name, s->line, what);
}

/* ---- cells ---- */

/* "AB12" is column 27; NOTHING: it is none. */
static size_t column_of(const char *reference)
{
	size_t column = 0;

	for (; *reference >= 'A' && *reference <= 'Z' && column <= CSV_COLUMNS_MAX; reference++)
		column = 26 * column + (size_t)(*reference - 'A') + 1;
	return column - 1;
}

static int begin_cell(struct xlsx_sheet *s, struct error *err)
{
	const char *text = xlsx_part_attribute(s->part, "r");

	s->column = text ? column_of(text) : s->column + 1;
	if (s->column >= CSV_COLUMNS_MAX)
		return fail(s, "a cell in no column that there can be", err);
	text = xlsx_part_attribute(s->part, "t");
	snprintf(s->type, sizeof(s->type), "%s", text ? text : "n");
	s->start = s->buf.len;
	s->text = (struct xlsx_text){ .inside = false };
	return 0;
}

static int take_shared(struct xlsx_sheet *s, struct error *err)
{
	const char *text = NULL;
	uint64_t i;

	strbuf_add(&s->buf, "", 1);
	if (!s->buf.failed && parse_u64(s->buf.s + s->start, SIZE_MAX, &i, NULL) == 0)
		text = xlsx_shared_text(s->x, (size_t)i);
	if (!s->buf.failed && !text)
		return fail(s, "a cell names a text that there is not", err);
	s->buf.len = s->start;
	strbuf_adds(&s->buf, text ? text : "");
	return 0;
}

static int end_cell(struct xlsx_sheet *s, struct error *err)
{
	if (s->buf.len > s->start && strcmp(s->type, "s") == 0) {
		if (take_shared(s, err) < 0)
			return -1;
	} else if (s->buf.len > s->start && strcmp(s->type, "b") == 0) {
		bool truth = s->buf.s[s->start] == '1';

		s->buf.len = s->start;
		strbuf_adds(&s->buf, truth ? "True" : "False");
	} else if (strcmp(s->type, "e") == 0) {
		s->buf.len = s->start;
	}
	strbuf_add(&s->buf, "", 1);
	for (; s->n <= s->column; s->n++)
		s->starts[s->n] = NOTHING;
	s->starts[s->column] = s->start;
	return 0;
}

static int check_room(const struct xlsx_sheet *s, struct error *err)
{
	if (s->buf.failed)
		return error_errno(err, ENOMEM, "%s: sheet %s: row %zu", xlsx_path(s->x), s->name, s->line);
	if (s->buf.len - s->start > CSV_CELL_MAX)
		return fail(s, "a cell of more than 1 MiB", err);
	return s->buf.len > CSV_ROW_MAX ? fail(s, "more than 8 MiB", err) : 0;
}

/* ---- rows ---- */

static int begin_row(struct xlsx_sheet *s, struct error *err)
{
	const char *text = xlsx_part_attribute(s->part, "r");
	uint64_t line = s->line + 1;

	if (text && parse_u64(text, ROWS_MAX, &line, NULL) < 0)
		return fail(s, "the number of the one that follows is none", err);
	if (line <= s->line || line > ROWS_MAX)
		return fail(s, "the one that follows does not follow", err);
	s->line = (size_t)line;
	s->in_row = true;
	s->column = NOTHING;
	s->start = s->buf.len = s->n = 0;
	return 0;
}

static int take_node(struct xlsx_sheet *s, struct error *err)
{
	if (xlsx_part_begins(s->part, "row"))
		return begin_row(s, err);
	if (!s->in_row)
		return 0;
	if (xlsx_part_begins(s->part, "c") && begin_cell(s, err) < 0)
		return -1;
	xlsx_text_take(&s->text, s->part, &s->buf);
	if (s->column != NOTHING && xlsx_part_ends(s->part, "c") && end_cell(s, err) < 0)
		return -1;
	return check_room(s, err);
}

static void tell(struct xlsx_sheet *s, struct csv_row *row)
{
	for (size_t i = 0; i < s->n; i++)
		s->cells[i] = s->starts[i] == NOTHING ? s->nothing : s->buf.s + s->starts[i];
	*row = (struct csv_row){ .line = s->line, .n = s->n, .cells = s->cells };
	s->in_row = false;
}

int xlsx_sheet_next(struct xlsx_sheet *s, struct csv_row *row, struct error *err)
{
	int rc;

	while ((rc = xlsx_part_next(s->part, err)) > 0) {
		if (take_node(s, err) < 0)
			return -1;
		if (s->in_row && xlsx_part_ends(s->part, "row") && s->n > 0) {
			tell(s, row);
			return 1;
		}
	}
	return rc;
}

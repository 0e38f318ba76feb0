/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "inventory/csv_table.h"

#define NUMBER_MAX 1e15 /* what is counted here is far less: a ZB in MiB */

/* ---- headers ---- */

static size_t blank(const char *p)
{
	if (isspace((unsigned char)*p))
		return 1;
	return strncmp(p, "\xc2\xa0", 2) == 0 ? 2 : 0;
}

static bool drop_end(char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	if (len <= n || strcmp(text + len - n, end) != 0)
		return false;
	text[len - n] = '\0';
	return true;
}

/* The form in which headers are compared; NULL without memory. */
static char *compared_form(const char *header)
{
	char *form = malloc(strlen(header) + 1);
	const char *p = header;
	size_t n = 0;

	if (!form)
		return NULL;
	while (blank(p))
		p += blank(p);
	p += *p == '*';
	while (*p) {
		size_t skip = blank(p);

		if (skip > 0) {
			if (n > 0 && form[n - 1] != ' ')
				form[n++] = ' ';
			p += skip;
		} else {
			form[n++] = (char)tolower((unsigned char)*p++);
		}
	}
	form[n] = '\0';
	drop_end(form, " ");
	if (!drop_end(form, " mib"))
		drop_end(form, " mb");
	return form;
}

static int next_row(struct csv_table *t, struct error *err)
{
	return t->csv ? csv_next(t->csv, &t->row, err) : xlsx_sheet_next(t->sheet, &t->row, err);
}

static int read_header(struct csv_table *t, struct error *err)
{
	int rc = next_row(t, err);

	if (rc <= 0)
		return rc < 0 ? -1 : error_set(err, ERR_CORRUPT, "%s: no line that names columns", t->path);
	t->headers = calloc(t->row.n, sizeof(*t->headers));
	t->compared = calloc(t->row.n, sizeof(*t->compared));
	if (!t->headers || !t->compared)
		return error_errno(err, ENOMEM, "%s: %zu columns", t->path, t->row.n);
	for (t->n = 0; t->n < t->row.n; t->n++) {
		t->headers[t->n] = strdup(t->row.cells[t->n]);
		t->compared[t->n] = compared_form(t->row.cells[t->n]);
		if (!t->headers[t->n] || !t->compared[t->n]) {
			free(t->headers[t->n]);
			free(t->compared[t->n]);
			return error_errno(err, ENOMEM, "%s: %zu columns", t->path, t->row.n);
		}
	}
	t->row.n = 0;
	return 0;
}

static struct csv_table *table_new(char *path, struct error *err)
{
	CLEANUP_FREE char *owned = path;
	struct csv_table *t = path ? calloc(1, sizeof(*t)) : NULL;

	if (!t) {
		error_errno(err, ENOMEM, "table");
		return NULL;
	}
	t->path = steal_ptr(&owned);
	return t;
}

struct csv_table *csv_table_open(const char *path, struct error *err)
{
	CLEANUP(cleanup_csv_table) struct csv_table *t = table_new(strdup(path), err);
	const char *slash = strrchr(path, '/');

	if (!t)
		return NULL;
	escape_visible(slash ? slash + 1 : path, t->name, sizeof(t->name));
	t->csv = csv_open(AT_FDCWD, path, err);
	if (!t->csv || read_header(t, err) < 0)
		return NULL;
	return steal_ptr(&t);
}

struct csv_table *csv_table_open_sheet(const struct xlsx *x, size_t i, struct error *err)
{
	const char *path = xlsx_path(x), *slash = strrchr(path, '/'), *sheet = xlsx_sheet_name(x, i);
	CLEANUP(cleanup_csv_table) struct csv_table *t = NULL;
	char *whole, name[2 * CSV_TABLE_NAME_MAX];

	if (asprintf(&whole, "%s: sheet %s", path, sheet) < 0)
		whole = NULL;
	t = table_new(whole, err);
	if (!t)
		return NULL;
	snprintf(name, sizeof(name), "%s %s", slash ? slash + 1 : path, sheet);
	escape_visible(name, t->name, sizeof(t->name));
	t->sheet = xlsx_sheet_open(x, i, err);
	if (!t->sheet || read_header(t, err) < 0)
		return NULL;
	return steal_ptr(&t);
}

void csv_table_close(struct csv_table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++) {
		free(t->headers[i]);
		free(t->compared[i]);
	}
	free(t->headers);
	free(t->compared);
	csv_close(t->csv);
	xlsx_sheet_close(t->sheet);
	free(t->path);
	free(t);
}

size_t csv_table_column(const struct csv_table *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->compared[i], name) == 0)
			return i;
	return CSV_TABLE_NO_COLUMN;
}

static size_t column_of(const struct csv_table *t, const struct csv_field *field)
{
	size_t column = CSV_TABLE_NO_COLUMN;

	for (size_t i = 0; i < CSV_TABLE_NAMES && field->names[i] && column == CSV_TABLE_NO_COLUMN; i++)
		column = csv_table_column(t, field->names[i]);
	return column;
}

bool csv_table_has(const struct csv_table *t, const struct csv_field *field)
{
	return column_of(t, field) != CSV_TABLE_NO_COLUMN;
}

void csv_table_bind(struct csv_table *t, const struct csv_field *fields, size_t n)
{
	assert(n <= CSV_TABLE_FIELDS);
	for (size_t i = 0; i < n; i++)
		t->columns[i] = column_of(t, &fields[i]);
}

/* ---- rows ---- */

static bool is_empty(const struct csv_row *row, size_t from)
{
	for (size_t i = from; i < row->n; i++)
		if (*row->cells[i])
			return false;
	return true;
}

int csv_table_next(struct csv_table *t, struct error *err)
{
	int rc;

	while ((rc = next_row(t, err)) > 0) {
		if (!is_empty(&t->row, t->n)) {
			machine_notice(t->notices, "%s:%zu: left out: %zu cells under %zu columns", t->name,
				       t->row.line, t->row.n, t->n);
			continue;
		}
		if (!is_empty(&t->row, 0))
			return 1;
	}
	return rc;
}

const char *csv_table_cell(const struct csv_table *t, size_t column)
{
	return column < t->row.n ? t->row.cells[column] : "";
}

const char *csv_table_text(const struct csv_table *t, size_t field)
{
	return csv_table_cell(t, t->columns[field]);
}

bool csv_table_truth(const struct csv_table *t, size_t field)
{
	return csv_truth(csv_table_text(t, field));
}

/* The last place at or before max at which a character begins. */
static size_t character_before(const char *text, size_t max)
{
	while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}

int csv_table_shown(const char *text)
{
	size_t len = strnlen(text, 65);

	return (int)(len <= 64 ? len : character_before(text, 64));
}

int csv_table_set(struct csv_table *t, size_t field, char **out, struct error *err)
{
	size_t column = t->columns[field];
	char *text;

	if (column >= t->row.n)
		return machine_set(out, NULL, err);
	text = t->row.cells[column];
	if (strlen(text) > MACHINE_TEXT_MAX) {
		text[character_before(text, MACHINE_TEXT_MAX)] = '\0';
		machine_notice(t->notices, "%s:%zu: %.*s: a text of more than %d bytes is cut", t->name, t->row.line,
			       csv_table_shown(t->headers[column]), t->headers[column], MACHINE_TEXT_MAX);
	}
	return machine_set(out, text, err);
}

static void refuse_cell(struct csv_table *t, size_t column, const char *what)
{
	const char *header = t->headers[column], *cell = t->row.cells[column];

	machine_notice(t->notices, "%s:%zu: %.*s: '%.*s' is not %s", t->name, t->row.line, csv_table_shown(header),
		       header, csv_table_shown(cell), cell, what);
}

void csv_table_refuse(struct csv_table *t, size_t field, const char *what)
{
	refuse_cell(t, t->columns[field], what);
}

struct machine_number csv_table_cell_number(struct csv_table *t, size_t column)
{
	struct machine_number number = { .known = false };

	if (!*csv_table_cell(t, column))
		return number;
	number.known = csv_number(t->row.cells[column], t->csv ? csv_delimiter(t->csv) : ',', &number.v);
	if (!number.known)
		refuse_cell(t, column, "a number");
	else if (number.v < 0 || number.v > NUMBER_MAX)
		refuse_cell(t, column, "a number of 0 to 1e15");
	else
		return number;
	return (struct machine_number){ .known = false };
}

struct machine_number csv_table_number(struct csv_table *t, size_t field)
{
	return csv_table_cell_number(t, t->columns[field]);
}

void csv_table_place(const struct csv_table *t, char out[CSV_TABLE_PLACE_MAX])
{
	snprintf(out, CSV_TABLE_PLACE_MAX, "%s:%zu", t->name, t->row.line);
}

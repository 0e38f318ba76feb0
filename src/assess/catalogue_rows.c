/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "assess/catalogue_rows.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assess/catalogue_table.h"
#include "base/cleanup.h"
#include "base/csv.h"
#include "base/strbuf.h"

static void free_row(const struct catalogue_rows *r, struct catalogue_row *row)
{
	for (size_t i = 0; row->cells && i < r->columns; i++)
		free(row->cells[i]);
	free(row->cells);
	row->cells = NULL;
}

void catalogue_rows_fini(struct catalogue_rows *r)
{
	free_row(r, &r->header);
	for (size_t i = 0; i < r->n; i++)
		free_row(r, &r->v[i]);
	free(r->v);
	*r = (struct catalogue_rows){ .n = 0 };
}

/* cells NULL: all of them empty. */
static int fill_row(const struct catalogue_rows *r, struct catalogue_row *row, char *const *cells, struct error *err)
{
	row->cells = calloc(r->columns, sizeof(*row->cells));
	if (!row->cells)
		return error_errno(err, ENOMEM, "catalogue");
	for (size_t i = 0; i < r->columns; i++) {
		row->cells[i] = strdup(cells ? cells[i] : "");
		if (!row->cells[i]) {
			free_row(r, row);
			return error_errno(err, ENOMEM, "catalogue");
		}
	}
	return 0;
}

static int append(struct catalogue_rows *r, char *const *cells, struct error *err)
{
	if (table_grow(&r->v, sizeof(*r->v), r->n, &r->cap, err) < 0 || fill_row(r, &r->v[r->n], cells, err) < 0)
		return -1;
	r->n++;
	return 0;
}

int catalogue_rows_read(struct catalogue_rows *r, const char *dir, const char *file, struct error *err)
{
	CLEANUP_FREE char *path = NULL;
	CLEANUP(cleanup_csv) struct csv *csv = NULL;
	struct csv_row row;
	int rc;

	if (asprintf(&path, "%s/%s", dir, file) < 0) {
		path = NULL;
		return error_errno(err, ENOMEM, "%s", file);
	}
	csv = csv_open(AT_FDCWD, path, err);
	if (!csv)
		return -1;
	rc = csv_next(csv, &row, err);
	if (rc <= 0)
		return rc < 0 ? -1 : error_set(err, ERR_CORRUPT, "%s: empty", path);
	r->columns = row.n;
	if (fill_row(r, &r->header, row.cells, err) < 0)
		return -1;
	while ((rc = csv_next(csv, &row, err)) > 0) {
		if (row.n != r->columns)
			return error_set(err, ERR_CORRUPT, "%s:%zu: %zu cells; the header has %zu", path, row.line, row.n,
					 r->columns);
		if (append(r, row.cells, err) < 0)
			return -1;
	}
	return rc;
}

size_t catalogue_rows_column(const struct catalogue_rows *r, const char *name)
{
	for (size_t i = 0; i < r->columns; i++)
		if (strcmp(r->header.cells[i], name) == 0)
			return i;
	return SIZE_MAX;
}

const char *catalogue_rows_get(const struct catalogue_rows *r, size_t row, size_t column)
{
	assert(row < r->n);
	return column == SIZE_MAX ? "" : r->v[row].cells[column];
}

int catalogue_rows_set(struct catalogue_rows *r, size_t row, size_t column, const char *text, struct error *err)
{
	char *copy;

	assert(row < r->n);
	if (column == SIZE_MAX)
		return 0;
	copy = strdup(text);
	if (!copy)
		return error_errno(err, ENOMEM, "catalogue");
	free(r->v[row].cells[column]);
	r->v[row].cells[column] = copy;
	return 0;
}

int catalogue_rows_add(struct catalogue_rows *r, struct error *err)
{
	return append(r, NULL, err);
}

void catalogue_rows_drop(struct catalogue_rows *r, const bool *gone)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (gone[i])
			free_row(r, &r->v[i]);
		else
			r->v[kept++] = r->v[i];
	}
	r->n = kept;
}

void catalogue_decimal(double v, char out[CATALOGUE_DECIMAL_LEN])
{
	size_t len = (size_t)snprintf(out, CATALOGUE_DECIMAL_LEN, "%.10f", v);

	assert(v >= 0 && len < CATALOGUE_DECIMAL_LEN);
	while (out[len - 1] == '0')
		len--;
	out[out[len - 1] == '.' ? len - 1 : len] = '\0';
}

/* Quotes where the reader needs them: it takes blanks at the ends away. */
static void put_cell(struct strbuf *b, const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || (!text[strcspn(text, ",\"\r\n")] && text[0] != ' ' && text[len - 1] != ' ')) {
		strbuf_adds(b, text);
		return;
	}
	strbuf_adds(b, "\"");
	for (; *text; text++)
		strbuf_add(b, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
	strbuf_adds(b, "\"");
}

static void put_row(const struct catalogue_rows *r, const struct catalogue_row *row, struct strbuf *b)
{
	for (size_t i = 0; i < r->columns; i++) {
		if (i > 0)
			strbuf_adds(b, ",");
		put_cell(b, row->cells[i]);
	}
	strbuf_adds(b, "\n");
}

char *catalogue_rows_text(const struct catalogue_rows *r, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };

	put_row(r, &r->header, &b);
	for (size_t i = 0; i < r->n; i++)
		put_row(r, &r->v[i], &b);
	return strbuf_take(&b, err);
}

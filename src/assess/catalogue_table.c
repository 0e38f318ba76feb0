/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assess/catalogue_table.h"
#include "base/checked.h"

#define COUNT_MAX 1000000

static const char *column_name(const struct table *t, size_t column)
{
	const char *name = t->columns[column];

	return *name == '?' ? name + 1 : name;
}

int table_bad(const struct table *t, size_t column, struct error *err, const char *fmt, ...)
{
	char msg[ERROR_MSG_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	return error_set(err, ERR_CORRUPT, "%s:%zu: %s: %s", t->path, t->row.line, column_name(t, column), msg);
}

/* ---- the header ---- */

static int find_column(const struct table *t, const char *name, size_t *at_out, struct error *err)
{
	*at_out = SIZE_MAX;
	for (size_t i = 0; i < t->row.n; i++) {
		if (strcmp(t->row.cells[i], name) != 0)
			continue;
		if (*at_out != SIZE_MAX)
			return error_set(err, ERR_CORRUPT, "%s:%zu: column '%s' twice", t->path, t->row.line, name);
		*at_out = i;
	}
	return 0;
}

static int read_header(struct table *t, struct error *err)
{
	int rc = csv_next(t->csv, &t->row, err);

	if (rc < 0)
		return -1;
	if (rc == 0)
		return error_set(err, ERR_CORRUPT, "%s: empty", t->path);
	t->width = t->row.n;
	for (size_t i = 0; t->columns[i]; i++) {
		assert(i < TABLE_COLUMNS_MAX);
		if (find_column(t, column_name(t, i), &t->at[i], err) < 0)
			return -1;
		if (t->at[i] == SIZE_MAX && t->columns[i][0] != '?')
			return error_set(err, ERR_CORRUPT, "%s:%zu: no column '%s'", t->path, t->row.line,
					 t->columns[i]);
	}
	if (csv_delimiter(t->csv) != ',')
		return error_set(err, ERR_CORRUPT, "%s:%zu: cells are not parted by commas", t->path, t->row.line);
	if (find_column(t, "as_of", &t->as_of_at, err) < 0)
		return -1;
	return find_column(t, "source", &t->source_at, err);
}

int table_open(struct table *t, const char *dir, const char *file, const char *const *columns, struct error *err)
{
	*t = (struct table){ .columns = columns };
	if (asprintf(&t->path, "%s/%s", dir, file) < 0) {
		t->path = NULL;
		return error_errno(err, ENOMEM, "%s", file);
	}
	t->csv = csv_open(AT_FDCWD, t->path, err);
	if (!t->csv || read_header(t, err) < 0) {
		table_close(t);
		return -1;
	}
	return 0;
}

void table_close(struct table *t)
{
	if (t->csv)
		csv_close(t->csv);
	free(t->path);
	*t = (struct table){ .path = NULL };
}

/* ---- rows ---- */

static bool digits(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isdigit((unsigned char)p[i]))
			return false;
	return true;
}

/* "2026-08-20" or "2026-08" anywhere in the text, if it is newer. */
static void note_age(struct table *t, size_t at)
{
	const char *text = at < t->row.n ? t->row.cells[at] : "";

	for (const char *p = text; *p; p++) {
		size_t len;

		if (!digits(p, 4) || (p > text && digits(p - 1, 1)) || p[4] != '-' || !digits(p + 5, 2))
			continue;
		len = p[7] == '-' && digits(p + 8, 2) ? 10 : 7;
		if (!digits(p + len, 1) && strncmp(p, t->as_of, len) > 0) {
			memcpy(t->as_of, p, len);
			t->as_of[len] = '\0';
		}
	}
}

int table_next(struct table *t, struct error *err)
{
	int rc = csv_next(t->csv, &t->row, err);

	if (rc <= 0)
		return rc;
	if (t->row.n != t->width)
		return error_set(err, ERR_CORRUPT, "%s:%zu: %zu cells; the header has %zu", t->path, t->row.line,
				 t->row.n, t->width);
	if (++t->rows > TABLE_ROWS_MAX)
		return error_set(err, ERR_CORRUPT, "%s:%zu: more than %d rows", t->path, t->row.line, TABLE_ROWS_MAX);
	note_age(t, t->as_of_at);
	note_age(t, t->source_at);
	return 1;
}

/* ---- cells ---- */

const char *table_text(const struct table *t, size_t column)
{
	return t->at[column] == SIZE_MAX ? "" : t->row.cells[t->at[column]];
}

int table_copy(const struct table *t, size_t column, char **out, struct error *err)
{
	char *copy = strdup(table_text(t, column));

	if (!copy)
		return error_errno(err, ENOMEM, "%s", t->path);
	*out = copy;
	return 0;
}

int table_number(const struct table *t, size_t column, double *out, struct error *err)
{
	const char *text = table_text(t, column);
	size_t whole = strspn(text, "0123456789"), len = whole;

	if (text[len] == '.')
		len += 1 + strspn(text + len + 1, "0123456789");
	if (whole == 0 || text[len] || text[len - 1] == '.' || len > 30 || !csv_number(text, ',', out))
		return table_bad(t, column, err, "'%s' is not a number such as 12 or 0.25", text);
	return 0;
}

int table_count(const struct table *t, size_t column, unsigned least, unsigned *out, struct error *err)
{
	const char *text = table_text(t, column);
	double v;

	if (!*text || text[strspn(text, "0123456789")] || !csv_number(text, ',', &v) || v < least || v > COUNT_MAX)
		return table_bad(t, column, err, "'%s' is not a whole number from %u to %d", text, least, COUNT_MAX);
	*out = (unsigned)v;
	return 0;
}

int table_word(const struct table *t, size_t column, const char *const *words, unsigned *out, struct error *err)
{
	const char *text = table_text(t, column);
	char all[ERROR_HEAD_MAX] = "";
	size_t len = 0;

	for (unsigned i = 0; words[i]; i++) {
		if (strcmp(text, words[i]) == 0) {
			*out = i;
			return 0;
		}
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", i ? ", " : "",
					*words[i] ? words[i] : "empty");
		assert(len < sizeof(all));
	}
	return table_bad(t, column, err, "'%s' is none of: %s", text, all);
}

int table_yes(const struct table *t, size_t column, bool *out, struct error *err)
{
	static const char *const words[] = { "no", "yes", NULL };
	unsigned i;

	if (table_word(t, column, words, &i, err) < 0)
		return -1;
	*out = i == 1;
	return 0;
}

int table_grow(void *vec, size_t size, size_t n, size_t *cap, struct error *err)
{
	size_t more = *cap ? 2 * *cap : 32;
	void *old, *v;

	if (n < *cap)
		return 0;
	memcpy(&old, vec, sizeof(old));
	v = reallocarray(old, more, size);
	if (!v)
		return error_errno(err, ENOMEM, "catalogue");
	memcpy(vec, &v, sizeof(v));
	*cap = more;
	return 0;
}

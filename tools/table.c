/* SPDX-License-Identifier: Apache-2.0 */
/* Tables on standard output, through libsmartcols. */
#include <config.h>

#include <libsmartcols.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "output.h"

#define SEPARATOR "  "
#define CUT_TO 16 /* what of a column that is cut must be seen */

struct table {
	struct libscols_table *tb;
};

static int no_memory(struct error *err)
{
	return error_set(err, ERR_NOMEM, "no memory for a table");
}

struct table *table_new(enum output_when color, struct error *err)
{
	CLEANUP(cleanup_table) struct table *t = calloc(1, sizeof(*t));

	if (t)
		t->tb = scols_new_table();
	if (!t || !t->tb || scols_table_enable_colors(t->tb, output_colors(color)) != 0 ||
	    scols_table_set_column_separator(t->tb, SEPARATOR) != 0) {
		no_memory(err);
		return NULL;
	}
	return steal_ptr(&t);
}

int table_column(struct table *t, const char *heading, bool right, struct error *err)
{
	return table_column_fit(t, heading, right ? TABLE_RIGHT : TABLE_LEFT, err);
}

int table_column_fit(struct table *t, const char *heading, enum table_fit fit, struct error *err)
{
	static const int flags[] = { [TABLE_LEFT] = 0, [TABLE_RIGHT] = SCOLS_FL_RIGHT, [TABLE_CUT] = SCOLS_FL_TRUNC };

	return scols_table_new_column(t->tb, heading, 0, flags[fit]) ? 0 : no_memory(err);
}

int table_row(struct table *t, const char *const *cells, unsigned n, struct error *err)
{
	struct libscols_line *line = scols_table_new_line(t->tb, NULL);

	if (!line)
		return no_memory(err);
	for (unsigned i = 0; i < n; i++) {
		CLEANUP_FREE char *shown = cells[i] ? escape_shown(cells[i], err) : NULL;

		if (cells[i] && !shown)
			return -1;
		if (shown && scols_line_set_data(line, i, shown) != 0)
			return no_memory(err);
	}
	return 0;
}

int table_mark(struct table *t, struct error *err)
{
	struct libscols_line *line = scols_table_get_line(t->tb, scols_table_get_nlines(t->tb) - 1);

	return line && scols_line_set_color(line, "red") == 0 ? 0 : no_memory(err);
}

/* Characters, where they are UTF-8; a wide one counts for one. */
static size_t characters(const char *s)
{
	size_t n = 0;

	for (; s && *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

/* What each column takes, and all of them with what parts them. */
static size_t find_widths(const struct table *t, size_t *widths, struct libscols_iter *lines)
{
	size_t n = scols_table_get_ncols(t->tb), all = 0;
	struct libscols_line *line;

	for (size_t c = 0; c < n; c++)
		widths[c] = characters(scols_cell_get_data(scols_column_get_header(scols_table_get_column(t->tb, c))));
	while (scols_table_next_line(t->tb, lines, &line) == 0)
		for (size_t c = 0; c < n; c++) {
			size_t width = characters(scols_cell_get_data(scols_line_get_cell(line, c)));

			widths[c] = width > widths[c] ? width : widths[c];
		}
	for (size_t c = 0; c < n; c++) {
		bool cut = scols_column_get_flags(scols_table_get_column(t->tb, c)) & SCOLS_FL_TRUNC;

		widths[c] = cut && widths[c] > CUT_TO ? CUT_TO : widths[c];
		all += widths[c] + (c > 0 ? strlen(SEPARATOR) : 0);
	}
	return all;
}

int table_give_up(struct table *t, const unsigned *columns, unsigned n, struct error *err)
{
	CLEANUP_FREE size_t *widths = calloc(scols_table_get_ncols(t->tb) + 1, sizeof(*widths));
	struct libscols_iter *lines = scols_new_iter(SCOLS_ITER_FORWARD);
	size_t need;

	if (!widths || !lines) {
		scols_free_iter(lines);
		return no_memory(err);
	}
	need = find_widths(t, widths, lines);
	scols_free_iter(lines);
	for (unsigned i = 0; i < n && isatty(STDOUT_FILENO) && need > scols_table_get_termwidth(t->tb); i++) {
		struct libscols_column *column = scols_table_get_column(t->tb, columns[i]);

		need -= widths[columns[i]] + strlen(SEPARATOR);
		if (scols_column_set_flags(column, scols_column_get_flags(column) | SCOLS_FL_HIDDEN) != 0)
			return no_memory(err);
	}
	return 0;
}

int table_print(struct table *t, struct error *err)
{
	int rc = scols_print_table(t->tb);

	/* what could not be written is told once, at the end: tool_end() */
	return rc != 0 && !ferror(stdout) ? error_errno(err, -rc, "table") : 0;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	scols_unref_table(t->tb);
	free(t);
}

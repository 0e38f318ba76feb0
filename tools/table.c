/* SPDX-License-Identifier: Apache-2.0 */
/* Tables on standard output, through libsmartcols. */
#include <config.h>

#include <libsmartcols.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "output.h"

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
	    scols_table_set_column_separator(t->tb, "  ") != 0) {
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

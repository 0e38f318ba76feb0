/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV that somebody else wrote, read by libcsv a row at a time; what a row and a cell may take is limited, and so is
 * what a file of any size takes of memory.
 *
 * Cells are parted by the one of comma, semicolon and tab that the first line has most of outside quotes (a tie goes in
 * that order; of a longer line its first 64 KiB count).  Lines end with LF, CRLF or CR.  A quoted cell may hold all of
 * them, and
 * "" for a quote; blanks around a cell go unless they are quoted.  Empty lines are no rows.  Encodings: text_file.h.
 *
 * A NUL byte, a quote without an end and what exceeds a limit is ERR_CORRUPT; messages name path, line and column.
 */
#ifndef LIFTFS_BASE_CSV_H
#define LIFTFS_BASE_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strbuf.h"

#define CSV_CELL_MAX ((size_t)1 << 20) /* bytes; a spreadsheet's cell ends at 32,767 characters */
#define CSV_ROW_MAX ((size_t)8 << 20)  /* bytes, a NUL for each cell included */
#define CSV_COLUMNS_MAX 16384          /* as a spreadsheet has */

struct csv;

struct csv_row {
	size_t line; /* where it begins, from 1 */
	size_t n;
	char *const *cells; /* UTF-8; may be changed in place, not made longer */
};

/* dirfd may be AT_FDCWD. */
struct csv *csv_open(int dirfd, const char *path, struct error *err) MUST_CHECK;
void csv_close(struct csv *c);
DEFINE_CLEANUP(cleanup_csv, struct csv *, csv_close);

/* 1: a row, good until the next call; 0: there are no more; -1: an error.  After 0 and -1 it is not called again. */
int csv_next(struct csv *c, struct csv_row *row, struct error *err) MUST_CHECK;

char csv_delimiter(const struct csv *c);

/*
 * A number as such a file has it: blanks, no-break spaces, apostrophes and a '%' at the end go.  Where semicolons part
 * the cells a comma is the decimal sign and dots part thousands, else it is the other way round.  False if that leaves
 * no number, or an infinite one.
 */
bool csv_number(const char *text, char delimiter, double *out) MUST_CHECK;

/* true, 1, yes, y, in any case; everything else is false. */
bool csv_truth(const char *text);

/*
 * Writing, with commas and LF.  A cell is put into quotes where it needs them; a text that begins with '=', '+', '-',
 * '@' or a tab, which a spreadsheet would take for a formula, gets an apostrophe before it.  A writer of all zeros is
 * an empty one.
 */
struct csv_writer {
	struct strbuf out; /* the result: take it with strbuf_take(), where a want of memory is reported */
	bool begun;        /* the row has a cell */
};

void csv_put(struct csv_writer *w, const char *text);     /* NULL: an empty cell */
void csv_put_number(struct csv_writer *w, double number); /* the shortest that reads back as the same; not guarded */
void csv_end_row(struct csv_writer *w);
static inline void cleanup_csv_writer(struct csv_writer *w)
{
	strbuf_fini(&w->out);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people see on standard error while a program works, and tables on standard output.
 *
 * Standard output belongs to results.  Lines for people go to standard error; on a terminal a status line, rewritten in
 * place, stays below them.  Secrets are cut and control bytes made visible in all of it.  Any thread may call.
 */
#ifndef LIFTFS_TOOLS_OUTPUT_H
#define LIFTFS_TOOLS_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/parse.h"
#include "pace.h"

enum output_when { OUTPUT_AUTO, OUTPUT_ALWAYS, OUTPUT_NEVER };

/* A whole line, without its newline. */
void output_line(const char *fmt, ...) PRINTF_FMT(1, 2);

/* Rewrites the status line (a terminal's: cut to its width); NULL takes it away.  Not a terminal: nothing. */
void output_status(const char *text);

/* Is standard error a terminal that can rewrite a line (TERM is set and not "dumb")? */
bool output_is_terminal(void);

/* May standard output be coloured?  auto: a terminal, NO_COLOR unset, TERM not "dumb". */
bool output_colors(enum output_when when);

/* Text that is safe to print: control bytes and bytes that are not UTF-8 as \xXX, cut to the buffer. */
#define OUTPUT_TEXT_MAX 2048
const char *output_visible(const char *text, char buf[OUTPUT_TEXT_MAX]);

/* ---- progress ---- */

enum progress_format { PROGRESS_AUTO, PROGRESS_LINES, PROGRESS_JSON, PROGRESS_NONE };

struct progress_now {
	uint64_t done, total;   /* bytes; total 0: not known */
	uint64_t sent, changed; /* bytes acknowledged by a target; bytes that differed */
	bool counts_reads;      /* read and left are given; else done is what was read, and the rest is left */
	uint64_t read, left;    /* bytes that were really read; those that will be, as far as can be told */
	bool paused;            /* by a limit of zero: nothing may go on */
	unsigned disks_done, disks;
};

/*
 * Samples a counter and shows it: on a terminal the status line, twice a second; elsewhere a plain line every 30 s;
 * as JSON one line a second on standard error.
 */
struct progress;
typedef void progress_sample_fn(void *ctx, struct progress_now *out); /* called on a thread of its own */
struct progress *progress_start(enum progress_format format, const char *what, progress_sample_fn *sample, void *ctx,
				struct error *err) MUST_CHECK;
/* Ends the thread and takes the status line away.  NULL is welcome. */
void progress_stop(struct progress *p);

/* "1.5 GiB of 20 GiB, 7%, 312 MiB/s, 1 min 05 s left, 12 MiB changed": pure, for tests. */
#define PROGRESS_TEXT_LEN 512
void progress_format_line(const struct progress_now *now, const struct pace_now *pace, char out[PROGRESS_TEXT_LEN]);
void progress_format_json(const struct progress_now *now, const struct pace_now *pace, uint64_t elapsed_ms,
			  char out[PROGRESS_TEXT_LEN]);

/* "3 d 04 h": what has passed from a moment to now, both realtime; nothing yet if it is to come. */
void output_age(uint64_t moment_ns, uint64_t now_ns, char out[FORMAT_TEXT_LEN]);

/* ---- tables ---- */

/* Columns and cells are text; numbers are set right.  Printed to standard output through libsmartcols. */
struct table;
struct table *table_new(enum output_when color, struct error *err) MUST_CHECK;
int table_column(struct table *t, const char *heading, bool right, struct error *err) MUST_CHECK;
/* TABLE_CUT: set left, and cut where a terminal has no room for all columns. */
enum table_fit { TABLE_LEFT, TABLE_RIGHT, TABLE_CUT };
int table_column_fit(struct table *t, const char *heading, enum table_fit fit, struct error *err) MUST_CHECK;
/* n cells, as many as there are columns; NULL is an empty one. */
int table_row(struct table *t, const char *const *cells, unsigned n, struct error *err) MUST_CHECK;
/* The last row is one to look at: red where colours are. */
int table_mark(struct table *t, struct error *err) MUST_CHECK;
/* Where a terminal has no room for all columns: leaves out these (from 0), one after the other, until there is. */
int table_give_up(struct table *t, const unsigned *columns, unsigned n, struct error *err) MUST_CHECK;
int table_print(struct table *t, struct error *err) MUST_CHECK;
void table_free(struct table *t);
static inline void cleanup_table(struct table **t)
{
	table_free(*t);
}

#endif

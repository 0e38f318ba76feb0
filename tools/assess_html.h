/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the page that --html writes. */
#ifndef LIFTFS_TOOLS_ASSESS_HTML_H
#define LIFTFS_TOOLS_ASSESS_HTML_H

#include "assess.h"

/* Text between tags and in attributes: whatever it holds, it is text there; control characters are shown as \xXX. */
void html_text(FILE *f, const char *text);
/* A name in its escaped form, cut to so many characters, that cannot turn the direction of the text around it. */
int html_name(FILE *f, const char *name, size_t chars, struct error *err) MUST_CHECK;

/* The names of verdicts as classes and in the page's address: "ready", "conditional", "not-ready", "unknown". */
const char *html_verdict_class(enum assess_verdict v);
/* In the order in which the page has verdicts: from good to bad. */
extern const enum assess_verdict html_verdicts[ASSESS_VERDICTS];

/* Sections with drawings; each has its data as a table, too. */
void html_readiness(const struct assess_report *r, FILE *f);
int html_bytes(const struct assess_report *r, FILE *f, struct error *err) MUST_CHECK;
void html_families(const struct assess_report *r, FILE *f);

int html_move(const struct assess_report *r, FILE *f, struct error *err) MUST_CHECK;
/* Of that section: waves on a time line, and the same as a table. */
void html_waves(const struct move *m, FILE *f);

/* The machines as a table for browsers that run no script: the first HTML_PLAIN_ROWS of them. */
#define HTML_PLAIN_ROWS 1000
int html_plain(const struct assess_report *r, FILE *f, struct error *err) MUST_CHECK;
/* For the script: of each machine that is not ready, by its place in the document of --json, the codes to fix. */
int html_fixes_data(const struct assess_report *r, FILE *f, struct error *err) MUST_CHECK;

/* ---- pieces ---- */

/* Of a list of numbers; what and number are written as they are, more as text. */
void html_card(FILE *f, const char *what, const char *number, const char *more);

/*
 * A drawing of bars, then its numbers as a table, which readers of text are led to: begin; a label, its text and a bar
 * for each row; numbers, rows of the table, end.  Titles and heads are HTML; the caption is both.
 */
struct html_bar { /* of two parts; what it says stands above it, on the right */
	double first, second; /* in the unit of most */
	const char *text;
};
void html_bars_begin(FILE *f, const char *id, const char *title, size_t rows);
void html_bars_label(FILE *f, size_t row);
void html_bars_draw(FILE *f, size_t row, const struct html_bar *b, double most);
void html_bars_numbers(FILE *f, const char *caption, const char *heads);
void html_bars_end(FILE *f);

/* "1.5 TiB", "3 d 04 h": what is more than the types hold is shown as their largest. */
void html_bytes_text(double bytes, char out[FORMAT_TEXT_LEN]);
void html_seconds_text(double s, char out[FORMAT_TEXT_LEN]);
/* What follows "machine" after so many: "" or "s". */
const char *html_plural(size_t n);

#endif

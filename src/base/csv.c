/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <csv.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/text_file.h"

struct csv {
	char *path;
	struct text_file *file;
	struct csv_parser parser;
	bool parsing;     /* the parser is initialised */
	const char *text; /* of the file: what is not parsed */
	size_t left;
	bool ended;
	bool after_cr;   /* the last byte was a CR, whose line may still end with an LF */
	size_t line;     /* of the next byte */
	size_t row_line; /* where the row begins that is being read; 0: none is */
	bool complete;   /* the row is */
	char *buf;       /* the row's cells, each with its NUL */
	size_t len, cap;
	size_t starts[CSV_COLUMNS_MAX]; /* in buf */
	char *cells[CSV_COLUMNS_MAX];
	size_t n;
	struct error failed; /* in a callback */
};

/* ---- what libcsv calls ---- */

/* Blocks of 4 KiB are asked for, then of half of that where there is no room: a cell ends at the limit. */
static void *grow_cell(void *p, size_t size)
{
	return size > CSV_CELL_MAX ? NULL : realloc(p, size);
}

static int fail(struct csv *c, const char *what)
{
	return error_set(&c->failed, ERR_CORRUPT, "%s:%zu: column %zu: %s", c->path,
			 c->row_line ? c->row_line : c->line, c->n + 1, what);
}

static int room_in_row(struct csv *c, size_t len)
{
	size_t cap = c->cap ? c->cap : 4096;
	char *buf;

	if (c->n == CSV_COLUMNS_MAX)
		return fail(c, "more columns than the 16384 that a row may have");
	if (len > CSV_ROW_MAX - c->len)
		return fail(c, "a row of more than 8 MiB");
	while (cap - c->len < len)
		cap *= 2;
	if (cap == c->cap)
		return 0;
	buf = realloc(c->buf, cap);
	if (!buf)
		return error_errno(&c->failed, ENOMEM, "%s:%zu", c->path, c->row_line);
	c->buf = buf;
	c->cap = cap;
	return 0;
}

static void take_cell(void *text, size_t len, void *ctx)
{
	struct csv *c = ctx;

	if (c->failed.code != ERR_NONE)
		return;
	if (!c->row_line)
		c->row_line = c->line;
	if (memchr(text, '\0', len)) {
		fail(c, "a NUL byte: not a text, or UTF-16 without its byte order mark");
		return;
	}
	if (room_in_row(c, len + 1) < 0)
		return;
	c->starts[c->n++] = c->len;
	memcpy(c->buf + c->len, text, len);
	c->buf[c->len + len] = '\0';
	c->len += len + 1;
}

static void take_row(int terminator, void *ctx)
{
	struct csv *c = ctx;

	(void)terminator;
	c->complete = true;
}

/* ---- lines ---- */

/* The next line's end, so that libcsv is never given more than what ends one row; len if there is none. */
static size_t line_length(const char *text, size_t len)
{
	const char *lf = memchr(text, '\n', len);
	const char *cr = memchr(text, '\r', lf ? (size_t)(lf - text) : len);

	if (cr)
		return (size_t)(cr - text) + 1;
	return lf ? (size_t)(lf - text) + 1 : len;
}

/* Does a cell begin here?  Blanks alone are no row, unless a delimiter is among them: then libcsv tells of a cell. */
static bool has_text(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r' && text[i] != '\n')
			return true;
	return false;
}

static int report(struct csv *c, struct error *err)
{
	if (c->failed.code == ERR_NONE)
		return 0;
	if (err)
		*err = c->failed;
	return -1;
}

static int parse_line(struct csv *c, struct error *err)
{
	size_t len = line_length(c->text, c->left), parsed;
	char last = c->text[len - 1];

	if (c->after_cr && c->text[0] != '\n')
		c->line++;
	if (!c->row_line && has_text(c->text, len))
		c->row_line = c->line;
	parsed = csv_parse(&c->parser, c->text, len, take_cell, take_row, c);
	if (parsed < len && c->failed.code == ERR_NONE) {
		if (c->parser.entry_size < CSV_CELL_MAX)
			return error_errno(err, ENOMEM, "%s:%zu", c->path, c->row_line);
		fail(c, "a cell of 1 MiB or more, or a quote without an end");
	}
	c->after_cr = last == '\r';
	c->line += last == '\n';
	c->text += len;
	c->left -= len;
	return report(c, err);
}

/* libcsv sees a quote without an end only if it is strict, which is too much for the rest of the file. */
static int end(struct csv *c, struct error *err)
{
	c->ended = true;
	csv_set_opts(&c->parser, CSV_STRICT | CSV_STRICT_FINI);
	if (csv_fini(&c->parser, take_cell, take_row, c) != 0 && c->failed.code == ERR_NONE)
		fail(c, "a quote without an end");
	return report(c, err);
}

int csv_next(struct csv *c, struct csv_row *row, struct error *err)
{
	c->n = c->len = c->row_line = 0;
	c->complete = false;
	while (!c->complete && !c->ended) {
		if (c->left == 0 && text_file_next(c->file, &c->text, &c->left, err) < 0)
			return -1;
		if ((c->left > 0 ? parse_line(c, err) : end(c, err)) < 0)
			return -1;
	}
	if (!c->complete)
		return 0;
	for (size_t i = 0; i < c->n; i++)
		c->cells[i] = c->buf + c->starts[i];
	*row = (struct csv_row){ .line = c->row_line, .n = c->n, .cells = c->cells };
	return 1;
}

/* ---- the file ---- */

static char find_delimiter(const char *text, size_t len)
{
	static const char delimiters[] = { ',', ';', '\t' };
	size_t met[UINT8_MAX + 1] = { 0 };
	char best = delimiters[0];
	bool quoted = false;
	size_t at = 0;

	while (at < len && (text[at] == '\r' || text[at] == '\n'))
		at++;
	for (; at < len && (quoted || (text[at] != '\r' && text[at] != '\n')); at++) {
		quoted ^= text[at] == '"';
		met[(unsigned char)text[at]] += !quoted;
	}
	for (size_t i = 1; i < sizeof(delimiters); i++)
		if (met[(unsigned char)delimiters[i]] > met[(unsigned char)best])
			best = delimiters[i];
	return best;
}

static int start(struct csv *c, struct error *err)
{
	if (csv_init(&c->parser, 0) != 0)
		return error_set(err, ERR_BUG, "%s: libcsv does not begin", c->path);
	c->parsing = true;
	csv_set_realloc_func(&c->parser, grow_cell);
	csv_set_blk_size(&c->parser, 4096);
	if (text_file_next(c->file, &c->text, &c->left, err) < 0)
		return -1;
	csv_set_delim(&c->parser, (unsigned char)find_delimiter(c->text, c->left));
	return 0;
}

struct csv *csv_open(int dirfd, const char *path, struct error *err)
{
	CLEANUP(cleanup_csv) struct csv *c = calloc(1, sizeof(*c));

	if (c)
		c->path = strdup(path);
	if (!c || !c->path) {
		error_errno(err, ENOMEM, "%s", path);
		return NULL;
	}
	c->line = 1;
	c->file = text_file_open(dirfd, path, err);
	if (!c->file || start(c, err) < 0)
		return NULL;
	return steal_ptr(&c);
}

char csv_delimiter(const struct csv *c)
{
	return (char)c->parser.delim_char;
}

void csv_close(struct csv *c)
{
	if (!c)
		return;
	if (c->parsing)
		csv_free(&c->parser);
	text_file_close(c->file);
	free(c->buf);
	free(c->path);
	free(c);
}

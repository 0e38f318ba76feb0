/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file of a catalogue, row by row, strictly: the columns asked for are there once, each row has as many cells as
 * the header, and a cell is what it should be.  Messages: "DIR/avs-hosts.csv:3: cores: 'many' is not a whole number
 * from 1 to 1000000".
 */
#ifndef LIFTFS_ASSESS_CATALOGUE_TABLE_H
#define LIFTFS_ASSESS_CATALOGUE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/csv.h"
#include "base/error.h"

#define TABLE_COLUMNS_MAX 16
#define TABLE_ROWS_MAX 1000000

struct table {
	char *path;
	struct csv *csv;
	struct csv_row row;
	size_t width; /* cells of the header */
	const char *const *columns;
	size_t at[TABLE_COLUMNS_MAX]; /* of each column its cell; SIZE_MAX: an optional one that is not there */
	size_t as_of_at, source_at;   /* likewise: where a row says how old it is */
	char as_of[sizeof("2026-08-20")];
	size_t rows;
};

/* Columns by name, up to a NULL; one that begins with '?' may be missing, and then all its cells are empty.  They
 * outlive t. */
int table_open(struct table *t, const char *dir, const char *file, const char *const *columns,
	       struct error *err) MUST_CHECK;
void table_close(struct table *t);

/* 1: a row; 0: no more; -1: an error. */
int table_next(struct table *t, struct error *err) MUST_CHECK;

/* Of the current row; columns are counted as they were given. */
const char *table_text(const struct table *t, size_t column);
int table_copy(const struct table *t, size_t column, char **out,
	       struct error *err) MUST_CHECK; /* the caller frees it */
int table_count(const struct table *t, size_t column, unsigned least, unsigned *out, struct error *err) MUST_CHECK;
int table_number(const struct table *t, size_t column, double *out, struct error *err) MUST_CHECK; /* not below 0 */
/* The index of the cell's word; words up to a NULL. */
int table_word(const struct table *t, size_t column, const char *const *words, unsigned *out,
	       struct error *err) MUST_CHECK;
int table_yes(const struct table *t, size_t column, bool *out, struct error *err) MUST_CHECK; /* yes or no */

/* ERR_CORRUPT, with the place before the message. */
int table_bad(const struct table *t, size_t column, struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Room for one more at the end of *vec: realloc with doubling. */
int table_grow(void *vec, size_t size, size_t n, size_t *cap, struct error *err) MUST_CHECK;

#endif

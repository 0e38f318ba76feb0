/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CSV file, or a sheet of a workbook, whose first line names its columns, read for machines.
 *
 * Headers are compared without case, without a leading '*', with one blank for a run of blanks and none at the ends,
 * and without a unit "MiB" or "MB" at the end: RVTools had both for the same.  Of two columns of one name the first
 * counts. Missing cells are empty.
 */
#ifndef LIFTFS_INVENTORY_CSV_TABLE_H
#define LIFTFS_INVENTORY_CSV_TABLE_H

#include "base/csv.h"
#include "inventory/machine.h"
#include "inventory/xlsx.h"

#define CSV_TABLE_NAMES 4 /* of one column, in the releases and programs that write it */
#define CSV_TABLE_FIELDS 40
#define CSV_TABLE_NO_COLUMN ((size_t)-1)

#define CSV_TABLE_NAME_MAX 256

struct csv_field {
	const char *names[CSV_TABLE_NAMES]; /* as compared, the first that is there counts; NULL for those that there
					       are not */
};

struct csv_table {
	struct csv *csv; /* or */
	struct xlsx_sheet *sheet;
	char *path;
	char name[CSV_TABLE_NAME_MAX]; /* without folders, as notices have it: bytes that are not UTF-8 made visible */
	char **headers;                /* as the file has them */
	char **compared;               /* as they are compared */
	size_t n;
	size_t columns[CSV_TABLE_FIELDS]; /* of the bound fields */
	struct csv_row row;               /* the one read last */
	struct machine_notices *notices;  /* set by who reads rows */
};

/* Reads the header.  ERR_CORRUPT if there is none. */
struct csv_table *csv_table_open(const char *path, struct error *err) MUST_CHECK;
/* Sheet i of a workbook, which stays open: "PATH: sheet NAME" is its path, "FILE NAME" its name. */
struct csv_table *csv_table_open_sheet(const struct xlsx *x, size_t i, struct error *err) MUST_CHECK;
void csv_table_close(struct csv_table *t);
DEFINE_CLEANUP(cleanup_csv_table, struct csv_table *, csv_table_close);

bool csv_table_has(const struct csv_table *t, const struct csv_field *field);
size_t csv_table_column(const struct csv_table *t, const char *name);

/* From now on field i of the functions below is fields[i]; n is at most CSV_TABLE_FIELDS. */
void csv_table_bind(struct csv_table *t, const struct csv_field *fields, size_t n);

/*
 * 1: a row; 0: there are no more; -1: an error.  Empty rows are not told.  A row with something in more cells than
 * there are columns has lost its order: it is left out with a notice.
 */
int csv_table_next(struct csv_table *t, struct error *err) MUST_CHECK;

/* By field, of the present row; "" where there is nothing. */
const char *csv_table_text(const struct csv_table *t, size_t field);
bool csv_table_truth(const struct csv_table *t, size_t field);
/* Copies it; one that is too long is cut, with a notice. */
int csv_table_set(struct csv_table *t, size_t field, char **out, struct error *err) MUST_CHECK;
/* Not negative; what is no such number is absent, with a notice. */
struct machine_number csv_table_number(struct csv_table *t, size_t field);

/* The same by column. */
const char *csv_table_cell(const struct csv_table *t, size_t column);
struct machine_number csv_table_cell_number(struct csv_table *t, size_t column);

/* Says of a field that its text is not `what` ("a power state"). */
void csv_table_refuse(struct csv_table *t, size_t field, const char *what);

/* How many bytes of a text a message shows: at most 64, in whole characters; for "%.*s". */
int csv_table_shown(const char *text);

/* "NAME:LINE" of the present row. */
#define CSV_TABLE_PLACE_MAX (CSV_TABLE_NAME_MAX + 24)
void csv_table_place(const struct csv_table *t, char out[CSV_TABLE_PLACE_MAX]);

#endif

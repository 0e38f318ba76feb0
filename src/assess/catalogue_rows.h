/* SPDX-License-Identifier: Apache-2.0 */
/* A file of a catalogue as rows of text that can be changed, added and taken away; what is not touched stays as it is. */
#ifndef LIFTFS_ASSESS_CATALOGUE_ROWS_H
#define LIFTFS_ASSESS_CATALOGUE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct catalogue_row {
	char **cells; /* as many as there are columns */
};

struct catalogue_rows { /* all zeros is empty */
	struct catalogue_row header, *v;
	size_t columns, n, cap;
};

/* A comma file with a header; each row has as many cells. */
int catalogue_rows_read(struct catalogue_rows *r, const char *dir, const char *file, struct error *err) MUST_CHECK;
void catalogue_rows_fini(struct catalogue_rows *r);

/* SIZE_MAX: there is no such column. */
size_t catalogue_rows_column(const struct catalogue_rows *r, const char *name);
/* "" for a column that is not there. */
const char *catalogue_rows_get(const struct catalogue_rows *r, size_t row, size_t column);
/* A column that is not there is passed over. */
int catalogue_rows_set(struct catalogue_rows *r, size_t row, size_t column, const char *text,
		       struct error *err) MUST_CHECK;
/* An empty one at the end. */
int catalogue_rows_add(struct catalogue_rows *r, struct error *err) MUST_CHECK;
/* Takes those away of which gone[row] is true. */
void catalogue_rows_drop(struct catalogue_rows *r, const bool *gone);

/* A number from 0 to 1e9 as the catalogue has it, "0.115": at most ten decimals, no exponent. */
#define CATALOGUE_DECIMAL_LEN 32
void catalogue_decimal(double v, char out[CATALOGUE_DECIMAL_LEN]);

/* The file.  The caller frees it. */
char *catalogue_rows_text(const struct catalogue_rows *r, struct error *err) MUST_CHECK;

#endif

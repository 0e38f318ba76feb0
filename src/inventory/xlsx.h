/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A workbook of Excel (.xlsx, Office Open XML), its sheets read a row at a time: texts, numbers as they are stored (with a
 * dot, whatever the locale), truths as "True" and "False", what formulas gave last; errors are empty.
 *
 * The texts that cells share are in memory, XLSX_TEXTS_MAX at most; of a sheet one row is.  What is larger, what is no
 * archive, brings a DTD or names what is not there is ERR_CORRUPT.  One thread.
 */
#ifndef LIFTFS_INVENTORY_XLSX_H
#define LIFTFS_INVENTORY_XLSX_H

#include "base/csv.h"

#define XLSX_TEXTS_MAX ((size_t)100 << 20) /* bytes, with a NUL each */
#define XLSX_SHEETS_MAX 255

struct xlsx;

struct xlsx *xlsx_open(const char *path, struct error *err) MUST_CHECK;
void xlsx_close(struct xlsx *x);
DEFINE_CLEANUP(cleanup_xlsx, struct xlsx *, xlsx_close);
const char *xlsx_path(const struct xlsx *x);
/* In the workbook's order; NULL behind the last. */
const char *xlsx_sheet_name(const struct xlsx *x, size_t i);

struct xlsx_sheet;

/* Sheet i; the workbook stays open as long as it is. */
struct xlsx_sheet *xlsx_sheet_open(const struct xlsx *x, size_t i, struct error *err) MUST_CHECK;
void xlsx_sheet_close(struct xlsx_sheet *s);
DEFINE_CLEANUP(cleanup_xlsx_sheet, struct xlsx_sheet *, xlsx_sheet_close);
/* As csv_next(), within its limits; `line` is the row's number. */
int xlsx_sheet_next(struct xlsx_sheet *s, struct csv_row *row, struct error *err) MUST_CHECK;

/* A text that cells share; NULL: there is none of that number. */
const char *xlsx_shared_text(const struct xlsx *x, size_t i);

#endif

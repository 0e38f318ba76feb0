/* SPDX-License-Identifier: Apache-2.0 */
/* Between the workbook and its sheets (xlsx.h). */
#ifndef LIFTFS_INVENTORY_XLSX_SHEET_H
#define LIFTFS_INVENTORY_XLSX_SHEET_H

#include "inventory/xlsx.h"
#include "inventory/xlsx_part.h"

/* The part that sheet i is in. */
struct xlsx_part *xlsx_sheet_part(const struct xlsx *x, size_t i, struct error *err) MUST_CHECK;

#endif

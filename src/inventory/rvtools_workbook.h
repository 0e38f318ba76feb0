/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An RVTools export as the workbook that RVTools writes by default (.xlsx): its sheets are the tabs of rvtools.h, found by
 * their names ("vInfo", or "tabvInfo").
 */
#ifndef LIFTFS_INVENTORY_RVTOOLS_WORKBOOK_H
#define LIFTFS_INVENTORY_RVTOOLS_WORKBOOK_H

#include "base/cancel.h"
#include "inventory/machine.h"

/*
 * Appends the VMs as rvtools_read() does.  ERR_CORRUPT: no workbook, or one without a sheet vInfo that has the columns of
 * one.  A sheet of another tab's name without its columns is left out with a notice.
 */
int rvtools_workbook_read(const char *path, struct cancel *cancel, struct machine_list *out,
			  struct error *err) MUST_CHECK;

#endif

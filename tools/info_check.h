/* SPDX-License-Identifier: Apache-2.0 */
/* liftfs info --check: what is wrong or odd in the tables of a disk. */
#ifndef LIFTFS_TOOLS_INFO_CHECK_H
#define LIFTFS_TOOLS_INFO_CHECK_H

#include "disk/disk.h"
#include "tool.h"

/* Prints each finding and a summary.  ERR_CORRUPT if a range cannot be read; ranges that share bytes are only said. */
int info_check(const struct tool *t, struct disk *d, const char *name, struct error *err) MUST_CHECK;

#endif

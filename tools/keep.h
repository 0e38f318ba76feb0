/* SPDX-License-Identifier: Apache-2.0 */
/* The options that say which recovery points stay, of liftfs prune and liftfs sync. */
#ifndef LIFTFS_TOOLS_KEEP_H
#define LIFTFS_TOOLS_KEEP_H

#include "replicate/retention.h"
#include "tool.h"

/* Rows of an option table; `policy` is a struct retention_policy. */
#define KEEP_OPTIONS(policy)                                                                                              \
	{ "keep-last", 0, "N", "the N newest points", tool_set_count, &(policy)->last, NULL },                            \
	{ "keep-within", 0, "TIME", "all of 36h, 14d ... before the newest", keep_set_within, &(policy)->within_ms, NULL }, \
	{ "keep-hourly", 0, "N", "the newest point of each of N hours", tool_set_count, &(policy)->hourly, NULL },        \
	{ "keep-daily", 0, "N", "of each of N days", tool_set_count, &(policy)->daily, NULL },                            \
	{ "keep-weekly", 0, "N", "of each of N weeks, from Monday", tool_set_count, &(policy)->weekly, NULL },            \
	{ "keep-monthly", 0, "N", "of each of N months", tool_set_count, &(policy)->monthly, NULL }

tool_setter keep_set_within; /* dest: uint64_t milliseconds */

#endif

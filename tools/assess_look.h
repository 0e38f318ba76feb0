/* SPDX-License-Identifier: Apache-2.0 */
/* liftfs assess --look: whether the disks are looked at, how, and what is told while that goes on. */
#ifndef LIFTFS_TOOLS_ASSESS_LOOK_H
#define LIFTFS_TOOLS_ASSESS_LOOK_H

#include "inventory/machine_look.h"
#include "tool.h"

enum assess_look_depth { ASSESS_LOOK_QUICK, ASSESS_LOOK_NONE, ASSESS_LOOK_FULL };
const char *assess_look_name(enum assess_look_depth depth); /* "quick" */

/* NONE leaves all as it is. */
int assess_look(const struct tool *t, enum assess_look_depth depth, struct machine_list *machines,
		struct cancel *cancel, struct machines_looked *out, struct error *err) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Replicas that were seeded are unverified until they were compared and found equal. */
#ifndef LIFTFS_TOOLS_VERIFY_MARK_H
#define LIFTFS_TOOLS_VERIFY_MARK_H

#include "target/target.h"
#include "tool.h"

/* `name` was compared as it is live, whole, and is equal.  Says what becomes of its mark, if it has one; never fails. */
void verify_mark(const struct tool *t, struct target *target, const char *name);

#endif

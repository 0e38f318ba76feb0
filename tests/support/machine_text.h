/* SPDX-License-Identifier: Apache-2.0 */
/* Machines as text, every field that is known, so that a test compares whole machines and a difference can be read. */
#ifndef LIFTFS_TESTS_MACHINE_TEXT_H
#define LIFTFS_TESTS_MACHINE_TEXT_H

#include "inventory/machine.h"

/* "NAME: uuid=... on bios vcpus=4 ..." and a line "  LABEL: ..." for each disk; the caller frees it.  Without the origin. */
char *machine_text(const struct machine *m);
/* All of a list. */
char *machine_list_text(const struct machine_list *l);
/* The notices, each with an LF. */
char *machine_notices_text(const struct machine_notices *n);

#endif

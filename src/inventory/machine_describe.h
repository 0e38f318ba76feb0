/* SPDX-License-Identifier: Apache-2.0 */
/* From a configuration's texts to a machine's fields, for the describe() of vm_config.h. */
#ifndef LIFTFS_INVENTORY_MACHINE_DESCRIBE_H
#define LIFTFS_INVENTORY_MACHINE_DESCRIBE_H

#include "inventory/machine.h"

/*
 * *field = the text; bytes that are not UTF-8 are made visible as \xXX, and what is longer than MACHINE_TEXT_MAX is cut with a
 * notice that calls it `what`.  NULL and "": NULL.
 */
int describe_text(struct machine_notices *n, const char *what, const char *text, char **field, struct error *err) MUST_CHECK;

/* A machine of that name (NULL: ""), as describe_text() leaves it; NULL on failure. */
struct machine *describe_machine(struct machine_list *l, const char *name, struct error *err) MUST_CHECK;

/* A whole number of at most max; anything else is absent, with a notice unless text is NULL or "". */
struct machine_number describe_number(struct machine_notices *n, const char *what, const char *text, uint64_t max);

/* "TRUE", in any case, as hypervisors write it. */
bool describe_truth(const char *text);

static inline struct machine_number machine_known(double v)
{
	return (struct machine_number){ .known = true, .v = v };
}

/* Bytes as MiB. */
struct machine_number machine_mib(uint64_t bytes);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which machine belongs to which application, and what that depends on: a CSV file that a person writes.
 *
 *	VM,Application,Environment,Criticality,Depends on
 *	shop-web-01,Shop,production,high,shop-db-01;Sign-in
 *
 * VM (or "Name", "Server name") must be there, the rest may be missing or empty.  Environment: prod, production, dev,
 * development, test, testing; else production.  Criticality: low, medium, high; else medium.  "Depends on" lists machines
 * or applications, parted by ';', ',' or '|' (in quotes where it parts the file's cells too).  Names are compared without
 * case (ASCII).  What is not understood is told by a notice with its line, and left out.
 */
#ifndef LIFTFS_ASSESS_WAVE_GROUPS_H
#define LIFTFS_ASSESS_WAVE_GROUPS_H

#include "inventory/machine.h"

enum wave_level { WAVE_LOW, WAVE_MEDIUM, WAVE_HIGH };
const char *wave_level_name(enum wave_level l); /* "low" */

struct wave_row {
	char *place; /* "groups.csv:7" */
	char *vm;
	char *application; /* NULL: none */
	bool devtest;
	enum wave_level criticality;
	char **depends;
	size_t n_depends;
};

struct wave_groups {
	struct wave_row *v; /* by name, without case; each once: of two lines for one machine the first counts */
	size_t n, cap;
	struct machine_notices notices;
};

/* A file without a column for the machine is ERR_CORRUPT. */
int wave_groups_read(const char *path, struct wave_groups *out, struct error *err) MUST_CHECK;
const struct wave_row *wave_groups_find(const struct wave_groups *g, const char *vm); /* NULL: none */
void wave_groups_fini(struct wave_groups *g);
static inline void cleanup_wave_groups(struct wave_groups *g)
{
	wave_groups_fini(g);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What an update of the catalogue came to, on standard output; what a person should know of, as warnings. */
#ifndef LIFTFS_TOOLS_ASSESS_UPDATE_SHOW_H
#define LIFTFS_TOOLS_ASSESS_UPDATE_SHOW_H

#include "assess/catalogue_update.h"
#include "tool.h"

struct assess_update_shown {
	const char *dir;             /* that was written */
	const char *subscription;    /* NULL: none */
	uint64_t now_ns;
	const struct catalogue_update *result;
};

int assess_update_show(const struct tool *t, const struct assess_update_shown *s, struct error *err) MUST_CHECK;
int assess_update_show_json(const struct assess_update_shown *s, struct error *err) MUST_CHECK;

#endif

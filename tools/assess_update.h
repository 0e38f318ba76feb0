/* SPDX-License-Identifier: Apache-2.0 */
/* liftfs assess --update-catalogue: who asks Azure's services, where the catalogue is, and what came of it. */
#ifndef LIFTFS_TOOLS_ASSESS_UPDATE_H
#define LIFTFS_TOOLS_ASSESS_UPDATE_H

#include "assess_options.h"
#include "tool.h"

/* The catalogue that is used where the command line names none: LIFTFS_CATALOGUE, else the installed one. */
const char *assess_update_base(void);

/* What --update-catalogue needs and what does not go with it, and the other way round.  ERR_USAGE. */
int assess_update_check(const struct assess_options_of_tool *o, unsigned n_args, struct error *err) MUST_CHECK;

/* Renews, and prints what that changed. */
int assess_update_run(const struct tool *t, const struct assess_options_of_tool *o, struct error *err) MUST_CHECK;

#endif

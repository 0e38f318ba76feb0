/* SPDX-License-Identifier: Apache-2.0 */
/* What the command line of liftfs assess says. */
#ifndef LIFTFS_TOOLS_ASSESS_OPTIONS_H
#define LIFTFS_TOOLS_ASSESS_OPTIONS_H

#include "assess/assessment.h"
#include "assess/move.h"
#include "assess_look.h"
#include "tool.h"

#define ASSESS_REGIONS_MAX 64

struct assess_options_of_tool { /* all zeros before assess_options_table() */
	struct assess_options rules;
	struct move_options moving; /* its groups are in the file that `groups` names */
	const char *groups;         /* NULL: none */
	const char *catalogue;                          /* NULL: the installed one */
	const char *csv, *html, *migrate_csv, *explain; /* NULL: not asked for */
	enum assess_look_depth look;
	bool inspect; /* ask virt-inspector, too */
	const char *thumbprint;                         /* of the vCenter's certificate; NULL: verified as ever */
	bool update;                                    /* renew the catalogue instead */
	const char *subscription, *prices_url, *management_url; /* NULL: not given */
	const char *regions[ASSESS_REGIONS_MAX];                /* as many as were given; the last one is rules.region */
	size_t n_regions;
	char *series;                                   /* the list cut into rules.series, which point into it */
};

#define ASSESS_TOOL_OPTIONS 48 /* with the end of the table */
/* Sets the defaults, and where the options put what they are given. */
void assess_options_table(struct assess_options_of_tool *o, struct tool_option out[ASSESS_TOOL_OPTIONS]);

/* Does one of the files go to standard output? */
bool assess_options_take_stdout(const struct assess_options_of_tool *o);
/* Of what takes standard output there can be one, and virt-inspector follows a look: ERR_USAGE. */
int assess_options_exclude(const struct assess_options_of_tool *o, bool json, struct error *err) MUST_CHECK;

void assess_options_of_tool_fini(struct assess_options_of_tool *o);
static inline void cleanup_assess_options_of_tool(struct assess_options_of_tool *o)
{
	assess_options_of_tool_fini(o);
}

#endif

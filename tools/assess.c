/* SPDX-License-Identifier: Apache-2.0 */
/* liftfs assess: which machines of an inventory will run in Azure or on Azure VMware Solution, as what, at what cost.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assess.h"
#include "assess_options.h"
#include "assess_vcenter.h"
#include "base/clock.h"
#include "inventory/inventory.h"
#include "tool.h"

#define WARNINGS_SHOWN 10 /* on standard error; the documents have all of them */

static void tell_notices(const struct tool *t, const struct machine_notices *n)
{
	size_t more = n->beyond;

	for (size_t i = 0; i < n->n; i++) {
		if (i < WARNINGS_SHOWN)
			output_line("liftfs %s: warning: %s", t->verb, n->v[i]);
		else
			more++;
	}
	if (more > 0)
		output_line("liftfs %s: warning: %zu more of that kind; --json and --html list them", t->verb, more);
}

static int read_inventories(const struct tool *t, const char *thumbprint, struct cancel *cancel, struct machine_list *out,
			    struct error *err)
{
	CLEANUP_FREE size_t *starts = calloc(t->n_args, sizeof(*starts));

	if (!starts)
		return error_errno(err, ENOMEM, "inventories");
	for (unsigned i = 0; i < t->n_args; i++) {
		int rc;

		starts[i] = out->n;
		if (assess_is_vcenter(t->args[i]))
			rc = assess_vcenter_read(t, t->args[i], thumbprint, cancel, out, err);
		else
			rc = inventory_read(t->args[i], cancel, out, err);
		if (rc < 0)
			return -1;
	}
	return inventory_merge(out, starts, t->n_args, err);
}

/* ---- outputs ---- */

static int write_files(const struct assess_options_of_tool *o, const struct assess_report *r, struct error *err)
{
	if (o->csv && assess_write_file(r, o->csv, assess_write_csv, err) < 0)
		return -1;
	if (o->migrate_csv && assess_write_file(r, o->migrate_csv, assess_write_migrate_csv, err) < 0)
		return -1;
	return o->html ? assess_write_file(r, o->html, assess_write_html, err) : 0;
}

/* The table is for who asked for nothing else; a file leaves the lines above it. */
static int show(const struct tool *t, const struct assess_options_of_tool *o, const struct assess_report *r,
		struct error *err)
{
	if (t->common.json)
		return assess_write_json(r, stdout, err);
	if (o->explain)
		return assess_explain(r, o->explain, err);
	if (t->common.quiet || assess_options_take_stdout(o))
		return 0;
	if (assess_print_summary(r, err) < 0)
		return -1;
	return o->csv || o->html || o->migrate_csv ? 0 : assess_print_table(r, t->common.color, err);
}

static int run(const struct tool *t, const struct assess_options_of_tool *o, struct error *err)
{
	CLEANUP(cleanup_catalogue) struct catalogue *catalogue = NULL;
	CLEANUP(cleanup_machine_list) struct machine_list machines = { 0 };
	CLEANUP(cleanup_assessment) struct assessment result = { 0 };
	CLEANUP(cleanup_assess_totals) struct assess_totals totals = { 0 };
	CLEANUP(cleanup_wave_groups) struct wave_groups groups = { 0 };
	CLEANUP(cleanup_move) struct move move = { 0 };
	struct move_options moving = o->moving;
	struct cancel *cancel = tool_catch_signals(err);
	struct assess_report r = { .inventories = (const char *const *)t->args,
				   .n_inventories = t->n_args,
				   .machines = &machines,
				   .options = &o->rules,
				   .result = &result,
				   .totals = &totals,
				   .moving = &moving,
				   .move = &move,
				   .now_ns = clock_realtime_ns() };

	if (!cancel)
		return -1;
	catalogue = catalogue_open(o->catalogue ? o->catalogue : CATALOGUEDIR, err);
	if (!catalogue || assess_options_check(&o->rules, catalogue, err) < 0 || move_options_check(&moving, err) < 0)
		return -1;
	if (o->groups) {
		if (wave_groups_read(o->groups, &groups, err) < 0)
			return -1;
		tell_notices(t, &groups.notices);
		moving.groups = &groups;
	}
	if (read_inventories(t, o->thumbprint, cancel, &machines, err) < 0)
		return -1;
	r.catalogue = catalogue;
	tell_notices(t, &machines.notices);
	if (assess(&machines, catalogue, &o->rules, &result, err) < 0 || assess_totals(&result, &totals, err) < 0 ||
	    move_plan(&result, catalogue, &moving, &move, err) < 0)
		return -1;
	tell_notices(t, &move.notices);
	if (write_files(o, &r, err) < 0)
		return -1;
	return show(t, o, &r, err);
}

int main(int argc, char **argv)
{
	CLEANUP(cleanup_assess_options_of_tool) struct assess_options_of_tool o = { 0 };
	struct tool_option options[ASSESS_TOOL_OPTIONS];
	struct tool t = {
		.verb = "assess",
		.arguments = "INVENTORY...",
		.summary = "Which machines will run in Azure or its VMware Solution, as what, at what cost.",
		.options = options,
		.min_args = 1,
		.max_args = TOOL_ARGS_ANY,
	};
	struct error err = ERROR_INIT;
	int status;

	assess_options_table(&o, options);
	status = tool_begin(&t, argc, argv);
	if (status >= 0)
		return status;
	if (assess_options_exclude(&o, t.common.json, &err) < 0)
		return tool_end(&t, tool_usage(&t, "%s", err.msg));
	status = 0;
	if (run(&t, &o, &err) < 0)
		status = err.code == ERR_USAGE ? tool_usage(&t, "%s", err.msg) : tool_fail(&t, &err);
	return tool_end(&t, status);
}

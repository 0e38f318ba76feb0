/* SPDX-License-Identifier: Apache-2.0 */
/* liftfs assess: which machines of an inventory will run in Azure or on Azure VMware Solution, as what, at what cost.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assess.h"
#include "assess_inspect.h"
#include "assess_options.h"
#include "assess_update.h"
#include "assess_vcenter.h"
#include "assess/measured.h"
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

/* What somebody gave counts. */
static void use_measured_dedupe(const struct machine_list *machines, const struct machines_looked *looked,
				struct assess_options *rules)
{
	double factor = assess_measured_dedupe(machines, looked);

	if (factor <= 0 || rules->avs_dedupe_from == ASSESS_GIVEN)
		return;
	rules->avs_dedupe = factor;
	rules->avs_dedupe_from = ASSESS_MEASURED;
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
	if (o->csv || o->html || o->migrate_csv)
		return 0;
	return assess_print_plan(r, t->common.color, err) < 0 ? -1 : assess_print_table(r, t->common.color, err);
}

static int run(const struct tool *t, const struct assess_options_of_tool *o, struct error *err)
{
	CLEANUP(cleanup_catalogue) struct catalogue *catalogue = NULL;
	CLEANUP(cleanup_machine_list) struct machine_list machines = { 0 };
	CLEANUP(cleanup_assessment) struct assessment result = { 0 };
	CLEANUP(cleanup_assess_totals) struct assess_totals totals = { 0 };
	CLEANUP(cleanup_wave_groups) struct wave_groups groups = { 0 };
	CLEANUP(cleanup_move) struct move move = { 0 };
	CLEANUP_FREE struct move_measured *measured = NULL;
	struct machines_looked looked = { 0 };
	struct assess_options rules = o->rules;
	struct move_options moving = o->moving;
	struct cancel *cancel = tool_catch_signals(err);
	struct assess_report r = { .inventories = (const char *const *)t->args,
				   .n_inventories = t->n_args,
				   .machines = &machines,
				   .options = &rules,
				   .result = &result,
				   .totals = &totals,
				   .moving = &moving,
				   .move = &move,
				   .look = o->look,
				   .looked = &looked,
				   .now_ns = clock_realtime_ns() };

	if (!cancel)
		return -1;
	catalogue = catalogue_open(o->catalogue ? o->catalogue : assess_update_base(), err);
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
	if (assess_look(t, o->look, &machines, cancel, &looked, err) < 0 ||
	    (o->inspect && assess_inspect(t, &machines, cancel, err) < 0))
		return -1;
	tell_notices(t, &machines.notices);
	use_measured_dedupe(&machines, &looked, &rules);
	if (assess(&machines, catalogue, &rules, &result, err) < 0)
		return -1;
	measured = assess_measured_moves(&result, err);
	if (!measured)
		return -1;
	moving.measured = measured;
	if (assess_totals(&result, &totals, err) < 0 ||
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
		.summary = "Which machines will run in Azure, as what, at what cost, and when they move.",
		.options = options,
		.max_args = TOOL_ARGS_ANY,
	};
	struct error err = ERROR_INIT;
	int status;

	assess_options_table(&o, options);
	status = tool_begin(&t, argc, argv);
	if (status >= 0)
		return status;
	if (assess_update_check(&o, t.n_args, &err) < 0 || assess_options_exclude(&o, t.common.json, &err) < 0)
		return tool_end(&t, tool_usage(&t, "%s", err.msg));
	status = 0;
	if ((o.update ? assess_update_run(&t, &o, &err) : run(&t, &o, &err)) < 0)
		status = err.code == ERR_USAGE ? tool_usage(&t, "%s", err.msg) : tool_fail(&t, &err);
	return tool_end(&t, status);
}

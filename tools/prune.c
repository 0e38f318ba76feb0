/* SPDX-License-Identifier: Apache-2.0 */
/* liftfs prune: removes recovery points by policy. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "connect.h"
#include "inventory/disk_info.h"
#include "keep.h"
#include "paths.h"
#include "project/project.h"
#include "prune_report.h"
#include "sync_set.h"

struct prune_cli {
	struct retention_policy keep;
	struct sync_patterns vms;
	bool dry_run, insecure_http;
};

static bool takes(void *ctx, const struct point *v, size_t n)
{
	const struct prune_cli *o = ctx;

	(void)n;
	for (size_t i = 0; i < o->vms.n; i++)
		if (sync_pattern_matches(o->vms.v[i].text, v->vm_now))
			return true;
	return o->vms.n == 0;
}

static int report(const struct tool *t, const struct prune_outcome *o, struct error *err)
{
	CLEANUP(cleanup_json) json_t *doc = NULL;
	CLEANUP_FREE char *text = NULL;

	if (!t->common.json)
		return t->common.quiet ? 0 : prune_report_print(o, err);
	doc = prune_report_json(o, err);
	text = doc ? disk_info_text(doc, err) : NULL;
	if (!text)
		return -1;
	fputs(text, stdout);
	return 0;
}

/* The first error of a list that failed, and of each VM. */
static int tell_failures(const struct tool *t, const struct prune_result *r)
{
	int status = 0;

	for (size_t i = 0; i < r->points.n; i++)
		if (r->v && r->v[i].err.code != ERR_NONE)
			status = tool_worse_status(status, tool_fail(t, &r->v[i].err));
	return status;
}

/* Where this host has a state, liftfs status is to know; nothing here fails what was done. */
static void record(const struct tool *t, const struct target *target, const struct prune_result *r)
{
	struct error why = ERROR_INIT;
	CLEANUP_FREE char *path = paths_state(t, &why);
	CLEANUP(cleanup_state) struct state *state = path ? state_open(path, false, &why) : NULL;
	CLEANUP(cleanup_project) struct project *p = state ? project_open(state, PROJECT_WRITE, &why) : NULL;

	if (p && project_record_pruned(p, target_name(target), r, &why) == 0)
		return;
	if (path && !state && why.code == ERR_SYSTEM && why.detail == ENOENT)
		return;
	output_line("liftfs %s: warning: %s; liftfs status will not know what was removed", t->verb, why.msg);
}

static int run(struct tool *t, struct prune_cli *o, int *status_out, struct error *err)
{
	CLEANUP(cleanup_connection) struct connection place = { 0 };
	CLEANUP(cleanup_prune_result) struct prune_result result = { .v = NULL };
	const struct connect_options connect = { .insecure_http = o->insecure_http, .cancel = tool_catch_signals(err) };
	struct prune_options opt = { .policy = &o->keep, .cancel = connect.cancel, .dry_run = o->dry_run, .takes = takes, .ctx = o };
	struct prune_outcome outcome = { .result = &result, .dry_run = o->dry_run, .color = t->common.color };
	struct error why = ERROR_INIT;

	if (!connect.cancel || connect_open(t, t->args[0], &connect, &place, err) < 0 || connect_check_delete(&place, err) < 0)
		return -1;
	opt.target = place.target;
	outcome.target = place.target;
	outcome.failed = prune_run(&opt, &result, &why) < 0;
	*status_out = tell_failures(t, &result);
	if (outcome.failed && *status_out == 0) { /* no point's failure: nothing could be listed */
		*err = why;
		return -1;
	}
	if (!o->dry_run && result.points_removed > 0)
		record(t, place.target, &result);
	if (result.points.n_replicas == 0)
		output_line("liftfs %s: warning: %s: no replica is there", t->verb, target_name(place.target));
	outcome.now_ns = clock_realtime_ns();
	outcome.requests = requests_made(place.target);
	return report(t, &outcome, err);
}

int main(int argc, char **argv)
{
	struct prune_cli o = { .dry_run = false };
	const struct tool_option options[] = {
		{ "dry-run", 'n', NULL, "say what would go; change nothing", tool_set_flag, &o.dry_run, NULL },
		KEEP_OPTIONS(&o.keep),
		{ "vm", 0, "PATTERN", "only of VMs of this name", sync_patterns_include, &o.vms, NULL },
		{ "insecure-http", 0, NULL, "http:// to other than this host", tool_set_flag, &o.insecure_http, NULL },
		{ 0 },
	};
	struct tool t = {
		.verb = "prune",
		.arguments = "TARGET",
		.summary = "Removes recovery points of the VMs on TARGET that no --keep- option keeps.",
		.options = options,
		.min_args = 1,
		.max_args = 1,
	};
	struct error err = ERROR_INIT;
	int status = tool_begin(&t, argc, argv);

	if (status >= 0)
		return status;
	if (!retention_given(&o.keep))
		return tool_end(&t, tool_usage(&t, "at least one --keep- option must say what stays"));
	if (run(&t, &o, &status, &err) < 0)
		status = err.code == ERR_USAGE ? tool_usage(&t, "%s", err.msg) : tool_fail(&t, &err);
	return tool_end(&t, status);
}

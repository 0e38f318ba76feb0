/* SPDX-License-Identifier: Apache-2.0 */
/* liftfs prune: removes recovery points by policy. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "connect.h"
#include "document.h"
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

	if (!t->common.json)
		return t->common.quiet ? 0 : prune_report_print(o, err);
	doc = prune_report_json(o, err);
	return doc ? document_print(doc, err) : -1;
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

/* What this host's state is told of what goes, if there is a state: a prune needs none. */
struct record {
	const struct target *target;
	struct state *state;
	struct project *project; /* NULL: nothing is recorded */
};

static void give_up_recording(struct record *r, const struct error *why)
{
	log_warn("project", "%s; liftfs status will count points that are gone", why->msg);
	project_close(r->project);
	r->project = NULL;
}

static void record_open(const struct tool *t, const struct target *target, struct record *out)
{
	struct error why = ERROR_INIT;
	CLEANUP_FREE char *path = paths_state(t, &why);

	out->target = target;
	if (path)
		out->state = state_open(path, false, &why);
	if (out->state)
		out->project = project_open(out->state, PROJECT_WRITE, &why);
	if (!out->project && path && (out->state || why.code != ERR_SYSTEM || why.detail != ENOENT))
		give_up_recording(out, &why);
}

static void record_close(struct record *r)
{
	project_close(r->project);
	state_close(r->state);
}

static void removed(void *ctx, const char *replica, const char *point)
{
	struct record *r = ctx;
	struct error why = ERROR_INIT;

	if (r->project && project_record_deleted(r->project, target_name(r->target), replica, point, &why) < 0)
		give_up_recording(r, &why);
}

static int run(struct tool *t, struct prune_cli *o, int *status_out, struct error *err)
{
	CLEANUP(cleanup_connection) struct connection place = { 0 };
	CLEANUP(record_close) struct record record = { .project = NULL };
	CLEANUP(cleanup_prune_result) struct prune_result result = { .v = NULL };
	const struct connect_options connect = { .insecure_http = o->insecure_http, .cancel = tool_catch_signals(err) };
	struct prune_options opt = { .policy = &o->keep, .cancel = connect.cancel, .dry_run = o->dry_run, .takes = takes, .ctx = o,
				     .removed = removed, .removed_ctx = &record };
	struct prune_outcome outcome = { .result = &result, .dry_run = o->dry_run, .color = t->common.color };
	struct error why = ERROR_INIT;

	if (!connect.cancel || connect_open(t, t->args[0], &connect, &place, err) < 0 || connect_check_delete(&place, err) < 0)
		return -1;
	opt.target = place.target;
	outcome.target = place.target;
	if (!o->dry_run)
		record_open(t, place.target, &record);
	outcome.failed = prune_run(&opt, &result, &why) < 0;
	*status_out = tell_failures(t, &result);
	if (outcome.failed && *status_out == 0) { /* no point's failure: nothing could be listed */
		*err = why;
		return -1;
	}
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

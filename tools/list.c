/* SPDX-License-Identifier: Apache-2.0 */
/* liftfs list: what is in a source or on a target. */
#include <config.h>

#include "list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_target(const char *text)
{
	CLEANUP_FREE char *own = NULL;
	struct stat st;

	if (target_is_url(text))
		return true;
	if (asprintf(&own, "%s/.liftfs", text) < 0) {
		own = NULL;
		return false;
	}
	return stat(own, &st) == 0 && S_ISDIR(st.st_mode);
}

static int run(struct tool *t, struct list_options *o)
{
	struct error err = ERROR_INIT;

	if (o->plain && t->common.json)
		return tool_usage(t, "--plain and --json exclude each other");
	o->cancel = tool_catch_signals(&err);
	if (!o->cancel)
		return tool_fail(t, &err);
	if (is_target(t->args[0]))
		return list_target(t, o, t->args[0], &err) < 0 ? tool_fail(t, &err) : 0;
	if (o->points)
		return tool_usage(t, "--points: %s is not a target", t->args[0]);
	return list_source(t, o, t->args[0], &err) < 0 ? tool_fail(t, &err) : 0;
}

int main(int argc, char **argv)
{
	struct list_options o = { 0 };
	const struct tool_option options[] = {
		{ "points", 0, NULL, "recovery points too (of a target)", tool_set_flag, &o.points, NULL },
		{ "plain", 0, NULL, "one name a line, for scripts", tool_set_flag, &o.plain, NULL },
		{ "one-file-system", 'x', NULL, "do not enter other file systems", tool_set_flag, &o.one_file_system, NULL },
		{ "datastore", 0, "NAME=DIR", "where absolute names of disks lie here", datastores_set, &o.datastores, NULL },
		{ "insecure-http", 0, NULL, "http:// to other than this host", tool_set_flag, &o.insecure_http, NULL },
		{ 0 },
	};
	struct tool t = {
		.verb = "list",
		.arguments = "SOURCE or TARGET",
		.summary = "Lists the VMs and disks of a source, or the replicas of a target.",
		.options = options,
		.min_args = 1,
		.max_args = 1,
	};
	int status = tool_begin(&t, argc, argv);

	if (status < 0)
		status = tool_end(&t, run(&t, &o));
	datastores_fini(&o.datastores);
	return status;
}

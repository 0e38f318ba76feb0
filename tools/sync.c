/* SPDX-License-Identifier: Apache-2.0 */
/* liftfs sync: cycles over every VM of its sources. */
#include <config.h>

#include <string.h>

#include "base/parse.h"
#include "keep.h"
#include "paths.h"
#include "sync_private.h"

#define JOBS 4 /* VMs at once: each further disk costs 16 MiB */

static int set_block_size(void *dest, const char *value, struct error *err)
{
	uint64_t size;

	if (parse_size(value, &size, err) < 0)
		return -1;
	if (size < (64 << 10) || size > (4 << 20) || (size & (size - 1)) != 0)
		return error_set(err, ERR_USAGE, "'%s': not a power of two from 64K to 4M", value);
	*(uint64_t *)dest = size;
	return 0;
}

static int set_progress(void *dest, const char *value, struct error *err)
{
	(void)err;
	*(enum progress_format *)dest = strcmp(value, "json") == 0    ? PROGRESS_JSON
					: strcmp(value, "lines") == 0 ? PROGRESS_LINES
					: strcmp(value, "none") == 0  ? PROGRESS_NONE
								      : PROGRESS_AUTO;
	return 0;
}

static int set_watch(void *dest, const char *value, struct error *err)
{
	struct sync_options *o = dest;

	o->watch = true;
	if (!value)
		return 0;
	if (parse_duration(value, &o->interval_ms, err) < 0)
		return -1;
	return o->interval_ms > 0 ? 0 : error_set(err, ERR_USAGE, "'%s': more than nothing", value);
}

static int set_rate(void *dest, const char *value, struct error *err)
{
	struct calendar calendar;

	if (*value != '@' && calendar_parse(value, &calendar, err) < 0)
		return -1;
	return tool_set_text(dest, value, err);
}

static int set_metrics(void *dest, const char *value, struct error *err)
{
	if (strcmp(value, "-") == 0)
		return error_set(err, ERR_USAGE, "a file, since it is written again and again; liftfs status --prometheus - prints them");
	return tool_set_text(dest, value, err);
}

static int once(struct sync_run *r, int *status_out, struct error *err)
{
	struct sync_round round = { .status = 0 };
	int rc = sync_round_around(r, &round, err);

	*status_out = round.status;
	sync_round_end(&round);
	return rc;
}

static int run(struct tool *t, const struct sync_options *o, int *status_out, struct error *err)
{
	CLEANUP_FREE char *state = NULL;
	struct sync_run r = { .tool = t, .opt = o, .named = t->args, .sources = t->args, .n_sources = t->n_args - 1,
			      .url = t->args[t->n_args - 1], .reload_fd = -1 };
	int rc;

	if (o->no_points && retention_given(&o->keep))
		return error_set(err, ERR_USAGE, "--no-points makes no recovery point after which --keep- could remove others");
	if (o->watch) {
		r.reload_fd = tool_reload_on_hup(err);
		if (r.reload_fd < 0)
			return -1;
	}
	r.cancel = tool_catch_signals(err);
	state = r.cancel ? paths_state(t, err) : NULL;
	if (!state)
		return -1;
	r.state = state;
	rc = sync_start(&r, err);
	if (rc == 0)
		rc = o->watch ? sync_watch(&r, status_out, err) : once(&r, status_out, err);
	sync_stop(&r);
	return rc;
}

int main(int argc, char **argv)
{
	struct sync_options o = { .jobs = JOBS };
	const struct tool_option options[] = {
		{ "dry-run", 'n', NULL, "list, estimate, test rights; change nothing", tool_set_flag, &o.dry_run, NULL },
		{ "include", 0, "PATTERN", "take disks of this name; first match wins", sync_patterns_include,
		  &o.patterns, NULL },
		{ "exclude", 0, "PATTERN", "leave disks of this name", sync_patterns_exclude, &o.patterns, NULL },
		{ "only-configured", 0, NULL, "only what a configuration names", tool_set_flag, &o.only_configured, NULL },
		{ "one-file-system", 'x', NULL, "do not enter other file systems", tool_set_flag, &o.one_file_system, NULL },
		{ "datastore", 0, "NAME=DIR", "where absolute names lie here", datastores_set, &o.datastores, NULL },
		{ "watch", 0, "[INTERVAL]", "go on until stopped: 90s 15m 1h 1d", set_watch, &o, NULL },
		{ "before", 0, "CMD", "before each cycle; may print its SOURCE", tool_set_text, &o.before, NULL },
		{ "after", 0, "CMD", "after each cycle, whatever came of it", tool_set_text, &o.after, NULL },
		{ "limit-rate", 0, "RATE", "20M, 160mbit, a weekly calendar or @FILE", set_rate, &o.limit_rate, NULL },
		{ "list", 0, "FILE", "only what a line of it names", tool_set_text, &o.list, NULL },
		{ "index", 0, "N", "which line, from 1; or auto", tool_set_text, &o.index, NULL },
		{ "metrics", 0, "FILE", "keep metrics for Prometheus there", set_metrics, &o.metrics, NULL },
		{ "full", 0, NULL, "read everything, whatever files look like", tool_set_flag, &o.full, NULL },
		{ "no-points", 0, NULL, "make no recovery point", tool_set_flag, &o.no_points, NULL },
		{ "jobs", 0, "N", "VMs at once (4)", tool_set_count, &o.jobs, NULL },
		{ "connections", 0, "N", "requests in flight at most per disk (8)", tool_set_count, &o.connections, NULL },
		{ "block-size", 0, "SIZE", "of new replicas: 64K to 4M", set_block_size, &o.block_size, NULL },
		{ "adopt", 0, NULL, "go on with what a replica holds, by reading it", tool_set_flag, &o.adopt, NULL },
		{ "replace", 0, NULL, "take over another disk's replica", tool_set_flag, &o.replace, NULL },
		{ "break-lease", 0, NULL, "who holds a replica's lease is gone", tool_set_flag, &o.break_lease, NULL },
		{ "shrink", 0, NULL, "cut replicas off whose disks became shorter", tool_set_flag, &o.shrink, NULL },
		{ "frozen", 0, NULL, "SOURCE does not change while it is read", tool_set_flag, &o.frozen, NULL },
		{ "allow-fuzzy", 0, NULL, "a source that changed is no failure", tool_set_flag, &o.allow_fuzzy, NULL },
		{ "seed", 0, "dir:PATH", "take over replicas made there and carried to TARGET", tool_set_text, &o.seed, NULL },
		{ "insecure-http", 0, NULL, "http:// to other than this host", tool_set_flag, &o.insecure_http, NULL },
		{ "progress", 0, "FORMAT", "auto, lines, json or none", set_progress, &o.progress,
		  "auto lines json none" },
		KEEP_OPTIONS(&o.keep),
		{ 0 },
	};
	struct tool t = {
		.verb = "sync",
		.arguments = "SOURCE... TARGET",
		.summary = "Brings the replicas of SOURCE's disks on TARGET up to date.",
		.options = options,
		.min_args = 2,
		.max_args = TOOL_ARGS_ANY,
	};
	struct error err = ERROR_INIT;
	int status = tool_begin(&t, argc, argv);

	if (status < 0) {
		if (run(&t, &o, &status, &err) < 0)
			status = err.code == ERR_USAGE ? tool_usage(&t, "%s", err.msg) : tool_fail(&t, &err);
		status = tool_end(&t, status);
	}
	datastores_fini(&o.datastores);
	return status;
}

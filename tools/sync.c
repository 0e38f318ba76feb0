/* SPDX-License-Identifier: Apache-2.0 */
/* liftfs sync: one cycle over every VM of its sources. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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

/* The folder where replicas were made that were carried to TARGET. */
static int open_seed(const char *path, const struct target *target, struct target **out, struct error *err)
{
	CLEANUP(cleanup_target) struct target *seed = NULL;
	CLEANUP_FREE char *own = NULL;
	struct stat st;

	if (strncmp(path, "dir:", 4) != 0 && target_is_url(path))
		return error_set(err, ERR_USAGE, "--seed %s: not a folder of replicas (dir:PATH)", path);
	seed = target_open(path, NULL, err);
	if (!seed)
		return -1;
	if (strcmp(target_name(seed), target_name(target)) == 0)
		return error_set(err, ERR_USAGE, "--seed %s: is TARGET itself", path);
	if (asprintf(&own, "%s/.liftfs", target_name(seed)) < 0) {
		own = NULL;
		return error_errno(err, ENOMEM, "%s", path);
	}
	if (stat(own, &st) < 0 || !S_ISDIR(st.st_mode))
		return error_set(err, ERR_USAGE, "--seed %s: no replicas of liftfs lie there", path);
	*out = steal_ptr(&seed);
	return 0;
}

static int run(struct tool *t, const struct sync_options *o, int *status_out, struct error *err)
{
	CLEANUP(cleanup_connection) struct connection place = { 0 };
	CLEANUP(cleanup_target) struct target *seed = NULL;
	CLEANUP_FREE char *state = NULL;
	struct error why = ERROR_INIT;
	const char *target = t->args[t->n_args - 1];
	struct sync_run r = { .tool = t, .opt = o, .sources = t->args, .n_sources = t->n_args - 1,
			      .cancel = tool_catch_signals(err) };
	const struct connect_options connect = {
		.connections = o->connections,
		.replicas = o->jobs,
		.insecure_http = o->insecure_http,
		.create = true,
		.cancel = r.cancel,
	};

	if (o->no_points && retention_given(&o->keep))
		return error_set(err, ERR_USAGE, "--no-points makes no recovery point after which --keep- could remove others");
	if (!r.cancel)
		return -1;
	state = paths_state(t, err);
	if (!state || sync_check_places(r.sources, r.n_sources, &o->datastores, target, state, err) < 0)
		return -1;
	if (connect_open(t, target, &connect, &place, err) < 0)
		return -1;
	if (o->dry_run && retention_given(&o->keep) && connect_check_delete(&place, &why) < 0)
		output_line("liftfs sync: warning: %s", why.msg);
	if (o->seed && open_seed(o->seed, place.target, &seed, err) < 0)
		return -1;
	r.seed = seed;
	r.state = state;
	r.target = place.target;
	return sync_round(&r, status_out, err);
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
		.summary = "Brings the replicas of SOURCE's disks on TARGET up to date: one cycle.",
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

/* SPDX-License-Identifier: Apache-2.0 */
/* liftfs sync: one cycle over every VM of its sources. */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "connect.h"
#include "datastores.h"
#include "inventory/disk_info.h"
#include "paths.h"
#include "sync_report.h"

#define JOBS 4 /* VMs at once: each further disk costs 16 MiB */

struct sync_options {
	struct sync_patterns patterns;
	unsigned jobs, connections;
	uint64_t block_size;
	bool dry_run, full, adopt, replace, no_points, only_configured, one_file_system, insecure_http;
	enum progress_format progress;
	struct datastores datastores;
};

/* ---- options ---- */

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

/* ---- what must not lie inside what ---- */

static int refuse_inside(const char *a, const char *what_a, const char *b, const char *what_b, struct error *err)
{
	bool inside;

	if (paths_inside(a, b, &inside, err) < 0)
		return -1;
	if (inside)
		return error_set(err, ERR_USAGE, "%s %s lies inside %s %s", what_a, a, what_b, b);
	return 0;
}

static int refuse_either(const char *a, const char *what_a, const char *b, const char *what_b, struct error *err)
{
	return refuse_inside(a, what_a, b, what_b, err) < 0 ? -1 : refuse_inside(b, what_b, a, what_a, err);
}

/* folder NULL: no directory. */
static int check_read(const char *path, const char *what, const char *folder, const char *state, struct error *err)
{
	if (refuse_either(state, "the state", path, what, err) < 0)
		return -1;
	return folder ? refuse_either(folder, "TARGET", path, what, err) : 0;
}

static int check_places(char *const *sources, size_t n, const struct datastores *datastores, const char *target,
			const char *state, struct error *err)
{
	const char *folder = strncmp(target, "dir:", 4) == 0 ? target + 4 : target_is_url(target) ? NULL : target;

	for (size_t i = 0; i < n; i++)
		if (check_read(sources[i], "SOURCE", folder, state, err) < 0)
			return -1;
	for (size_t i = 0; i < datastores->n; i++)
		if (check_read(datastores->v[i].dir, "the datastore", folder, state, err) < 0)
			return -1;
	return folder ? refuse_either(folder, "TARGET", state, "the state", err) : 0;
}

/* ---- while it runs ---- */

static void sample(void *ctx, struct progress_now *out)
{
	const struct sync_set *s = ctx;

	for (size_t i = 0; i < s->n; i++) {
		for (size_t k = 0; k < s->runs[i].cycle.n; k++) {
			const struct cycle_disk *d = &s->runs[i].cycle.disks[k];
			const struct pass_progress *p = &d->progress;

			out->done += atomic_load_explicit(&p->bytes_done, memory_order_relaxed);
			out->sent += atomic_load_explicit(&p->bytes_sent, memory_order_relaxed);
			out->changed += atomic_load_explicit(&p->bytes_sent, memory_order_relaxed) +
					atomic_load_explicit(&p->bytes_cleared, memory_order_relaxed);
			out->disks++;
			out->disks_done += atomic_load(&s->runs[i].done);
		}
	}
	out->total = s->virtual_bytes;
}

static void tell_disk(const struct cycle_disk *d)
{
	if (d->err.code != ERR_NONE)
		output_line("liftfs sync: %s", d->err.msg);
	else if (d->result == CYCLE_FUZZY)
		output_line("liftfs sync: warning: %s: the source changed while it was read: progress, but no recovery point",
			    d->name);
	if (*d->warning)
		output_line("liftfs sync: warning: %s: %s", d->name, d->warning);
	if (d->err.code == ERR_NONE && d->read_why)
		log_info("sync", "%s: everything was read: %s", d->name, d->read_why);
}

static void vm_finished(void *ctx, struct run_vm *vm)
{
	(void)ctx;
	for (size_t i = 0; i < vm->cycle.n; i++)
		tell_disk(&vm->cycle.disks[i]);
}

/* Says a reason once, of however many disks: the ones from (i, k) on, if it is the first of them. */
static void tell_read_why(const struct sync_set *s, size_t i, size_t k)
{
	const struct cycle_disk *first = &s->runs[i].cycle.disks[k];
	size_t n = 0;

	if (first->err.code != ERR_NONE || !first->read_why)
		return;
	for (size_t j = 0; j < s->n; j++) {
		for (size_t l = 0; l < s->runs[j].cycle.n; l++) {
			const struct cycle_disk *d = &s->runs[j].cycle.disks[l];

			if (d->err.code != ERR_NONE || !d->read_why || strcmp(d->read_why, first->read_why) != 0)
				continue;
			if (n == 0 && d != first)
				return;
			n++;
		}
	}
	if (n == 1)
		output_line("%s: everything was read: %s", first->name, first->read_why);
	else
		output_line("%s and %zu more: everything was read: %s", first->name, n - 1, first->read_why);
}

static void tell_read_whys(const struct sync_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->runs[i].cycle.n; k++)
			tell_read_why(s, i, k);
}

static void tell_broken(const struct sync_set *s)
{
	for (size_t i = 0; i < s->n_broken; i++)
		output_line("liftfs sync: %s", s->broken[i].disk->err.msg);
}

/* Which replicas are there already, for the estimate of what is new. */
static int mark_existing(void *ctx, const char *name, const struct target_look *look, struct error *err)
{
	struct sync_set *s = ctx;

	(void)look;
	(void)err;
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->runs[i].cycle.n; k++)
			if (strcmp(s->runs[i].cycle.disks[k].name, name) == 0)
				s->runs[i].cycle.disks[k].kind = CYCLE_DELTA;
	return 0;
}

/*
 * What of a disk is data, by its tables and holes: of compressed images the files tell too little.  Where they cannot be
 * read the files' sizes must do: the cycle says what is wrong.
 */
static uint64_t data_of(const struct cycle_disk *d)
{
	CLEANUP(cleanup_disk) struct disk *disk = disk_open(d->root, d->source_path, NULL, NULL);
	uint64_t data;

	return disk && disk_data_bytes(disk, &data, NULL) == 0 ? data : d->data_bytes;
}

/* Before the first byte: is there room for the new ones, and what will they cost? */
static int check_room(const struct tool *t, struct sync_set *s, struct target *target, struct cancel *cancel,
		      struct error *err)
{
	struct error why = ERROR_INIT;
	uint64_t data = 0, full = 0;
	char data_text[FORMAT_TEXT_LEN], full_text[FORMAT_TEXT_LEN];
	size_t n = 0;

	if (target_list(target, mark_existing, s, &why) < 0) {
		log_info("sync", "cannot list the target to estimate what is new: %s", why.msg);
		return 0;
	}
	for (size_t i = 0; i < s->n; i++) {
		for (size_t k = 0; k < s->runs[i].cycle.n; k++) {
			const struct cycle_disk *d = &s->runs[i].cycle.disks[k];

			if (d->kind != CYCLE_INITIAL)
				continue;
			if (cancel_check(cancel, err) < 0)
				return -1;
			data += data_of(d);
			full += d->virtual_size;
			n++;
		}
	}
	if (n == 0)
		return 0;
	if (target_check_space(target, data, full, err) < 0)
		return -1;
	format_size(data, data_text);
	format_size(full, full_text);
	if (!t->common.quiet)
		output_line("%zu new disk%s of %s: about %s to be sent and stored", n, n == 1 ? "" : "s", full_text, data_text);
	return 0;
}

/* ---- the run ---- */

static int prepare_target(const struct sync_options *o, struct target *target, struct error *err)
{
	CLEANUP_FREE char *note = NULL;

	if (target_prepare(target, o->dry_run, &note, err) < 0)
		return -1;
	if (note)
		log_warn("target", "%s", note);
	return 0;
}

static int run_cycles(const struct tool *t, const struct sync_options *o, struct sync_set *s, struct target *target,
		      const char *state_path, struct cancel *cancel, struct error *err)
{
	CLEANUP(cleanup_state) struct state *state = NULL;
	CLEANUP(cleanup_engine) struct engine *engine = NULL;
	const struct engine_config config = { 0 };
	struct progress *progress;
	char host[CONNECT_HOST_LEN];
	struct cycle_options cycle = {
		.target = target,
		.cancel = cancel,
		.full = o->full,
		.adopt = o->adopt,
		.replace = o->replace,
		.no_points = o->no_points,
		.block_size = o->block_size,
		.host = host,
	};
	const struct run_options run = {
		.cycle = &cycle,
		.jobs = o->jobs,
		.plan = o->dry_run,
		.finished = vm_finished,
	};
	int rc;

	connect_host(host);
	if (!o->dry_run) {
		state = state_open(state_path, true, err);
		if (!state)
			return -1;
		engine = engine_new(&config, err);
		if (!engine)
			return -1;
	}
	cycle.state = state;
	cycle.engine = engine;
	progress = progress_start(t->common.quiet || o->dry_run ? PROGRESS_NONE : o->progress, "sync", sample, s, err);
	if (!progress)
		return -1;
	rc = run_vms(s->runs, s->n, &run, err);
	progress_stop(progress);
	return rc;
}

static int report(const struct tool *t, const struct sync_outcome *outcome, struct error *err)
{
	CLEANUP(cleanup_json) json_t *doc = NULL;
	CLEANUP_FREE char *text = NULL;

	if (!t->common.json) {
		if (t->common.quiet)
			return 0;
		return outcome->dry_run ? sync_report_plan(outcome, err) : sync_report_print(outcome, err);
	}
	doc = sync_report_json(outcome, err);
	text = doc ? disk_info_text(doc, err) : NULL;
	if (!text)
		return -1;
	fputs(text, stdout);
	return 0;
}

/* 0 with the exit status, or -1 for what concerns no disk in particular. */
static int run(struct tool *t, const struct sync_options *o, int *status_out, struct error *err)
{
	CLEANUP(cleanup_sync_set) struct sync_set set = { 0 };
	CLEANUP(cleanup_connection) struct connection place = { 0 };
	CLEANUP_FREE char *state = NULL;
	const char *target = t->args[t->n_args - 1];
	struct sync_outcome outcome = { .set = &set, .started_ns = clock_realtime_ns(), .dry_run = o->dry_run,
					.color = t->common.color };
	struct cancel *cancel = tool_catch_signals(err);
	const struct connect_options connect = {
		.connections = o->connections,
		.replicas = o->jobs,
		.insecure_http = o->insecure_http,
		.create = true,
		.cancel = cancel,
	};
	const struct sync_set_options choose = {
		.patterns = o->patterns.v,
		.n_patterns = o->patterns.n,
		.only_configured = o->only_configured,
		.one_file_system = o->one_file_system,
		.datastores = o->datastores.v,
		.n_datastores = o->datastores.n,
		.cancel = cancel,
	};

	if (!cancel)
		return -1;
	state = paths_state(t, err);
	if (!state || check_places(t->args, t->n_args - 1, &o->datastores, target, state, err) < 0)
		return -1;
	if (connect_open(t, target, &connect, &place, err) < 0)
		return -1;
	outcome.target = place.target;
	if (sync_set_find(t->args, t->n_args - 1, &choose, &set, err) < 0)
		return -1;
	tell_broken(&set);
	if (prepare_target(o, place.target, err) < 0 || (!o->dry_run && check_room(t, &set, place.target, cancel, err) < 0))
		return -1;
	if (!target_caps(place.target)->points && !o->no_points && !t->common.quiet)
		output_line("no recovery points: %s", target_caps(place.target)->why_no_points);
	if (run_cycles(t, o, &set, place.target, state, cancel, err) < 0)
		return -1;
	outcome.finished_ns = clock_realtime_ns();
	if (!t->common.quiet)
		tell_read_whys(&set);
	*status_out = sync_report_status(&outcome);
	return report(t, &outcome, err);
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
		{ "insecure-http", 0, NULL, "http:// to other than this host", tool_set_flag, &o.insecure_http, NULL },
		{ "progress", 0, "FORMAT", "auto, lines, json or none", set_progress, &o.progress,
		  "auto lines json none" },
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

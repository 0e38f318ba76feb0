/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "inventory/disk_info.h"
#include "sync_private.h"

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

static int prepare_target(const struct sync_options *o, struct target *target, struct error *err)
{
	CLEANUP_FREE char *note = NULL;

	if (target_prepare(target, o->dry_run, &note, err) < 0)
		return -1;
	if (note)
		log_warn("target", "%s", note);
	return 0;
}

static int run_cycles(const struct sync_run *r, struct sync_set *s, struct error *err)
{
	const struct sync_options *o = r->opt;
	CLEANUP(cleanup_state) struct state *state = NULL;
	CLEANUP(cleanup_engine) struct engine *engine = NULL;
	const struct engine_config config = { 0 };
	struct progress *progress;
	char host[CONNECT_HOST_LEN];
	struct cycle_options cycle = {
		.target = r->target,
		.seed = r->seed,
		.cancel = r->cancel,
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
		.finished = sync_vm_finished,
	};
	int rc;

	connect_host(host);
	if (!o->dry_run) {
		state = state_open(r->state, true, err);
		if (!state)
			return -1;
		engine = engine_new(&config, err);
		if (!engine)
			return -1;
	}
	cycle.state = state;
	cycle.engine = engine;
	progress = progress_start(r->tool->common.quiet || o->dry_run ? PROGRESS_NONE : o->progress, "sync", sync_sample, s, err);
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

int sync_round(const struct sync_run *r, int *status_out, struct error *err)
{
	CLEANUP(cleanup_sync_set) struct sync_set set = { 0 };
	const struct sync_options *o = r->opt;
	struct sync_outcome outcome = { .set = &set, .target = r->target, .started_ns = clock_realtime_ns(),
					.dry_run = o->dry_run, .color = r->tool->common.color };
	const struct sync_set_options choose = {
		.patterns = o->patterns.v,
		.n_patterns = o->patterns.n,
		.only_configured = o->only_configured,
		.one_file_system = o->one_file_system,
		.datastores = o->datastores.v,
		.n_datastores = o->datastores.n,
		.cancel = r->cancel,
	};
	bool quiet = r->tool->common.quiet;

	if (sync_set_find(r->sources, r->n_sources, &choose, &set, err) < 0)
		return -1;
	sync_tell_broken(&set);
	if (prepare_target(o, r->target, err) < 0 || (!o->dry_run && check_room(r->tool, &set, r->target, r->cancel, err) < 0))
		return -1;
	if (!target_caps(r->target)->points && !o->no_points && !quiet)
		output_line("no recovery points: %s", target_caps(r->target)->why_no_points);
	if (run_cycles(r, &set, err) < 0)
		return -1;
	outcome.finished_ns = clock_realtime_ns();
	if (!quiet)
		sync_tell_read_whys(&set);
	*status_out = sync_report_status(&outcome);
	return report(r->tool, &outcome, err);
}

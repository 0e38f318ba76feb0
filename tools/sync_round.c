/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "inventory/disk_info.h"
#include "sync_identity.h"
#include "sync_private.h"
#include "sync_record.h"

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
	uint64_t data = 0, full = 0;
	char data_text[FORMAT_TEXT_LEN], full_text[FORMAT_TEXT_LEN];
	size_t n = 0;

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

static int run_cycles(const struct sync_run *r, struct sync_set *s, struct state *state, struct sync_record *record,
		      struct error *err)
{
	const struct sync_options *o = r->opt;
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
		.break_lease = o->break_lease,
		.shrink = o->shrink,
		.frozen = o->frozen,
		.no_points = o->no_points,
		.block_size = o->block_size,
		.host = host,
	};
	const struct run_options run = {
		.cycle = &cycle,
		.jobs = o->jobs,
		.plan = o->dry_run,
		.keep = &o->keep,
		.finished = sync_record_vm,
		.ctx = record,
	};
	int rc;

	connect_host(host);
	if (!o->dry_run) {
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

/* From the look for room to the last disk's end. */
static int run_round(const struct sync_run *r, struct sync_set *set, bool listed, struct state *state, struct sync_record *record,
		     struct error *err)
{
	const struct sync_options *o = r->opt;

	if (listed && !o->dry_run && check_room(r->tool, set, r->target, r->cancel, err) < 0)
		return -1;
	if (!target_caps(r->target)->points && !o->no_points && !r->tool->common.quiet)
		output_line("no recovery points: %s", target_caps(r->target)->why_no_points);
	return run_cycles(r, set, state, record, err);
}

int sync_round(const struct sync_run *r, int *status_out, struct error *err)
{
	CLEANUP(cleanup_sync_set) struct sync_set set = { 0 };
	CLEANUP(cleanup_state) struct state *state = NULL;
	CLEANUP(cleanup_sync_record) struct sync_record *record = NULL;
	struct error why = ERROR_INIT, state_why = ERROR_INIT;
	const struct sync_options *o = r->opt;
	struct sync_outcome outcome = { .set = &set, .target = r->target, .started_ns = clock_realtime_ns(),
					.dry_run = o->dry_run, .allow_fuzzy = o->allow_fuzzy, .color = r->tool->common.color,
					.before = requests_made(r->target) };
	const struct sync_set_options choose = {
		.patterns = o->patterns.v,
		.n_patterns = o->patterns.n,
		.only_configured = o->only_configured,
		.one_file_system = o->one_file_system,
		.datastores = o->datastores.v,
		.n_datastores = o->datastores.n,
		.cancel = r->cancel,
	};
	bool quiet = r->tool->common.quiet, listed = false;
	int rc;
	const struct sync_identity_options identity = { .by_name = o->replace, .quiet = quiet };

	if (sync_set_find(r->sources, r->n_sources, &choose, &set, err) < 0)
		return -1;
	rc = prepare_target(o, r->target, &why);
	if (rc == 0)
		rc = sync_identity_settle(&set, r->target, &identity, &listed, &why);
	sync_tell_broken(&set);
	state = state_open(r->state, !o->dry_run, &state_why);
	if (!state && !(o->dry_run && state_why.code == ERR_SYSTEM && state_why.detail == ENOENT)) {
		if (err)
			*err = state_why;
		return -1;
	}
	if (!o->dry_run) {
		record = sync_record_begin(r, &set, state, outcome.started_ns, err);
		if (!record)
			return -1;
	}
	if (rc < 0 || run_round(r, &set, listed, state, record, &why) < 0) {
		sync_record_failed(record, &set, &why);
		*err = why;
		return -1;
	}
	outcome.finished_ns = clock_realtime_ns();
	if (!quiet)
		sync_tell_read_whys(&set);
	*status_out = sync_report_status(&outcome);
	sync_record_end(record, *status_out);
	return report(r->tool, &outcome, err);
}

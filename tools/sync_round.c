/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "document.h"
#include "sync_identity.h"
#include "sync_private.h"
#include "sync_record.h"
#include "sync_unchanged.h"

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
			struct cycle_disk *d = &s->runs[i].cycle.disks[k];

			if (d->kind != CYCLE_INITIAL)
				continue;
			if (cancel_check(cancel, err) < 0)
				return -1;
			d->data_bytes = data_of(d);
			data += d->data_bytes;
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
	struct sync_sampled sampled;
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
		.rate = r->rate,
		.block_size = o->block_size,
		.host = host,
	};
	const struct run_options run = {
		.cycle = &cycle,
		.jobs = o->jobs,
		.plan = o->dry_run,
		.keep = &o->keep,
		.finished = sync_record_vm,
		.removed = sync_record_removed,
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
	if (sync_sampled_init(&sampled, s, r->rate, err) < 0)
		return -1;
	progress = progress_start(r->tool->common.quiet || o->dry_run ? PROGRESS_NONE : o->progress, "sync", sync_sample, &sampled,
				  err);
	rc = progress ? run_vms(s->runs, s->n, &run, err) : -1;
	progress_stop(progress);
	sync_sampled_fini(&sampled);
	return rc;
}

/* What was said is recorded first; the text of a document of many disks is made meanwhile. */
static int report(const struct sync_run *r, const struct sync_round *round, const struct sync_outcome *outcome,
		  struct sync_record *record, struct error *err)
{
	const struct tool *t = r->tool;
	CLEANUP_FREE char *text = NULL;

	sync_record_hurry(record);
	if (t->common.json)
		text = sync_report_json(outcome, err);
	sync_record_end(record, round->status);
	if (text)
		document_write(text);
	if (t->common.json)
		return text ? 0 : -1;
	if (round->brief || t->common.quiet)
		return 0;
	return outcome->dry_run ? sync_report_plan(outcome, err) : sync_report_print(outcome, err);
}

/* Of a round over parked VMs those whose turn it is; of a fleet the line's. */
struct wish {
	const struct sync_run *run;
	bool parked_only;
	uint64_t now_ns;
};

static bool wanted(void *ctx, const char *vm, const char *disk)
{
	const struct wish *w = ctx;

	return (!w->run->fleet.line || sync_fleet_wants((void *)&w->run->fleet, vm, disk)) &&
	       (!w->parked_only || sync_known_is_due(w->run->known, vm, w->now_ns));
}

static void tell_line(void *ctx, const char *line)
{
	const struct sync_run *r = ctx;

	if (!r->tool->common.quiet)
		output_line("%s", line);
}

/* The long way. */
static int find_disks(const struct sync_run *r, struct sync_round *round, struct error *err)
{
	const struct sync_options *o = r->opt;
	struct wish wish = { .run = r, .parked_only = round->parked_only, .now_ns = clock_boottime_ns() };
	const struct sync_set_options choose = {
		.patterns = o->patterns.v,
		.n_patterns = o->patterns.n,
		.only_configured = o->only_configured,
		.one_file_system = o->one_file_system,
		.datastores = o->datastores.v,
		.n_datastores = o->datastores.n,
		.cancel = r->cancel,
		.wanted = r->fleet.line || round->parked_only ? wanted : NULL,
		.wanted_ctx = &wish,
	};

	if (sync_set_find(r->sources, r->n_sources, &choose, &round->set, err) == 0)
		return 0;
	return r->fleet.line && !round->parked_only && err->code == ERR_USAGE ?
		       error_prefix(err, "line %" PRIu64 ", '%s'", r->fleet.number, r->fleet.line) :
		       -1;
}

static int find(const struct sync_run *r, struct sync_round *round, bool *unchanged_out, struct error *err)
{
	round->unchanged = sync_unchanged_begin(r, round);
	*unchanged_out = sync_unchanged_find(round->unchanged, &round->set);
	if (!*unchanged_out && find_disks(r, round, err) < 0)
		return -1;
	if (r->known && sync_known_found(r->known, &round->set, !round->parked_only, tell_line, (void *)r, err) < 0)
		return -1;
	return 0;
}

/* From the look for room to the last disk's end. */
static int run(const struct sync_run *r, struct sync_round *round, bool listed, struct state *state, struct sync_record *record,
	       struct error *err)
{
	const struct sync_options *o = r->opt;
	struct sync_set *set = &round->set;

	if (listed && !o->dry_run && check_room(r->tool, set, r->target, r->cancel, err) < 0)
		return -1;
	if (!target_caps(r->target)->points && !o->no_points && !r->tool->common.quiet && !round->brief)
		output_line("no recovery points: %s", target_caps(r->target)->why_no_points);
	return run_cycles(r, set, state, record, err);
}

/* A dry run makes no state. */
static int open_state(const struct sync_run *r, struct state **out, struct error *err)
{
	bool dry_run = r->opt->dry_run;
	struct error why = ERROR_INIT;

	*out = state_open(r->state, !dry_run, &why);
	if (*out || (dry_run && why.code == ERR_SYSTEM && why.detail == ENOENT))
		return 0;
	if (err)
		*err = why;
	return -1;
}

/* Which replica each disk goes on with; a set that was found by a survey is found anew if that does not hold. */
static int settle(const struct sync_run *r, struct sync_round *round, bool *unchanged, struct sync_identity_found *found,
		  struct error *err)
{
	const struct sync_identity_options identity = { .by_name = r->opt->replace, .quiet = r->tool->common.quiet };

	if (*unchanged && sync_unchanged_confirm(round->unchanged, &round->set)) {
		found->listed = true;
		return 0;
	}
	if (*unchanged) {
		*unchanged = false;
		sync_attend_work(r->attend, true, NULL);
		sync_set_fini(&round->set);
		if (find_disks(r, round, err) < 0)
			return -1;
		sync_attend_work(r->attend, true, &round->set);
	}
	return sync_identity_settle(&round->set, r->target, &identity, found, err);
}

static int run_recorded(const struct sync_run *r, struct sync_round *round, bool unchanged, uint64_t started_ns,
			struct sync_record **record, struct state **state, struct error *err)
{
	struct sync_identity_found found = { .listed = false };
	struct error why = ERROR_INIT;
	int rc = prepare_target(r->opt, r->target, &why);

	if (rc == 0)
		rc = settle(r, round, &unchanged, &found, &why);
	sync_tell_broken(&round->set, r->known);
	if (open_state(r, state, err) < 0)
		return -1;
	if (!r->opt->dry_run) {
		*record = sync_record_begin(r, round, *state, started_ns, err);
		if (!*record)
			return -1;
	}
	if (!unchanged)
		sync_unchanged_watch(round->unchanged, &round->set, *state, found.plain);
	if (rc == 0 && run(r, round, found.listed, *state, *record, &why) == 0) {
		if (!unchanged)
			sync_unchanged_remember(round->unchanged, &round->set, *state);
		return 0;
	}
	sync_record_failed(*record, &round->set, &why);
	if (err)
		*err = why;
	return -1;
}

static void count(struct sync_round *round)
{
	for (size_t i = 0; i < round->set.n; i++) {
		for (size_t k = 0; k < round->set.runs[i].cycle.n; k++) {
			const struct cycle_disk *d = &round->set.runs[i].cycle.disks[k];

			round->sent += atomic_load_explicit(&d->progress.bytes_sent, memory_order_relaxed);
			round->first_copies |= d->kind == CYCLE_INITIAL && d->err.code == ERR_NONE;
		}
	}
}

static int run_round(const struct sync_run *r, struct sync_round *round, struct error *err)
{
	CLEANUP(cleanup_state) struct state *state = NULL;
	CLEANUP(cleanup_sync_record) struct sync_record *record = NULL;
	const struct sync_options *o = r->opt;
	struct sync_outcome outcome = { .set = &round->set, .target = r->target, .started_ns = clock_realtime_ns(),
					.dry_run = o->dry_run, .allow_fuzzy = o->allow_fuzzy, .color = r->tool->common.color,
					.before = requests_made(r->target) };
	bool unchanged;
	int rc;

	sync_attend_work(r->attend, true, NULL);
	rc = find(r, round, &unchanged, err);
	if (rc == 0) {
		sync_attend_work(r->attend, true, &round->set);
		rc = run_recorded(r, round, unchanged, outcome.started_ns, &record, &state, err);
	}
	sync_attend_work(r->attend, false, NULL);
	if (rc < 0)
		return -1;
	outcome.finished_ns = clock_realtime_ns();
	round->ran = true;
	count(round);
	if (!r->tool->common.quiet && !round->brief)
		sync_tell_read_whys(&round->set);
	sync_tell_stopped(&round->set);
	round->status = sync_report_status(&outcome);
	rc = report(r, round, &outcome, record, err);
	fflush(stdout); /* of a watch each round's is to be read when it is over */
	return rc;
}

int sync_round(const struct sync_run *r, struct sync_round *round, struct error *err)
{
	int rc = run_round(r, round, err);

	sync_metrics_write(r->metrics); /* nobody is at work on a disk any more */
	return rc;
}

void sync_round_end(struct sync_round *round)
{
	sync_set_fini(&round->set);
	sync_unchanged_free(round->unchanged);
	round->unchanged = NULL;
}

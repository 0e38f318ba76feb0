/* SPDX-License-Identifier: Apache-2.0 */
/* Of one machine's move, why each number is what it is. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "assess_explain.h"
#include "base/cleanup.h"
#include "base/compiler.h"
#include "base/strbuf.h"
#include "inventory/disk_info.h"

#define MIB 1048576.0
#define DAY_S 86400.0

#define line assess_explain_line

struct explained {
	const struct assess_report *r;
	const struct move_vm *v;
	const struct machine *m;
};

static void size_of(double bytes, char out[FORMAT_TEXT_LEN])
{
	assess_size(bytes / MIB, out);
}

static void time_of(double s, char out[FORMAT_TEXT_LEN])
{
	format_duration(s < 1e12 ? (uint64_t)(s * 1000) : (uint64_t)1e15, out);
}

static const char *from(const struct move_setting *s)
{
	return s->given ? "" : " (assumed)";
}

/* ---- bytes ---- */

static const char *source_text(enum move_source s)
{
	static const char *const texts[MOVE_SOURCES] = {
		[MOVE_MEASURED] = "measured: neither zeros nor there twice",
		[MOVE_ALLOCATED] = "what its image takes on the datastore",
		[MOVE_IN_USE] = "its part, by capacity, of what the machine has in use",
		[MOVE_CAPACITY] = "its capacity: what is in it is not known",
	};

	return texts[s];
}

static int disk_line(const struct explained *e, size_t i, struct error *err)
{
	const struct machine_disk *d = &e->m->disks[i];
	const struct move_disk *disk = &e->v->disks[i];
	CLEANUP_FREE char *label = disk_info_escape(d->label, err);
	CLEANUP_FREE char *cut = label ? assess_cut(label, 60, err) : NULL;
	CLEANUP_FREE char *with = cut && disk->with ? disk_info_escape(disk->with->machine->name, err) : NULL;
	char size[FORMAT_TEXT_LEN], rate[FORMAT_TEXT_LEN], time[FORMAT_TEXT_LEN];

	if (!cut || (disk->with && !with))
		return -1;
	if (disk->with) {
		printf("  %-14s shared, and counted with %s\n", cut, with);
		return 0;
	}
	if (!disk->known) {
		printf("  %-14s its size is not known\n", cut);
		return 0;
	}
	size_of(disk->bytes, size);
	size_of(disk->rate, rate);
	time_of(disk->s, time);
	printf("  %-14s %s, %s\n", cut, size, source_text(disk->source));
	printf("  %-14s %s at %s/s, %s\n", "", time, rate,
	       disk->way == MOVE_PAGE_BLOB ? "what a page blob takes"
	       : e->r->moving->way == MOVE_DIRECT_UPLOAD
		       ? "a direct upload's rate for its size"
		       : "a direct upload's rate for its size: no page blob holds it");
	return 0;
}

static int byte_lines(const struct explained *e, struct error *err)
{
	const struct move_load *l = &e->v->load;
	char size[FORMAT_TEXT_LEN];

	for (size_t i = 0; i < e->m->n_disks; i++)
		if (e->v->vm->disks[i].replicate && disk_line(e, i, err) < 0)
			return -1;
	size_of(move_load_bytes(l), size);
	if (move_load_known(l) || l->elsewhere > 0)
		line("to send", "%s%s", size, l->unknown > 0 ? ", without the disks whose size is not known" : "");
	else
		line("to send", "not known");
	return 0;
}

/* ---- time ---- */

static void time_lines(const struct explained *e)
{
	const struct move_options *o = e->r->moving;
	const struct move_time *t = &e->v->time;
	char line_rate[FORMAT_TEXT_LEN], account_rate[FORMAT_TEXT_LEN], time[FORMAT_TEXT_LEN];

	size_of(o->line_rate.v, line_rate);
	size_of(o->account_rate.v, account_rate);
	time_of(t->s[MOVE_BY_LINE], time);
	line("time at best", "%s over a line of %s/s%s", time, line_rate, from(&o->line_rate));
	time_of(t->s[MOVE_BY_ACCOUNT], time);
	line("", "%s for a storage account of %s/s%s", time, account_rate, from(&o->account_rate));
	time_of(t->s[MOVE_BY_BLOB], time);
	line("", "%s for its slowest disk", time);
	time_of(t->s[MOVE_BY_DISKS_AT_ONCE], time);
	line("", "%s for all of them, %.12g at once%s", time, o->disks_at_once.v, from(&o->disks_at_once));
	time_of(t->longest_s, time);
	line("", "%s, the longest: the limit is %s", time, move_limit_name(t->limit));
}

static void cycle_lines(const struct explained *e)
{
	const struct move_options *o = e->r->moving;
	const struct move_vm *v = e->v;
	char churn[FORMAT_TEXT_LEN], rate[FORMAT_TEXT_LEN], cycle[FORMAT_TEXT_LEN], interval[FORMAT_TEXT_LEN],
		lag[FORMAT_TEXT_LEN];

	size_of(v->churn * DAY_S, churn);
	if (o->churn_bytes.given)
		line("churn", "%s a day", churn);
	else
		line("churn", "%s a day: %.12g %% of its disks%s", churn, o->churn_share.v * 100,
		     from(&o->churn_share));
	size_of(v->change_rate, rate);
	size_of(o->change_bytes.v, cycle);
	if (v->change_rate > 0)
		line("", "its blobs take %s/s of writes of %s%s", rate, cycle, from(&o->change_bytes));
	if (!v->converges) {
		line("cycles", "never catch up: changes outrun the line, or what its blobs take");
		return;
	}
	time_of(v->cadence.cycle_s, cycle);
	time_of(v->fixed_s, rate);
	time_of(v->cadence.interval_s, interval);
	time_of(v->cadence.lag_s, lag);
	line("cycles", "of %s: %s for snapshot and search, the rest for changes", cycle, rate);
	line("", "one every %s: the next begins half as long after one's end, 1 to 12 hours", interval);
	line("lag", "%s at worst: the replica is as old when a cycle is about to end", lag);
}

/* ---- who goes when ---- */

static const char *complexity_reason(const struct move_vm *v)
{
	const struct assess_codes *codes = &v->vm->azure.codes;

	for (size_t i = 0; i < codes->n && v->complexity == WAVE_HIGH; i++)
		if (move_heavy_code(codes->v[i]))
			return codes->v[i];
	return v->complexity == WAVE_HIGH     ? "three codes or more"
	       : v->complexity == WAVE_MEDIUM ? "a code, or two"
					      : "no code";
}

static void priority_lines(const struct move_vm *v)
{
	const struct move_priority p = move_priority_of(v);

	line("complexity", "%s: %s", wave_level_name(v->complexity), complexity_reason(v));
	line("criticality", "%s%s", wave_level_name(v->criticality), v->row ? "" : ": the groups do not name it");
	line("priority", "%.1f of 100 = %d x %.12g readiness + %d x %.12g complexity", v->priority,
	     MOVE_WEIGHT_READINESS, p.readiness, MOVE_WEIGHT_COMPLEXITY, p.complexity);
	line("", "  + %d x %.3f effort + %d x %.12g criticality", MOVE_WEIGHT_EFFORT, p.effort, MOVE_WEIGHT_CRITICALITY,
	     p.criticality);
}

static int group_lines(const struct explained *e, struct error *err)
{
	const struct wave_row *row = e->v->row;

	if (!row) {
		line("application", "its own, production: %s",
		     e->r->moving->groups ? "the groups do not name it" : "there are no groups");
		return 0;
	}
	if (row->application && assess_explain_name("application", row->application, err) < 0)
		return -1;
	if (!row->application)
		line("application", "its own");
	line("environment", "%s, as %s says", row->devtest ? "development or test" : "production", row->place);
	for (size_t i = 0; i < row->n_depends; i++)
		if (assess_explain_name(i == 0 ? "depends on" : "", row->depends[i], err) < 0)
			return -1;
	return 0;
}

static int held_lines(const struct explained *e, struct error *err)
{
	if (!e->v->held_by) {
		line("wave", "none: it is not ready itself, or that is not known");
		return 0;
	}
	line("wave", "none: it goes with, or needs, a machine that is not ready:");
	return assess_explain_name("", e->v->held_by->machine->name, err);
}

static int wave_lines(const struct explained *e, struct error *err)
{
	const struct move *m = e->r->move;
	const struct move_wave *w;
	char start[FORMAT_TEXT_LEN];

	if (e->v->wave == MOVE_NO_WAVE)
		return held_lines(e, err);
	w = &m->waves[e->v->wave];
	time_of(w->start_s, start);
	line("wave", "%zu of %zu, with %zu other%s; its transfer begins %s%s", e->v->wave + 1, m->n_waves, w->n_vms - 1,
	     w->n_vms == 2 ? "" : "s", w->start_s > 0 ? "after " : "at once", w->start_s > 0 ? start : "");
	line("", "confidence %s, risk %s", wave_level_name(w->confidence), wave_level_name(w->risk));
	for (size_t i = 0; i < w->reasons.n; i++)
		line("", "- %s", w->reasons.v[i]);
	return 0;
}

int assess_explain_move(const struct assess_report *r, size_t i, struct error *err)
{
	const struct explained e = { .r = r, .v = &r->move->vms[i], .m = r->move->vms[i].vm->machine };

	printf("\nMove\n");
	if (byte_lines(&e, err) < 0)
		return -1;
	if (move_load_known(&e.v->load)) {
		time_lines(&e);
		cycle_lines(&e);
	}
	priority_lines(e.v);
	return group_lines(&e, err) < 0 ? -1 : wave_lines(&e, err);
}

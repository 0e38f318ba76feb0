/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of the move, in the document for programs. */
#include <config.h>

#include <math.h>
#include <stddef.h>

#include "assess_json.h"
#include "base/compiler.h"
#include "inventory/disk_info.h"

/* ---- values: NULL only without memory ---- */

static json_t *count(size_t n)
{
	return json_integer((json_int_t)n);
}

/* What no integer of JSON's holds is a real. */
static json_t *bytes(double n)
{
	n = round(n);
	return n < 9e15 ? json_integer((json_int_t)n) : json_real(n);
}

static json_t *real_if(bool known, double v)
{
	return known ? json_real(v) : json_null();
}

static json_t *word_if(bool known, const char *word)
{
	return known ? json_string(word) : json_null();
}

/* Adds to a list; what could not be made leaves the list one short. */
static json_t *whole_list(json_t *list, size_t n)
{
	if (list && json_array_size(list) == n)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *texts(const struct machine_notices *a, const struct machine_notices *b)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < a->n; i++)
		json_array_append_new(list, assess_json_text(a->v[i]));
	for (size_t i = 0; list && b && i < b->n; i++)
		json_array_append_new(list, assess_json_text(b->v[i]));
	return whole_list(list, a->n + (b ? b->n : 0));
}

/* ---- loads and times ---- */

static json_t *load_json(const struct move_load *l)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:{s:o, s:o, s:o, s:o, s:o}}", "disks", count(l->disks), "disks_unknown",
			 count(l->unknown), "disks_elsewhere", count(l->elsewhere), "disks_direct", count(l->direct),
			 "bytes", "total", bytes(move_load_bytes(l)), "measured", bytes(l->bytes[MOVE_MEASURED]),
			 "allocated", bytes(l->bytes[MOVE_ALLOCATED]), "in_use", bytes(l->bytes[MOVE_IN_USE]),
			 "capacity", bytes(l->bytes[MOVE_CAPACITY]));
}

static json_t *time_json(const struct move_time *t)
{
	return json_pack("{s:f, s:o, s:f, s:f, s:f, s:f}", "seconds", t->longest_s, "limit",
			 word_if(t->longest_s > 0, move_limit_name(t->limit)), "line", t->s[MOVE_BY_LINE], "account",
			 t->s[MOVE_BY_ACCOUNT], "blob", t->s[MOVE_BY_BLOB], "disks_at_once",
			 t->s[MOVE_BY_DISKS_AT_ONCE]);
}

/* ---- a machine ---- */

json_t *assess_json_vm_move(const struct move_vm *v, struct error *err)
{
	bool known = move_load_known(&v->load), settles = known && v->converges;
	const char *application = v->row ? v->row->application : NULL;

	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:f, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:o}",
		"bytes", known || v->load.elsewhere > 0 ? bytes(move_load_bytes(&v->load)) : json_null(), "source",
		word_if(known, move_source_name(move_load_source(&v->load))), "disks", count(v->load.disks),
		"disks_unknown", count(v->load.unknown), "disks_elsewhere", count(v->load.elsewhere), "disks_direct",
		count(v->load.direct), "seconds", real_if(known, v->time.longest_s), "limit",
		word_if(known && v->time.longest_s > 0, move_limit_name(v->time.limit)), "application",
		application ? assess_json_text(application) : json_null(), "environment",
		v->row && v->row->devtest ? "dev-test" : "production", "complexity", wave_level_name(v->complexity),
		"criticality", wave_level_name(v->criticality), "priority", v->priority, "wave",
		v->wave != MOVE_NO_WAVE ? count(v->wave + 1) : json_null(), "held_by",
		v->held_by ? disk_info_name(v->held_by->machine->name, err) : json_null(), "churn_bytes_a_second",
		real_if(known, v->churn), "converges", known ? json_boolean(v->converges) : json_null(),
		"cycle_seconds", real_if(settles, v->cadence.cycle_s), "interval_seconds",
		real_if(settles, v->cadence.interval_s), "lag_seconds", real_if(settles, v->cadence.lag_s));
}

/* ---- all of them ---- */

static json_t *options_json(const struct move_options *o)
{
	static const struct {
		const char *name;
		size_t at;
	} settings[] = {
		{ "line_rate", offsetof(struct move_options, line_rate) },
		{ "account_rate", offsetof(struct move_options, account_rate) },
		{ "disks_at_once", offsetof(struct move_options, disks_at_once) },
		{ "churn_share", offsetof(struct move_options, churn_share) },
		{ "change_bytes", offsetof(struct move_options, change_bytes) },
		{ "cycle_fixed_seconds", offsetof(struct move_options, cycle_fixed_s) },
		{ "scan_rate", offsetof(struct move_options, scan_rate) },
		{ "wave_max", offsetof(struct move_options, wave_max) },
	};
	json_t *j = json_pack("{s:s, s:b}", "upload", move_way_name(o->way), "groups", o->groups != NULL);

	for (size_t i = 0; j && i < ARRAY_LEN(settings); i++) {
		const struct move_setting *s =
			(const struct move_setting *)(const void *)((const char *)o + settings[i].at);

		if (json_object_set_new(j, settings[i].name,
					json_pack("{s:f, s:b}", "value", s->v, "given", s->given)) != 0) {
			json_decref(j);
			return NULL;
		}
	}
	return j;
}

static json_t *wave_json(const struct move *m, size_t at, struct error *err)
{
	const struct move_wave *w = &m->waves[at];
	json_t *vms = json_array(), *broken = json_array();

	for (size_t i = 0; vms && i < w->n_vms; i++)
		json_array_append_new(vms, disk_info_name(m->vms[w->vms[i]].vm->machine->name, err));
	for (unsigned i = 1; broken && i <= 8; i++)
		if (w->broken & 1U << i)
			json_array_append_new(broken, count(i));
	return json_pack("{s:o, s:o, s:b, s:o, s:o, s:f, s:f, s:f, s:s, s:s, s:o, s:o}", "number", count(at + 1), "vms",
			 whole_list(vms, w->n_vms), "production", w->production, "load", load_json(&w->load), "time",
			 time_json(&w->time), "start_seconds", w->start_s, "end_seconds", w->end_s, "line_share",
			 w->line_share, "confidence", wave_level_name(w->confidence), "risk", wave_level_name(w->risk),
			 "broken", broken, "reasons", texts(&w->reasons, NULL));
}

static json_t *waves_json(const struct move *m, struct error *err)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < m->n_waves; i++)
		json_array_append_new(list, wave_json(m, i, err));
	return whole_list(list, m->n_waves);
}

static json_t *fixes_json(const struct move *m)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < m->n_fixes; i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:o, s:s}", "code", m->fixes[i].code, "vms",
						count(m->fixes[i].vms), "text", assess_code_text(m->fixes[i].code)));
	return whole_list(list, m->n_fixes);
}

json_t *assess_json_move(const struct assess_report *r, struct error *err)
{
	const struct move *m = r->move;
	const struct machine_notices *of_groups = r->moving->groups ? &r->moving->groups->notices : NULL;

	return json_pack("{s:o, s:o, s:o, s:f, s:o, s:o, s:{s:i, s:i, s:i, s:i}, s:o, s:o, s:o, s:o, s:o}", "options",
			 options_json(r->moving), "load", load_json(&m->load), "time", time_json(&m->time),
			 "line_share", m->line_share, "not_ready", count(m->n_not_ready), "held", count(m->n_held),
			 "weights", "readiness", MOVE_WEIGHT_READINESS, "complexity", MOVE_WEIGHT_COMPLEXITY, "effort",
			 MOVE_WEIGHT_EFFORT, "criticality", MOVE_WEIGHT_CRITICALITY, "waves", waves_json(m, err),
			 "fixes", fixes_json(m), "assumptions", texts(&m->assumptions, NULL), "notices",
			 texts(&m->notices, of_groups), "notices_beyond",
			 count(m->notices.beyond + (of_groups ? of_groups->beyond : 0)));
}

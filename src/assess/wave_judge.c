/* SPDX-License-Identifier: Apache-2.0 */
/* What waves are worth: their times, their machines' cycles, what speaks for and against them; and what to fix first.
 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assess/move_private.h"
#include "base/compiler.h"

static void add_load(struct move_load *to, const struct move_load *l)
{
	for (int i = 0; i < MOVE_SOURCES; i++) {
		to->bytes[i] += l->bytes[i];
		to->from[i] += l->from[i];
	}
	to->disks += l->disks;
	to->unknown += l->unknown;
	to->elsewhere += l->elsewhere;
	to->direct += l->direct;
	to->all_s += l->all_s;
	if (l->slowest_s > to->slowest_s)
		to->slowest_s = l->slowest_s;
}

/* ---- cycles ---- */

/* What the others of the wave do not take of the line, and not more than its blobs take. */
static void settle(const struct move_options *o, struct move_vm *v, double others)
{
	double rate = o->line_rate.v - others;

	if (v->change_rate > 0 && v->change_rate < rate)
		rate = v->change_rate;
	v->converges = v->churn <= 0 ? cadence_settle(v->fixed_s, 0, &v->cadence)
		       : rate > 0    ? cadence_settle(v->fixed_s, v->churn / rate, &v->cadence)
				     : false;
}

/* ---- confidence and risk ---- */

static void at_least(enum wave_level *risk, enum wave_level l)
{
	if (l > *risk)
		*risk = l;
}

static void at_most(enum wave_level *confidence, enum wave_level l)
{
	if (l < *confidence)
		*confidence = l;
}

static void judge_confidence(const struct move *m, struct move_wave *w)
{
	size_t ungrouped = 0;

	w->confidence = WAVE_HIGH;
	for (size_t i = 0; i < w->n_vms; i++)
		ungrouped += m->vms[w->vms[i]].row == NULL;
	if (w->load.unknown > 0) {
		at_most(&w->confidence, WAVE_LOW);
		machine_notice(&w->reasons, "the size of %zu of %zu disks is not known", w->load.unknown,
			       w->load.disks);
	}
	if (w->load.bytes[MOVE_CAPACITY] > 0) {
		at_most(&w->confidence, WAVE_MEDIUM);
		machine_notice(&w->reasons, "bytes to send are in part those of whole disks, not what is in them");
	}
	if (ungrouped > 0) {
		at_most(&w->confidence, WAVE_MEDIUM);
		machine_notice(&w->reasons, "what %zu of %zu machines belong to and depend on is not known", ungrouped,
			       w->n_vms);
	}
	if (ungrouped > 0 && w->load.bytes[MOVE_CAPACITY] > 0)
		at_most(&w->confidence, WAVE_LOW);
}

static void judge_conditions(struct move_wave *w)
{
	static const struct {
		enum wave_level risk;
		const char *text;
	} conditions[] = {
		[4] = { WAVE_HIGH, "production goes here before development or test that depends on it" },
		[5] = { WAVE_HIGH, "production goes together with development or test of the same application" },
		[6] = { WAVE_HIGH, "high criticality goes in the first wave" },
		[7] = { WAVE_MEDIUM, "high complexity goes in the first wave" },
		[8] = { WAVE_MEDIUM, "machines that go together are more than a wave is to have" },
	};

	for (unsigned i = 4; i < ARRAY_LEN(conditions); i++)
		if (w->broken & 1U << i) {
			at_least(&w->risk, conditions[i].risk);
			machine_notice(&w->reasons, "condition %u: %s", i, conditions[i].text);
		}
}

static void judge_risk(const struct move *m, struct move_wave *w)
{
	size_t conditional = 0, complex = 0, behind = 0;

	w->risk = WAVE_LOW;
	judge_conditions(w);
	for (size_t i = 0; i < w->n_vms; i++) {
		const struct move_vm *v = &m->vms[w->vms[i]];

		conditional += v->vm->azure.verdict == VERDICT_CONDITIONAL;
		complex += v->complexity == WAVE_HIGH;
		behind += !v->converges;
	}
	if (behind > 0) {
		at_least(&w->risk, WAVE_HIGH);
		machine_notice(&w->reasons, "changes of %zu of %zu machines outrun the line or their blobs", behind,
			       w->n_vms);
	}
	if (complex > 0) {
		at_least(&w->risk, WAVE_MEDIUM);
		machine_notice(&w->reasons, "%zu of %zu machines are of high complexity", complex, w->n_vms);
	}
	if (conditional > 0) {
		at_least(&w->risk, WAVE_MEDIUM);
		machine_notice(&w->reasons, "%zu of %zu machines are ready under conditions only", conditional,
			       w->n_vms);
	}
}

void move_judge(const struct move_options *o, struct move *m, const size_t *by_name)
{
	double start = 0, churn = 0;

	for (size_t r = 0; r < m->n_vms; r++) { /* in an order of their own: sums do not depend on the inventory's */
		struct move_vm *v = &m->vms[by_name[r]];

		add_load(&m->load, &v->load);
		churn += v->churn;
		if (v->wave == MOVE_NO_WAVE)
			settle(o, v, 0);
	}
	m->time = move_time_of(&m->load, o);
	m->line_share = churn / o->line_rate.v;
	for (size_t i = 0; i < m->n_waves; i++) {
		struct move_wave *w = &m->waves[i];

		churn = 0;
		for (size_t k = 0; k < w->n_vms; k++) {
			add_load(&w->load, &m->vms[w->vms[k]].load);
			churn += m->vms[w->vms[k]].churn;
		}
		for (size_t k = 0; k < w->n_vms; k++)
			settle(o, &m->vms[w->vms[k]], churn - m->vms[w->vms[k]].churn);
		w->line_share = churn / o->line_rate.v;
		w->time = move_time_of(&w->load, o);
		w->start_s = start;
		w->end_s = start += w->time.longest_s;
		judge_confidence(m, w);
		judge_risk(m, w);
	}
}

/* ---- what to fix first ---- */

struct counted {
	struct move_fix *v;
	size_t *last; /* the machine that had it last, from 1 */
	size_t n, cap;
};

static int count(struct counted *c, const char *code, size_t machine, struct error *err)
{
	size_t i = 0;

	while (i < c->n && strcmp(c->v[i].code, code) != 0)
		i++;
	if (i == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 32;
		struct move_fix *v = reallocarray(c->v, cap, sizeof(*v));
		size_t *last = v ? reallocarray(c->last, cap, sizeof(*last)) : NULL;

		if (v)
			c->v = v;
		if (!last)
			return error_errno(err, ENOMEM, "codes");
		c->last = last;
		c->cap = cap;
	}
	if (i == c->n) {
		c->v[c->n] = (struct move_fix){ .code = code };
		c->last[c->n++] = 0;
	}
	c->v[i].vms += c->last[i] != machine + 1;
	c->last[i] = machine + 1;
	return 0;
}

/* Those that keep it from being ready; what it is conditional on as well can wait. */
static int count_codes(const struct assess_codes *codes, size_t machine, struct counted *c, struct error *err)
{
	for (size_t i = 0; i < codes->n; i++)
		if ((codes->of[i] == VERDICT_NOT_READY || codes->of[i] == VERDICT_UNKNOWN) &&
		    count(c, codes->v[i], machine, err) < 0)
			return -1;
	return 0;
}

static int count_machine(const struct move_vm *v, size_t machine, struct counted *c, struct error *err)
{
	if (count_codes(&v->vm->azure.codes, machine, c, err) < 0)
		return -1;
	for (size_t d = 0; d < v->vm->machine->n_disks; d++)
		if (count_codes(&v->vm->disks[d].codes, machine, c, err) < 0)
			return -1;
	return 0;
}

static int most_first(const void *a, const void *b)
{
	const struct move_fix *x = a, *y = b;

	if (x->vms != y->vms)
		return x->vms > y->vms ? -1 : 1;
	return strcmp(x->code, y->code);
}

int move_find_fixes(struct move *m, struct error *err)
{
	struct counted c = { .n = 0 };
	int rc = 0;

	for (size_t i = 0; i < m->n_vms && rc == 0; i++)
		if (move_not_ready(&m->vms[i]))
			rc = count_machine(&m->vms[i], i, &c, err);
	if (c.n > 0)
		qsort(c.v, c.n, sizeof(*c.v), most_first);
	free(c.last);
	m->fixes = c.v;
	m->n_fixes = c.n;
	return rc;
}

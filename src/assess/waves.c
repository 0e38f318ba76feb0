/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups into waves: what is most urgent of what has all that it needs in a wave already, into the first wave that may
 * take it.
 *
 * First go development and test and the production that they need (condition 3 wins over 4), then the rest.
 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "assess/move_private.h"

enum stage { STAGE_DEVTEST, STAGE_NEEDED, STAGE_PRODUCTION };
#define STAGES 3

struct place { /* of a group, besides */
	enum stage stage;
	size_t rank;    /* by stage, conditions 6 and 7, priority, then name */
	size_t waiting; /* for so many of its needs */
};

struct planner {
	const struct move_options *o;
	struct move *m;
	struct wave_units *u;
	struct place *places; /* by group */
	size_t *by_rank;      /* groups */
	size_t *needed_by;    /* of all groups, one after the other */
	size_t *needed_at;    /* where those of group g begin: at [g + 1]; they end at [g + 2] */
	size_t *heap, n_heap; /* ranks of those that may go, the least first */
	size_t size[STAGES];  /* of a wave, balanced */
	size_t open[STAGES];  /* before it no wave of the stage has room */
	size_t after_devtest; /* the first wave that comes after all development and test */
	size_t cap_waves;
};

static void planner_fini(struct planner *p)
{
	free(p->places);
	free(p->by_rank);
	free(p->needed_by);
	free(p->needed_at);
	free(p->heap);
}

/* ---- order ---- */

struct sortable {
	enum stage stage;
	int late; /* conditions 6 and 7, of which 6 wins */
	double priority;
	size_t group, rank; /* rank: by name */
};

static int by_urgency(const void *a, const void *b)
{
	const struct sortable *x = a, *y = b;

	if (x->stage != y->stage)
		return x->stage < y->stage ? -1 : 1;
	if (x->late != y->late)
		return x->late < y->late ? -1 : 1;
	if (x->priority != y->priority)
		return x->priority > y->priority ? -1 : 1;
	return (x->rank > y->rank) - (x->rank < y->rank);
}

static void find_stages(struct planner *p)
{
	for (size_t g = p->u->n_groups; g-- > 0;) { /* who needs comes after what is needed */
		const struct wave_group *group = &p->u->groups[g];

		if (group->held)
			continue;
		if (group->n_devtest == group->n)
			p->places[g].stage = STAGE_DEVTEST;
		else if (p->places[g].stage != STAGE_NEEDED)
			p->places[g].stage = STAGE_PRODUCTION;
		if (p->places[g].stage != STAGE_PRODUCTION)
			for (size_t i = 0; i < group->n_needs; i++)
				p->places[group->needs[i]].stage = STAGE_NEEDED;
	}
}

static int rank_groups(struct planner *p, struct error *err)
{
	CLEANUP_FREE struct sortable *all = calloc(p->u->n_groups + 1, sizeof(*all));
	const struct wave_group *groups = p->u->groups;

	if (!all)
		return error_errno(err, ENOMEM, "groups");
	for (size_t g = 0; g < p->u->n_groups; g++)
		all[g] = (struct sortable){ .stage = p->places[g].stage,
					    .late = 2 * groups[g].high_criticality + groups[g].high_complexity,
					    .priority = groups[g].priority,
					    .group = g,
					    .rank = groups[g].rank };
	qsort(all, p->u->n_groups, sizeof(*all), by_urgency);
	for (size_t r = 0; r < p->u->n_groups; r++) {
		p->by_rank[r] = all[r].group;
		p->places[all[r].group].rank = r;
	}
	return 0;
}

static void find_needed(struct planner *p)
{
	const struct wave_units *u = p->u;

	for (size_t g = 0; g < u->n_groups; g++) {
		p->places[g].waiting = u->groups[g].n_needs;
		for (size_t i = 0; i < u->groups[g].n_needs; i++)
			p->needed_at[u->groups[g].needs[i] + 1]++;
	}
	for (size_t g = 0; g < u->n_groups; g++)
		p->needed_at[g + 1] += p->needed_at[g];
	p->needed_at[u->n_groups + 1] = p->needed_at[u->n_groups];
	for (size_t g = u->n_groups; g-- > 0;)
		for (size_t i = 0; i < u->groups[g].n_needs; i++)
			p->needed_by[--p->needed_at[u->groups[g].needs[i] + 1]] = g;
}

/* ---- those that may go ---- */

static void push(struct planner *p, size_t rank)
{
	size_t at = p->n_heap++;

	while (at > 0 && p->heap[(at - 1) / 2] > rank) {
		p->heap[at] = p->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	p->heap[at] = rank;
}

static size_t pop(struct planner *p)
{
	size_t least = p->heap[0], last = p->heap[--p->n_heap], at = 0, child;

	while ((child = 2 * at + 1) < p->n_heap) {
		child += child + 1 < p->n_heap && p->heap[child + 1] < p->heap[child];
		if (p->heap[child] >= last)
			break;
		p->heap[at] = p->heap[child];
		at = child;
	}
	p->heap[at] = last;
	return least;
}

/* ---- waves ---- */

/* As many as the maximum makes necessary, of about the same size. */
static void balance(struct planner *p)
{
	size_t max = (size_t)p->o->wave_max.v, n[STAGES] = { 0 };

	for (size_t g = 0; g < p->u->n_groups; g++)
		if (!p->u->groups[g].held)
			n[p->places[g].stage] += p->u->groups[g].n;
	for (int s = 0; s < STAGES; s++) {
		size_t waves = (n[s] + max - 1) / max;

		p->size[s] = waves > 0 ? (n[s] + waves - 1) / waves : max;
	}
}

static int add_wave(struct planner *p, bool production, struct error *err)
{
	struct move *m = p->m;

	if (m->n_waves == p->cap_waves) {
		size_t cap = p->cap_waves ? 2 * p->cap_waves : 16;
		struct move_wave *waves = reallocarray(m->waves, cap, sizeof(*waves));

		if (!waves)
			return error_errno(err, ENOMEM, "waves");
		m->waves = waves;
		p->cap_waves = cap;
	}
	m->waves[m->n_waves++] = (struct move_wave){ .production = production };
	return 0;
}

static bool takes(const struct move_wave *w, bool production, size_t n, size_t size)
{
	return w->production == production && w->n_vms + n <= size;
}

/* The first wave that the conditions leave open; there may be none yet. */
static size_t first_wave(struct planner *p, size_t g)
{
	const struct wave_group *group = &p->u->groups[g];
	enum stage stage = p->places[g].stage;
	bool production = stage != STAGE_DEVTEST, late = group->high_criticality || group->high_complexity;
	size_t w = stage == STAGE_PRODUCTION ? p->after_devtest : 0;

	if (w == 0 && late && p->m->n_waves > 0)
		w = 1;
	for (size_t i = 0; i < group->n_needs; i++)
		if (p->u->groups[group->needs[i]].wave > w)
			w = p->u->groups[group->needs[i]].wave;
	if (w < p->open[stage])
		w = p->open[stage];
	while (w < p->m->n_waves && !takes(&p->m->waves[w], production, group->n, p->size[stage]))
		w++;
	return w;
}

static void mark_broken(struct planner *p, size_t g, size_t at)
{
	const struct wave_group *group = &p->u->groups[g];
	struct move_wave *w = &p->m->waves[at];

	if (p->places[g].stage == STAGE_NEEDED)
		w->broken |= 1U << 4;
	if (group->n_devtest > 0 && group->n_devtest < group->n)
		w->broken |= 1U << 5;
	if (at == 0 && group->high_criticality)
		w->broken |= 1U << 6;
	if (at == 0 && group->high_complexity)
		w->broken |= 1U << 7;
	if (w->n_vms > (size_t)p->o->wave_max.v)
		w->broken |= 1U << 8;
}

static int place_group(struct planner *p, size_t g, struct error *err)
{
	struct wave_group *group = &p->u->groups[g];
	enum stage stage = p->places[g].stage;
	size_t at = first_wave(p, g);

	if (at == p->m->n_waves && add_wave(p, stage != STAGE_DEVTEST, err) < 0)
		return -1;
	group->wave = at;
	p->m->waves[at].n_vms += group->n;
	if (stage == STAGE_DEVTEST && p->after_devtest <= at)
		p->after_devtest = at + 1;
	while (p->open[stage] < p->m->n_waves &&
	       !takes(&p->m->waves[p->open[stage]], stage != STAGE_DEVTEST, 1, p->size[stage]))
		p->open[stage]++;
	mark_broken(p, g, at);
	for (size_t i = 0; i < group->n; i++)
		p->m->vms[p->u->order[group->first + i]].wave = at;
	for (size_t i = p->needed_at[g + 1]; i < p->needed_at[g + 2]; i++) {
		size_t by = p->needed_by[i];

		if (--p->places[by].waiting == 0 && !p->u->groups[by].held)
			push(p, p->places[by].rank);
	}
	return 0;
}

/* A list of machines for each wave; the groups have them by name, and the waves have many groups. */
static int list_machines(struct planner *p, const size_t *by_name, struct error *err)
{
	struct move *m = p->m;

	for (size_t w = 0; w < m->n_waves; w++) {
		m->waves[w].vms = calloc(m->waves[w].n_vms + 1, sizeof(*m->waves[w].vms));
		if (!m->waves[w].vms)
			return error_errno(err, ENOMEM, "waves");
		m->waves[w].n_vms = 0;
	}
	for (size_t r = 0; r < m->n_vms; r++) {
		size_t at = by_name[r], w = m->vms[at].wave;

		if (w != MOVE_NO_WAVE)
			m->waves[w].vms[m->waves[w].n_vms++] = at;
	}
	return 0;
}

static int run(struct planner *p, struct error *err)
{
	size_t n = p->u->n_groups;

	p->places = calloc(n + 1, sizeof(*p->places));
	p->by_rank = calloc(n + 1, sizeof(*p->by_rank));
	p->heap = calloc(n + 1, sizeof(*p->heap));
	p->needed_at = calloc(n + 2, sizeof(*p->needed_at));
	p->needed_by = calloc(p->u->n_needs + 1, sizeof(*p->needed_by));
	if (!p->places || !p->by_rank || !p->heap || !p->needed_at || !p->needed_by)
		return error_errno(err, ENOMEM, "waves");
	find_stages(p);
	if (rank_groups(p, err) < 0)
		return -1;
	find_needed(p);
	balance(p);
	for (size_t g = 0; g < n; g++)
		if (p->places[g].waiting == 0 && !p->u->groups[g].held)
			push(p, p->places[g].rank);
	while (p->n_heap > 0)
		if (place_group(p, p->by_rank[pop(p)], err) < 0)
			return -1;
	return list_machines(p, p->u->by_name, err);
}

int move_place(const struct move_options *o, struct move *m, struct wave_units *u, struct error *err)
{
	struct planner p = { .o = o, .m = m, .u = u };
	int rc = run(&p, err);

	planner_fini(&p);
	return rc;
}

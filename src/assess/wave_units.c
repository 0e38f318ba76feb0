/* SPDX-License-Identifier: Apache-2.0 */
/* Who goes together, who needs whom, and who must wait for a machine that is not ready. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "assess/move_private.h"
#include "assess/wave_graph.h"
#include "base/compiler.h"
#include "base/strbuf.h"

#define RING_NAMES 5 /* that a notice lists */

struct named { /* a machine by its name or its application's */
	const char *name;
	size_t rank;
};

struct index {
	struct named *v; /* without case, then by rank */
	size_t n;
};

struct links {
	const size_t *order;    /* machines by name: a machine's place in it is its rank */
	size_t *unit_of, units; /* by rank: an application, or the machine alone */
	struct index names, applications;
	struct wave_edge *edges; /* between units */
	size_t n_edges, cap_edges;
	size_t *ring_of, rings; /* by unit */
};

static void links_fini(struct links *l)
{
	free(l->unit_of);
	free(l->names.v);
	free(l->applications.v);
	free(l->edges);
	free(l->ring_of);
}

void wave_units_fini(struct wave_units *u)
{
	free(u->by_name);
	free(u->sharing);
	free(u->order);
	free(u->groups);
	free(u->needs);
}

/* ---- by name ---- */

static int by_named(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int diff = strcasecmp(x->name, y->name);

	return diff ? diff : (x->rank > y->rank) - (x->rank < y->rank);
}

static int find_names(struct move *m, const struct wave_groups *groups, struct links *l, struct error *err)
{
	l->names.v = calloc(m->n_vms + 1, sizeof(*l->names.v));
	l->applications.v = calloc(m->n_vms + 1, sizeof(*l->applications.v));
	if (!l->names.v || !l->applications.v)
		return error_errno(err, ENOMEM, "machines");
	for (size_t r = 0; r < m->n_vms; r++) {
		struct move_vm *v = &m->vms[l->order[r]];

		v->row = groups ? wave_groups_find(groups, v->vm->machine->name) : NULL;
		l->names.v[l->names.n++] = (struct named){ .name = v->vm->machine->name, .rank = r };
		if (v->row && v->row->application)
			l->applications.v[l->applications.n++] =
				(struct named){ .name = v->row->application, .rank = r };
	}
	qsort(l->names.v, l->names.n, sizeof(*l->names.v), by_named);
	qsort(l->applications.v, l->applications.n, sizeof(*l->applications.v), by_named);
	return 0;
}

/* Those of a name: first and how many. */
static const struct named *find(const struct index *x, const char *name, size_t *n_out)
{
	size_t low = 0, high = x->n, end;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcasecmp(x->v[mid].name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (end = low; end < x->n && strcasecmp(x->v[end].name, name) == 0; end++)
		;
	*n_out = end - low;
	return &x->v[low];
}

/* An application is one unit, and so is a machine without one; numbered by the first name in them. */
static int number_units(const struct move *m, struct links *l, struct error *err)
{
	l->unit_of = calloc(m->n_vms + 1, sizeof(*l->unit_of));
	if (!l->unit_of)
		return error_errno(err, ENOMEM, "applications");
	for (size_t r = 0; r < m->n_vms; r++) {
		const struct wave_row *row = m->vms[l->order[r]].row;
		const struct named *first;
		size_t n;

		first = row && row->application ? find(&l->applications, row->application, &n) : NULL;
		l->unit_of[r] = first && first->rank < r ? l->unit_of[first->rank] : l->units++;
	}
	return 0;
}

/* ---- dependencies ---- */

static int add_edge(struct links *l, size_t from, size_t to, struct error *err)
{
	if (from == to)
		return 0;
	if (l->n_edges == l->cap_edges) {
		size_t cap = l->cap_edges ? 2 * l->cap_edges : 256;
		struct wave_edge *edges = reallocarray(l->edges, cap, sizeof(*edges));

		if (!edges)
			return error_errno(err, ENOMEM, "dependencies");
		l->edges = edges;
		l->cap_edges = cap;
	}
	l->edges[l->n_edges++] = (struct wave_edge){ .from = from, .to = to };
	return 0;
}

/* A name is that of machines, else that of an application, whose machines are all in one unit. */
static int link_row(struct move *m, struct links *l, const struct wave_row *row, struct error *err)
{
	const struct named *from, *to;
	size_t n_from, n_to;

	from = find(&l->names, row->vm, &n_from);
	if (n_from == 0) {
		machine_notice(&m->notices, "%s: there is no machine '%.200s' to assess", row->place, row->vm);
		return 0;
	}
	for (size_t d = 0; d < row->n_depends; d++) {
		to = find(&l->names, row->depends[d], &n_to);
		if (n_to == 0) {
			to = find(&l->applications, row->depends[d], &n_to);
			n_to = n_to > 0; /* they are one unit */
		}
		if (n_to == 0)
			machine_notice(&m->notices, "%s: it depends on '%.200s', which is no machine or application",
				       row->place, row->depends[d]);
		for (size_t i = 0; i < n_from; i++)
			for (size_t k = 0; k < n_to; k++)
				if (add_edge(l, l->unit_of[from[i].rank], l->unit_of[to[k].rank], err) < 0)
					return -1;
	}
	return 0;
}

static int find_links(struct move *m, const struct wave_groups *groups, const struct wave_units *u, struct links *l,
		      struct error *err)
{
	l->order = u->by_name;
	if (find_names(m, groups, l, err) < 0 || number_units(m, l, err) < 0)
		return -1;
	for (size_t i = 0; groups && i < groups->n; i++)
		if (link_row(m, l, &groups->v[i], err) < 0)
			return -1;
	for (size_t i = 0; i < u->n_sharing; i++) {
		size_t a = l->unit_of[u->sharing[i].from], b = l->unit_of[u->sharing[i].to];

		if (add_edge(l, a, b, err) < 0 || add_edge(l, b, a, err) < 0)
			return -1;
	}
	l->ring_of = calloc(l->units + 1, sizeof(*l->ring_of));
	if (!l->ring_of)
		return error_errno(err, ENOMEM, "dependencies");
	return wave_graph_rings(l->units, l->edges, l->n_edges, l->ring_of, &l->rings, err);
}

/* ---- groups ---- */

static int fill_groups(const struct links *l, struct wave_units *u, struct error *err)
{
	size_t at = 0;

	u->n_groups = l->rings;
	u->groups = calloc(l->rings + 1, sizeof(*u->groups));
	u->order = calloc(u->n + 1, sizeof(*u->order));
	u->needs = calloc(l->n_edges + 1, sizeof(*u->needs));
	if (!u->groups || !u->order || !u->needs)
		return error_errno(err, ENOMEM, "groups");
	for (size_t r = 0; r < u->n; r++)
		u->groups[l->ring_of[l->unit_of[r]]].n++;
	for (size_t g = 0; g < u->n_groups; g++) {
		u->groups[g].first = at;
		u->groups[g].rank = u->n;
		at += u->groups[g].n;
		u->groups[g].n = 0;
	}
	for (size_t r = 0; r < u->n; r++) {
		struct wave_group *g = &u->groups[l->ring_of[l->unit_of[r]]];

		u->order[g->first + g->n++] = l->order[r];
		if (r < g->rank)
			g->rank = r;
	}
	for (size_t e = 0; e < l->n_edges; e++)
		u->groups[l->ring_of[l->edges[e].from]].n_needs++;
	at = 0;
	for (size_t g = 0; g < u->n_groups; g++) {
		u->groups[g].needs = u->needs + at;
		at += u->groups[g].n_needs;
		u->groups[g].n_needs = 0;
	}
	for (size_t e = 0; e < l->n_edges; e++) {
		struct wave_group *g = &u->groups[l->ring_of[l->edges[e].from]];

		if (l->ring_of[l->edges[e].to] == l->ring_of[l->edges[e].from])
			continue;
		g->needs[g->n_needs++] = l->ring_of[l->edges[e].to];
		u->n_needs++;
	}
	return 0;
}

/* Says which units a ring has made one group of. */
static int tell_rings(struct move *m, const struct links *l, struct error *err)
{
	CLEANUP_FREE size_t *units_in = calloc(l->rings + 1, sizeof(*units_in));
	CLEANUP_FREE struct strbuf *texts = calloc(l->rings + 1, sizeof(*texts));
	size_t next = 0;

	if (!units_in || !texts)
		return error_errno(err, ENOMEM, "dependencies");
	for (size_t r = 0; r < m->n_vms; r++) {
		const struct move_vm *v = &m->vms[l->order[r]];
		size_t ring = l->ring_of[l->unit_of[r]];

		if (l->unit_of[r] != next) /* not the first machine of its unit */
			continue;
		next++;
		if (units_in[ring]++ < RING_NAMES)
			strbuf_addf(&texts[ring], "%s%s", units_in[ring] > 1 ? ", " : "",
				    v->row && v->row->application ? v->row->application : v->vm->machine->name);
	}
	for (size_t ring = 0; ring < l->rings; ring++) {
		if (units_in[ring] > 1)
			machine_notice(&m->notices, "%s%s depend on each other and go together",
				       texts[ring].s ? texts[ring].s : "",
				       units_in[ring] > RING_NAMES ? " and others" : "");
		strbuf_fini(&texts[ring]);
	}
	return 0;
}

/* ---- what a machine is like ---- */

bool move_heavy_code(const char *code)
{
	static const char *const heavy[] = { "LiftfsDiskExceedsPageBlob", "LiftfsDiskRawDeviceMapping",
					     "LiftfsDiskShared" };

	for (size_t i = 0; i < ARRAY_LEN(heavy); i++)
		if (strcmp(code, heavy[i]) == 0)
			return true;
	return false;
}

static enum wave_level complexity(const struct move_vm *v)
{
	const struct assess_codes *codes = &v->vm->azure.codes;

	for (size_t i = 0; i < codes->n; i++)
		if (move_heavy_code(codes->v[i]))
			return WAVE_HIGH;
	if (codes->n >= 3)
		return WAVE_HIGH;
	return codes->n > 0 ? WAVE_MEDIUM : WAVE_LOW;
}

struct move_priority move_priority_of(const struct move_vm *v)
{
	static const double low_is_best[] = { [WAVE_LOW] = 1, [WAVE_MEDIUM] = 0.5, [WAVE_HIGH] = 0 };
	static const double ready_is_best[ASSESS_VERDICTS] = { [VERDICT_READY] = 1, [VERDICT_CONDITIONAL] = 0.5 };

	return (struct move_priority){ .readiness = ready_is_best[v->vm->azure.verdict],
				       .complexity = low_is_best[v->complexity],
				       .effort = 1 / (1 + v->time.longest_s / 86400),
				       .criticality = low_is_best[v->criticality] };
}

static double priority(const struct move_vm *v)
{
	struct move_priority p = move_priority_of(v);

	return MOVE_WEIGHT_READINESS * p.readiness + MOVE_WEIGHT_COMPLEXITY * p.complexity +
	       MOVE_WEIGHT_CRITICALITY * p.criticality + MOVE_WEIGHT_EFFORT * p.effort;
}

static void describe(struct move *m, struct wave_units *u)
{
	for (size_t g = 0; g < u->n_groups; g++) {
		struct wave_group *group = &u->groups[g];
		double sum = 0;

		for (size_t i = 0; i < group->n; i++) {
			struct move_vm *v = &m->vms[u->order[group->first + i]];

			v->wave = MOVE_NO_WAVE;
			v->complexity = complexity(v);
			v->criticality = v->row ? v->row->criticality : WAVE_MEDIUM;
			v->priority = priority(v);
			sum += v->priority;
			group->n_devtest += move_devtest(v);
			group->high_complexity |= v->complexity == WAVE_HIGH;
			group->high_criticality |= v->criticality == WAVE_HIGH;
		}
		group->priority = sum / (double)group->n;
	}
}

/* A group waits for the first of its own that is not ready, else for that of a group that it needs. */
static int hold(struct move *m, struct wave_units *u, struct error *err)
{
	CLEANUP_FREE const struct assess_vm **by = calloc(u->n_groups + 1, sizeof(*by));

	if (!by)
		return error_errno(err, ENOMEM, "groups");
	for (size_t g = 0; g < u->n_groups; g++) {
		struct wave_group *group = &u->groups[g];

		for (size_t i = 0; i < group->n && !by[g]; i++)
			if (move_not_ready(&m->vms[u->order[group->first + i]]))
				by[g] = m->vms[u->order[group->first + i]].vm;
		for (size_t i = 0; i < group->n_needs && !by[g]; i++)
			by[g] = by[group->needs[i]];
		group->held = by[g] != NULL;
		for (size_t i = 0; i < group->n && by[g]; i++) {
			struct move_vm *v = &m->vms[u->order[group->first + i]];

			v->held_by = move_not_ready(v) ? NULL : by[g];
			m->n_not_ready += !v->held_by;
			m->n_held += v->held_by != NULL;
		}
	}
	return 0;
}

int move_find_units(const struct move_options *o, struct move *m, struct wave_units *u, struct error *err)
{
	struct links l = { .units = 0 };
	int rc = -1;

	if (find_links(m, o->groups, u, &l, err) == 0 && fill_groups(&l, u, err) == 0 && tell_rings(m, &l, err) == 0) {
		describe(m, u);
		rc = hold(m, u, err);
	}
	links_fini(&l);
	return rc;
}

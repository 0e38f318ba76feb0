/* SPDX-License-Identifier: Apache-2.0 */
/* Tarjan's strongly connected components, with a stack of our own. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "assess/wave_graph.h"
#include "base/cleanup.h"

#define NONE ((size_t)-1)

struct visit {
	size_t seen;   /* when it was reached, or NONE */
	size_t lowest; /* the earliest that can be reached from it */
	size_t edge;   /* the next one to follow */
	size_t from;   /* who led here */
};

struct walk {
	const struct wave_edge *edges;
	size_t n_edges;
	struct visit *v;
	size_t *open; /* reached, and in no ring yet */
	size_t n_open, seen, rings;
	size_t *ring_of;
};

static int by_from(const void *a, const void *b)
{
	const struct wave_edge *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return (x->to > y->to) - (x->to < y->to);
}

static void reach(struct walk *w, size_t node, size_t from)
{
	struct visit *v = &w->v[node];

	v->seen = v->lowest = w->seen++;
	v->from = from;
	w->open[w->n_open++] = node;
}

static void close_ring(struct walk *w, size_t first)
{
	size_t node;

	do {
		node = w->open[--w->n_open];
		w->ring_of[node] = w->rings;
	} while (node != first);
	w->rings++;
}

static void lower(struct visit *v, size_t to)
{
	if (to < v->lowest)
		v->lowest = to;
}

static void walk_from(struct walk *w, size_t node)
{
	reach(w, node, NONE);
	while (node != NONE) {
		struct visit *v = &w->v[node];

		if (v->edge < w->n_edges && w->edges[v->edge].from == node) {
			size_t to = w->edges[v->edge++].to;

			if (w->v[to].seen == NONE) {
				reach(w, to, node);
				node = to;
			} else if (w->ring_of[to] == NONE) {
				lower(v, w->v[to].seen);
			}
			continue;
		}
		if (v->lowest == v->seen)
			close_ring(w, node);
		node = v->from;
		if (node != NONE)
			lower(&w->v[node], v->lowest);
	}
}

int wave_graph_rings(size_t n, struct wave_edge *edges, size_t n_edges, size_t *ring_of, size_t *rings_out,
		     struct error *err)
{
	CLEANUP_FREE struct visit *v = calloc(n + 1, sizeof(*v));
	CLEANUP_FREE size_t *open = calloc(n + 1, sizeof(*open));
	struct walk w = { .edges = edges, .n_edges = n_edges, .v = v, .open = open, .ring_of = ring_of };

	if (!v || !open)
		return error_errno(err, ENOMEM, "dependencies");
	if (n_edges > 0)
		qsort(edges, n_edges, sizeof(*edges), by_from);
	for (size_t i = 0; i < n; i++) {
		v[i].seen = ring_of[i] = NONE;
		v[i].edge = n_edges;
	}
	for (size_t e = n_edges; e-- > 0;)
		v[edges[e].from].edge = e;
	for (size_t i = 0; i < n; i++)
		if (v[i].seen == NONE)
			walk_from(&w, i);
	*rings_out = w.rings;
	return 0;
}

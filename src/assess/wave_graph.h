/* SPDX-License-Identifier: Apache-2.0 */
/* Who depends on whom: rings of nodes that depend on each other, and an order in which everything comes after what it needs. */
#ifndef LIFTFS_ASSESS_WAVE_GRAPH_H
#define LIFTFS_ASSESS_WAVE_GRAPH_H

#include <stddef.h>

#include "base/compiler.h"
#include "base/error.h"

struct wave_edge {
	size_t from, to; /* from depends on to */
};

/*
 * ring_of[i] is the ring that node i is in, often alone; rings are numbered so that a ring depends on rings with smaller
 * numbers only.  Sorts the edges.  Returns how many rings there are through rings_out.  Fails for want of memory only; no
 * depth of dependencies takes stack.
 */
int wave_graph_rings(size_t n, struct wave_edge *edges, size_t n_edges, size_t *ring_of, size_t *rings_out,
		     struct error *err) MUST_CHECK;

#endif

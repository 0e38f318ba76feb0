/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>

#include "assess/wave_graph.h"

static void a_ring_is_one_and_comes_after_what_it_needs(void **state)
{
	struct wave_edge edges[] = { { 0, 1 }, { 1, 2 }, { 2, 0 }, { 2, 3 }, { 4, 0 } };
	size_t ring_of[6], rings;

	(void)state;
	assert_int_equal(wave_graph_rings(6, edges, ARRAY_LEN(edges), ring_of, &rings, NULL), 0);
	assert_int_equal(rings, 4);
	assert_int_equal(ring_of[0], ring_of[1]);
	assert_int_equal(ring_of[0], ring_of[2]);
	assert_true(ring_of[3] < ring_of[0]);
	assert_true(ring_of[0] < ring_of[4]);
	assert_true(ring_of[5] != ring_of[4] && ring_of[5] != ring_of[0] && ring_of[5] != ring_of[3]);
}

#define NODES 9

/* Against reachability, computed for all pairs. */
static void rings_are_those_that_reach_each_other(void **state)
{
	unsigned seed = 7;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		bool reach[NODES][NODES] = { 0 };
		struct wave_edge edges[14];
		size_t n = (size_t)round % (ARRAY_LEN(edges) + 1), ring_of[NODES], rings;

		for (size_t e = 0; e < n; e++) {
			seed = seed * 1103515245 + 12345;
			edges[e].from = (seed >> 8) % NODES;
			edges[e].to = (seed >> 16) % NODES;
			reach[edges[e].from][edges[e].to] = true;
		}
		for (size_t k = 0; k < NODES; k++)
			for (size_t i = 0; i < NODES; i++)
				for (size_t j = 0; j < NODES; j++)
					reach[i][j] |= reach[i][k] && reach[k][j];
		assert_int_equal(wave_graph_rings(NODES, edges, n, ring_of, &rings, NULL), 0);
		for (size_t i = 0; i < NODES; i++)
			for (size_t j = 0; j < NODES; j++) {
				assert_int_equal(ring_of[i] == ring_of[j], i == j || (reach[i][j] && reach[j][i]));
				if (reach[i][j])
					assert_true(ring_of[j] <= ring_of[i]);
			}
	}
}

static void a_long_chain_takes_no_stack(void **state)
{
	enum { LENGTH = 300000 };
	struct wave_edge *edges = calloc(LENGTH, sizeof(*edges));
	size_t *ring_of = calloc(LENGTH, sizeof(*ring_of)), rings;

	(void)state;
	assert_non_null(edges);
	assert_non_null(ring_of);
	for (size_t i = 0; i + 1 < LENGTH; i++)
		edges[i] = (struct wave_edge){ .from = i, .to = i + 1 };
	assert_int_equal(wave_graph_rings(LENGTH, edges, LENGTH - 1, ring_of, &rings, NULL), 0);
	assert_int_equal(rings, LENGTH);
	assert_int_equal(ring_of[0], LENGTH - 1);
	free(edges);
	free(ring_of);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ring_is_one_and_comes_after_what_it_needs),
		cmocka_unit_test(rings_are_those_that_reach_each_other),
		cmocka_unit_test(a_long_chain_takes_no_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

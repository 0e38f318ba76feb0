/* SPDX-License-Identifier: Apache-2.0 */
/* The engine against the serial oracle and the model, under random faults and at each possible end of the process. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/replica_rig.h"

#define K64 (UINT64_C(64) << 10)
#define MIB (UINT64_C(1) << 20)
#ifdef __SANITIZE_THREAD__
#define SEEDS 2 /* it costs twenty times as much */
#else
#define SEEDS 10
#endif
#define ROUNDS 3

typedef int run_fn(struct pass *p, struct error *err);

static struct engine *engine;

static int start_engine(void **state)
{
	struct engine_config config = { .scan_threads = 3, .slots = 5 };

	(void)state;
	engine = engine_new(&config, NULL);
	return engine ? 0 : -1;
}

static int stop_engine(void **state)
{
	(void)state;
	engine_free(engine);
	return 0;
}

static int run_engine(struct pass *p, struct error *err)
{
	return engine_run(engine, p, err);
}

static uint64_t below(uint64_t *seed, uint64_t n)
{
	return model_random(seed) % n;
}

/* A few changes: data, zeros, bits; of a sector or of megabytes. */
static void mutate(struct model_disk *m, uint64_t *seed)
{
	for (uint64_t n = below(seed, 8); n > 0; n--) {
		uint64_t off = below(seed, m->size), len = 1 + below(seed, below(seed, 2) ? 4096 : 3 * MIB);

		if (len > m->size - off)
			len = m->size - off;
		if (below(seed, 2))
			model_disk_fill(m, off, len, model_random(seed));
		else
			model_disk_zero(m, off, len);
	}
	m->bytes[below(seed, m->size)] ^= 1;
}

static void break_target(struct replica_rig *r, uint64_t *seed)
{
	const unsigned actions = 1u << FAULT_BEFORE | 1u << FAULT_AFTER | 1u << FAULT_TEAR | 1u << FAULT_LATE |
				 1u << FAULT_DELAY;

	fault_add_random(r->fault, MEM_WRITE | MEM_CLEAR, actions, 20 + (unsigned)below(seed, 200), model_random(seed));
}

/*
 * Passes until one succeeds, each after a restart; between them the source may change, also back to what it was.  The
 * last one meets no faults.
 */
static void replicate(struct replica_rig *r, struct model_disk *m, run_fn *run, uint64_t seed)
{
	uint8_t *before = malloc(m->size);
	struct error e = ERROR_INIT;
	int rc = -1;

	assert_non_null(before);
	memcpy(before, m->bytes, m->size);
	r->pass.source = m->disk;
	mutate(m, &seed);
	for (unsigned attempt = 0; rc < 0; attempt++) {
		replica_rig_restart(r);
		replica_rig_assert_map_true(r);
		if (attempt < 4)
			break_target(r, &seed);
		if (attempt == 1)
			memcpy(m->bytes, before, m->size);
		if (attempt == 2)
			mutate(m, &seed);
		e = (struct error)ERROR_INIT;
		rc = run(&r->pass, &e);
		assert_true(rc == 0 || attempt < 4);
		assert_true((rc < 0) == (e.code != ERR_NONE));
		replica_rig_assert_map_true(r);
	}
	/* What a restart finds is what the engine said. */
	replica_rig_restart(r);
	replica_rig_assert_equals(r, m);
	assert_int_equal(replica_rig_assert_map_true(r), 0);
	free(before);
}

static void assert_same_maps(const struct blockmap *a, const struct blockmap *b)
{
	struct block_hash hash_a, hash_b;

	assert_int_equal(blockmap_blocks(a), blockmap_blocks(b));
	for (uint64_t blk = 0; blk < blockmap_blocks(a); blk++) {
		enum block_state state = blockmap_get(a, blk, &hash_a);

		assert_int_equal(state, blockmap_get(b, blk, &hash_b));
		if (state == BLOCK_HASHED)
			assert_true(block_hash_equal(&hash_a, &hash_b));
	}
}

static void hide_some_zeros(struct model_disk *m, uint64_t *seed)
{
	m->no_extents = below(seed, 4) == 0;
	for (uint64_t i = 0; i < (m->size + MODEL_GRAIN - 1) / MODEL_GRAIN; i++)
		m->known_zero[i] = below(seed, 8) != 0;
}

static void compare_engines(uint64_t seed)
{
	uint64_t size = 512 * (1 + below(&seed, 20 * MIB / 512)), block = BLOCK_SIZE_MIN << below(&seed, 7), script;
	struct model_disk *a = model_disk_new(size), *b = model_disk_new(size);
	struct replica_rig *parallel = replica_rig_new(size, block, 1), *serial = replica_rig_new(size, block, 1);

	hide_some_zeros(a, &seed);
	for (unsigned round = 0; round < ROUNDS; round++) {
		/* The serial one writes more often than not something else before it fails; both end with the same disk. */
		script = model_random(&seed);
		replicate(parallel, a, run_engine, script);
		replicate(serial, b, serial_run, script);
		memcpy(b->bytes, a->bytes, size);
		serial->pass.unchanged = parallel->pass.unchanged = false;
		replica_rig_claim(serial);
		assert_int_equal(serial_run(&serial->pass, NULL), 0);
		replica_rig_assert_equals(serial, a);
		assert_same_maps(parallel->map, serial->map);
	}
	replica_rig_free(parallel);
	replica_rig_free(serial);
	model_disk_free(a);
	model_disk_free(b);
}

static void under_random_faults_both_leave_the_same_replica_and_map(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		print_message("seed %d\n", (int)seed);
		compare_engines(seed);
	}
}

/* A data block, two zeros, ...: writes and clears in each unit, and blocks that only an INTENT makes unknown. */
static void make_stripes(struct model_disk *m, uint64_t seed)
{
	for (uint64_t off = 0; off + 3 * K64 <= m->size; off += 3 * K64) {
		model_disk_fill(m, off, K64 + 700, seed);
		model_disk_zero(m, off + 2 * K64, K64);
	}
}

static void end_at(enum fault_action action, uint64_t nth, bool back, run_fn *run, bool *ended)
{
	uint64_t size = 2 * MIB + 512;
	struct model_disk *m = model_disk_new(size);
	struct replica_rig *r = replica_rig_new(size, K64, 1);
	struct error e = ERROR_INIT;

	model_disk_fill(m, 0, size, 1);
	r->pass.source = m->disk;
	assert_int_equal(run(&r->pass, NULL), 0);
	make_stripes(m, 2);
	replica_rig_claim(r);
	fault_add(r->fault,
		  &(struct fault_rule){ .kinds = MEM_WRITE | MEM_CLEAR, .nth = nth, .action = action });
	*ended = run(&r->pass, &e) == 0;
	if (!*ended)
		assert_int_equal(e.code, action == FAULT_DIE ? ERR_CANCELLED : ERR_NETWORK);
	replica_rig_restart(r);
	if (back)
		model_disk_fill(m, 0, size, 1);
	assert_int_equal(run(&r->pass, NULL), 0);
	replica_rig_assert_equals(r, m);
	assert_int_equal(replica_rig_assert_map_true(r), 0);
	replica_rig_free(r);
	model_disk_free(m);
}

static void ended_at_any_operation_the_next_run_converges(void **state)
{
	static const enum fault_action actions[] = { FAULT_DIE, FAULT_AFTER, FAULT_TEAR, FAULT_LATE };

	(void)state;
	for (size_t a = 0; a < ARRAY_LEN(actions); a++)
		for (unsigned back = 0; back < 2; back++) {
			bool ended = false;

			for (uint64_t nth = 1; !ended; nth++)
				end_at(actions[a], nth, back, run_engine, &ended);
		}
}

static void the_oracle_converges_too(void **state)
{
	bool ended = false;

	(void)state;
	for (uint64_t nth = 1; !ended; nth += 7)
		end_at(FAULT_AFTER, nth, nth % 2, serial_run, &ended);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(under_random_faults_both_leave_the_same_replica_and_map),
		cmocka_unit_test(ended_at_any_operation_the_next_run_converges),
		cmocka_unit_test(the_oracle_converges_too),
	};

	return cmocka_run_group_tests_name("engine-oracle", tests, start_engine, stop_engine);
}

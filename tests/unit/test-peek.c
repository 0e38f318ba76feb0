/* SPDX-License-Identifier: Apache-2.0 */
/* Passes over a real file, whose unchanged blocks are found in the page cache, against the serial oracle, which reads. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "replicate/engine_priv.h"
#include "support/replica_rig.h"

#define K64 (UINT64_C(64) << 10)
#define MIB (UINT64_C(1) << 20)
#define SIZE (20 * MIB + 1536)

/* An engine for each pass: workers remember where it was not worth while to look. */
static int run_engine(struct pass *p, struct error *err)
{
	struct engine_config config = { .scan_threads = 2, .slots = 5 };
	CLEANUP(cleanup_engine) struct engine *engine = engine_new(&config, err);

	assert_non_null(engine);
	return engine_run(engine, p, err);
}

/* The model's content as a file, with a hole in its second unit, and that as a disk. */
#define HOLE (5 * MIB + K64)

static struct disk *file_of(const struct replica_rig *r, const struct model_disk *m)
{
	struct backing_root *root = backing_root_open(r->dir->path, NULL);
	struct disk *d;

	assert_non_null(root);
	scratch_write(r->dir, "disk.raw", m->bytes, HOLE);
	scratch_patch(r->dir, "disk.raw", HOLE + K64, m->bytes + HOLE + K64, m->size - HOLE - K64);
	d = disk_open(root, "disk.raw", NULL, NULL);
	assert_non_null(d);
	backing_root_put(root);
	return d;
}

static void pass_over(struct replica_rig *r, struct model_disk *m, bool parallel)
{
	struct error e = ERROR_INIT;
	struct disk *d = file_of(r, m);

	replica_rig_claim(r);
	r->pass.source = d;
	if ((parallel ? run_engine(&r->pass, &e) : serial_run(&r->pass, &e)) < 0)
		fail_msg("%s", e.msg);
	replica_rig_assert_equals(r, m);
	assert_int_equal(replica_rig_assert_map_true(r), 0);
	disk_close(d);
}

static void a_look_finds_what_reading_finds(void **state)
{
	struct model_disk *m = model_disk_new(SIZE);
	struct replica_rig *fast = replica_rig_new(SIZE, K64, 1), *slow = replica_rig_new(SIZE, K64, 1);
	uint64_t seed = 11;

	(void)state;
	model_disk_fill(m, 0, SIZE, 1);
	model_disk_zero(m, 2 * MIB, MIB + 100);
	model_disk_zero(m, HOLE, K64);
	for (unsigned round = 0; round < 6; round++) {
		pass_over(fast, m, true);
		pass_over(slow, m, false);
		assert_int_equal(fast->progress.blocks_changed, slow->progress.blocks_changed);
		assert_int_equal(fast->progress.blocks_hashed, slow->progress.blocks_hashed);
		assert_int_equal(fast->progress.bytes_done, slow->progress.bytes_done);
		for (uint64_t blk = 0; blk < blockmap_blocks(slow->map); blk++) {
			struct block_hash a = { 0 }, b = { 0 };

			assert_int_equal(blockmap_get(fast->map, blk, &a), blockmap_get(slow->map, blk, &b));
			assert_true(block_hash_equal(&a, &b));
		}
		if (round % 2 == 0) /* the rounds between find all as it was */
			continue;
		m->bytes[9 * MIB + model_random(&seed) % MIB] ^= 1;
		m->bytes[SIZE - 1] ^= 1;
		m->bytes[HOLE + 3 * K64] ^= 1;
		model_disk_fill(m, 2 * MIB + round * K64, K64, seed); /* was zero */
		model_disk_zero(m, 7 * MIB + round * K64, K64);       /* is now */
	}
	replica_rig_free(fast);
	replica_rig_free(slow);
	model_disk_free(m);
}

static void a_file_that_was_cut_short_is_an_error_and_nothing_is_sent(void **state)
{
	struct model_disk *m = model_disk_new(SIZE);
	struct replica_rig *r = replica_rig_new(SIZE, K64, 1);
	struct error e = ERROR_INIT;
	struct disk *d;

	(void)state;
	model_disk_fill(m, 0, SIZE, 1);
	model_disk_zero(m, HOLE, K64);
	pass_over(r, m, true);
	pass_over(r, m, true);
	d = file_of(r, m);
	scratch_truncate(r->dir, "disk.raw", 6 * MIB + 100);
	replica_rig_claim(r);
	r->pass.source = d;
	assert_int_equal(run_engine(&r->pass, &e), -1);
	assert_error(&e, ERR_CHANGED, "disk.raw: shrank from 20973056 to 6291556 bytes");
	assert_int_equal(mem_records_count(r->service, MEM_WRITE | MEM_CLEAR), 0);
	disk_close(d);
	replica_rig_free(r);
	model_disk_free(m);
}

static void a_look_beyond_the_end_of_a_cut_file_says_nothing(void **state)
{
	struct model_disk *m = model_disk_new(SIZE);
	struct replica_rig *r = replica_rig_new(SIZE, K64, 1);
	struct run run = { .pass = &r->pass, .block_size = K64, .content_size = r->content_size };
	struct worker w = { 0 };
	struct disk *d;

	(void)state;
	model_disk_fill(m, 0, SIZE, 1);
	model_disk_zero(m, HOLE, K64);
	pass_over(r, m, true);
	d = file_of(r, m);
	r->pass.source = d;
	hasher_init(&run.hasher, blockmap_header(r->map)->secret);
	replica_rig_claim(r);
	assert_int_equal(peek_blocks(&run, &w, 64, 64), UINT64_MAX);
	assert_int_equal(w.hashed, 63);
	assert_int_equal(r->progress.bytes_read, 64 * K64);
	m->bytes[70 * K64 + 5] ^= 1;
	scratch_patch(r->dir, "disk.raw", 70 * K64, m->bytes + 70 * K64, K64);
	assert_int_equal(peek_blocks(&run, &w, 64, 64), ~(UINT64_C(1) << 6));
	scratch_truncate(r->dir, "disk.raw", 6 * MIB + 100);
	w.hashed = 0;
	assert_int_equal(peek_blocks(&run, &w, 64, 64), 0);
	assert_int_equal(w.hashed, 0);
	assert_int_equal(r->progress.bytes_read, (64 + 63) * K64);
	disk_close(d);
	replica_rig_free(r);
	model_disk_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_look_finds_what_reading_finds),
		cmocka_unit_test(a_look_beyond_the_end_of_a_cut_file_says_nothing),
		cmocka_unit_test(a_file_that_was_cut_short_is_an_error_and_nothing_is_sent),
	};

	return cmocka_run_group_tests_name("peek", tests, NULL, NULL);
}

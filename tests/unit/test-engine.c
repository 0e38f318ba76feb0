/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/replica_rig.h"

#define K64 (UINT64_C(64) << 10)
#define MIB (UINT64_C(1) << 20)

static struct engine *engine;

static int start_engine(void **state)
{
	struct engine_config config = { .scan_threads = 3, .slots = 4 };

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

static void run_ok(struct replica_rig *r, struct model_disk *m)
{
	struct error e = ERROR_INIT;

	r->pass.source = m->disk;
	if (engine_run(engine, &r->pass, &e) < 0)
		fail_msg("%s", e.msg);
	replica_rig_assert_equals(r, m);
	assert_int_equal(replica_rig_assert_map_true(r), 0);
}

/* 10 MiB and a bit: 3 MiB of data, a hole, data that begins and ends inside blocks. */
static struct model_disk *some_disk(void)
{
	struct model_disk *m = model_disk_new(10 * MIB + 1536);

	model_disk_fill(m, 0, 3 * MIB, 1);
	model_disk_fill(m, 9 * MIB + 5000, 800000, 1);
	return m;
}

static void a_new_replica_becomes_the_disk_and_a_second_pass_sends_nothing(void **state)
{
	struct model_disk *m = some_disk();
	struct replica_rig *r = replica_rig_new(m->size, K64, 1);

	(void)state;
	run_ok(r, m);
	assert_int_equal(r->progress.bytes_done, r->content_size);
	assert_int_equal(mem_records_count(r->service, MEM_CLEAR), 0);
	assert_int_equal(r->progress.bytes_sent, 3 * MIB + 805376 - 4608); /* whole sectors of what is not zero */
	replica_rig_claim(r);
	run_ok(r, m);
	assert_int_equal(mem_records_count(r->service, MEM_WRITE | MEM_CLEAR), 0);
	assert_int_equal(r->progress.blocks_changed, 0);
	assert_int_equal(r->progress.bytes_done, r->content_size);
	replica_rig_free(r);
	model_disk_free(m);
}

static void a_pass_that_finds_nothing_makes_no_working_copy_of_the_map(void **state)
{
	struct model_disk *m = some_disk();
	struct replica_rig *r = replica_rig_new(m->size, K64, 1);

	(void)state;
	run_ok(r, m);
	for (int serial = 0; serial < 2; serial++) {
		struct error e = ERROR_INIT;

		assert_int_equal(blockmap_commit(r->map, NULL, NULL), 0);
		replica_rig_claim(r);
		assert_int_equal(serial ? serial_run(&r->pass, &e) : engine_run(engine, &r->pass, &e), 0);
		assert_false(blockmap_is_writable(r->map));
		m->bytes[7 * K64 + 100] ^= 1;
		replica_rig_claim(r);
		assert_int_equal(serial ? serial_run(&r->pass, &e) : engine_run(engine, &r->pass, &e), 0);
		assert_true(blockmap_is_writable(r->map));
		replica_rig_assert_equals(r, m);
		assert_int_equal(replica_rig_assert_map_true(r), 0);
	}
	replica_rig_free(r);
	model_disk_free(m);
}

static void what_extents_call_zero_is_not_read(void **state)
{
	struct model_disk *m = some_disk();
	struct replica_rig *r = replica_rig_new(m->size, K64, 1);

	(void)state;
	run_ok(r, m);
	assert_int_equal(m->bytes_read, 3 * MIB + 13 * K64);
	assert_int_equal(r->progress.bytes_read, m->bytes_read);
	assert_int_equal(r->progress.blocks_hashed, 48 + 13 + 1);
	replica_rig_free(r);
	model_disk_free(m);
}

static void only_what_changed_is_sent(void **state)
{
	struct model_disk *m = some_disk();
	struct replica_rig *r = replica_rig_new(m->size, K64, 1);
	struct mem_record *rec;
	size_t n;

	(void)state;
	run_ok(r, m);
	m->bytes[7 * K64 + 100] ^= 1;
	m->bytes[8 * K64] ^= 1;
	m->bytes[20 * K64 - 1] ^= 1;
	replica_rig_claim(r);
	run_ok(r, m);
	assert_int_equal(r->progress.bytes_sent, 3 * K64);
	assert_int_equal(r->progress.blocks_changed, 3);
	rec = mem_records(r->service, MEM_WRITE | MEM_CLEAR, &n);
	assert_int_equal(n, 2);
	assert_int_equal(rec[0].off + rec[1].off, 7 * K64 + 19 * K64);
	assert_int_equal(rec[0].len + rec[1].len, 3 * K64);
	free(rec);
	replica_rig_free(r);
	model_disk_free(m);
}

static void sectors_are_left_out_only_where_zero_was_known(void **state)
{
	struct model_disk *m = model_disk_new(4 * MIB);
	struct replica_rig *r = replica_rig_new(m->size, K64, 1);

	(void)state;
	model_disk_fill(m, K64 + 1024, 512, 1);
	run_ok(r, m);
	assert_int_equal(r->progress.bytes_sent, 512);
	model_disk_fill(m, K64 + 1024, 512, 2);
	replica_rig_claim(r);
	run_ok(r, m);
	assert_int_equal(r->progress.bytes_sent, K64); /* was hashed: what the replica holds at the ends is not known */
	replica_rig_free(r);
	model_disk_free(m);
}

static void what_became_zero_is_cleared_in_one_request_across_units(void **state)
{
	struct model_disk *m = model_disk_new(40 * MIB);
	struct replica_rig *r = replica_rig_new(m->size, K64, 1);
	struct mem_record *rec;
	size_t n;

	(void)state;
	model_disk_fill(m, 0, m->size, 1);
	run_ok(r, m);
	model_disk_zero(m, 3 * MIB, 30 * MIB);
	replica_rig_claim(r);
	run_ok(r, m);
	rec = mem_records(r->service, MEM_WRITE | MEM_CLEAR, &n);
	assert_int_equal(n, 1);
	assert_int_equal(rec[0].kind, MEM_CLEAR);
	assert_int_equal(rec[0].off, 3 * MIB);
	assert_int_equal(rec[0].len, 30 * MIB);
	assert_int_equal(r->progress.bytes_cleared, 30 * MIB);
	assert_int_equal(r->progress.bytes_sent, 0);
	assert_int_equal(r->progress.bytes_read, 10 * MIB);
	free(rec);
	replica_rig_free(r);
	model_disk_free(m);
}

static void zeros_that_only_reading_finds_are_cleared_too(void **state)
{
	struct model_disk *m = model_disk_new(8 * MIB);
	struct replica_rig *r = replica_rig_new(m->size, K64, 1);

	(void)state;
	model_disk_fill(m, 0, m->size, 1);
	run_ok(r, m);
	m->no_extents = true;
	model_disk_zero(m, MIB, MIB);
	replica_rig_claim(r);
	run_ok(r, m);
	assert_int_equal(mem_records_count(r->service, MEM_CLEAR), 1);
	assert_int_equal(r->progress.bytes_cleared, MIB);
	assert_int_equal(r->progress.bytes_read, 8 * MIB);
	replica_rig_free(r);
	model_disk_free(m);
}

static void an_unknown_block_is_sent_whatever_it_holds(void **state)
{
	struct model_disk *m = some_disk();
	struct replica_rig *r = replica_rig_new(m->size, K64, 1);

	(void)state;
	run_ok(r, m);
	blockmap_set_unknown(r->map, 3);  /* data */
	blockmap_set_unknown(r->map, 80); /* zero */
	replica_rig_claim(r);
	run_ok(r, m);
	assert_int_equal(r->progress.bytes_sent, K64);
	assert_int_equal(r->progress.bytes_cleared, K64);
	assert_int_equal(mem_records_count(r->service, MEM_WRITE | MEM_CLEAR), 2);
	replica_rig_free(r);
	model_disk_free(m);
}

static void of_an_unchanged_disk_only_unknown_blocks_are_read(void **state)
{
	struct model_disk *m = some_disk();
	struct replica_rig *r = replica_rig_new(m->size, K64, 1);

	(void)state;
	run_ok(r, m);
	blockmap_set_unknown(r->map, 3);
	blockmap_set_unknown(r->map, 5);
	blockmap_set_unknown(r->map, 80);
	blockmap_set_unknown(r->map, blockmap_blocks(r->map) - 2); /* the last of content, short */
	replica_rig_claim(r);
	m->bytes_read = 0;
	r->pass.unchanged = true;
	run_ok(r, m);
	assert_int_equal(m->bytes_read, 2 * K64);
	assert_int_equal(r->progress.bytes_sent, 2 * K64);
	assert_int_equal(r->progress.blocks_changed, 4);
	assert_int_equal(r->progress.bytes_done, r->content_size);
	replica_rig_claim(r);
	run_ok(r, m);
	assert_int_equal(m->bytes_read, 2 * K64);
	assert_int_equal(r->progress.bytes_done, r->content_size);
	replica_rig_free(r);
	model_disk_free(m);
}

static void each_block_size_gives_the_same_replica(void **state)
{
	(void)state;
	for (uint64_t block = BLOCK_SIZE_MIN; block <= BLOCK_SIZE_MAX; block *= 2) {
		struct model_disk *m = some_disk();
		struct replica_rig *r = replica_rig_new(m->size, block, 1);

		run_ok(r, m);
		m->bytes[m->size - 1] ^= 1;
		replica_rig_claim(r);
		run_ok(r, m);
		assert_int_equal(mem_records_count(r->service, MEM_WRITE | MEM_CLEAR), 1);
		assert_int_equal(r->progress.blocks_changed, 1);
		replica_rig_free(r);
		model_disk_free(m);
	}
}

static void the_footer_comes_last_and_alone_when_it_changed(void **state)
{
	struct model_disk *m = some_disk();
	struct replica_rig *r = replica_rig_new(m->size, K64, 1);
	struct mem_record *rec;
	size_t n;

	(void)state;
	run_ok(r, m);
	rec = mem_records(r->service, MEM_WRITE | MEM_CLEAR, &n);
	assert_int_equal(rec[n - 1].off, r->content_size);
	assert_int_equal(rec[n - 1].len, VHD_FOOTER_LEN);
	free(rec);
	r->pass.footer[100] ^= 1;
	replica_rig_claim(r);
	run_ok(r, m);
	assert_int_equal(mem_records_count(r->service, MEM_WRITE | MEM_CLEAR), 1);
	assert_int_equal(r->progress.bytes_sent, 0);
	replica_rig_free(r);
	model_disk_free(m);
}

static void a_read_error_ends_the_pass_and_what_was_sent_is_known(void **state)
{
	struct model_disk *m = model_disk_new(40 * MIB);
	struct replica_rig *r = replica_rig_new(m->size, K64, 1);
	struct error e = ERROR_INIT;

	(void)state;
	model_disk_fill(m, 0, m->size, 1);
	m->fail_at = 33 * MIB;
	r->pass.source = m->disk;
	assert_int_equal(engine_run(engine, &r->pass, &e), -1);
	assert_error(&e, ERR_CORRUPT, "model: broken");
	assert_true(replica_rig_assert_map_true(r) >= 1);
	replica_rig_restart(r);
	assert_true(replica_rig_assert_map_true(r) >= 1); /* at least the footer: never before all content */
	m->fail_at = UINT64_MAX;
	run_ok(r, m);
	replica_rig_free(r);
	model_disk_free(m);
}

static void a_refused_write_ends_the_pass(void **state)
{
	struct model_disk *m = model_disk_new(40 * MIB);
	struct replica_rig *r = replica_rig_new(m->size, K64, 1);
	struct error e = ERROR_INIT;

	(void)state;
	model_disk_fill(m, 0, m->size, 1);
	fault_add(r->fault,
		  &(struct fault_rule){ .kinds = MEM_WRITE, .nth = 3, .action = FAULT_BEFORE, .code = ERR_REFUSED });
	r->pass.source = m->disk;
	assert_int_equal(engine_run(engine, &r->pass, &e), -1);
	assert_error(&e, ERR_REFUSED, "injected fault");
	assert_true(mem_records_count(r->service, MEM_WRITE) < 10);
	assert_true(replica_rig_assert_map_true(r) >= 64);
	replica_rig_restart(r);
	run_ok(r, m);
	assert_true(r->progress.bytes_sent <= 38 * MIB); /* the first two were acknowledged */
	replica_rig_free(r);
	model_disk_free(m);
}

static void a_cancelled_pass_stops_claiming_and_what_is_in_flight_ends(void **state)
{
	struct model_disk *m = model_disk_new(64 * MIB);
	struct replica_rig *r = replica_rig_new(m->size, K64, 1);
	struct error e = ERROR_INIT;
	struct cancel token;

	(void)state;
	assert_int_equal(cancel_init(&token, NULL), 0);
	model_disk_fill(m, 0, m->size, 1);
	m->cancel = r->pass.cancel = &token;
	m->cancel_at = 10 * MIB;
	r->pass.source = m->disk;
	assert_int_equal(engine_run(engine, &r->pass, &e), -1);
	assert_error(&e, ERR_CANCELLED, "stopped");
	assert_true(m->bytes_read <= 10 * MIB + 4 * 4 * MIB); /* each slot at most once more */
	replica_rig_assert_map_true(r);
	assert_int_equal(engine_run(engine, &r->pass, &e), -1); /* set before: nothing at all */
	m->cancel = r->pass.cancel = NULL;
	replica_rig_restart(r);
	run_ok(r, m);
	cancel_fini(&token);
	replica_rig_free(r);
	model_disk_free(m);
}

struct job {
	struct replica_rig *r;
	struct model_disk *m;
	pthread_t thread;
	struct error err;
	struct engine *e;
	int rc;
};

static void *run_job(void *arg)
{
	struct job *j = arg;

	j->r->pass.source = j->m->disk;
	j->rc = engine_run(j->e, &j->r->pass, &j->err);
	return NULL;
}

static void many_passes_share_a_small_pool(void **state)
{
	static const struct engine_config configs[] = { { 1, 1 }, { 4, 1 }, { 2, 3 }, { 5, 2 } };

	(void)state;
	for (size_t c = 0; c < ARRAY_LEN(configs); c++) {
		struct engine *e = engine_new(&configs[c], NULL);
		struct job jobs[5] = { 0 };

		assert_non_null(e);
		for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
			jobs[i].e = e;
			jobs[i].m = some_disk();
			/* Alternating blocks that are unknown and zero: far more clears than a slot holds. */
			model_disk_fill(jobs[i].m, 8 * MIB, MIB, i);
			jobs[i].r = replica_rig_new(jobs[i].m->size, K64, (uint8_t)i);
			for (uint64_t blk = 50; blk < 120; blk += 2)
				blockmap_set_unknown(jobs[i].r->map, blk);
			assert_int_equal(pthread_create(&jobs[i].thread, NULL, run_job, &jobs[i]), 0);
		}
		for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
			pthread_join(jobs[i].thread, NULL);
			assert_int_equal(jobs[i].rc, 0);
			replica_rig_assert_equals(jobs[i].r, jobs[i].m);
			assert_int_equal(replica_rig_assert_map_true(jobs[i].r), 0);
			replica_rig_free(jobs[i].r);
			model_disk_free(jobs[i].m);
		}
		engine_free(e);
	}
}

/* ---- under a rate ---- */

static struct rate_limit *paused(void)
{
	struct calendar c;
	struct rate_limit *rate;

	assert_int_equal(calendar_parse("pause", &c, NULL), 0);
	rate = rate_limit_new(&c, NULL);
	assert_non_null(rate);
	return rate;
}

static void wait_for_line(struct rate_limit *rate)
{
	for (int ms = 0; !rate_limit_waiting(rate); ms++) {
		assert_in_range(ms, 0, 20000);
		assert_int_equal(cancel_sleep(NULL, 1, NULL), 0);
	}
}

static void while_paused_nothing_is_sent_or_promised_and_then_all_is(void **state)
{
	CLEANUP(cleanup_rate_limit) struct rate_limit *rate = paused();
	struct job j = { .e = engine, .m = some_disk() };

	(void)state;
	j.r = replica_rig_new(j.m->size, K64, 1);
	j.r->pass.rate = rate;
	for (uint64_t blk = 60; blk < 65; blk++)
		blockmap_set_unknown(j.r->map, blk); /* to be cleared */
	assert_int_equal(pthread_create(&j.thread, NULL, run_job, &j), 0);
	wait_for_line(rate);
	assert_int_equal(mem_records_count(j.r->service, MEM_WRITE | MEM_CLEAR), 0);
	rate_limit_set(rate, NULL);
	pthread_join(j.thread, NULL);
	assert_int_equal(j.rc, 0);
	replica_rig_assert_equals(j.r, j.m);
	assert_int_equal(replica_rig_assert_map_true(j.r), 0);
	replica_rig_free(j.r);
	model_disk_free(j.m);
}

static void a_paused_pass_stops_at_once_and_left_nothing_unknown(void **state)
{
	CLEANUP(cleanup_rate_limit) struct rate_limit *rate = paused();
	struct job j = { .e = engine, .m = some_disk() };
	struct cancel token;

	(void)state;
	assert_int_equal(cancel_init(&token, NULL), 0);
	j.r = replica_rig_new(j.m->size, K64, 1);
	run_ok(j.r, j.m);
	model_disk_fill(j.m, 0, 3 * MIB, 2);
	replica_rig_claim(j.r);
	j.r->pass.rate = rate;
	j.r->pass.cancel = &token;
	assert_int_equal(pthread_create(&j.thread, NULL, run_job, &j), 0);
	wait_for_line(rate);
	cancel_set(&token, CANCEL_GENTLE);
	pthread_join(j.thread, NULL);
	assert_int_equal(j.rc, -1);
	assert_error(&j.err, ERR_CANCELLED, "stopped");
	replica_rig_restart(j.r); /* what the journal says counts */
	assert_int_equal(replica_rig_assert_map_true(j.r), 0);
	j.r->pass.rate = NULL;
	j.r->pass.cancel = NULL;
	run_ok(j.r, j.m);
	assert_int_equal(j.r->progress.bytes_sent, 3 * MIB);
	cancel_fini(&token);
	replica_rig_free(j.r);
	model_disk_free(j.m);
}

/* The first unit goes out and fails late; the second waits for a rate that would let it go in weeks. */
static void a_failure_ends_a_pass_that_waits_for_its_rate(void **state)
{
	struct calendar c;
	CLEANUP(cleanup_rate_limit) struct rate_limit *rate = NULL;
	struct job j = { .e = engine, .m = model_disk_new(40 * MIB) };

	(void)state;
	assert_int_equal(calendar_parse("1", &c, NULL), 0);
	rate = rate_limit_new(&c, NULL);
	model_disk_fill(j.m, 0, j.m->size, 1);
	j.r = replica_rig_new(j.m->size, K64, 1);
	fault_add(j.r->fault, &(struct fault_rule){ .kinds = MEM_WRITE, .nth = 1, .action = FAULT_BEFORE, .code = ERR_REFUSED });
	j.r->pass.rate = rate;
	assert_int_equal(pthread_create(&j.thread, NULL, run_job, &j), 0);
	pthread_join(j.thread, NULL);
	assert_int_equal(j.rc, -1);
	assert_error(&j.err, ERR_REFUSED, "injected fault");
	replica_rig_free(j.r);
	model_disk_free(j.m);
}

static void a_disk_larger_than_its_map_is_our_bug(void **state)
{
	struct model_disk *m = model_disk_new(3 * MIB);
	struct replica_rig *r = replica_rig_new(MIB, K64, 1);
	struct error e = ERROR_INIT;

	(void)state;
	r->pass.source = m->disk;
	assert_int_equal(engine_run(engine, &r->pass, &e), -1);
	assert_error(&e, ERR_BUG, "disk of 3145728 bytes, map of 1048576");
	replica_rig_free(r);
	model_disk_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_replica_becomes_the_disk_and_a_second_pass_sends_nothing),
		cmocka_unit_test(a_pass_that_finds_nothing_makes_no_working_copy_of_the_map),
		cmocka_unit_test(what_extents_call_zero_is_not_read),
		cmocka_unit_test(only_what_changed_is_sent),
		cmocka_unit_test(sectors_are_left_out_only_where_zero_was_known),
		cmocka_unit_test(what_became_zero_is_cleared_in_one_request_across_units),
		cmocka_unit_test(zeros_that_only_reading_finds_are_cleared_too),
		cmocka_unit_test(an_unknown_block_is_sent_whatever_it_holds),
		cmocka_unit_test(of_an_unchanged_disk_only_unknown_blocks_are_read),
		cmocka_unit_test(each_block_size_gives_the_same_replica),
		cmocka_unit_test(the_footer_comes_last_and_alone_when_it_changed),
		cmocka_unit_test(a_read_error_ends_the_pass_and_what_was_sent_is_known),
		cmocka_unit_test(a_refused_write_ends_the_pass),
		cmocka_unit_test(a_cancelled_pass_stops_claiming_and_what_is_in_flight_ends),
		cmocka_unit_test(many_passes_share_a_small_pool),
		cmocka_unit_test(while_paused_nothing_is_sent_or_promised_and_then_all_is),
		cmocka_unit_test(a_paused_pass_stops_at_once_and_left_nothing_unknown),
		cmocka_unit_test(a_failure_ends_a_pass_that_waits_for_its_rate),
		cmocka_unit_test(a_disk_larger_than_its_map_is_our_bug),
	};

	return cmocka_run_group_tests_name("engine", tests, start_engine, stop_engine);
}

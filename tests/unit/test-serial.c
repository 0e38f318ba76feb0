/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <pthread.h>

#include "support/replica_rig.h"

#define K64 BLOCK_SIZE_MIN
#define MIB (UINT64_C(1) << 20)

struct fixture {
	struct model_disk *m;
	struct replica_rig *r;
};

static int setup(void **state)
{
	static struct fixture f;

	f.m = model_disk_new(3 * MIB + 700);
	model_disk_fill(f.m, K64, 3 * K64, 1);
	f.r = replica_rig_new(f.m->size, K64, 1);
	f.r->pass.source = f.m->disk;
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	replica_rig_free(f->r);
	model_disk_free(f->m);
	return 0;
}

static void each_block_that_differs_is_one_operation(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(serial_run(&f->r->pass, NULL), 0);
	replica_rig_assert_equals(f->r, f->m);
	assert_int_equal(replica_rig_assert_map_true(f->r), 0);
	assert_int_equal(mem_records_count(f->r->service, MEM_WRITE), 3 + 1);
	assert_int_equal(f->r->progress.bytes_sent, 3 * K64);
	assert_int_equal(f->r->progress.bytes_read, f->m->size);
	model_disk_zero(f->m, K64, 2 * K64);
	replica_rig_claim(f->r);
	assert_int_equal(serial_run(&f->r->pass, NULL), 0);
	replica_rig_assert_equals(f->r, f->m);
	assert_int_equal(mem_records_count(f->r->service, MEM_WRITE), 0);
	assert_int_equal(mem_records_count(f->r->service, MEM_CLEAR), 2);
	assert_int_equal(f->r->progress.bytes_cleared, 2 * K64);
}

static void of_an_unchanged_disk_only_unknown_blocks_are_read(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(serial_run(&f->r->pass, NULL), 0);
	replica_rig_claim(f->r);
	blockmap_set_unknown(f->r->map, 2);
	f->r->pass.unchanged = true;
	assert_int_equal(serial_run(&f->r->pass, NULL), 0);
	assert_int_equal(f->r->progress.bytes_read, K64);
	assert_int_equal(f->r->progress.bytes_sent, K64);
	assert_int_equal(f->r->progress.bytes_done, f->r->content_size);
}

static void the_first_failure_ends_it_and_is_said(void **state)
{
	struct fixture *f = *state;
	struct error e = ERROR_INIT;
	struct cancel token;

	fault_add(f->r->fault, &(struct fault_rule){ .kinds = MEM_WRITE, .nth = 2, .action = FAULT_AFTER });
	assert_int_equal(serial_run(&f->r->pass, &e), -1);
	assert_error(&e, ERR_NETWORK, "injected: the answer was lost");
	assert_int_equal(replica_rig_assert_map_true(f->r), 2); /* that block and the footer */
	f->m->fail_at = 3 * K64;
	replica_rig_claim(f->r);
	e = (struct error)ERROR_INIT;
	assert_int_equal(serial_run(&f->r->pass, &e), -1);
	assert_error(&e, ERR_CORRUPT, "model: broken");
	assert_int_equal(cancel_init(&token, NULL), 0);
	cancel_set(&token, CANCEL_GENTLE);
	f->r->pass.cancel = &token;
	e = (struct error)ERROR_INIT;
	assert_int_equal(serial_run(&f->r->pass, &e), -1);
	assert_error(&e, ERR_CANCELLED, "stopped");
	cancel_fini(&token);
}

static void *run_serial(void *arg)
{
	static int rc;

	rc = serial_run(arg, NULL);
	return &rc;
}

static void each_request_waits_for_its_share_of_the_rate(void **state)
{
	struct fixture *f = *state;
	struct calendar c;
	CLEANUP(cleanup_rate_limit) struct rate_limit *rate = NULL;
	pthread_t thread;
	void *rc;

	assert_int_equal(calendar_parse("pause", &c, NULL), 0);
	rate = rate_limit_new(&c, NULL);
	f->r->pass.rate = rate;
	assert_int_equal(pthread_create(&thread, NULL, run_serial, &f->r->pass), 0);
	for (int ms = 0; !rate_limit_waiting(rate); ms++) {
		assert_in_range(ms, 0, 20000);
		assert_int_equal(cancel_sleep(NULL, 1, NULL), 0);
	}
	assert_int_equal(mem_records_count(f->r->service, MEM_WRITE | MEM_CLEAR), 0);
	rate_limit_set(rate, NULL);
	pthread_join(thread, &rc);
	assert_int_equal(*(int *)rc, 0);
	replica_rig_assert_equals(f->r, f->m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_block_that_differs_is_one_operation, setup, teardown),
		cmocka_unit_test_setup_teardown(of_an_unchanged_disk_only_unknown_blocks_are_read, setup, teardown),
		cmocka_unit_test_setup_teardown(each_request_waits_for_its_share_of_the_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(the_first_failure_ends_it_and_is_said, setup, teardown),
	};

	return cmocka_run_group_tests_name("serial", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdatomic.h>

#include "replicate/run.h"

struct told {
	unsigned calls;
	bool inside, overlapped;
};

static void count_call(void *ctx, struct run_vm *vm)
{
	struct told *t = ctx;

	(void)vm;
	if (t->inside)
		t->overlapped = true;
	t->inside = true;
	t->calls++;
	t->inside = false;
}

static void after_a_cancel_no_vm_is_begun(void **state)
{
	struct cycle_disk disks[3][2] = { 0 };
	struct run_vm vms[4] = { 0 };
	struct cancel cancel;
	struct told told = { 0 };
	const struct cycle_options cycle = { .cancel = &cancel };
	const struct run_options opt = { .cycle = &cycle, .jobs = 8, .finished = count_call, .ctx = &told };
	struct error e = ERROR_INIT;

	(void)state;
	assert_int_equal(cancel_init(&cancel, &e), 0);
	cancel_set(&cancel, CANCEL_GENTLE);
	for (size_t i = 0; i < 3; i++) {
		vms[i].cycle.name = "vm";
		vms[i].cycle.disks = disks[i];
		vms[i].cycle.n = 2;
	}
	assert_int_equal(run_vms(vms, 4, &opt, &e), 0);
	assert_int_equal(told.calls, 3); /* the fourth has no disk: nothing to tell */
	assert_false(told.overlapped);
	for (size_t i = 0; i < 3; i++) {
		for (size_t k = 0; k < 2; k++) {
			assert_error(&disks[i][k].err, ERR_CANCELLED, "stopped");
			assert_int_equal(disks[i][k].result, CYCLE_PARKED);
			assert_true(disks[i][k].finished_ns > 0);
			assert_int_equal(run_disk_status(&disks[i][k]), 75);
		}
	}
	for (size_t i = 0; i < 4; i++)
		assert_true(atomic_load(&vms[i].done));
	cancel_fini(&cancel);
}

static void no_vms_are_no_work(void **state)
{
	const struct cycle_options cycle = { 0 };
	const struct run_options opt = { .cycle = &cycle };
	struct error e = ERROR_INIT;

	(void)state;
	assert_int_equal(run_vms(NULL, 0, &opt, &e), 0);
}

static void each_outcome_has_its_status(void **state)
{
	struct cycle_disk d = { .result = CYCLE_OK };

	(void)state;
	assert_int_equal(run_disk_status(&d), 0);
	d.result = CYCLE_SKIPPED;
	assert_int_equal(run_disk_status(&d), 0);
	d.result = CYCLE_FUZZY;
	assert_int_equal(run_disk_status(&d), 75);
	d.result = CYCLE_FAILED; /* and nobody said why */
	assert_int_equal(run_disk_status(&d), 70);
	error_set(&d.err, ERR_CONFLICT, "somebody else wrote");
	assert_int_equal(run_disk_status(&d), 78);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_a_cancel_no_vm_is_begun),
		cmocka_unit_test(no_vms_are_no_work),
		cmocka_unit_test(each_outcome_has_its_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a prune that was cut off leaves, whom a failure stops, and one VM alone. */
#include "unit.h"

#include "support/points_rig.h"

/* ---- crashes and failures ---- */

/* What is there now is a whole number of points, but for leftovers; the newest two are whole. */
static void check_between(struct rig *rig)
{
	struct points p = { 0 };

	assert_int_equal(points_list(rig->target, &p, NULL), 0);
	assert_true(p.n >= 2);
	assert_true(p.v[p.n - 1].complete && p.v[p.n - 2].complete);
	for (size_t i = 0, incomplete = 0; i < p.n; i++) {
		incomplete += !p.v[i].complete;
		assert_true(incomplete <= 1);
	}
	points_fini(&p);
}

/*
 * Three disks; the first two points also have one that the VM no longer has.  A host that dies at any deletion leaves what
 * the next prune finishes, at once.
 */
static void after_a_crash_at_any_deletion_the_next_prune_goes_on(void **state)
{
	struct rig *rig = *state;
	bool crashed = true;
	unsigned n;

	for (n = 1; crashed; n++) {
		fault_clear(rig->fault);
		web(rig, 0);
		replica(rig, "web/0.vhd", "web");
		replica(rig, "web/z.vhd", "web");
		for (unsigned k = 1; k <= 4; k++) {
			const struct made p = { .vm = "web", .moment = day(k), .token = k, .number = k, .disks = k <= 2 ? 4 : 2 };

			snapshot(rig, "web/a.vhd", &p);
			snapshot(rig, "web/b.vhd", &p);
			if (k > 2)
				continue;
			snapshot(rig, "web/0.vhd", &p);
			snapshot(rig, "web/z.vhd", &p);
		}
		fault_add(rig->fault, &(struct fault_rule){ .kinds = MEM_DELETE_POINT, .nth = n, .action = FAULT_DIE });
		crashed = run(rig, KEEP(2)) < 0;
		fault_clear(rig->fault);
		check_between(rig);
		run_ok(rig, KEEP(2));
		assert_int_equal(deletes(rig), crashed ? 8 - (n - 1) : 0);
		assert_int_equal(mem_points_count(rig->service, "web/a.vhd"), 2);
		assert_int_equal(mem_points_count(rig->service, "web/0.vhd"), 0);
		assert_int_equal(mem_points_count(rig->service, "web/z.vhd"), 0);
		mem_foreign_delete(rig->service, "web/a.vhd");
		mem_foreign_delete(rig->service, "web/b.vhd");
	}
	assert_int_equal(n - 1, 9); /* 8 deletions, and a run without a ninth */
}

static void a_deletion_whose_answer_was_lost_is_a_success_the_next_time(void **state)
{
	struct rig *rig = *state;

	web(rig, 2);
	fault_add(rig->fault, &(struct fault_rule){ .kinds = MEM_DELETE_POINT, .nth = 1, .action = FAULT_AFTER });
	assert_int_equal(run(rig, KEEP(1)), -1);
	assert_error(&rig->err, ERR_NETWORK,
		     "recovery point 20260501T120000.000Z of web: web/a.vhd: injected: the answer was lost");
	assert_int_equal(verdict(rig, 1)->err.code, ERR_NETWORK);
	run_ok(rig, KEEP(1));
	assert_int_equal(mem_points_count(rig->service, "web/a.vhd"), 1);
	assert_int_equal(mem_points_count(rig->service, "web/b.vhd"), 1);
}

static void one_vms_failure_does_not_keep_another_from_it(void **state)
{
	struct rig *rig = *state;

	web(rig, 3);
	replica(rig, "db.vhd", "db");
	for (unsigned n = 1; n <= 2; n++)
		snapshot(rig, "db.vhd", &(struct made){ .vm = "db", .moment = day(n), .token = 10 + n, .number = n, .disks = 1 });
	fault_add(rig->fault, &(struct fault_rule){ .kinds = MEM_DELETE_POINT, .nth = 1, .action = FAULT_BEFORE });
	assert_int_equal(run(rig, KEEP(1)), -1);
	assert_error(&rig->err, ERR_NETWORK, "recovery point 20260501T120000.000Z of db: db.vhd: injected fault");
	assert_int_equal(rig->result.points_removed, 2);
	assert_int_equal(mem_points_count(rig->service, "db.vhd"), 2);
	assert_int_equal(mem_points_count(rig->service, "web/a.vhd"), 1);
}

static void without_the_right_it_is_tried_once(void **state)
{
	struct rig *rig = *state;

	web(rig, 3);
	replica(rig, "db.vhd", "db");
	for (unsigned n = 1; n <= 2; n++)
		snapshot(rig, "db.vhd", &(struct made){ .vm = "db", .moment = day(n), .token = 10 + n, .number = n, .disks = 1 });
	fault_add(rig->fault, &(struct fault_rule){ .kinds = MEM_DELETE_POINT, .action = FAULT_BEFORE, .code = ERR_REFUSED });
	assert_int_equal(run(rig, KEEP(1)), -1);
	assert_int_equal(rig->err.code, ERR_REFUSED);
	assert_int_equal(fault_fired(rig->fault), 1);
	assert_int_equal(rig->result.points_removed, 0);
}

static void a_cancel_stops_between_two_deletions(void **state)
{
	struct rig *rig = *state;
	struct cancel cancel;
	const struct prune_options opt = { .target = rig->target, .policy = KEEP(1), .cancel = &cancel };

	assert_int_equal(cancel_init(&cancel, NULL), 0);
	web(rig, 2);
	cancel_set(&cancel, CANCEL_GENTLE);
	mem_records_clear(rig->service);
	assert_int_equal(prune_run(&opt, &rig->result, &rig->err), -1);
	assert_int_equal(rig->err.code, ERR_CANCELLED);
	assert_int_equal(deletes(rig), 0);
	cancel_fini(&cancel);
}

/* ---- one VM ---- */

static const char *const web_names[] = { "web/a.vhd", "web/b.vhd" };

static int run_vm(struct rig *rig, const char *vm, const char *const *names, size_t n)
{
	const struct prune_options opt = { .target = rig->target, .policy = KEEP(1) };

	mem_records_clear(rig->service);
	return prune_vm(&opt, vm, names, n, &rig->result, &rig->err);
}

static void one_vm_costs_one_list_a_replica_and_leaves_the_others(void **state)
{
	struct rig *rig = *state;

	web(rig, 2);
	replica(rig, "db.vhd", "db");
	for (unsigned n = 1; n <= 2; n++)
		snapshot(rig, "db.vhd", &(struct made){ .vm = "db", .moment = day(n), .token = 10 + n, .number = n, .disks = 1 });
	assert_int_equal(run_vm(rig, "web", web_names, 2), 0);
	assert_int_equal(rig->result.points_removed, 1);
	assert_int_equal(mem_records_count(rig->service, MEM_POINTS), 2);
	assert_int_equal(mem_points_count(rig->service, "db.vhd"), 2);
}

static void points_with_a_disk_that_the_vm_no_longer_has_are_complete(void **state)
{
	struct rig *rig = *state;
	struct made p = { .vm = "web", .moment = day(3), .token = 3, .number = 3, .disks = 1 };

	web(rig, 2); /* two disks; from now on one */
	snapshot(rig, "web/a.vhd", &p);
	assert_int_equal(run_vm(rig, "web", web_names, 1), 0);
	assert_int_equal(verdict(rig, 1)->fate, PRUNE_DROPPED);
	assert_int_equal(verdict(rig, 1)->reasons, 0);
	assert_int_equal(verdict(rig, 2)->fate, PRUNE_DROPPED);
	assert_int_equal(rig->result.snapshots_removed, 4);
	assert_int_equal(mem_points_count(rig->service, "web/b.vhd"), 0);
	prune_result_fini(&rig->result);
	/* Kept by the policy, they are not taken for leftovers. */
	both(rig, 4);
	p.moment = day(5);
	p.token = p.number = 5;
	snapshot(rig, "web/a.vhd", &p);
	{
		const struct prune_options opt = { .target = rig->target, .policy = KEEP(2) };

		assert_int_equal(prune_vm(&opt, "web", web_names, 1, &rig->result, &rig->err), 0);
	}
	assert_int_equal(verdict(rig, 4)->fate, PRUNE_KEPT);
	assert_int_equal(mem_points_count(rig->service, "web/b.vhd"), 1);
}

static void another_vm_of_the_same_name_is_not_touched(void **state)
{
	struct rig *rig = *state;

	web(rig, 1);
	snapshot(rig, "web/a.vhd", &(struct made){ .vm = "web", .moment = day(2), .token = 2, .number = 2, .disks = 2 });
	replica(rig, "other/web.vhd", "web");
	for (unsigned n = 1; n <= 2; n++)
		snapshot(rig, "other/web.vhd",
			 &(struct made){ .vm = "web", .moment = day(n), .token = 10 + n, .number = n, .disks = 1 });
	assert_int_equal(run_vm(rig, "web", web_names, 2), 0); /* lists all, as a point is incomplete */
	assert_int_equal(verdict(rig, 11)->fate, PRUNE_OTHER);
	assert_int_equal(deletes(rig), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PRUNE_TEST(after_a_crash_at_any_deletion_the_next_prune_goes_on),
		PRUNE_TEST(a_deletion_whose_answer_was_lost_is_a_success_the_next_time),
		PRUNE_TEST(one_vms_failure_does_not_keep_another_from_it),
		PRUNE_TEST(without_the_right_it_is_tried_once),
		PRUNE_TEST(a_cancel_stops_between_two_deletions),
		PRUNE_TEST(one_vm_costs_one_list_a_replica_and_leaves_the_others),
		PRUNE_TEST(points_with_a_disk_that_the_vm_no_longer_has_are_complete),
		PRUNE_TEST(another_vm_of_the_same_name_is_not_touched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

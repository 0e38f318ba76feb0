/* SPDX-License-Identifier: Apache-2.0 */
/* Which snapshots are one recovery point, and which points go. */
#include "unit.h"

#include "support/points_rig.h"

/* ---- what belongs together ---- */

static void snapshots_with_one_token_are_one_point(void **state)
{
	struct rig *rig = *state;
	struct points p = { 0 };

	web(rig, 2);
	snapshot(rig, "web/a.vhd", &(struct made){ .vm = "web", .moment = day(3), .token = 3, .number = 3, .disks = 2 });
	snapshot(rig, "web/a.vhd", &(struct made){ .vm = "web", .moment = day(3), .token = 3, .number = 3, .disks = 2 });
	assert_int_equal(points_list(rig->target, &p, NULL), 0);
	assert_int_equal(p.n_replicas, 2);
	assert_int_equal(p.n, 3);
	assert_string_equal(p.v[0].name, "20260501T120000.000Z");
	assert_true(p.v[0].complete && p.v[1].complete);
	assert_int_equal(p.v[1].found, 2);
	assert_false(p.v[2].complete); /* twice on one replica is on one of two */
	assert_int_equal(p.v[2].found, 1);
	assert_int_equal(p.v[2].n, 2);
	assert_int_equal(p.foreign, 0);
	assert_int_equal(p.replicas[0].snapshots, 4);
	points_fini(&p);
}

static void what_does_not_say_that_it_is_ours_is_somebody_elses(void **state)
{
	struct rig *rig = *state;
	const struct made good = { .vm = "web", .moment = day(1), .token = 1, .number = 1, .disks = 1 };
	struct made bad = good;
	struct points p = { 0 };

	replica(rig, "a.vhd", "web");
	mem_foreign_snapshot(rig->service, "a.vhd");
	snapshot_as(rig, "a.vhd", "another", &good); /* of the replica that had the name before */
	bad.moment = "yesterday";
	snapshot(rig, "a.vhd", &bad);
	bad = good;
	bad.disks = 0;
	snapshot(rig, "a.vhd", &bad);
	assert_int_equal(points_list(rig->target, &p, NULL), 0);
	assert_int_equal(p.n, 0);
	assert_int_equal(p.foreign, 4);
	assert_int_equal(p.replicas[0].foreign, 4);
	points_fini(&p);
	snapshot(rig, "a.vhd", &good);
	run_ok(rig, KEEP(1));
	assert_int_equal(deletes(rig), 0);
	assert_int_equal(mem_points_count(rig->service, "a.vhd"), 5);
}

static void two_vms_of_one_name_are_two_and_a_vm_with_a_new_disk_is_one(void **state)
{
	struct rig *rig = *state;

	web(rig, 1);
	replica(rig, "web/c.vhd", "web");
	replica(rig, "other/web.vhd", "web"); /* from another source */
	for (unsigned n = 2; n <= 3; n++) {
		const struct made p = { .vm = "web", .moment = day(n), .token = n, .number = n, .disks = 3 };

		snapshot(rig, "web/a.vhd", &p);
		snapshot(rig, "web/b.vhd", &p);
		snapshot(rig, "web/c.vhd", &p);
	}
	snapshot(rig, "other/web.vhd", &(struct made){ .vm = "web", .moment = day(1), .token = 9, .number = 1, .disks = 1 });
	run_ok(rig, KEEP(1));
	assert_int_equal(verdict(rig, 1)->fate, PRUNE_DROPPED);
	assert_int_equal(verdict(rig, 2)->fate, PRUNE_DROPPED);
	assert_int_equal(verdict(rig, 3)->fate, PRUNE_KEPT);
	assert_int_equal(verdict(rig, 9)->fate, PRUNE_KEPT);
	assert_int_equal(rig->result.points_removed, 2);
	assert_int_equal(rig->result.snapshots_removed, 5);
}

static void a_vm_that_was_renamed_goes_on(void **state)
{
	struct rig *rig = *state;
	const struct made p = { .vm = "www", .moment = day(3), .token = 3, .number = 3, .disks = 2 };

	web(rig, 2);
	replica(rig, "web/a.vhd", "www");
	replica(rig, "web/b.vhd", "www");
	snapshot(rig, "web/a.vhd", &p);
	snapshot(rig, "web/b.vhd", &p);
	run_ok(rig, KEEP(2));
	assert_int_equal(verdict(rig, 1)->fate, PRUNE_DROPPED);
	assert_int_equal(verdict(rig, 2)->fate, PRUNE_KEPT);
	assert_string_equal(rig->result.points.v[1].vm, "web");
	assert_string_equal(rig->result.points.v[1].vm_now, "www");
}

static void a_disk_that_went_to_another_vm_leaves_both_their_points(void **state)
{
	struct rig *rig = *state;

	web(rig, 2);
	replica(rig, "web/a.vhd", "db");
	snapshot(rig, "web/a.vhd", &(struct made){ .vm = "db", .moment = day(3), .token = 3, .number = 3, .disks = 1 });
	run_ok(rig, KEEP(1));
	assert_int_equal(verdict(rig, 1)->fate, PRUNE_DROPPED);
	assert_int_equal(verdict(rig, 2)->fate, PRUNE_KEPT); /* the last of web */
	assert_int_equal(verdict(rig, 3)->fate, PRUNE_KEPT);
}

/* ---- what goes ---- */

static void a_dropped_point_goes_from_all_replicas_and_nothing_else_changes(void **state)
{
	struct rig *rig = *state;
	struct mem_record *records;
	size_t n;

	web(rig, 4);
	mem_foreign_snapshot(rig->service, "web/a.vhd");
	run_ok(rig, KEEP(2));
	assert_int_equal(rig->result.points_removed, 2);
	assert_int_equal(rig->result.snapshots_removed, 4);
	assert_int_equal(verdict(rig, 4)->reasons, RETENTION_LAST);
	assert_int_equal(mem_points_count(rig->service, "web/a.vhd"), 3);
	assert_int_equal(mem_points_count(rig->service, "web/b.vhd"), 2);
	records = mem_records(rig->service, MEM_ALL & ~(MEM_POINTS | MEM_LOOK | MEM_DELETE_POINT), &n);
	assert_int_equal(n, 0);
	free(records);
	run_ok(rig, KEEP(2));
	assert_int_equal(deletes(rig), 0);
}

static void a_dry_run_says_the_same_and_removes_nothing(void **state)
{
	struct rig *rig = *state;
	struct prune_options opt = { .target = rig->target, .policy = KEEP(1), .dry_run = true };

	web(rig, 3);
	mem_records_clear(rig->service);
	assert_int_equal(prune_run(&opt, &rig->result, NULL), 0);
	assert_int_equal(verdict(rig, 1)->fate, PRUNE_DROPPED);
	assert_int_equal(verdict(rig, 2)->fate, PRUNE_DROPPED);
	assert_int_equal(rig->result.points_removed, 0);
	assert_int_equal(deletes(rig), 0);
}

static void the_point_made_last_stays_whatever_the_clock_said(void **state)
{
	struct rig *rig = *state;
	const struct made p = { .vm = "web", .moment = "20260401T120000.000Z", .token = 3, .number = 3, .disks = 2 };

	web(rig, 2);
	snapshot(rig, "web/a.vhd", &p); /* a later epoch, an earlier moment: the clock was set back */
	snapshot(rig, "web/b.vhd", &p);
	run_ok(rig, KEEP(1));
	assert_int_equal(verdict(rig, 3)->fate, PRUNE_KEPT);
	assert_int_equal(verdict(rig, 3)->reasons, RETENTION_NEWEST);
	assert_int_equal(verdict(rig, 2)->reasons, RETENTION_LAST);
	assert_int_equal(verdict(rig, 1)->fate, PRUNE_DROPPED);
}

static void an_incomplete_point_is_no_point_to_the_policy(void **state)
{
	struct rig *rig = *state;

	web(rig, 2);
	snapshot(rig, "web/a.vhd", &(struct made){ .vm = "web", .moment = day(3), .token = 3, .number = 3, .disks = 2 });
	run_ok(rig, KEEP(1));
	assert_int_equal(verdict(rig, 1)->fate, PRUNE_DROPPED);
	assert_int_equal(verdict(rig, 2)->fate, PRUNE_KEPT);
	assert_int_equal(verdict(rig, 3)->fate, PRUNE_PENDING); /* perhaps another host is about to complete it */
}

static void an_incomplete_point_goes_once_a_later_cycle_made_a_complete_one(void **state)
{
	struct rig *rig = *state;

	web(rig, 1);
	snapshot(rig, "web/a.vhd", &(struct made){ .vm = "web", .moment = day(2), .token = 2, .number = 2, .disks = 2 });
	both(rig, 3);
	run_ok(rig, &(struct retention_policy){ .last = 9 });
	assert_int_equal(verdict(rig, 2)->fate, PRUNE_LEFTOVER);
	assert_int_equal(verdict(rig, 1)->fate, PRUNE_KEPT);
	assert_int_equal(rig->result.snapshots_removed, 1);
	assert_int_equal(mem_points_count(rig->service, "web/a.vhd"), 2);
}

static void an_incomplete_point_in_a_later_epoch_stays_however_old_its_host_believes_it_is(void **state)
{
	struct rig *rig = *state;

	web(rig, 2);
	/* A host whose clock is a month behind, between two snapshots. */
	snapshot(rig, "web/b.vhd",
		 &(struct made){ .vm = "web", .moment = "20260402T120000.000Z", .token = 3, .number = 3, .disks = 2 });
	run_ok(rig, KEEP(1));
	assert_int_equal(verdict(rig, 3)->fate, PRUNE_PENDING);
}

static void without_a_common_replica_an_incomplete_point_goes_after_more_than_a_day(void **state)
{
	struct rig *rig = *state;
	struct made left = { .vm = "web", .moment = day(1), .token = 1, .number = 1, .disks = 2 };
	struct made now = { .vm = "web", .moment = day(2), .token = 3, .number = 5, .disks = 1 };

	replica(rig, "web/a.vhd", "web"); /* no more a disk of the VM */
	replica(rig, "web/b.vhd", "web");
	replica(rig, "web/c.vhd", "web");
	snapshot(rig, "web/a.vhd", &left);
	/* What ties them together, incomplete itself. */
	snapshot(rig, "web/a.vhd", &(struct made){ .vm = "web", .moment = day(1), .token = 2, .number = 1, .disks = 3 });
	snapshot(rig, "web/b.vhd", &(struct made){ .vm = "web", .moment = day(1), .token = 2, .number = 1, .disks = 3 });
	snapshot(rig, "web/b.vhd", &now);
	run_ok(rig, KEEP(1));
	assert_int_equal(verdict(rig, 2)->fate, PRUNE_LEFTOVER); /* by the epochs of b */
	assert_int_equal(verdict(rig, 1)->fate, PRUNE_PENDING);  /* just a day */
	assert_int_equal(mem_points_count(rig->service, "web/a.vhd"), 1);
	snapshot(rig, "web/a.vhd", &(struct made){ .vm = "web", .moment = day(1), .token = 2, .number = 1, .disks = 3 });
	snapshot(rig, "web/b.vhd", &(struct made){ .vm = "web", .moment = day(1), .token = 2, .number = 1, .disks = 3 });
	now.moment = "20260502T120000.001Z";
	now.token = 4;
	now.number = 6;
	snapshot(rig, "web/b.vhd", &now);
	run_ok(rig, KEEP(1));
	assert_int_equal(verdict(rig, 1)->fate, PRUNE_LEFTOVER);
	assert_int_equal(mem_points_count(rig->service, "web/a.vhd"), 0);
	assert_int_equal(mem_points_count(rig->service, "web/b.vhd"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PRUNE_TEST(snapshots_with_one_token_are_one_point),
		PRUNE_TEST(what_does_not_say_that_it_is_ours_is_somebody_elses),
		PRUNE_TEST(two_vms_of_one_name_are_two_and_a_vm_with_a_new_disk_is_one),
		PRUNE_TEST(a_vm_that_was_renamed_goes_on),
		PRUNE_TEST(a_disk_that_went_to_another_vm_leaves_both_their_points),
		PRUNE_TEST(a_dropped_point_goes_from_all_replicas_and_nothing_else_changes),
		PRUNE_TEST(a_dry_run_says_the_same_and_removes_nothing),
		PRUNE_TEST(the_point_made_last_stays_whatever_the_clock_said),
		PRUNE_TEST(an_incomplete_point_is_no_point_to_the_policy),
		PRUNE_TEST(an_incomplete_point_goes_once_a_later_cycle_made_a_complete_one),
		PRUNE_TEST(an_incomplete_point_in_a_later_epoch_stays_however_old_its_host_believes_it_is),
		PRUNE_TEST(without_a_common_replica_an_incomplete_point_goes_after_more_than_a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

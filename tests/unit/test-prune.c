/* SPDX-License-Identifier: Apache-2.0 */
/* Recovery points of made-up VMs on a target in memory: what belongs together, what goes, what a crash leaves. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replicate/prune.h"
#include "support/target_fault.h"

#define SIZE 1024

static const struct retention_policy keep_one = { .last = 1 }, keep_two = { .last = 2 };

struct rig {
	struct mem_service *service;
	struct fault *fault;
	struct target *target;
	struct prune_result result;
	struct error err;
};

static int setup(void **state)
{
	static struct rig rig;

	rig = (struct rig){ .service = mem_service_new("prune"), .fault = fault_new() };
	rig.target = fault_target_open(rig.fault, mem_target_open(rig.service, NULL, NULL), NULL);
	setenv("TZ", "UTC0", 1);
	*state = &rig;
	return rig.target ? 0 : -1;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	prune_result_fini(&rig->result);
	target_close(rig->target);
	fault_free(rig->fault);
	mem_service_free(rig->service);
	return 0;
}

static void set(struct target_meta *m, const char *key, const char *value)
{
	assert_int_equal(target_meta_set(m, key, value, NULL), 0);
}

static void set_number(struct target_meta *m, const char *key, unsigned value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	set(m, key, text);
}

/* The liftfsid is made of the name. */
static void replica(struct rig *rig, const char *name, const char *vm)
{
	struct replica *r = target_replica(rig->target, name, NULL);
	struct target_meta m = { 0 };
	struct target_look l = { 0 };

	set(&m, "liftfsid", name);
	set(&m, "vm", vm);
	assert_int_equal(replica_look(r, &l, NULL), 0);
	if (l.exists) {
		char version[TARGET_VERSION_LEN];

		assert_int_equal(replica_set_meta(r, l.version, &m, version, NULL), 0);
	} else {
		assert_int_equal(replica_create(r, SIZE, 1, &m, NULL), 0);
	}
	target_look_fini(&l);
	target_meta_fini(&m);
	replica_close(r);
}

struct made { /* a snapshot as a cycle makes it */
	const char *vm, *moment;
	unsigned token, number, disks;
};

static void snapshot_as(struct rig *rig, const char *name, const char *liftfs_id, const struct made *p)
{
	struct replica *r = target_replica(rig->target, name, NULL);
	struct target_meta m = { 0 };
	struct target_look l = { 0 };
	char token[GUID_TEXT_LEN], id[TARGET_POINT_LEN];

	snprintf(token, sizeof(token), "%08x-0000-4000-8000-000000000000", p->token);
	set(&m, "liftfsid", liftfs_id);
	set(&m, "token", token);
	set(&m, "vm", p->vm);
	set(&m, "moment", p->moment);
	set_number(&m, "number", p->number);
	set_number(&m, "disks", p->disks);
	assert_int_equal(replica_look(r, &l, NULL), 0);
	assert_int_equal(replica_snapshot(r, l.version, "x", &m, id, NULL), 0);
	target_look_fini(&l);
	target_meta_fini(&m);
	replica_close(r);
}

static void snapshot(struct rig *rig, const char *name, const struct made *p)
{
	snapshot_as(rig, name, name, p);
}

/* Point `n` of VM web, of two disks: the n-th day of May, epoch n. */
static const char *day(unsigned n)
{
	static char texts[10][CLOCK_TEXT_LEN];

	assert_true(n < 10);
	snprintf(texts[n], sizeof(texts[n]), "202605%02uT120000.000Z", n);
	return texts[n];
}

static void both(struct rig *rig, unsigned n)
{
	const struct made p = { .vm = "web", .moment = day(n), .token = n, .number = n, .disks = 2 };

	snapshot(rig, "web/a.vhd", &p);
	snapshot(rig, "web/b.vhd", &p);
}

static void web(struct rig *rig, unsigned n_points)
{
	replica(rig, "web/a.vhd", "web");
	replica(rig, "web/b.vhd", "web");
	for (unsigned n = 1; n <= n_points; n++)
		both(rig, n);
}

static int run(struct rig *rig, const struct retention_policy *policy)
{
	const struct prune_options opt = { .target = rig->target, .policy = policy };

	prune_result_fini(&rig->result);
	rig->err = (struct error)ERROR_INIT;
	mem_records_clear(rig->service);
	return prune_run(&opt, &rig->result, &rig->err);
}

static void run_ok(struct rig *rig, const struct retention_policy *policy)
{
	if (run(rig, policy) < 0)
		fail_msg("%s", rig->err.msg);
}

static size_t deletes(struct rig *rig)
{
	return mem_records_count(rig->service, MEM_DELETE_POINT);
}

/* The verdict on the point with this token. */
static const struct prune_verdict *verdict(const struct rig *rig, unsigned token)
{
	char text[GUID_TEXT_LEN];

	snprintf(text, sizeof(text), "%08x-0000-4000-8000-000000000000", token);
	for (size_t i = 0; i < rig->result.points.n; i++)
		if (strcmp(rig->result.points.v[i].token, text) == 0)
			return &rig->result.v[i];
	fail_msg("no point %u", token);
	return NULL;
}

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
	run_ok(rig, &keep_one);
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
	run_ok(rig, &keep_one);
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
	run_ok(rig, &keep_two);
	assert_int_equal(verdict(rig, 1)->fate, PRUNE_DROPPED);
	assert_int_equal(verdict(rig, 2)->fate, PRUNE_KEPT);
	assert_string_equal(rig->result.points.v[1].vm, "web");
	assert_string_equal(rig->result.points.v[1].vm_now, "www");
}

static void a_disk_that_went_to_another_vm_leaves_both_their_points(void **state)
{
	struct rig *rig = *state;

	web(rig, 2);
	replica(rig, "web/b.vhd", "db");
	snapshot(rig, "web/b.vhd", &(struct made){ .vm = "db", .moment = day(3), .token = 3, .number = 3, .disks = 1 });
	run_ok(rig, &keep_one);
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
	run_ok(rig, &keep_two);
	assert_int_equal(rig->result.points_removed, 2);
	assert_int_equal(rig->result.snapshots_removed, 4);
	assert_int_equal(verdict(rig, 4)->reasons, RETENTION_LAST);
	assert_int_equal(mem_points_count(rig->service, "web/a.vhd"), 3);
	assert_int_equal(mem_points_count(rig->service, "web/b.vhd"), 2);
	records = mem_records(rig->service, MEM_ALL & ~(MEM_POINTS | MEM_LOOK | MEM_DELETE_POINT), &n);
	assert_int_equal(n, 0);
	free(records);
	run_ok(rig, &keep_two);
	assert_int_equal(deletes(rig), 0);
}

static void a_dry_run_says_the_same_and_removes_nothing(void **state)
{
	struct rig *rig = *state;
	struct prune_options opt = { .target = rig->target, .policy = &keep_one, .dry_run = true };

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
	run_ok(rig, &keep_one);
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
	run_ok(rig, &keep_one);
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
	run_ok(rig, &keep_one);
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
	run_ok(rig, &keep_one);
	assert_int_equal(verdict(rig, 2)->fate, PRUNE_LEFTOVER); /* by the epochs of b */
	assert_int_equal(verdict(rig, 1)->fate, PRUNE_PENDING);  /* just a day */
	assert_int_equal(mem_points_count(rig->service, "web/a.vhd"), 1);
	snapshot(rig, "web/a.vhd", &(struct made){ .vm = "web", .moment = day(1), .token = 2, .number = 1, .disks = 3 });
	snapshot(rig, "web/b.vhd", &(struct made){ .vm = "web", .moment = day(1), .token = 2, .number = 1, .disks = 3 });
	now.moment = "20260502T120000.001Z";
	now.token = 4;
	now.number = 6;
	snapshot(rig, "web/b.vhd", &now);
	run_ok(rig, &keep_one);
	assert_int_equal(verdict(rig, 1)->fate, PRUNE_LEFTOVER);
	assert_int_equal(mem_points_count(rig->service, "web/a.vhd"), 0);
	assert_int_equal(mem_points_count(rig->service, "web/b.vhd"), 1);
}

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
		crashed = run(rig, &keep_two) < 0;
		fault_clear(rig->fault);
		check_between(rig);
		run_ok(rig, &keep_two);
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
	assert_int_equal(run(rig, &keep_one), -1);
	assert_error(&rig->err, ERR_NETWORK,
		     "recovery point 20260501T120000.000Z of web: web/a.vhd: injected: the answer was lost");
	assert_int_equal(verdict(rig, 1)->err.code, ERR_NETWORK);
	run_ok(rig, &keep_one);
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
	assert_int_equal(run(rig, &keep_one), -1);
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
	assert_int_equal(run(rig, &keep_one), -1);
	assert_int_equal(rig->err.code, ERR_REFUSED);
	assert_int_equal(fault_fired(rig->fault), 1);
	assert_int_equal(rig->result.points_removed, 0);
}

static void a_cancel_stops_between_two_deletions(void **state)
{
	struct rig *rig = *state;
	struct cancel cancel;
	const struct prune_options opt = { .target = rig->target, .policy = &keep_one, .cancel = &cancel };

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
	const struct prune_options opt = { .target = rig->target, .policy = &keep_one };

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
		const struct prune_options opt = { .target = rig->target, .policy = &keep_two };

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

#define PRUNE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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

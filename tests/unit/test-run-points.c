/* SPDX-License-Identifier: Apache-2.0 */
/* What a run does with a VM's older recovery points once its cycle made one. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replicate/prune.h"
#include "replicate/run.h"
#include "support/cycle_world.h"

static char gone[512]; /* "REPLICA@POINT;" of each call */

static void note_gone(void *ctx, const char *replica, const char *point)
{
	size_t len = strlen(gone);

	assert_ptr_equal(ctx, gone);
	snprintf(gone + len, sizeof(gone) - len, "%s@%s;", replica, point);
}

/* One run over the VM's first n disks, which have changed since. */
static void run_changed(struct world *w, struct host *h, size_t n, const struct retention_policy *keep, struct run_vm *vm,
			struct outcome *o)
{
	static uint64_t seed = 100;
	const struct run_options opt = { .cycle = &h->opt, .keep = keep, .removed = note_gone, .ctx = gone };

	for (size_t i = 0; i < n; i++)
		world_patch(w, i, 4096, 512, ++seed);
	memset(o, 0, sizeof(*o));
	*vm = (struct run_vm){ .cycle = { .name = "vm", .disks = o->disks, .n = n } };
	for (size_t i = 0; i < n; i++) {
		o->disks[i].name = world_names[i];
		o->disks[i].source_path = world_files[i];
		o->disks[i].source_id = "";
		o->disks[i].root = w->root;
	}
	mem_records_clear(w->service);
	*gone = '\0';
	assert_int_equal(run_vms(vm, 1, &opt, &o->err), 0);
}

static void all_ok(const struct run_vm *vm)
{
	for (size_t i = 0; i < vm->cycle.n; i++)
		if (vm->cycle.disks[i].err.code != ERR_NONE)
			fail_msg("%s", vm->cycle.disks[i].err.msg);
}

static void older_points_go_once_the_new_one_is_made(void **state)
{
	static const struct retention_policy keep = { .last = 2 };
	struct world *w = *state;
	struct outcome o;
	struct run_vm vm;
	struct host h;

	host_start_disks(w, &h, 2);
	for (unsigned n = 1; n <= 4; n++) {
		run_changed(w, &h, 2, &keep, &vm, &o);
		all_ok(&vm);
		assert_string_not_equal(vm.cycle.point, "");
		assert_int_equal(vm.pruned.points, n > 2);
		assert_int_equal(vm.pruned.snapshots, n > 2 ? 2 : 0);
		assert_int_equal(mem_points_count(w->service, world_names[0]), n < 2 ? n : 2);
		assert_int_equal(mem_points_count(w->service, world_names[1]), n < 2 ? n : 2);
	}
	assert_true(world_equals(w, 0, 1)); /* the newest is the one that stayed */
	run_changed(w, &h, 2, NULL, &vm, &o);
	run_changed(w, &h, 2, &(struct retention_policy){ 0 }, &vm, &o);
	assert_int_equal(mem_points_count(w->service, world_names[0]), 4); /* nobody asked */
	assert_int_equal(mem_records_count(w->service, MEM_POINTS | MEM_DELETE_POINT), 0);
	host_stop(&h);
}

static void what_is_gone_is_told_by_replica_and_point(void **state)
{
	static const struct retention_policy keep = { .last = 1 };
	struct world *w = *state;
	char first[sizeof(((struct cycle_vm *)NULL)->point)], want[256];
	struct outcome o;
	struct run_vm vm;
	struct host h;

	host_start_disks(w, &h, 2);
	run_changed(w, &h, 2, &keep, &vm, &o);
	assert_string_equal(gone, "");
	memcpy(first, vm.cycle.point, sizeof(first));
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_DELETE_POINT, .nth = 2, .action = FAULT_BEFORE, .code = ERR_REFUSED });
	run_changed(w, &h, 2, &keep, &vm, &o);
	snprintf(want, sizeof(want), "%s@%s;", world_names[0], first);
	assert_string_equal(gone, want); /* the other is still there */
	fault_clear(h.fault);
	host_stop(&h);
}

static void a_failure_to_prune_is_none_of_the_cycle(void **state)
{
	static const struct retention_policy keep = { .last = 1 };
	struct world *w = *state;
	struct outcome o;
	struct run_vm vm;
	struct host h;

	host_start_disks(w, &h, 1);
	run_changed(w, &h, 1, &keep, &vm, &o);
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_DELETE_POINT, .action = FAULT_BEFORE, .code = ERR_REFUSED });
	run_changed(w, &h, 1, &keep, &vm, &o);
	all_ok(&vm);
	assert_int_equal(o.disks[0].result, CYCLE_OK);
	assert_int_equal(run_disk_status(&o.disks[0]), 0);
	assert_int_equal(vm.pruned.err.code, ERR_REFUSED);
	assert_non_null(strstr(vm.pruned.err.msg, "of vm: vm/a.vhd: injected fault"));
	assert_int_equal(vm.pruned.points, 0);
	host_stop(&h);
}

static void without_a_new_point_nothing_goes(void **state)
{
	static const struct retention_policy keep = { .last = 1 };
	struct world *w = *state;
	struct outcome o;
	struct run_vm vm;
	struct host h;

	host_start_disks(w, &h, 1);
	run_changed(w, &h, 1, NULL, &vm, &o);
	run_changed(w, &h, 1, NULL, &vm, &o);
	h.opt.no_points = true;
	run_changed(w, &h, 1, &keep, &vm, &o);
	h.opt.no_points = false;
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_WRITE, .action = FAULT_BEFORE }); /* the cycle fails */
	run_changed(w, &h, 1, &keep, &vm, &o);
	assert_int_equal(o.disks[0].err.code, ERR_NETWORK);
	assert_int_equal(mem_points_count(w->service, world_names[0]), 2);
	assert_int_equal(mem_records_count(w->service, MEM_DELETE_POINT), 0);
	host_stop(&h);
}

/* The account has no room for another snapshot: the replica goes on, and what there is stays. */
static void at_a_limit_only_the_point_fails(void **state)
{
	static const struct retention_policy keep = { .last = 1 };
	struct world *w = *state;
	struct outcome o;
	struct run_vm vm;
	struct host h;

	host_start_disks(w, &h, 2);
	run_changed(w, &h, 2, &keep, &vm, &o);
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_SNAPSHOT, .nth = 2, .action = FAULT_BEFORE, .code = ERR_REFUSED });
	run_changed(w, &h, 2, &keep, &vm, &o);
	all_ok(&vm);
	assert_int_equal(o.disks[0].result, CYCLE_OK);
	assert_int_equal(o.disks[1].result, CYCLE_OK);
	assert_string_equal(vm.cycle.point, "");
	assert_non_null(strstr(o.disks[1].warning, "no recovery point: "));
	assert_true(world_equals(w, 0, -1) && world_equals(w, 1, -1));
	assert_int_equal(mem_points_count(w->service, world_names[0]), 2); /* one of them half of a point */
	fault_clear(h.fault);
	run_changed(w, &h, 2, &keep, &vm, &o);
	all_ok(&vm);
	assert_int_equal(vm.pruned.snapshots, 3); /* the old point, and the half */
	assert_int_equal(mem_points_count(w->service, world_names[0]), 1);
	assert_int_equal(mem_points_count(w->service, world_names[1]), 1);
	host_stop(&h);
}

static void from_the_fiftieth_point_of_a_disk_on_each_cycle_warns(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct run_vm vm;
	struct host h;

	host_start_disks(w, &h, 1);
	for (unsigned n = 1; n < PRUNE_POINTS_WARN; n++) {
		run_changed(w, &h, 1, NULL, &vm, &o);
		assert_string_equal(o.disks[0].warning, "");
		assert_int_equal(mem_records_count(w->service, MEM_POINTS), 0);
	}
	for (unsigned n = PRUNE_POINTS_WARN; n < PRUNE_POINTS_WARN + 2; n++) {
		char want[8];

		run_changed(w, &h, 1, NULL, &vm, &o);
		snprintf(want, sizeof(want), "%u ", n);
		assert_memory_equal(o.disks[0].warning, want, strlen(want));
		assert_non_null(strstr(o.disks[0].warning, "recovery points are kept of it: --keep-daily"));
	}
	run_changed(w, &h, 1, &(struct retention_policy){ .last = 49 }, &vm, &o);
	assert_int_equal(vm.pruned.points, 3);
	assert_string_equal(o.disks[0].warning, ""); /* counted after some went */
	host_stop(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(older_points_go_once_the_new_one_is_made),
		WORLD_TEST(what_is_gone_is_told_by_replica_and_point),
		WORLD_TEST(a_failure_to_prune_is_none_of_the_cycle),
		WORLD_TEST(without_a_new_point_nothing_goes),
		WORLD_TEST(at_a_limit_only_the_point_fails),
		WORLD_TEST(from_the_fiftieth_point_of_a_disk_on_each_cycle_warns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

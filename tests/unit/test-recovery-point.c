/* SPDX-License-Identifier: Apache-2.0 */
/* The snapshot of one disk that was fenced, on a target in memory. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replicate/cycle_disk.h"
#include "support/scratch.h"
#include "support/target_fault.h"

#define CONTENT (UINT64_C(1) << 20)

struct rig {
	struct scratch_dir *dir;
	struct mem_service *service;
	struct fault *fault;
	struct target *target;
	struct cycle_options opt;
	struct cycle_disk disk;
	struct cycle_vm vm;
	struct disk_run run;
};

static const struct guid ours = { .b = { 1 } };

static int setup(void **state)
{
	static struct rig rig;
	struct blockmap_header h = { .liftfs_id = { .b = { 7 } }, .content_size = CONTENT, .virtual_size = CONTENT - 512,
				     .block_size = 64 << 10 };
	struct target_meta none = { 0 };
	struct target_look l = { 0 };
	char path[128];
	void *dir = NULL;

	assert_int_equal(scratch_setup(&dir), 0);
	rig = (struct rig){ .dir = dir, .service = mem_service_new("point"), .fault = fault_new() };
	rig.target = fault_target_open(rig.fault, mem_target_open(rig.service, NULL, NULL), NULL);
	snprintf(path, sizeof(path), "%s/state", rig.dir->path);
	rig.opt = (struct cycle_options){ .target = rig.target, .state = state_open(path, true, NULL), .host = "host1" };
	rig.disk.name = "a.vhd";
	rig.disk.source_id = "id-a";
	rig.vm = (struct cycle_vm){ .name = "vm", .disks = &rig.disk, .n = 1 };
	rig.run = (struct disk_run){ .opt = &rig.opt, .vm = &rig.vm, .d = &rig.disk, .rs = REPLICA_STATE_INIT, .fenced = true };
	rig.run.replica = target_replica(rig.target, "a.vhd", NULL);
	assert_true(rig.opt.state && rig.run.replica);
	assert_int_equal(replica_create(rig.run.replica, CONTENT + 512, 5, &none, NULL), 0);
	assert_int_equal(replica_lease(rig.run.replica, TARGET_LEASE_ACQUIRE, &ours, NULL), 0);
	assert_int_equal(replica_state_open(rig.opt.state, "t", "a.vhd", &rig.run.rs, NULL), 0);
	assert_int_equal(replica_state_create(&rig.run.rs, &h, NULL), 0);
	assert_int_equal(replica_look(rig.run.replica, &l, NULL), 0);
	struct clean_point p = { .cycle = 3, .number = 5, .token = { .b = { 9 } }, .moment = "20260101T000000.000Z", .disks = 1 };

	memcpy(p.version, l.version, sizeof(p.version));
	target_look_fini(&l);
	assert_int_equal(replica_state_clean(&rig.run.rs, &p, NULL), 0);
	mem_records_clear(rig.service);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	void *dir = rig->dir;
	char command[160];

	replica_state_close(&rig->run.rs);
	replica_close(rig->run.replica);
	state_close(rig->opt.state);
	target_close(rig->target);
	fault_free(rig->fault);
	mem_service_free(rig->service);
	snprintf(command, sizeof(command), "rm -rf '%s'/state", rig->dir->path);
	return system(command) == 0 ? scratch_teardown(&dir) : -1;
}

static void its_metadata_say_all_that_a_reader_without_state_needs(void **state)
{
	static const struct {
		const char *key, *value;
	} want[] = {
		{ "format", "1" }, { "name", "a.vhd" }, { "vm", "vm" }, { "moment", "20260101T000000.000Z" }, { "host", "host1" },
		{ "sourceid", "id-a" }, { "vsize", "1048064" }, { "cycle", "3" }, { "number", "5" }, { "disks", "1" },
		{ "liftfsid", "07000000-0000-0000-0000-000000000000" }, { "token", "09000000-0000-0000-0000-000000000000" },
	};
	struct rig *rig = *state;
	struct target_points p = { 0 };

	assert_int_equal(disk_run_point(&rig->run, NULL), 0);
	assert_int_equal(mem_records_count(rig->service, MEM_ALL), 1); /* a fresh token need not be looked for */
	assert_int_equal(replica_points(rig->run.replica, &p, NULL), 0);
	assert_int_equal(p.n, 1);
	assert_string_equal(p.v[0].id, rig->disk.snapshot);
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_string_equal(target_meta_get(&p.v[0].meta, want[i].key), want[i].value);
	assert_string_equal(target_meta_get(&p.v[0].meta, "etag"), rig->run.rs.last.version);
	target_points_fini(&p);
}

static void a_lost_answer_makes_no_second_one(void **state)
{
	struct rig *rig = *state;

	fault_add(rig->fault, &(struct fault_rule){ .kinds = MEM_SNAPSHOT, .nth = 1, .action = FAULT_AFTER });
	assert_int_equal(disk_run_point(&rig->run, NULL), 0);
	assert_int_equal(mem_points_count(rig->service, "a.vhd"), 1);
	assert_string_not_equal(rig->disk.snapshot, "");
}

static void after_a_crash_it_is_found_by_its_token(void **state)
{
	struct rig *rig = *state;
	char first[TARGET_POINT_LEN];

	mem_foreign_snapshot(rig->service, "a.vhd"); /* without a token: not ours */
	assert_int_equal(disk_run_point(&rig->run, NULL), 0);
	memcpy(first, rig->disk.snapshot, sizeof(first));
	rig->disk.snapshot[0] = '\0';
	rig->run.fenced = false;
	assert_int_equal(disk_run_point(&rig->run, NULL), 0);
	assert_string_equal(rig->disk.snapshot, first);
	assert_int_equal(mem_points_count(rig->service, "a.vhd"), 2);
}

static void without_any_answer_it_gives_up_and_says_so(void **state)
{
	struct rig *rig = *state;
	struct error e = ERROR_INIT;

	fault_add(rig->fault, &(struct fault_rule){ .kinds = MEM_SNAPSHOT, .action = FAULT_BEFORE });
	assert_int_equal(disk_run_point(&rig->run, &e), -1);
	assert_error(&e, ERR_NETWORK, "a.vhd: recovery point: injected fault");
	assert_true(recovery_point_stops(&e));
	assert_string_equal(rig->disk.snapshot, "");
}

static void a_write_after_the_fence_is_a_conflict(void **state)
{
	static const uint8_t page[512] = { 1 };
	struct rig *rig = *state;
	struct error e = ERROR_INIT;

	assert_int_equal(replica_lease(rig->run.replica, TARGET_LEASE_RELEASE, &ours, NULL), 0);
	assert_true(mem_foreign_write(rig->service, "a.vhd", page, sizeof(page), 0));
	assert_int_equal(disk_run_point(&rig->run, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_int_equal(e.detail, TARGET_REFUSED_VERSION);
	assert_true(recovery_point_stops(&e));
	assert_int_equal(mem_points_count(rig->service, "a.vhd"), 0);
}

static void a_limit_or_a_name_that_is_taken_only_costs_the_point(void **state)
{
	struct error e = { .code = ERR_CONFLICT, .detail = TARGET_REFUSED_EXISTS };

	(void)state;
	assert_false(recovery_point_stops(&e));
	e = (struct error){ .code = ERR_SYSTEM };
	assert_false(recovery_point_stops(&e));
	e = (struct error){ .code = ERR_CANCELLED };
	assert_true(recovery_point_stops(&e));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(its_metadata_say_all_that_a_reader_without_state_needs),
		TEST(a_lost_answer_makes_no_second_one),
		TEST(after_a_crash_it_is_found_by_its_token),
		TEST(without_any_answer_it_gives_up_and_says_so),
		TEST(a_write_after_the_fence_is_a_conflict),
		TEST(a_limit_or_a_name_that_is_taken_only_costs_the_point),
	};

	return cmocka_run_group_tests_name("recovery-point", tests, NULL, NULL);
}

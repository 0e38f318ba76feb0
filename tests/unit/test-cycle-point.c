/* SPDX-License-Identifier: Apache-2.0 */
/* Recovery points of VMs of several disks, what crashes leave of them, and cycles that make none. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/cycle_world.h"

static size_t count(struct world *w, unsigned kind)
{
	return mem_records_count(w->service, kind);
}

static void a_point_that_one_disk_got_no_answer_for_is_completed_by_the_next_run(void **state)
{
	struct world *w = *state;
	char tokens[2][64];
	struct outcome o;
	struct host h;

	host_start_disks(w, &h, 2);
	for (uint64_t n = 1; n <= 3; n++)
		host_fault(&h, MEM_SNAPSHOT, n, FAULT_BEFORE);
	cycle(w, &h, 2, &o);
	assert_int_equal(error_exit_status(&o.err), 75);
	assert_int_equal(o.disks[0].result, CYCLE_PARKED);
	assert_int_equal(o.disks[1].result, CYCLE_OK);
	assert_string_equal(o.vm.point, "");
	fault_clear(h.fault);
	world_patch(w, 0, 0, 100, 3);
	cycle_ok(w, &h, 2, &o);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(mem_points_count(w->service, world_names[i]), 2);
		world_token(&h, i, 0, tokens[i]);
	}
	assert_string_equal(tokens[0], tokens[1]);
	assert_false(world_equals(w, 0, 0));
	assert_true(world_equals(w, 0, 1) && world_equals(w, 1, 0) && world_equals(w, 1, 1));
	host_stop(&h);
}

static void points_that_were_off_are_made_when_they_are_on_although_nothing_changed(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_disks(w, &h, 1);
	h.opt.no_points = true;
	cycle_ok(w, &h, 1, &o);
	cycle_ok(w, &h, 1, &o);
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(o.disks[0].result, CYCLE_SKIPPED);
	assert_int_equal(mem_points_count(w->service, world_names[0]), 0);
	h.opt.no_points = false;
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(o.disks[0].result, CYCLE_OK);
	assert_int_equal(atomic_load(&o.disks[0].progress.bytes_read), 0);
	assert_int_equal(mem_points_count(w->service, world_names[0]), 1);
	assert_string_not_equal(o.vm.point, "");
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(o.disks[0].result, CYCLE_SKIPPED);
	host_stop(&h);
}

static void what_is_missing_is_made_before_any_disk_of_the_vm_is_claimed(void **state)
{
	struct world *w = *state;
	char tokens[2][64];
	struct mem_record *rec;
	struct outcome o;
	struct host h;
	size_t n, points = 0;

	world_write_disk(w, 0, 1);
	world_write_disk(w, 1, 2);
	one_death(w, "state", MEM_SNAPSHOT, 2, 2);
	assert_int_equal(mem_points_count(w->service, world_names[0]), 1);
	assert_int_equal(mem_points_count(w->service, world_names[1]), 0);
	world_patch(w, 0, 0, 100, 3);
	world_patch(w, 1, 0, 100, 3);
	host_start(w, &h, "state");
	cycle_ok(w, &h, 2, &o);
	rec = mem_records(w->service, MEM_SNAPSHOT | MEM_RAISE | MEM_META | MEM_WRITE | MEM_CLEAR, &n);
	for (size_t i = 0; i < n && rec[i].kind == MEM_SNAPSHOT; i++)
		points++;
	free(rec);
	assert_int_equal(points, 1);
	assert_int_equal(mem_points_count(w->service, world_names[0]), 2);
	assert_int_equal(mem_points_count(w->service, world_names[1]), 2);
	for (size_t i = 0; i < 2; i++) {
		world_token(&h, 0, i, tokens[0]);
		world_token(&h, 1, i, tokens[1]);
		assert_string_equal(tokens[0], tokens[1]);
	}
	assert_false(world_equals(w, 1, 0));
	assert_true(world_equals(w, 0, 1) && world_equals(w, 1, 1));
	host_stop(&h);
}

/* Three disks die before the first snapshot; the second's version moves: no snapshot of that cycle is made of any. */
static void a_point_that_can_not_come_to_be_is_not_begun(void **state)
{
	static const uint8_t page[512] = { 0xee };
	struct world *w = *state;
	struct outcome o;
	struct host h;

	for (size_t i = 0; i < 3; i++)
		world_write_disk(w, i, i);
	one_death(w, "state", MEM_SNAPSHOT, 1, 3);
	mem_service_advance(w->service, 120);
	assert_true(mem_foreign_write(w->service, world_names[1], page, sizeof(page), 2 * MIB));
	host_start(w, &h, "state");
	cycle(w, &h, 3, &o);
	assert_int_equal(o.disks[1].err.code, ERR_CONFLICT);
	assert_int_equal(count(w, MEM_SNAPSHOT), 0);
	assert_int_equal(o.disks[0].result, CYCLE_OK);
	assert_string_equal(o.vm.point, "");
	h.opt.adopt = true;
	cycle_ok(w, &h, 3, &o);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(mem_points_count(w->service, world_names[i]), 1);
	assert_string_not_equal(o.vm.point, "");
	host_stop(&h);
}

/* One disk's target does not answer the next run: the others' snapshots are made, and its own when it answers again. */
static void a_disk_that_is_not_reached_keeps_its_part_of_the_point_for_later(void **state)
{
	struct world *w = *state;
	char tokens[2][64];
	struct outcome o;
	struct host h;

	host_start_disks(w, &h, 2);
	host_fault(&h, MEM_SNAPSHOT, 1, FAULT_DIE);
	cycle(w, &h, 2, &o);
	host_stop(&h);
	host_start(w, &h, "state");
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_LOOK, .action = FAULT_BEFORE, .name = world_names[1] });
	world_patch(w, 0, 0, 100, 3);
	cycle(w, &h, 2, &o);
	assert_int_equal(o.disks[1].result, CYCLE_PARKED);
	assert_int_equal(o.disks[0].result, CYCLE_OK);
	assert_int_equal(mem_points_count(w->service, world_names[0]), 1);
	fault_clear(h.fault);
	cycle_ok(w, &h, 2, &o);
	world_token(&h, 0, 0, tokens[0]);
	world_token(&h, 1, 0, tokens[1]);
	assert_string_equal(tokens[0], tokens[1]);
	host_stop(&h);
}

/* ---- without points ---- */

static void a_cycle_that_ends_well_without_a_point_is_published_once(void **state)
{
	struct world *w = *state;
	struct mem_record *rec;
	struct outcome o;
	struct host h;
	size_t n;

	world_write_disk(w, 0, 1);
	world_write_disk(w, 1, 1);
	host_start(w, &h, "state");
	cycle_ok(w, &h, 2, &o);
	assert_int_equal(count(w, MEM_PUBLISH), 0); /* the point does it */
	h.opt.no_points = true;
	world_patch(w, 0, 0, 100, 2);
	cycle_ok(w, &h, 2, &o);
	rec = mem_records(w->service, MEM_PUBLISH | MEM_RAISE | MEM_WRITE, &n);
	assert_true(n > 2 && rec[n - 1].kind == MEM_PUBLISH && rec[n - 2].kind == MEM_PUBLISH && rec[n - 3].kind == MEM_RAISE);
	free(rec);
	assert_int_equal(count(w, MEM_PUBLISH), 2);
	cycle_ok(w, &h, 2, &o);
	cycle_ok(w, &h, 2, &o);
	assert_int_equal(o.disks[0].result, CYCLE_SKIPPED);
	assert_int_equal(count(w, MEM_PUBLISH), 0);
	/* Refused, as there is no room for it, say: replicated all the same, and shown. */
	h.opt.no_points = false;
	world_patch(w, 0, 0, 100, 3);
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_SNAPSHOT, .nth = 1, .action = FAULT_BEFORE, .code = ERR_SYSTEM });
	cycle_ok(w, &h, 2, &o);
	assert_non_null(strstr(o.disks[0].warning, "no recovery point: "));
	assert_int_equal(count(w, MEM_PUBLISH), 2);
	host_stop(&h);
}

static void patch_beside(void *world)
{
	world_patch(world, 1, 2 * MIB, 1, 9);
}

static void the_good_half_of_a_vm_is_published_but_no_source_that_moved(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_disks(w, &h, 1);
	h.opt.no_points = true;
	cycle(w, &h, 2, &o); /* b.raw is not there */
	assert_int_equal(o.disks[0].result, CYCLE_OK);
	assert_int_equal(count(w, MEM_PUBLISH), 1);
	world_write_disk(w, 1, 1);
	world_patch(w, 0, 0, 100, 2);
	host_call(&h, MEM_WRITE, 1, patch_beside, w);
	cycle_ok(w, &h, 2, &o);
	assert_int_equal(o.disks[0].result, CYCLE_FUZZY);
	assert_int_equal(count(w, MEM_PUBLISH), 0);
	host_stop(&h);
}

static void what_was_not_published_for_a_crash_is_published_by_the_next_run(void **state)
{
	struct world *w = *state;
	struct mem_record *rec;
	struct outcome o;
	struct host h;
	size_t n;

	host_start_disks(w, &h, 1);
	h.opt.no_points = true;
	cycle_ok(w, &h, 1, &o);
	h.opt.full = true;
	host_fault(&h, MEM_PUBLISH, 1, FAULT_BEFORE);
	cycle(w, &h, 1, &o);
	assert_error(&o.err, ERR_NETWORK, "vm/a.vhd: publish: injected fault");
	fault_clear(h.fault);
	h.opt.full = false;
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(o.disks[0].result, CYCLE_OK); /* although every file is proven unchanged */
	assert_int_equal(atomic_load(&o.disks[0].progress.bytes_read), 0);
	rec = mem_records(w->service, MEM_PUBLISH | MEM_RAISE, &n);
	assert_int_equal(rec[0].kind, MEM_PUBLISH);
	free(rec);
	host_stop(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_point_that_one_disk_got_no_answer_for_is_completed_by_the_next_run),
		WORLD_TEST(points_that_were_off_are_made_when_they_are_on_although_nothing_changed),
		WORLD_TEST(what_is_missing_is_made_before_any_disk_of_the_vm_is_claimed),
		WORLD_TEST(a_point_that_can_not_come_to_be_is_not_begun),
		WORLD_TEST(a_disk_that_is_not_reached_keeps_its_part_of_the_point_for_later),
		WORLD_TEST(a_cycle_that_ends_well_without_a_point_is_published_once),
		WORLD_TEST(the_good_half_of_a_vm_is_published_but_no_source_that_moved),
		WORLD_TEST(what_was_not_published_for_a_crash_is_published_by_the_next_run),
	};

	return cmocka_run_group_tests_name("cycle-point", tests, NULL, NULL);
}

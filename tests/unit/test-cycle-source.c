/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of the source, who is to blame for a failure, and what is known of a cycle before there was one. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replicate/cycle_disk.h"
#include "replicate/run.h"
#include "support/cycle_world.h"

static void patch_second(void *world)
{
	world_patch(world, 1, 2 * MIB, 1, 9);
}

static void move_while_read(struct host *h, struct world *w)
{
	host_call(h, MEM_WRITE, 1, patch_second, w);
}

/* Of the live replica or of its nth point; the caller frees it. */
static char *meta(struct host *h, size_t disk, int point, const char *key)
{
	CLEANUP(cleanup_replica) struct replica *r = target_replica(h->target, world_names[disk], NULL);
	struct target_points p = { 0 };
	struct target_look l = { 0 };
	const char *value;
	char *out;

	assert_int_equal(replica_points(r, &p, NULL), 0);
	assert_int_equal(replica_look(r, &l, NULL), 0);
	assert_true(point < (int)p.n);
	value = target_meta_get(point < 0 ? &l.meta : &p.v[point].meta, key);
	out = value ? strdup(value) : NULL;
	target_points_fini(&p);
	target_look_fini(&l);
	return out;
}

/* ---- damage, or a writer at work ---- */

static void damage_counts_as_a_change_only_if_the_files_changed(void **state)
{
	struct world *w = *state;
	struct cycle_disk d = { .source_path = "a.raw" };
	struct disk_run r = { .d = &d, .source_failed = true };
	struct host h;

	host_start_disks(w, &h, 1);
	r.source = disk_open(w->root, "a.raw", NULL, NULL);
	assert_non_null(r.source);
	assert_int_equal(evidence_take(r.source, &r.f0, NULL), 0);
	error_set(&d.err, ERR_CORRUPT, "a.raw: grain 7: beyond end of file");
	disk_run_blame_change(&r);
	assert_error(&d.err, ERR_CORRUPT, "a.raw: grain 7: beyond end of file");
	world_patch(w, 0, 0, 100, 2);
	disk_run_blame_change(&r);
	assert_error(&d.err, ERR_CHANGED, "a.raw: changed while it was read (a.raw: grain 7: beyond end of file)");
	d.err = (struct error)ERROR_INIT;
	error_set(&d.err, ERR_SYSTEM, "a.raw: Input/output error"); /* no writer does that */
	disk_run_blame_change(&r);
	assert_error(&d.err, ERR_SYSTEM, "a.raw: Input/output error");
	evidence_fini(&r.f0);
	disk_close(r.source);
	host_stop(&h);
}

/* ---- consistency ---- */

static void stamps_prove_a_word_declares_and_nothing_else_does(void **state)
{
	struct evidence_file files[2] = { { .stamps_writes = true }, { .stamps_writes = true } };
	struct evidence e = { files, 2 };

	(void)state;
	assert_int_equal(cycle_consistency(&e, false), CONSISTENCY_PROVEN);
	assert_int_equal(cycle_consistency(&e, true), CONSISTENCY_PROVEN);
	files[1].stamps_writes = false;
	assert_int_equal(cycle_consistency(&e, false), CONSISTENCY_UNPROVEN);
	assert_int_equal(cycle_consistency(&e, true), CONSISTENCY_DECLARED);
	assert_string_equal(consistency_name(CONSISTENCY_PROVEN), "proven");
	assert_string_equal(consistency_name(CONSISTENCY_DECLARED), "declared");
	assert_string_equal(consistency_name(CONSISTENCY_UNPROVEN), "unproven");
}

static void a_recovery_point_says_what_was_known_also_if_the_next_run_makes_it(void **state)
{
	CLEANUP_FREE char *said = NULL;
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_disks(w, &h, 1);
	host_fault(&h, MEM_SNAPSHOT, 1, FAULT_DIE);
	cycle(w, &h, 1, &o);
	host_stop(&h);
	host_start(w, &h, "state");
	cycle_ok(w, &h, 1, &o);
	said = meta(&h, 0, 0, "consistency");
	assert_string_equal(said, "proven");
	host_stop(&h);
}

static void a_broken_promise_is_fuzzy_and_told(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	world_write_disk(w, 0, 1);
	world_write_disk(w, 1, 1);
	host_start(w, &h, "state");
	h.opt.frozen = true;
	move_while_read(&h, w);
	cycle_ok(w, &h, 2, &o);
	assert_int_equal(o.disks[0].result, CYCLE_FUZZY);
	assert_int_equal(o.disks[1].result, CYCLE_FUZZY);
	assert_int_equal(run_disk_status(&o.disks[1]), 75);
	assert_int_equal(o.disks[1].consistency, CONSISTENCY_UNPROVEN);
	assert_string_equal(o.disks[1].warning, "the source changed while it was read, although it was said to be frozen");
	assert_string_equal(o.disks[0].warning, "");
	assert_int_equal(mem_points_count(w->service, world_names[0]), 0);
	fault_clear(h.fault);
	cycle_ok(w, &h, 2, &o);
	assert_int_equal(o.disks[1].consistency, CONSISTENCY_PROVEN);
	assert_string_equal(o.disks[1].warning, "");
	host_stop(&h);
}

/* ---- whose fault ---- */

static void a_target_that_gives_no_answer_parks_its_disk_and_no_other(void **state)
{
	static const unsigned kinds[] = { MEM_LOOK, MEM_LEASE, MEM_RAISE, MEM_WRITE, MEM_SNAPSHOT };
	struct world *w = *state;
	struct host h;

	world_write_disk(w, 0, 1);
	world_write_disk(w, 1, 1);
	host_start(w, &h, "state");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct cycle_disk disks[2] = { 0 };
		struct run_vm vms[2] = { 0 };
		struct run_options run = { .cycle = &h.opt, .jobs = 2 };

		for (size_t k = 0; k < 2; k++) {
			disks[k] = (struct cycle_disk){ .name = world_names[k], .source_path = world_files[k], .source_id = "", .root = w->root };
			vms[k].cycle = (struct cycle_vm){ .name = world_files[k], .disks = &disks[k], .n = 1 };
			world_patch(w, k, 0, 100, i + 2);
		}
		fault_add(h.fault, &(struct fault_rule){ .kinds = kinds[i], .action = FAULT_BEFORE, .name = world_names[0] });
		assert_int_equal(run_vms(vms, 2, &run, NULL), 0);
		fault_clear(h.fault);
		assert_int_equal(disks[0].result, CYCLE_PARKED);
		assert_int_equal(run_disk_status(&disks[0]), 75);
		assert_int_equal(disks[1].result, CYCLE_OK);
		assert_true(world_equals(w, 1, -1));
	}
	host_stop(&h);
}

static void what_is_not_for_want_of_an_answer_is_not_parked(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_disks(w, &h, 1);
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_WRITE, .action = FAULT_BEFORE, .code = ERR_REFUSED });
	cycle(w, &h, 2, &o); /* b.raw is not there */
	assert_int_equal(o.disks[0].result, CYCLE_FAILED);
	assert_int_equal(o.disks[1].result, CYCLE_FAILED);
	host_stop(&h);
	/* The same code, of a soft mount that gave up. */
	struct cycle_disk d = { .err = { .code = ERR_NETWORK } };
	struct cycle_options opt = { 0 };
	struct disk_run r = { .opt = &opt, .d = &d, .source_failed = true };

	disk_run_failed(&r);
	assert_int_equal(d.result, CYCLE_FAILED);
	r.source_failed = false;
	disk_run_failed(&r);
	assert_int_equal(d.result, CYCLE_PARKED);
}

/* ---- replicas that no cycle went through yet ---- */

static void a_replica_is_marked_new_until_the_first_pass_and_later_cycles_pay_nothing_for_it(void **state)
{
	CLEANUP_FREE char *before = NULL;
	CLEANUP_FREE char *after = NULL;
	CLEANUP_FREE char *point = NULL;
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_disks(w, &h, 1);
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_WRITE, .action = FAULT_BEFORE });
	cycle(w, &h, 1, &o);
	fault_clear(h.fault);
	before = meta(&h, 0, -1, "state");
	assert_string_equal(before, "new");
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(mem_records_count(w->service, MEM_META), 2);
	after = meta(&h, 0, -1, "state");
	assert_null(after);
	point = meta(&h, 0, 0, "state");
	assert_null(point);
	world_patch(w, 0, 0, 100, 2);
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(mem_records_count(w->service, MEM_META), 1);
	after = meta(&h, 0, -1, "state");
	assert_null(after);
	host_stop(&h);
}

static void a_mark_that_could_not_be_taken_off_is_taken_off_by_the_next_cycle(void **state)
{
	CLEANUP_FREE char *first = NULL;
	CLEANUP_FREE char *second = NULL;
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_disks(w, &h, 1);
	host_fault(&h, MEM_META, 2, FAULT_BEFORE);
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(mem_points_count(w->service, world_names[0]), 1);
	first = meta(&h, 0, -1, "state");
	assert_string_equal(first, "new");
	world_patch(w, 0, 0, 100, 2);
	cycle_ok(w, &h, 1, &o);
	second = meta(&h, 0, -1, "state");
	assert_null(second);
	host_stop(&h);
}

/* ---- a dry run ---- */

static int plan(struct world *w, struct host *h, const char *id, struct outcome *o)
{
	memset(o, 0, sizeof(*o));
	o->vm = (struct cycle_vm){ .name = "vm", .disks = o->disks, .n = 1 };
	o->disks[0] = (struct cycle_disk){ .name = world_names[0], .source_path = world_files[0], .source_id = id, .root = w->root };
	mem_records_clear(w->service);
	o->rc = cycle_plan(&o->vm, &h->opt, &o->err);
	assert_int_equal(mem_records_count(w->service, MEM_ALL & ~(MEM_LOOK | MEM_EXTENTS)), 0);
	return o->rc;
}

static void a_plan_finds_what_a_cycle_would_and_changes_nothing(void **state)
{
	static const struct guid thief = { .b = { 8 } };
	struct world *w = *state;
	struct host h, other;
	struct outcome o;

	host_start_disks(w, &h, 1);
	assert_int_equal(plan(w, &h, "id-a", &o), 0);
	assert_int_equal(o.disks[0].kind, CYCLE_INITIAL);
	assert_int_equal(o.disks[0].virtual_size, SIZE);
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(plan(w, &h, "id-a", &o), 0);
	assert_int_equal(o.disks[0].kind, CYCLE_DELTA);
	assert_string_equal(o.disks[0].warning, "");
	assert_int_equal(plan(w, &h, "id-z", &o), -1);
	assert_error(&o.err, ERR_CONFLICT, "vm/a.vhd: was made from another disk (id id-a; a.raw has id-z); --replace gives the "
					   "replica to this one");
	/* Who has no state would go on, and perhaps read; of another disk the metadata tell. */
	host_start(w, &other, "state2");
	assert_int_equal(plan(w, &other, "id-a", &o), 0);
	assert_string_equal(o.disks[0].warning, "there is no block map of it here: goes on by the copy of it beside the replica, or "
						"reads 1.5 MiB back (which Azure bills)");
	assert_int_equal(plan(w, &other, "id-z", &o), -1);
	assert_non_null(strstr(o.err.msg, "is the replica of another disk (id id-a; a.raw has id-z)"));
	other.opt.adopt = true;
	assert_int_equal(plan(w, &other, "id-a", &o), 0);
	assert_string_equal(o.disks[0].warning, "there is no block map of it here: reads 1.5 MiB back (which Azure bills)");
	host_stop(&other);
	/* Held just now: worth a line. */
	CLEANUP(cleanup_replica) struct replica *r = target_replica(h.target, world_names[0], NULL);

	assert_int_equal(replica_lease(r, TARGET_LEASE_ACQUIRE, &thief, NULL), 0);
	assert_int_equal(plan(w, &h, "id-a", &o), 0);
	assert_non_null(strstr(o.disks[0].warning, "held now by host1 pid "));
	assert_int_equal(replica_lease(r, TARGET_LEASE_RELEASE, &thief, NULL), 0);
	replica_close(steal_ptr(&r));
	/* Sizes. */
	scratch_truncate(w->dir, world_files[0], SIZE - 512);
	assert_int_equal(plan(w, &h, "id-a", &o), -1);
	assert_non_null(strstr(o.err.msg, "the replica holds 4194304; nothing was written; if the disk is meant to be that short"));
	h.opt.shrink = true;
	assert_int_equal(plan(w, &h, "id-a", &o), 0);
	mem_service_set_caps(w->service, true, true, 2 * MIB);
	host_start(w, &other, "state2");
	assert_int_equal(plan(w, &other, "id-a", &o), -1);
	assert_int_equal(o.err.code, ERR_UNSUPPORTED);
	assert_non_null(strstr(o.err.msg, "a replica there holds at most 2097152 with its footer"));
	host_stop(&other);
	assert_true(mem_foreign_delete(w->service, world_names[0]));
	scratch_truncate(w->dir, world_files[0], SIZE);
	assert_int_equal(plan(w, &h, "id-a", &o), -1);
	assert_error(&o.err, ERR_CONFLICT, "vm/a.vhd: is gone from the target, and was there in cycle 1");
	host_stop(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(damage_counts_as_a_change_only_if_the_files_changed),
		cmocka_unit_test(stamps_prove_a_word_declares_and_nothing_else_does),
		WORLD_TEST(a_recovery_point_says_what_was_known_also_if_the_next_run_makes_it),
		WORLD_TEST(a_broken_promise_is_fuzzy_and_told),
		WORLD_TEST(a_target_that_gives_no_answer_parks_its_disk_and_no_other),
		WORLD_TEST(what_is_not_for_want_of_an_answer_is_not_parked),
		WORLD_TEST(a_replica_is_marked_new_until_the_first_pass_and_later_cycles_pay_nothing_for_it),
		WORLD_TEST(a_mark_that_could_not_be_taken_off_is_taken_off_by_the_next_cycle),
		WORLD_TEST(a_plan_finds_what_a_cycle_would_and_changes_nothing),
	};

	return cmocka_run_group_tests_name("cycle-source", tests, NULL, NULL);
}

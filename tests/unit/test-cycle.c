/* SPDX-License-Identifier: Apache-2.0 */
/* The course of cycles before a service in memory: what is sent, what others did, what faults do. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/cycle_world.h"

/* ---- the plain course ---- */

static void first_everything_then_the_change_then_nothing(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_replicated(w, &h, 1, &o);
	assert_int_equal(o.disks[0].kind, CYCLE_INITIAL);
	assert_int_equal(o.disks[0].result, CYCLE_OK);
	assert_int_equal(o.disks[0].consistency, CONSISTENCY_PROVEN);
	assert_true(world_equals(w, 0, -1) && world_equals(w, 0, 0));
	assert_int_equal(mem_points_count(w->service, world_names[0]), 1);
	assert_string_not_equal(o.vm.point, "");

	world_patch(w, 0, 3 * MIB + 100, 10, 2);
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(o.disks[0].kind, CYCLE_DELTA);
	assert_int_equal(o.disks[0].cycle, 2);
	assert_int_equal(atomic_load(&o.disks[0].progress.bytes_sent), 64 << 10);
	assert_int_equal(world_writes(w), 1);
	assert_true(world_equals(w, 0, -1) && world_equals(w, 0, 1) && !world_equals(w, 0, 0));

	cycle_ok(w, &h, 1, &o); /* hashed under stamps that were not settled: read once more */
	assert_int_equal(world_writes(w), 0);
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(o.disks[0].result, CYCLE_SKIPPED);
	assert_int_equal(atomic_load(&o.disks[0].progress.bytes_read), 0);
	assert_int_equal(mem_records_count(w->service, MEM_ALL), 1);
	assert_int_equal(mem_records_count(w->service, MEM_LOOK), 1);
	host_stop(&h);
}

static void a_restarted_host_goes_on_where_it_was(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	world_write_disk(w, 0, 1);
	one_cycle(w, "state", 1);
	one_cycle(w, "state", 1);
	host_start(w, &h, "state");
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(o.disks[0].result, CYCLE_SKIPPED);
	h.opt.full = true;
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(o.disks[0].result, CYCLE_OK);
	assert_true(atomic_load(&o.disks[0].progress.bytes_read) > 0);
	assert_int_equal(world_writes(w), 0);
	host_stop(&h);
}

static void the_disks_of_a_vm_are_committed_under_one_token(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;
	struct error e = ERROR_INIT;
	char tokens[2][64];

	host_start_replicated(w, &h, 2, &o);
	for (size_t i = 0; i < 2; i++) {
		CLEANUP(cleanup_replica) struct replica *r = target_replica(h.target, world_names[i], &e);
		struct target_points p = { 0 };

		assert_int_equal(replica_points(r, &p, &e), 0);
		assert_int_equal(p.n, 1);
		assert_string_equal(target_meta_get(&p.v[0].meta, "disks"), "2");
		assert_string_equal(target_meta_get(&p.v[0].meta, "moment"), o.vm.point);
		snprintf(tokens[i], sizeof(tokens[i]), "%s", target_meta_get(&p.v[0].meta, "token"));
		target_points_fini(&p);
	}
	assert_string_equal(tokens[0], tokens[1]);
	/* One disk changes: the other is proven, not read, and in the new point all the same. */
	cycle_ok(w, &h, 2, &o);
	world_patch(w, 1, 0, 1, 9);
	cycle_ok(w, &h, 2, &o);
	assert_int_equal(atomic_load(&o.disks[0].progress.bytes_read), 0);
	assert_true(atomic_load(&o.disks[1].progress.bytes_read) > 0);
	assert_int_equal(mem_points_count(w->service, world_names[0]), 3);
	assert_true(world_equals(w, 0, 2) && world_equals(w, 1, 2));
	host_stop(&h);
}

static void a_disk_that_fails_leaves_the_others_without_a_point(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_disks(w, &h, 1);
	cycle(w, &h, 2, &o); /* b.raw is not there */
	assert_int_equal(o.rc, -1);
	assert_int_equal(o.disks[1].result, CYCLE_FAILED);
	assert_int_equal(o.disks[0].result, CYCLE_OK);
	assert_true(world_equals(w, 0, -1));
	assert_int_equal(mem_points_count(w->service, world_names[0]), 0);
	assert_string_equal(o.vm.point, "");
	host_stop(&h);
}

static void a_disk_that_grows_takes_its_replica_along(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_replicated(w, &h, 1, &o);
	world_patch(w, 0, SIZE + 5 * MIB, 4096, 3);
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(mem_size(w->service, world_names[0]), SIZE + 6 * MIB + 512);
	assert_true(world_equals(w, 0, -1));
	assert_true(atomic_load(&o.disks[0].progress.bytes_sent) <= 2 * 64 << 10);
	scratch_truncate(w->dir, world_files[0], SIZE);
	cycle(w, &h, 1, &o);
	assert_int_equal(o.err.code, ERR_CONFLICT);
	assert_int_equal(world_writes(w), 0);
	host_stop(&h);
}

/* ---- others ---- */

static void a_foreign_write_is_noticed_and_nothing_written_until_adopt(void **state)
{
	static const uint8_t page[512] = { 0xee };
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_replicated(w, &h, 1, &o);
	assert_true(mem_foreign_write(w->service, world_names[0], page, sizeof(page), 2 * MIB));
	for (int i = 0; i < 2; i++) { /* the second run finds the same */
		cycle(w, &h, 1, &o);
		assert_int_equal(o.err.code, ERR_CONFLICT);
		assert_non_null(strstr(o.err.msg, "changed by something other than liftfs"));
		assert_non_null(strstr(o.err.msg, "--adopt reads 1.5 MiB back (which Azure bills)"));
		assert_int_equal(mem_records_count(w->service, MEM_WRITE | MEM_CLEAR | MEM_RAISE | MEM_META), 0);
	}
	h.opt.adopt = true;
	cycle_ok(w, &h, 1, &o);
	assert_true(world_equals(w, 0, -1));
	assert_int_equal(world_writes(w), 1); /* the one block is cleared */
	host_stop(&h);
}

static void a_replica_that_vanished_is_not_made_anew(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_replicated(w, &h, 1, &o);
	assert_true(mem_foreign_delete(w->service, world_names[0]));
	cycle(w, &h, 1, &o);
	assert_int_equal(o.err.code, ERR_CONFLICT);
	assert_false(mem_exists(w->service, world_names[0]));
	host_stop(&h);
}

static void another_disk_of_the_same_name_needs_replace(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h, other;

	host_start_replicated(w, &h, 1, &o);
	world_write_disk(w, 0, 7);
	memset(&o, 0, sizeof(o));
	for (int replace = 0; replace < 2; replace++) {
		struct cycle_disk d = { .name = world_names[0], .source_path = world_files[0], .source_id = "id-z", .root = w->root };
		struct cycle_vm vm = { .name = "vm", .disks = &d, .n = 1 };
		struct error e = ERROR_INIT;

		mem_records_clear(w->service);
		h.opt.replace = replace;
		assert_int_equal(cycle_run(&vm, &h.opt, &e), replace ? 0 : -1);
		if (!replace) {
			assert_error(&e, ERR_CONFLICT, "vm/a.vhd: was made from another disk (id id-a; a.raw has id-z); "
						       "--replace gives the replica to this one");
			assert_int_equal(mem_records_count(w->service, MEM_ALL & ~MEM_LOOK), 0);
		}
	}
	assert_true(world_equals(w, 0, -1));
	host_stop(&h);
	/* Without state the metadata tell. */
	host_start(w, &other, "state2");
	cycle(w, &other, 1, &o);
	assert_int_equal(o.err.code, ERR_CONFLICT);
	assert_non_null(strstr(o.err.msg, "is the replica of another disk (id id-z; a.raw has id-a)"));
	host_stop(&other);
}

static void two_hosts_take_turns_and_never_mix(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host a, b;

	host_start_disks(w, &a, 1);
	host_start(w, &b, "state2");
	cycle_ok(w, &a, 1, &o);
	world_patch(w, 0, 0, 100, 5);
	cycle_ok(w, &b, 1, &o); /* no map there: a worker that was sent elsewhere goes on, and says so */
	assert_string_equal(o.disks[0].warning, "there is no block map of it here: what it holds was read back");
	assert_int_equal(world_writes(w), 1);
	assert_true(world_equals(w, 0, -1));
	cycle_ok(w, &a, 1, &o);
	assert_string_equal(o.disks[0].warning, "another liftfs wrote to it since the last cycle here: what it holds was read back");
	assert_int_equal(world_writes(w), 0);
	assert_true(world_equals(w, 0, -1));
	host_stop(&a);
	host_stop(&b);
}

static void a_lease_that_somebody_holds_is_75_and_says_whose(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;
	struct error e = ERROR_INIT;
	struct guid id;

	host_start_replicated(w, &h, 1, &o);
	CLEANUP(cleanup_replica) struct replica *r = target_replica(h.target, world_names[0], &e);

	assert_int_equal(guid_random(&id, &e), 0);
	assert_int_equal(replica_lease(r, TARGET_LEASE_ACQUIRE, &id, &e), 0);
	world_patch(w, 0, 0, 1, 4);
	cycle(w, &h, 1, &o);
	assert_int_equal(error_exit_status(&o.err), 75);
	assert_non_null(strstr(o.err.msg, "held by host1 pid "));
	assert_int_equal(world_writes(w), 0);
	assert_int_equal(replica_lease(r, TARGET_LEASE_RELEASE, &id, &e), 0);
	cycle_ok(w, &h, 1, &o);
	assert_true(world_equals(w, 0, -1));
	replica_close(steal_ptr(&r));
	host_stop(&h);
}

/* ---- the state ---- */

static void copy_state(struct world *w, const char *from, const char *to)
{
	char command[256];

	snprintf(command, sizeof(command), "cp -a '%s/%s' '%s/%s'", w->dir->path, from, w->dir->path, to);
	assert_int_equal(system(command), 0);
}

static void a_copied_state_draws_its_own_lease_and_a_clean_one_goes_on(void **state)
{
	struct world *w = *state;
	struct replica_state rs = REPLICA_STATE_INIT;
	struct error e = ERROR_INIT;
	struct guid before;
	struct outcome o;
	struct host h, copy;

	host_start_replicated(w, &h, 1, &o);
	assert_int_equal(replica_state_open(h.state, target_name(h.target), world_names[0], &rs, &e), 0);
	assert_false(rs.moved);
	before = rs.lease_id;
	replica_state_close(&rs);
	copy_state(w, "state", "state2");
	host_start(w, &copy, "state2");
	assert_int_equal(replica_state_open(copy.state, target_name(h.target), world_names[0], &rs, &e), 0);
	assert_true(rs.moved);
	assert_false(guid_equal(&before, &rs.lease_id));
	replica_state_close(&rs);
	cycle_ok(w, &copy, 1, &o);
	assert_int_equal(world_writes(w), 0);
	host_stop(&h);
	host_stop(&copy);
}

static void damage_to_the_map_is_noticed_and_never_believed(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	world_write_disk(w, 0, 1);
	one_cycle(w, "state", 1);
	world_damage(w, "state", "map", 300);
	world_patch(w, 0, 0, 1, 4);
	host_start(w, &h, "state");
	cycle_ok(w, &h, 1, &o);
	assert_string_equal(o.disks[0].warning, "its block map here is damaged: what it holds was read back");
	assert_int_equal(world_writes(w), 1);
	assert_true(world_equals(w, 0, -1));
	host_stop(&h);
	/* A target that is no far away is read at once. */
	mem_service_set_caps(w->service, false, false, 1 << 30);
	world_damage(w, "state", "map", 300);
	host_start(w, &h, "state");
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(world_writes(w), 0);
	host_stop(&h);
}

static void a_newer_state_is_refused(void **state)
{
	struct world *w = *state;
	struct error e = ERROR_INIT;
	char path[128], want[512];

	one_cycle(w, "state", 0);
	scratch_write(w->dir, "state/format", "liftfs state 9\nwritten by liftfs 7.1\n", 36);
	snprintf(path, sizeof(path), "%s/state", w->dir->path);
	assert_null(state_open(path, true, &e));
	snprintf(want, sizeof(want), "state: %s: state of format 9, written by liftfs 7.1; this is liftfs %s, which reads up to 1",
		 path, PACKAGE_VERSION);
	assert_error(&e, ERR_REFUSED, want);
}

/* ---- faults ---- */

static void lost_answers_of_single_requests_are_no_harm(void **state)
{
	static const unsigned kinds[] = { MEM_CREATE, MEM_RAISE, MEM_SNAPSHOT };
	static const enum fault_action actions[] = { FAULT_AFTER, FAULT_BEFORE, FAULT_LATE };
	struct world *w = *state;
	struct outcome o;
	struct host h;

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		for (size_t a = 0; a < ARRAY_LEN(actions); a++) {
			char name[16];

			snprintf(name, sizeof(name), "state-%zu-%zu", k, a);
			if (mem_exists(w->service, world_names[0]))
				assert_true(mem_foreign_delete(w->service, world_names[0]));
			world_write_disk(w, 0, 1 + k * 10 + a);
			host_start(w, &h, name);
			host_fault(&h, kinds[k], 1, actions[a]);
			cycle(w, &h, 1, &o);
			fault_release_late(h.fault);
			if (o.rc < 0) /* only what truly did not happen may end the run, and then with 75 */
				assert_int_equal(error_exit_status(&o.err), 75);
			cycle_ok(w, &h, 1, &o);
			assert_true(world_equals(w, 0, -1));
			assert_true(mem_points_count(w->service, world_names[0]) >= 1);
			host_stop(&h);
		}
	}
}

/* What a request's late arrival could do: the next cycle writes other content to the same place first. */
static void late_writes_of_a_dead_host_change_nothing(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h, next;

	world_write_disk(w, 0, 1);
	one_cycle(w, "state", 1);
	world_patch(w, 0, 0, 64 << 10, 2);
	host_start(w, &h, "state");
	host_fault(&h, MEM_WRITE, 1, FAULT_LATE);
	cycle(w, &h, 1, &o);
	assert_int_equal(error_exit_status(&o.err), 75);
	state_close(h.state);
	world_patch(w, 0, 0, 64 << 10, 3);
	host_start(w, &next, "state");
	cycle_ok(w, &next, 1, &o);
	assert_int_equal(fault_release_late(h.fault), 1);
	assert_true(world_equals(w, 0, -1));
	cycle_ok(w, &next, 1, &o); /* and nothing looks foreign */
	host_stop(&next);
	target_close(h.target);
	fault_free(h.fault);
}

/*
 * The host dies at request n, for every n until a run meets none; each time another process goes on with the same state, at a
 * time when the source holds something else.  Afterwards: replica and newest point are the source, older points are what
 * the source was, and no more is sent than what differs and what was in flight.
 */
static void death_at_every_request_converges(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;
	size_t survived = 0;

	for (uint64_t n = 1; survived < 2; n++) {
		char name[24];

		snprintf(name, sizeof(name), "state-%u", (unsigned)n);
		mem_service_advance(w->service, 120);
		for (size_t i = 0; i < 2; i++) {
			if (mem_exists(w->service, world_names[i]))
				assert_true(mem_foreign_delete(w->service, world_names[i]));
			world_write_disk(w, i, n * 2 + i);
		}
		if (n % 2 == 0) { /* every other time in the second cycle */
			one_cycle(w, name, 2);
			world_patch(w, 0, MIB / 2, 4096, n);
			world_patch(w, 1, 0, 4096, n);
		}
		host_start(w, &h, name);
		host_fault(&h, MEM_ALL, (n + 1) / 2, FAULT_DIE);
		cycle(w, &h, 2, &o);
		survived = o.rc == 0 ? survived + 1 : 0;
		host_stop(&h);
		world_patch(w, 0, 3 * MIB, 1, n + 1);
		host_start(w, &h, name);
		cycle(w, &h, 2, &o);
		if (o.rc < 0)
			fail_msg("death at request %u: %s", (unsigned)n, o.err.msg);
		assert_true(world_equals(w, 0, -1) && world_equals(w, 1, -1));
		assert_true(world_equals(w, 0, (int)mem_points_count(w->service, world_names[0]) - 1));
		if (n % 2 == 0)
			assert_true(atomic_load(&o.disks[0].progress.bytes_sent) +
				    atomic_load(&o.disks[1].progress.bytes_sent) <= 3 * 64 << 10);
		host_stop(&h);
		assert_true(n < 200);
	}
}

static void a_source_that_moves_makes_progress_but_no_point(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	world_write_disk(w, 0, 1);
	world_write_disk(w, 1, 1);
	host_start(w, &h, "state");
	cycle_ok(w, &h, 2, &o);
	/* The second disk grows by a byte while the first is written: a snapshot, say. */
	world_patch(w, 0, 0, 100, 2);
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_WRITE, .nth = 0, .action = FAULT_DELAY, .ms = 300 });
	if (fork() == 0) {
		usleep(100000);
		int fd = openat(w->dir->fd, world_files[1], O_WRONLY);

		_exit(pwrite(fd, "x", 1, 2 * MIB) == 1 ? 0 : 1);
	}
	cycle_ok(w, &h, 2, &o);
	assert_int_equal(o.disks[0].result, CYCLE_FUZZY);
	assert_int_equal(o.disks[1].consistency, CONSISTENCY_UNPROVEN);
	assert_string_equal(o.vm.point, "");
	assert_int_equal(mem_points_count(w->service, world_names[0]), 1);
	fault_clear(h.fault);
	cycle_ok(w, &h, 2, &o);
	assert_int_equal(mem_points_count(w->service, world_names[0]), 2);
	assert_true(world_equals(w, 0, 1) && world_equals(w, 1, 1));
	host_stop(&h);
}

static void what_does_not_fit_is_refused_before_the_first_byte(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	mem_service_set_caps(w->service, true, true, 2 * MIB);
	host_start_disks(w, &h, 1);
	cycle(w, &h, 1, &o);
	assert_error(&o.err, ERR_UNSUPPORTED,
		     "a.raw: a disk of 4194304 bytes; a replica there holds at most 2097152 with its footer: replicate it to a "
		     "directory, and from there: az disk create --for-upload --upload-size-bytes 4194816");
	assert_int_equal(mem_records_count(w->service, MEM_ALL), 0);
	host_stop(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(first_everything_then_the_change_then_nothing),
		WORLD_TEST(a_restarted_host_goes_on_where_it_was),
		WORLD_TEST(the_disks_of_a_vm_are_committed_under_one_token),
		WORLD_TEST(a_disk_that_fails_leaves_the_others_without_a_point),
		WORLD_TEST(a_disk_that_grows_takes_its_replica_along),
		WORLD_TEST(a_foreign_write_is_noticed_and_nothing_written_until_adopt),
		WORLD_TEST(a_replica_that_vanished_is_not_made_anew),
		WORLD_TEST(another_disk_of_the_same_name_needs_replace),
		WORLD_TEST(two_hosts_take_turns_and_never_mix),
		WORLD_TEST(a_lease_that_somebody_holds_is_75_and_says_whose),
		WORLD_TEST(a_copied_state_draws_its_own_lease_and_a_clean_one_goes_on),
		WORLD_TEST(damage_to_the_map_is_noticed_and_never_believed),
		WORLD_TEST(a_newer_state_is_refused),
		WORLD_TEST(lost_answers_of_single_requests_are_no_harm),
		WORLD_TEST(late_writes_of_a_dead_host_change_nothing),
		WORLD_TEST(death_at_every_request_converges),
		WORLD_TEST(a_source_that_moves_makes_progress_but_no_point),
		WORLD_TEST(what_does_not_fit_is_refused_before_the_first_byte),
	};

	return cmocka_run_group_tests_name("cycle", tests, NULL, NULL);
}

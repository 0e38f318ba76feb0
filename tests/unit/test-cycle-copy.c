/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts that go on with each other's replicas by the copy of the block map. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/cycle_world.h"

#define COPY ".liftfs/maps/vm/a.blockmap"

static struct world *with_copies(void **state)
{
	struct world *w = *state;

	mem_service_set_map_copies(w->service, true);
	world_write_disk(w, 0, 1);
	return w;
}

/* Requests of these kinds since the last cycle began, to the copy or to all else. */
static size_t requests(struct world *w, unsigned kinds, bool copy)
{
	size_t n, count = 0;
	struct mem_record *r = mem_records(w->service, kinds, &n);

	for (size_t i = 0; i < n; i++)
		count += (strncmp(r[i].name, ".liftfs/", 8) == 0) == copy;
	free(r);
	return count;
}

/* One cycle of a host of its own, which must work. */
static void cycle_of(struct world *w, const char *state, struct outcome *o)
{
	struct host h;

	host_start(w, &h, state);
	cycle_ok(w, &h, 1, o);
	host_stop(&h);
}

static void another_host_goes_on_without_reading_the_replica(void **state)
{
	struct world *w = with_copies(state);
	struct outcome o;

	cycle_of(w, "state", &o);
	world_patch(w, 0, MIB - 100, 10, 2);
	cycle_of(w, "state", &o);
	assert_string_equal(o.disks[0].warning, "");
	world_patch(w, 0, 3 * MIB + 100, 10, 3);
	cycle_of(w, "state-other", &o);
	assert_int_equal(o.disks[0].kind, CYCLE_DELTA);
	assert_int_equal(o.disks[0].cycle, 3);
	assert_int_equal(atomic_load(&o.disks[0].progress.bytes_sent), 64 << 10);
	assert_int_equal(requests(w, MEM_READ | MEM_EXTENTS, false), 0);
	assert_string_equal(o.disks[0].warning, "goes on from cycle 2 of another host or state, by the copy of its block map");
	assert_true(world_equals(w, 0, -1) && world_equals(w, 0, 2));
	/* And back: the first host knows that another one was here. */
	world_patch(w, 0, 200, 10, 4);
	cycle_of(w, "state", &o);
	assert_int_equal(o.disks[0].cycle, 4);
	assert_int_equal(atomic_load(&o.disks[0].progress.bytes_sent), 64 << 10);
	assert_int_equal(requests(w, MEM_READ | MEM_EXTENTS, false), 0);
	assert_true(world_equals(w, 0, -1));
}

static void a_small_cycle_costs_four_requests_and_one_that_has_nothing_to_do_none(void **state)
{
	struct world *w = with_copies(state);
	struct outcome o;
	struct host h;

	host_start(w, &h, "state");
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(requests(w, MEM_CREATE, true), 1);
	world_patch(w, 0, 100, 10, 2);
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(requests(w, MEM_LOOK, true), 1);
	assert_int_equal(requests(w, MEM_RAISE, true), 1);
	assert_int_equal(requests(w, MEM_WRITE, true), 2); /* a page; header and page table */
	assert_int_equal(requests(w, MEM_ALL, true), 4);
	cycle_ok(w, &h, 1, &o); /* reads, changes nothing: but the replica has a new version */
	assert_int_equal(requests(w, MEM_WRITE, true), 1);
	assert_int_equal(requests(w, MEM_ALL, true), 3);
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(o.disks[0].result, CYCLE_SKIPPED);
	assert_int_equal(requests(w, MEM_ALL, true), 0);
	/* The bill has them all. */
	world_patch(w, 0, 100, 10, 3);
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(o.disks[0].requests.writes, requests(w, MEM_WRITE, true) + requests(w, MEM_WRITE, false));
	host_stop(&h);
}

static int count(void *ctx, const char *name, const struct target_look *look, struct error *err)
{
	(void)look;
	(void)err;
	assert_string_equal(name, world_names[0]);
	++*(size_t *)ctx;
	return 0;
}

static void a_copy_is_no_replica(void **state)
{
	struct world *w = with_copies(state);
	struct outcome o;
	struct host h;
	size_t n = 0;

	host_start(w, &h, "state");
	cycle_ok(w, &h, 1, &o);
	assert_true(mem_exists(w->service, COPY));
	assert_int_equal(target_list(h.target, count, &n, NULL), 0);
	assert_int_equal(n, 1);
	host_stop(&h);
}

static void a_failure_of_the_copy_is_a_warning(void **state)
{
	struct world *w = with_copies(state);
	struct outcome o;
	struct host h;

	host_start(w, &h, "state");
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_CREATE, .nth = 2, .action = FAULT_BEFORE, .code = ERR_REFUSED });
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(o.disks[0].result, CYCLE_OK);
	assert_string_equal(o.disks[0].warning,
			    "other hosts cannot go on without its state here: copy of the block map: injected fault");
	assert_string_not_equal(o.vm.point, "");
	fault_clear(h.fault);
	world_patch(w, 0, 100, 10, 2);
	cycle_ok(w, &h, 1, &o);
	assert_string_equal(o.disks[0].warning, "");
	host_stop(&h);
	cycle_of(w, "state-other", &o);
	assert_int_equal(requests(w, MEM_READ, false), 0);
}

static void a_void_copy_costs_a_rebuild_and_nothing_else(void **state)
{
	struct world *w = with_copies(state);
	struct outcome o;

	cycle_of(w, "state", &o);
	mem_service_set_map_copies(w->service, false);
	world_patch(w, 0, 100, 10, 2);
	cycle_of(w, "state", &o); /* which the copy does not know of */
	mem_service_set_map_copies(w->service, true);
	world_patch(w, 0, 100, 10, 1); /* as the copy has it */
	cycle_of(w, "state-other", &o);
	assert_true(requests(w, MEM_READ, false) > 0);
	assert_string_equal(o.disks[0].warning, "there is no block map of it here: what it holds was read back");
	assert_true(world_equals(w, 0, -1));
}

/* Without a copy: the next run of the host that died finds a state, and still a replica that must be read. */
static void a_host_that_dies_before_its_claim_does_not_take_the_replica_for_a_new_one(void **state)
{
	struct world *w = with_copies(state);
	struct outcome o;

	mem_service_set_map_copies(w->service, false);
	cycle_of(w, "state", &o);
	one_death(w, "state-other", MEM_LEASE, 1, 1);
	mem_service_advance(w->service, 2 * TARGET_LEASE_SECONDS);
	world_patch(w, 0, 100, 10, 2);
	cycle_of(w, "state-other", &o);
	assert_true(requests(w, MEM_READ, false) > 0);
	assert_true(world_equals(w, 0, -1));
}

static void with_adopt_the_replica_is_read_all_the_same(void **state)
{
	struct world *w = with_copies(state);
	struct outcome o;
	struct host h;

	cycle_of(w, "state", &o);
	host_start(w, &h, "state-other");
	h.opt.adopt = true;
	cycle_ok(w, &h, 1, &o);
	assert_true(requests(w, MEM_READ, false) > 0);
	assert_int_equal(requests(w, MEM_READ, true), 0);
	host_stop(&h);
}

static void a_damaged_map_here_is_replaced_by_the_copy(void **state)
{
	struct world *w = with_copies(state);
	struct outcome o;
	char command[256];

	cycle_of(w, "state", &o);
	cycle_of(w, "state", &o);
	snprintf(command, sizeof(command), "printf X | dd of=\"$(ls '%s'/state/replicas/*/map)\" bs=1 seek=3000 conv=notrunc status=none",
		 w->dir->path);
	assert_int_equal(system(command), 0);
	world_patch(w, 0, 100, 10, 2);
	cycle_of(w, "state", &o);
	assert_int_equal(requests(w, MEM_READ, false), 0);
	assert_int_equal(atomic_load(&o.disks[0].progress.bytes_sent), 64 << 10);
	assert_true(world_equals(w, 0, -1));
}

/* What is foreign stays foreign: the number is ours, the version is not. */
static void a_foreign_write_is_refused_whatever_the_copy_says(void **state)
{
	static const uint8_t bytes[512] = { 7 };
	struct world *w = with_copies(state);
	struct outcome o;
	struct host h;

	cycle_of(w, "state", &o);
	assert_true(mem_foreign_write(w->service, world_names[0], bytes, sizeof(bytes), 0));
	world_patch(w, 0, 3 * MIB, 10, 2);
	host_start(w, &h, "state");
	cycle(w, &h, 1, &o);
	assert_int_equal(o.rc, -1);
	assert_int_equal(o.err.code, ERR_CONFLICT);
	assert_int_equal(requests(w, MEM_ALL, true), 0);
	assert_int_equal(world_writes(w), 0);
	host_stop(&h);
}

static void a_replica_that_was_made_anew_is_asked_for_although_its_copy_is_right(void **state)
{
	struct world *w = with_copies(state);
	struct outcome o;
	struct host h;

	cycle_of(w, "state", &o);
	assert_true(mem_foreign_delete(w->service, world_names[0]));
	cycle_of(w, "state-other", &o);
	host_start(w, &h, "state");
	cycle(w, &h, 1, &o);
	assert_int_equal(o.err.code, ERR_CONFLICT);
	assert_non_null(strstr(o.err.msg, "it was made anew or replaced; nothing was written; --adopt reads"));
	assert_int_equal(world_writes(w), 0);
	host_stop(&h);
}

/*
 * The first host's files are as at its last cycle, so it may skip them; but the map that it takes is of a cycle of another
 * host, which saw other content.
 */
static void evidence_does_not_outlive_the_map_that_it_belongs_to(void **state)
{
	struct world *w = with_copies(state);
	struct backing_root *ours = w->root;
	struct error e = ERROR_INIT;
	struct outcome o;
	char path[640];

	for (unsigned i = 0; i < 3; i++)
		cycle_of(w, "state", &o);
	assert_int_equal(o.disks[0].result, CYCLE_SKIPPED);
	snprintf(path, sizeof(path), "mkdir '%s'/state-src && cp '%s'/a.raw '%s'/state-src/ && printf X | dd of='%s'/state-src/a.raw "
		 "conv=notrunc status=none", w->dir->path, w->dir->path, w->dir->path, w->dir->path);
	assert_int_equal(system(path), 0);
	snprintf(path, sizeof(path), "%s/state-src", w->dir->path);
	w->root = backing_root_open(path, &e);
	assert_non_null(w->root);
	cycle_of(w, "state-other", &o);
	backing_root_put(w->root);
	w->root = ours;
	assert_false(world_equals(w, 0, -1));
	cycle_of(w, "state", &o);
	assert_int_equal(requests(w, MEM_READ, false), 0);
	assert_true(world_equals(w, 0, -1));
}

/* ---- an end at every request ---- */

/*
 * The source goes from 2 to 3; the host meets a fault at the n-th request of the cycle over 3; another host, without state,
 * finds the source as it was at 2, which is what a stale copy would take for granted.  *fired: was there an n-th?
 */
static void fault_then_another_host(struct world *w, uint64_t n, unsigned kinds, enum fault_action action, bool *fired)
{
	struct outcome o;
	struct host h;

	world_write_disk(w, 0, 1);
	world_patch(w, 0, 100, 10, 2);
	cycle_of(w, "state", &o);
	world_patch(w, 0, 100, 10, 3);
	host_start(w, &h, "state");
	host_fault(&h, kinds, n, action);
	cycle(w, &h, 1, &o);
	*fired = fault_fired(h.fault) > 0;
	mem_service_advance(w->service, 2 * TARGET_LEASE_SECONDS);
	world_patch(w, 0, 100, 10, 2);
	cycle_of(w, "state-other", &o);
	assert_true(world_equals(w, 0, -1));
	fault_release_late(h.fault);
	world_patch(w, 0, 100, 10, 3);
	cycle_of(w, "state-third", &o);
	assert_true(world_equals(w, 0, -1));
	host_stop(&h);
}

static void each_request(void **state, unsigned kinds, enum fault_action action)
{
	bool fired = true;
	uint64_t n;

	for (n = 1; fired; n++) {
		struct world *w;
		void *fresh = *state;

		if (n > 1) {
			world_teardown(&fresh);
			assert_int_equal(world_setup(&fresh), 0);
		}
		w = fresh;
		mem_service_set_map_copies(w->service, true);
		fault_then_another_host(w, n, kinds, action, &fired);
	}
	assert_true(n > 5);
}

static void a_host_that_dies_at_any_request_leaves_a_copy_that_is_right_or_void(void **state)
{
	each_request(state, MEM_ALL, FAULT_DIE);
}

static void an_answer_that_is_lost_at_any_request_leaves_a_copy_that_is_right_or_void(void **state)
{
	each_request(state, MEM_RAISE | MEM_WRITE, FAULT_AFTER);
}

static void a_request_that_arrives_late_finds_no_copy_to_spoil(void **state)
{
	each_request(state, MEM_RAISE | MEM_WRITE, FAULT_LATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(another_host_goes_on_without_reading_the_replica),
		WORLD_TEST(a_small_cycle_costs_four_requests_and_one_that_has_nothing_to_do_none),
		WORLD_TEST(a_copy_is_no_replica),
		WORLD_TEST(a_failure_of_the_copy_is_a_warning),
		WORLD_TEST(a_void_copy_costs_a_rebuild_and_nothing_else),
		WORLD_TEST(a_host_that_dies_before_its_claim_does_not_take_the_replica_for_a_new_one),
		WORLD_TEST(with_adopt_the_replica_is_read_all_the_same),
		WORLD_TEST(a_damaged_map_here_is_replaced_by_the_copy),
		WORLD_TEST(a_foreign_write_is_refused_whatever_the_copy_says),
		WORLD_TEST(a_replica_that_was_made_anew_is_asked_for_although_its_copy_is_right),
		WORLD_TEST(evidence_does_not_outlive_the_map_that_it_belongs_to),
		WORLD_TEST(a_host_that_dies_at_any_request_leaves_a_copy_that_is_right_or_void),
		WORLD_TEST(an_answer_that_is_lost_at_any_request_leaves_a_copy_that_is_right_or_void),
		WORLD_TEST(a_request_that_arrives_late_finds_no_copy_to_spoil),
	};

	return cmocka_run_group_tests_name("cycle-copy", tests, NULL, NULL);
}

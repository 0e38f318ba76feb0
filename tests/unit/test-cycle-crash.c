/* SPDX-License-Identifier: Apache-2.0 */
/* Cycles that were cut off, stopped or raced, and states that are not what they were: what the next run makes of them. */
#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/cycle_world.h"

/* ---- the state ---- */

static void a_damaged_journal_is_rebuilt_like_a_damaged_map(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	world_write_disk(w, 0, 1);
	one_cycle(w, "state", 1);
	world_damage(w, "state", "journal", 300);
	world_patch(w, 0, 0, 1, 4);
	host_start(w, &h, "state");
	cycle_ok(w, &h, 1, &o);
	assert_string_equal(o.disks[0].warning, "its block map here is damaged: what it holds was read back");
	assert_int_equal(world_writes(w), 1);
	assert_true(world_equals(w, 0, -1));
	world_patch(w, 0, 0, 1, 5);
	cycle_ok(w, &h, 1, &o);
	assert_true(world_equals(w, 0, -1));
	host_stop(&h);
}

static void a_replica_that_vanished_is_not_made_anew_over_a_damaged_map(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	world_write_disk(w, 0, 1);
	one_cycle(w, "state", 1);
	world_damage(w, "state", "map", 300);
	assert_true(mem_foreign_delete(w->service, world_names[0]));
	host_start(w, &h, "state");
	cycle(w, &h, 1, &o);
	assert_int_equal(o.err.code, ERR_CONFLICT);
	assert_non_null(strstr(o.err.msg, "is gone from the target, and its block map here is damaged"));
	assert_false(mem_exists(w->service, world_names[0]));
	host_stop(&h);
}

/* What a run acknowledged whose proof is gone is void, also where nothing is read back. */
static void replacing_twice_believes_nothing_of_the_first_time(void **state)
{
	static const uint8_t page[512] = { 0xee };
	struct world *w = *state;
	struct outcome o;
	struct host h;

	world_write_disk(w, 0, 1);
	one_cycle(w, "state", 1);
	host_start(w, &h, "state2");
	h.opt.replace = true;
	host_fault(&h, MEM_CLEAR | MEM_WRITE, 4, FAULT_DIE);
	cycle(w, &h, 1, &o);
	assert_int_equal(o.rc, -1);
	assert_true(world_writes(w) > 0);
	host_stop(&h);
	mem_service_advance(w->service, 120);
	for (uint64_t off = 0; off < SIZE; off += MIB)
		assert_true(mem_foreign_write(w->service, world_names[0], page, sizeof(page), off + MIB / 2));
	host_start(w, &h, "state2");
	h.opt.replace = true;
	cycle(w, &h, 1, &o);
	if (o.rc < 0) { /* to say so is right, too */
		assert_int_equal(o.err.code, ERR_CONFLICT);
		h.opt.adopt = true;
		cycle_ok(w, &h, 1, &o);
	}
	assert_true(world_equals(w, 0, -1));
	host_stop(&h);
}

static void a_replacement_that_was_cut_off_is_gone_on_with(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	world_write_disk(w, 0, 1);
	one_cycle(w, "state", 1);
	host_start(w, &h, "state2");
	h.opt.replace = true;
	host_fault(&h, MEM_WRITE, 3, FAULT_DIE); /* the footer's */
	cycle(w, &h, 1, &o);
	assert_int_equal(o.rc, -1);
	host_stop(&h);
	host_start(w, &h, "state2");
	cycle_ok(w, &h, 1, &o);
	assert_true(world_equals(w, 0, -1));
	assert_int_equal(atomic_load(&o.disks[0].progress.bytes_sent), 0);
	assert_int_equal(mem_records_count(w->service, MEM_READ), 0);
	host_stop(&h);
}

/* ---- the first cycle ---- */

static void a_disk_that_grew_before_the_first_byte_was_sent(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	world_write_disk(w, 0, 1);
	one_death(w, "state", MEM_LEASE, 1, 1);
	assert_true(mem_exists(w->service, world_names[0]));
	world_patch(w, 0, SIZE + 5 * MIB, 4096, 3);
	host_start(w, &h, "state");
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(o.disks[0].kind, CYCLE_INITIAL);
	assert_int_equal(mem_size(w->service, world_names[0]), SIZE + 6 * MIB + 512);
	assert_true(world_equals(w, 0, -1));
	host_stop(&h);
}

static void data_in_a_replica_that_nothing_was_sent_to_is_not_taken_for_zero(void **state)
{
	static const uint8_t page[512] = { 0xee };
	struct world *w = *state;
	struct outcome o;
	struct host h;

	world_write_disk(w, 0, 1);
	one_death(w, "state", MEM_LEASE, 1, 1);
	assert_true(mem_foreign_write(w->service, world_names[0], page, sizeof(page), 2 * MIB));
	host_start(w, &h, "state");
	cycle(w, &h, 1, &o);
	assert_int_equal(o.err.code, ERR_CONFLICT);
	assert_non_null(strstr(o.err.msg, "holds data although nothing was sent yet"));
	h.opt.adopt = true;
	cycle_ok(w, &h, 1, &o);
	assert_true(world_equals(w, 0, -1));
	host_stop(&h);
}

/* ---- what comes from beside, while a cycle runs ---- */

struct beside {
	pthread_t thread;
	unsigned after_ms;
	void (*act)(void *ctx);
	void *ctx;
};

static void *act_later(void *arg)
{
	struct beside *b = arg;

	usleep(b->after_ms * 1000);
	b->act(b->ctx);
	return NULL;
}

static void start_beside(struct beside *b, unsigned after_ms, void (*act)(void *ctx), void *ctx)
{
	*b = (struct beside){ .after_ms = after_ms, .act = act, .ctx = ctx };
	assert_int_equal(pthread_create(&b->thread, NULL, act_later, b), 0);
}

static void set_gentle(void *cancel)
{
	cancel_set(cancel, CANCEL_GENTLE);
}

static void a_cycle_that_is_asked_to_stop_keeps_what_was_sent_and_lets_go(void **state)
{
	struct world *w = *state;
	struct guid other = { .b = { 9 } };
	struct replica_state rs = REPLICA_STATE_INIT;
	struct cancel stop;
	struct beside b;
	struct outcome o;
	struct host h;

	host_start_disks(w, &h, 1);
	assert_int_equal(cancel_init(&stop, NULL), 0);
	h.opt.cancel = &stop;
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_WRITE, .action = FAULT_DELAY, .ms = 400 });
	start_beside(&b, 200, set_gentle, &stop);
	cycle(w, &h, 1, &o);
	pthread_join(b.thread, NULL);
	assert_error(&o.err, ERR_CANCELLED, "stopped");
	assert_int_equal(o.disks[0].result, CYCLE_PARKED);
	assert_int_equal(mem_points_count(w->service, world_names[0]), 0);
	assert_int_equal(replica_state_open(h.state, target_name(h.target), world_names[0], &rs, NULL), 0);
	assert_int_equal(rs.kind, STATE_CLEAN);
	assert_true(rs.last.fuzzy);
	assert_int_equal(rs.last.cycle, 0);
	replica_state_close(&rs);
	CLEANUP(cleanup_replica) struct replica *r = target_replica(h.target, world_names[0], NULL);

	assert_int_equal(replica_lease(r, TARGET_LEASE_ACQUIRE, &other, NULL), 0);
	assert_int_equal(replica_lease(r, TARGET_LEASE_RELEASE, &other, NULL), 0);
	replica_close(steal_ptr(&r));
	fault_clear(h.fault);
	h.opt.cancel = NULL;
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(o.disks[0].kind, CYCLE_INITIAL);
	assert_int_equal(o.disks[0].cycle, 1);
	assert_int_equal(atomic_load(&o.disks[0].progress.bytes_sent), 0);
	assert_true(world_equals(w, 0, -1) && world_equals(w, 0, 0));
	cancel_fini(&stop);
	host_stop(&h);
}

static const struct guid thief = { .b = { 8 } };

static void steal_lease(void *replica)
{
	if (replica_lease(replica, TARGET_LEASE_BREAK, NULL, NULL) < 0 ||
	    replica_lease(replica, TARGET_LEASE_ACQUIRE, &thief, NULL) < 0)
		abort();
}

static void a_lease_that_is_taken_away_ends_the_cycle_and_the_next_run_asks(void **state)
{
	struct world *w = *state;
	struct target *beside = mem_target_open(w->service, NULL, NULL);
	struct replica *r = target_replica(beside, world_names[0], NULL);
	struct beside b;
	struct outcome o;
	struct host h;

	host_start_replicated(w, &h, 1, &o);
	world_patch(w, 0, 0, 100, 2);
	world_patch(w, 0, 3 * MIB, 100, 2);
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_WRITE, .nth = 1, .action = FAULT_DELAY, .ms = 400 });
	start_beside(&b, 200, steal_lease, r);
	cycle(w, &h, 1, &o);
	pthread_join(b.thread, NULL);
	assert_int_equal(o.err.code, ERR_BUSY);
	assert_int_equal(mem_points_count(w->service, world_names[0]), 1);
	cycle(w, &h, 1, &o); /* held: nobody is accused of having written */
	assert_int_equal(o.err.code, ERR_BUSY);
	assert_non_null(strstr(o.err.msg, "held by host1 pid "));
	assert_int_equal(replica_lease(r, TARGET_LEASE_RELEASE, &thief, NULL), 0);
	for (int i = 0; i < 2; i++) {
		cycle(w, &h, 1, &o);
		assert_int_equal(o.err.code, ERR_CONFLICT);
		assert_non_null(strstr(o.err.msg, "changed by somebody else after a cycle that was cut off"));
	}
	h.opt.adopt = true;
	cycle_ok(w, &h, 1, &o);
	assert_true(world_equals(w, 0, -1));
	host_stop(&h);
	replica_close(r);
	target_close(beside);
}

/* A host with a copy of the state, and the very lease id of the original. */
struct rival {
	struct world *w;
	struct host h;
	struct cycle_disk disk;
	int rc;
};

static void run_rival(void *rival)
{
	struct rival *r = rival;
	struct cycle_vm vm = { .name = "vm", .disks = &r->disk, .n = 1 };

	r->rc = cycle_run(&vm, &r->h.opt, NULL);
}

static void a_rival_with_our_very_lease_is_noticed_at_the_claim(void **state)
{
	struct world *w = *state;
	struct rival r = { .w = w };
	struct replica_state rs = REPLICA_STATE_INIT;
	struct guid lease;
	char command[256];
	struct beside b;
	struct outcome o;
	struct host h;

	host_start_replicated(w, &h, 1, &o);
	assert_int_equal(replica_state_open(h.state, target_name(h.target), world_names[0], &rs, NULL), 0);
	lease = rs.lease_id;
	replica_state_close(&rs);
	snprintf(command, sizeof(command), "cp -a '%s/state' '%s/state2'", w->dir->path, w->dir->path);
	assert_int_equal(system(command), 0);
	host_start(w, &r.h, "state2");
	assert_int_equal(replica_state_open(r.h.state, target_name(h.target), world_names[0], &rs, NULL), 0);
	assert_int_equal(journal_lease(rs.journal, &lease, NULL), 0);
	assert_int_equal(journal_sync(rs.journal, NULL), 0);
	replica_state_close(&rs);
	world_patch(w, 0, 0, 100, 2);
	world_patch(w, 0, 3 * MIB, 100, 2);
	r.disk = (struct cycle_disk){ .name = world_names[0], .source_path = world_files[0], .source_id = "id-a", .root = w->root };
	host_fault(&r.h, MEM_WRITE, 2, FAULT_DIE);
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_RAISE, .nth = 1, .action = FAULT_DELAY, .ms = 1500 });
	start_beside(&b, 300, run_rival, &r);
	cycle(w, &h, 1, &o);
	pthread_join(b.thread, NULL);
	assert_int_equal(r.rc, -1);
	assert_int_equal(o.err.code, ERR_BUSY);
	assert_non_null(strstr(o.err.msg, "vm/a.vhd: claim: another liftfs took over (epoch "));
	host_stop(&r.h);
	/* From here on it does not share the lease. */
	cycle(w, &h, 1, &o);
	assert_int_equal(o.err.code, ERR_BUSY);
	assert_non_null(strstr(o.err.msg, "held by"));
	mem_service_advance(w->service, 120);
	h.opt.adopt = true;
	cycle_ok(w, &h, 1, &o);
	assert_true(world_equals(w, 0, -1));
	host_stop(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_damaged_journal_is_rebuilt_like_a_damaged_map),
		WORLD_TEST(a_replica_that_vanished_is_not_made_anew_over_a_damaged_map),
		WORLD_TEST(replacing_twice_believes_nothing_of_the_first_time),
		WORLD_TEST(a_replacement_that_was_cut_off_is_gone_on_with),
		WORLD_TEST(a_disk_that_grew_before_the_first_byte_was_sent),
		WORLD_TEST(data_in_a_replica_that_nothing_was_sent_to_is_not_taken_for_zero),
		WORLD_TEST(a_cycle_that_is_asked_to_stop_keeps_what_was_sent_and_lets_go),
		WORLD_TEST(a_lease_that_is_taken_away_ends_the_cycle_and_the_next_run_asks),
		WORLD_TEST(a_rival_with_our_very_lease_is_noticed_at_the_claim),
	};

	return cmocka_run_group_tests_name("cycle-crash", tests, NULL, NULL);
}

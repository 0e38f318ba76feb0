/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that are lost, doubled, arrive late, when their sender is gone and others are at work, or are answered with what was. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/cycle_world.h"
#include "support/op_wait.h"

#define LAPSE_S 120
#define LEASE(action) (1u << TARGET_LEASE_##action)

static const struct guid thief = { .b = { 8 } };

static void foreign_write(struct world *w)
{
	static const uint8_t page[512] = { 0xee };

	assert_true(mem_foreign_write(w->service, world_names[0], page, sizeof(page), 2 * MIB));
}

/* What is held late arrives at the nth request of these kinds. */
static void arrive(void *service)
{
	if (mem_release_late(service) != 1)
		abort();
}

static void at(struct host *h, struct world *w, unsigned kinds, uint64_t nth, void (*call)(void *))
{
	fault_add(h->fault, &(struct fault_rule){ .kinds = kinds, .nth = nth, .action = FAULT_CALL, .call = call, .ctx = w->service });
}

/* The first such lease request of the host is held, and its sender killed (ERR_CANCELLED) or left without an answer. */
static void hold_lease(struct host *h, unsigned leases, enum error_code code)
{
	fault_add(h->fault, &(struct fault_rule){ .kinds = MEM_LEASE, .leases = leases, .nth = 1, .action = FAULT_LATE,
						  .code = code, .after = MEM_LATE_HELD });
}

/* How many requests of this lease action were refused for this reason since the last cycle began. */
static size_t refused(struct world *w, enum target_lease_action action, int detail)
{
	size_t n, found = 0;
	struct mem_record *rec = mem_records(w->service, MEM_LEASE, &n);

	for (size_t i = 0; i < n; i++)
		found += rec[i].action == action && rec[i].code != ERR_NONE && rec[i].detail == detail;
	free(rec);
	return found;
}

static void restart(struct world *w, struct host *h, const char *state)
{
	host_stop(h);
	host_start(w, h, state);
}

/* ---- release ---- */

/* A cycle whose release is held back, then a run anew of the same state, and a change to send. */
static void start_with_a_late_release(struct world *w, struct host *h, enum error_code answer, struct outcome *o)
{
	world_write_disk(w, 0, 1);
	host_start(w, h, "state");
	hold_lease(h, LEASE(RELEASE), answer);
	cycle_ok(w, h, 1, o);
	restart(w, h, "state");
	world_patch(w, 0, 0, 100, 2);
}

/* Killed after it was sent, before the state has another id: the next run has the same. */
static void a_release_of_a_killed_run_does_not_end_the_next_one(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	start_with_a_late_release(w, &h, ERR_CANCELLED, &o);
	at(&h, w, MEM_WRITE, 1, arrive);
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(refused(w, TARGET_LEASE_RELEASE, TARGET_REFUSED_VERSION), 1);
	assert_true(world_equals(w, 0, -1) && world_equals(w, 0, 1));
	host_stop(&h);
}

static void one_that_comes_before_the_claim_costs_a_try_and_no_persons_word(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	start_with_a_late_release(w, &h, ERR_CANCELLED, &o);
	at(&h, w, MEM_RAISE, 1, arrive);
	cycle(w, &h, 1, &o);
	assert_int_equal(error_exit_status(&o.err), 75);
	assert_non_null(strstr(o.err.msg, "the lease was lost during the cycle"));
	restart(w, &h, "state");
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(mem_records_count(w->service, MEM_READ), 0);
	assert_true(world_equals(w, 0, -1));
	host_stop(&h);
}

/* Nor is that a way around the renewal: what was written meanwhile is noticed. */
static void a_foreign_write_after_it_is_noticed(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	start_with_a_late_release(w, &h, ERR_CANCELLED, &o);
	at(&h, w, MEM_RAISE, 1, arrive);
	cycle(w, &h, 1, &o);
	assert_int_equal(error_exit_status(&o.err), 75);
	foreign_write(w);
	restart(w, &h, "state");
	cycle(w, &h, 1, &o);
	assert_int_equal(o.err.code, ERR_CONFLICT);
	assert_non_null(strstr(o.err.msg, "changed by somebody else after a cycle that was cut off"));
	host_stop(&h);
}

static void a_release_without_an_answer_is_of_another_lease_than_the_next_cycles(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	start_with_a_late_release(w, &h, ERR_NONE, &o);
	cycle(w, &h, 1, &o); /* it may be on its way: the old lease is waited for */
	assert_int_equal(error_exit_status(&o.err), 75);
	mem_service_advance(w->service, LAPSE_S);
	at(&h, w, MEM_LOOK, 2, arrive); /* before the claim: the version is the one that it names */
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(refused(w, TARGET_LEASE_RELEASE, TARGET_REFUSED_LEASE), 1);
	assert_true(world_equals(w, 0, -1));
	host_stop(&h);
}

/* ---- acquire ---- */

static void an_acquire_that_comes_after_another_host_took_over_takes_nothing(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host a, b;

	host_start_replicated(w, &a, 1, &o);
	world_patch(w, 0, 0, 100, 2);
	hold_lease(&a, LEASE(ACQUIRE), ERR_CANCELLED);
	cycle(w, &a, 1, &o);
	assert_int_equal(o.err.code, ERR_CANCELLED);
	host_stop(&a);
	host_start(w, &b, "state2");
	cycle_ok(w, &b, 1, &o);
	arrive(w->service);
	assert_int_equal(refused(w, TARGET_LEASE_ACQUIRE, TARGET_REFUSED_VERSION), 1);
	world_patch(w, 0, 0, 100, 3);
	cycle_ok(w, &b, 1, &o);
	assert_true(world_equals(w, 0, -1));
	host_stop(&b);
}

/* The same lease id, begun anew after somebody wrote: a renewal of it would prove what is not so. */
static void an_acquire_that_comes_late_proves_nothing_to_the_next_run(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_replicated(w, &h, 1, &o);
	world_patch(w, 0, 0, 100, 2);
	hold_lease(&h, LEASE(ACQUIRE), ERR_NONE);
	cycle(w, &h, 1, &o);
	assert_int_equal(o.err.code, ERR_NETWORK);
	restart(w, &h, "state");
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_WRITE, .nth = 1, .action = FAULT_DIE });
	cycle(w, &h, 1, &o);
	assert_int_equal(o.rc, -1);
	mem_service_advance(w->service, LAPSE_S);
	foreign_write(w);
	arrive(w->service);
	restart(w, &h, "state");
	cycle(w, &h, 1, &o);
	assert_int_equal(o.err.code, ERR_CONFLICT);
	assert_non_null(strstr(o.err.msg, "changed by somebody else after a cycle that was cut off"));
	assert_int_equal(world_writes(w), 0);
	host_stop(&h);
}

static void lapse_write_and_arrive(void *service)
{
	static const uint8_t page[512] = { 0xee };

	mem_service_advance(service, LAPSE_S);
	if (!mem_foreign_write(service, world_names[0], page, sizeof(page), 2 * MIB))
		abort();
	arrive(service);
}

static void nor_to_the_cycle_whose_lease_had_lapsed(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_replicated(w, &h, 1, &o);
	world_patch(w, 0, 0, 100, 2);
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_LEASE, .leases = LEASE(ACQUIRE), .nth = 1, .action = FAULT_TWICE,
						 .after = MEM_LATE_HELD });
	at(&h, w, MEM_WRITE, 1, lapse_write_and_arrive);
	cycle(w, &h, 1, &o);
	assert_int_equal(error_exit_status(&o.err), 75);
	assert_non_null(strstr(o.err.msg, "the lease was lost during the cycle: somebody else may have written"));
	assert_int_equal(mem_points_count(w->service, world_names[0]), 1);
	host_stop(&h);
}

/* ---- renew ---- */

/* What no rule excludes: a lease that nobody else wanted meanwhile runs for another minute.  It is no more than that. */
static void a_renewal_that_comes_late_keeps_others_waiting_for_a_lease_and_no_longer(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host a, b;

	host_start_replicated(w, &a, 1, &o);
	world_patch(w, 0, 0, 100, 2);
	fault_add(a.fault, &(struct fault_rule){ .kinds = MEM_WRITE, .nth = 1, .action = FAULT_DIE });
	cycle(w, &a, 1, &o);
	restart(w, &a, "state");
	hold_lease(&a, LEASE(RENEW), ERR_CANCELLED);
	cycle(w, &a, 1, &o);
	assert_int_equal(o.err.code, ERR_CANCELLED);
	host_stop(&a);
	mem_service_advance(w->service, LAPSE_S);
	arrive(w->service);
	host_start(w, &b, "state2");
	cycle(w, &b, 1, &o);
	assert_int_equal(error_exit_status(&o.err), 75);
	assert_non_null(strstr(o.err.msg, "vm/a.vhd: held by host1 pid "));
	mem_service_advance(w->service, TARGET_LEASE_SECONDS);
	cycle_ok(w, &b, 1, &o);
	assert_true(world_equals(w, 0, -1));
	host_stop(&b);
	host_start(w, &a, "state");
	world_patch(w, 0, 0, 100, 3);
	cycle_ok(w, &a, 1, &o); /* what it knew is void: read back */
	assert_true(mem_records_count(w->service, MEM_READ) > 0 && world_equals(w, 0, -1));
	host_stop(&a);
}

static void nor_does_it_revive_a_lease_after_somebody_wrote(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_replicated(w, &h, 1, &o);
	world_patch(w, 0, 0, 100, 2);
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_WRITE, .nth = 1, .action = FAULT_DIE });
	cycle(w, &h, 1, &o);
	restart(w, &h, "state");
	hold_lease(&h, LEASE(RENEW), ERR_CANCELLED);
	cycle(w, &h, 1, &o);
	mem_service_advance(w->service, LAPSE_S);
	foreign_write(w);
	arrive(w->service);
	restart(w, &h, "state");
	cycle(w, &h, 1, &o);
	assert_int_equal(o.err.code, ERR_CONFLICT);
	assert_int_equal(world_writes(w), 0);
	h.opt.adopt = true;
	cycle_ok(w, &h, 1, &o);
	assert_true(world_equals(w, 0, -1));
	host_stop(&h);
}

/* ---- break ---- */

static struct replica *hold(struct host *h)
{
	struct replica *r = target_replica(h->target, world_names[0], NULL);
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };

	assert_non_null(r);
	assert_int_equal(replica_look(r, &look, NULL), 0);
	assert_int_equal(replica_lease(r, TARGET_LEASE_ACQUIRE, &thief, NULL), 0);
	return r;
}

static void a_break_that_comes_late_ends_no_cycle_that_has_claimed(void **state)
{
	static const unsigned moments[] = { MEM_WRITE, MEM_RAISE };
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_replicated(w, &h, 1, &o);
	for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
		struct replica *r = hold(&h);

		world_patch(w, 0, 0, 100, 2 + i);
		h.opt.break_lease = true;
		hold_lease(&h, LEASE(BREAK), ERR_NONE);
		cycle(w, &h, 1, &o);
		assert_int_equal(o.err.code, ERR_NETWORK);
		replica_close(r);
		restart(w, &h, "state");
		h.opt.break_lease = true;
		at(&h, w, moments[i], 1, arrive);
		cycle(w, &h, 1, &o);
		if (moments[i] == MEM_WRITE) {
			assert_int_equal(o.err.code, ERR_NONE);
			assert_int_equal(refused(w, TARGET_LEASE_BREAK, TARGET_REFUSED_VERSION), 1);
		} else { /* nothing was written yet: it costs a try */
			assert_int_equal(error_exit_status(&o.err), 75);
		}
		restart(w, &h, "state");
		cycle_ok(w, &h, 1, &o);
		assert_int_equal(mem_records_count(w->service, MEM_READ), 0);
		assert_true(world_equals(w, 0, -1));
	}
	host_stop(&h);
}

static void write_once_more(void *replica)
{
	static const uint8_t page[512] = { 0xee };

	if (op_wait(replica, page, sizeof(page), 2 * MIB, NULL) < 0)
		abort();
}

static void who_never_stops_writing_is_broken_all_the_same(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct replica *r;
	struct host h;

	world_write_disk(w, 0, 1);
	one_cycle(w, "state", 1);
	host_start(w, &h, "state2");
	r = hold(&h);
	h.opt.break_lease = true;
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_LEASE, .leases = LEASE(BREAK), .action = FAULT_CALL,
						 .call = write_once_more, .ctx = r });
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(refused(w, TARGET_LEASE_BREAK, TARGET_REFUSED_VERSION), 3);
	assert_true(world_equals(w, 0, -1));
	replica_close(r);
	host_stop(&h);
}

/* ---- any one request ---- */

/* The second cycle's nth request goes wrong, and arrives, again or at last, during what follows it; another run of the same state goes on. */
static bool one_goes_wrong(struct world *w, enum fault_action action, uint64_t nth, uint64_t after)
{
	char name[40];
	struct outcome o;
	struct host h;
	bool met;

	snprintf(name, sizeof(name), "state-%d-%d-%d", (int)action, (int)nth, (int)after);
	mem_release_late(w->service);
	mem_service_advance(w->service, LAPSE_S);
	if (mem_exists(w->service, world_names[0]))
		assert_true(mem_foreign_delete(w->service, world_names[0]));
	world_write_disk(w, 0, nth);
	host_start(w, &h, name);
	cycle_ok(w, &h, 1, &o);
	world_patch(w, 0, 100, 100, nth + 1);
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_ALL, .nth = nth, .action = action, .after = after });
	cycle(w, &h, 1, &o);
	met = fault_fired(h.fault) > 0;
	if (o.rc < 0)
		assert_int_equal(error_exit_status(&o.err), 75);
	restart(w, &h, name);
	world_patch(w, 0, 100, 100, nth + 2);
	cycle(w, &h, 1, &o);
	if (o.rc < 0) { /* a lease of before, or that what came late has ended */
		assert_int_equal(error_exit_status(&o.err), 75);
		mem_service_advance(w->service, LAPSE_S);
		restart(w, &h, name);
		cycle(w, &h, 1, &o);
	}
	if (o.rc < 0 || !world_equals(w, 0, -1))
		fail_msg("action %d of request %d, %d later: %s", (int)action, (int)nth, (int)after, o.err.msg);
	assert_true(world_equals(w, 0, (int)mem_points_count(w->service, world_names[0]) - 1));
	assert_int_equal(mem_records_count(w->service, MEM_READ), 0); /* nothing looked foreign */
	host_stop(&h);
	return met;
}

static void any_one_request_that_goes_wrong_is_no_matter_for_a_person(void **state)
{
	static const struct {
		enum fault_action action;
		uint64_t after; /* in the same cycle, or in the next: before its claim, behind its writes */
	} faults[] = { { FAULT_BEFORE, 0 }, { FAULT_AFTER, 0 }, { FAULT_TWICE, 2 }, { FAULT_TWICE, 12 },
		       { FAULT_LATE, 3 },   { FAULT_LATE, 7 },  { FAULT_LATE, 8 },  { FAULT_LATE, 9 } };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		for (uint64_t nth = 1; one_goes_wrong(w, faults[i].action, nth, faults[i].after); nth++)
			;
}

/* ---- answers of before ---- */

static void a_look_that_tells_of_before_does_not_hide_what_somebody_wrote(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_replicated(w, &h, 1, &o);
	assert_int_equal(fault_remember_look(h.fault, h.target, world_names[0], NULL), 0);
	for (uint64_t nth = 1; nth <= 3; nth++) {
		foreign_write(w);
		world_patch(w, 0, 0, 100, 1 + nth);
		fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_LOOK, .nth = nth, .action = FAULT_STALE });
		cycle(w, &h, 1, &o);
		fault_clear(h.fault);
		assert_int_equal(o.rc, -1);
		assert_int_equal(o.err.code, ERR_CONFLICT);
		assert_non_null(strstr(o.err.msg, "changed by something other than liftfs since the last cycle"));
		assert_int_equal(world_writes(w), 0);
	}
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_LOOK, .nth = 0, .action = FAULT_STALE });
	cycle(w, &h, 1, &o);
	fault_clear(h.fault);
	assert_int_equal(error_exit_status(&o.err), 75);
	host_stop(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_release_of_a_killed_run_does_not_end_the_next_one),
		WORLD_TEST(one_that_comes_before_the_claim_costs_a_try_and_no_persons_word),
		WORLD_TEST(a_foreign_write_after_it_is_noticed),
		WORLD_TEST(a_release_without_an_answer_is_of_another_lease_than_the_next_cycles),
		WORLD_TEST(an_acquire_that_comes_after_another_host_took_over_takes_nothing),
		WORLD_TEST(an_acquire_that_comes_late_proves_nothing_to_the_next_run),
		WORLD_TEST(nor_to_the_cycle_whose_lease_had_lapsed),
		WORLD_TEST(a_renewal_that_comes_late_keeps_others_waiting_for_a_lease_and_no_longer),
		WORLD_TEST(nor_does_it_revive_a_lease_after_somebody_wrote),
		WORLD_TEST(a_break_that_comes_late_ends_no_cycle_that_has_claimed),
		WORLD_TEST(who_never_stops_writing_is_broken_all_the_same),
		WORLD_TEST(any_one_request_that_goes_wrong_is_no_matter_for_a_person),
		WORLD_TEST(a_look_that_tells_of_before_does_not_hide_what_somebody_wrote),
	};

	return cmocka_run_group_tests_name("cycle-late", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A keeper before leases of a replica in memory; its interval is a few milliseconds here. */
#include "unit.h"

#include <unistd.h>

#include "replicate/lease_keeper.h"
#include "support/target_fault.h"

#define RENEW_MS 20
#define PATIENCE_MS 10000

struct rig {
	struct mem_service *service;
	struct fault *fault;
	struct target *target;
	struct replica *r[2];
	struct cancel run, stop[2];
	struct lease_keeper *keeper;
};

static const char *const names[] = { "a.vhd", "b.vhd" };
static const struct guid ours = { .b = { 1 } }, theirs = { .b = { 2 } };

static int setup(void **state)
{
	static struct rig rig;
	struct target_meta none = { 0 };

	rig = (struct rig){ .service = mem_service_new("keeper"), .fault = fault_new() };
	rig.target = fault_target_open(rig.fault, mem_target_open(rig.service, NULL, NULL), NULL);
	assert_int_equal(cancel_init(&rig.run, NULL), 0);
	rig.keeper = lease_keeper_new(&rig.run, RENEW_MS, NULL);
	assert_true(rig.target && rig.keeper);
	for (size_t i = 0; i < ARRAY_LEN(rig.r); i++) {
		rig.r[i] = target_replica(rig.target, names[i], NULL);
		assert_int_equal(replica_create(rig.r[i], 1 << 20, 5, &none, NULL), 0);
		assert_int_equal(replica_lease(rig.r[i], TARGET_LEASE_ACQUIRE, &ours, NULL), 0);
		assert_int_equal(cancel_init(&rig.stop[i], NULL), 0);
	}
	mem_records_clear(rig.service);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	lease_keeper_free(rig->keeper);
	for (size_t i = 0; i < ARRAY_LEN(rig->r); i++) {
		replica_close(rig->r[i]);
		cancel_fini(&rig->stop[i]);
	}
	cancel_fini(&rig->run);
	target_close(rig->target);
	fault_free(rig->fault);
	mem_service_free(rig->service);
	return 0;
}

static void add(struct rig *rig, size_t i)
{
	assert_int_equal(lease_keeper_add(rig->keeper, rig->r[i], &ours, &rig->stop[i], NULL), 0);
}

static size_t renewals(struct rig *rig)
{
	return mem_records_count(rig->service, MEM_LEASE);
}

static bool wait_renewals(struct rig *rig, size_t n)
{
	for (int i = 0; i < PATIENCE_MS && renewals(rig) < n; i++)
		usleep(1000);
	return renewals(rig) >= n;
}

static bool wait_level(struct cancel *c, int level)
{
	for (int i = 0; i < PATIENCE_MS && cancel_level(c) != level; i++)
		usleep(1000);
	return cancel_level(c) == level;
}

static void a_lease_is_renewed_until_it_is_removed(void **state)
{
	struct rig *rig = *state;
	size_t n;

	add(rig, 0);
	for (int i = 0; i < 5; i++) { /* 200 s of the service's time: longer than a lease */
		mem_service_advance(rig->service, 40);
		assert_true(wait_renewals(rig, renewals(rig) + 2));
	}
	assert_false(lease_keeper_remove(rig->keeper, rig->r[0]));
	n = renewals(rig);
	usleep(5 * RENEW_MS * 1000);
	assert_int_equal(renewals(rig), n);
	assert_int_equal(cancel_level(&rig->stop[0]), CANCEL_NONE);
}

static void a_lost_lease_stops_its_disk_and_no_other(void **state)
{
	struct rig *rig = *state;
	size_t n;

	add(rig, 0);
	add(rig, 1);
	assert_int_equal(replica_lease(rig->r[0], TARGET_LEASE_BREAK, NULL, NULL), 0);
	CLEANUP(cleanup_replica) struct replica *rival = target_replica(rig->target, names[0], NULL);

	assert_int_equal(replica_lease(rival, TARGET_LEASE_ACQUIRE, &theirs, NULL), 0);
	assert_true(wait_level(&rig->stop[0], CANCEL_NOW));
	n = renewals(rig);
	assert_true(wait_renewals(rig, n + 2)); /* the other's */
	assert_int_equal(cancel_level(&rig->stop[1]), CANCEL_NONE);
	assert_true(lease_keeper_remove(rig->keeper, rig->r[0]));
	assert_false(lease_keeper_remove(rig->keeper, rig->r[1]));
}

static void a_renewal_without_an_answer_is_tried_again(void **state)
{
	struct rig *rig = *state;

	fault_add(rig->fault, &(struct fault_rule){ .kinds = MEM_LEASE, .nth = 1, .action = FAULT_BEFORE });
	add(rig, 0);
	assert_true(wait_renewals(rig, 2));
	assert_true(fault_fired(rig->fault) > 0);
	assert_int_equal(cancel_level(&rig->stop[0]), CANCEL_NONE);
	assert_false(lease_keeper_remove(rig->keeper, rig->r[0]));
}

static void a_cancel_of_the_run_reaches_every_disk(void **state)
{
	struct rig *rig = *state;

	add(rig, 0);
	cancel_set(&rig->run, CANCEL_GENTLE);
	assert_true(wait_level(&rig->stop[0], CANCEL_GENTLE));
	add(rig, 1); /* later than the cancel */
	assert_true(wait_level(&rig->stop[1], CANCEL_GENTLE));
	cancel_set(&rig->run, CANCEL_NOW);
	assert_true(wait_level(&rig->stop[0], CANCEL_NOW));
	assert_true(wait_level(&rig->stop[1], CANCEL_NOW));
}

static void a_renewal_that_hangs_keeps_no_cancel_waiting_and_remove_waits_for_it(void **state)
{
	struct rig *rig = *state;
	size_t n;

	fault_add(rig->fault, &(struct fault_rule){ .kinds = MEM_LEASE, .nth = 1, .action = FAULT_DELAY, .ms = 1000 });
	add(rig, 0);
	for (int i = 0; i < PATIENCE_MS && fault_fired(rig->fault) == 0; i++)
		usleep(1000);
	n = renewals(rig);
	cancel_set(&rig->run, CANCEL_GENTLE);
	assert_true(wait_level(&rig->stop[0], CANCEL_GENTLE));
	assert_int_equal(renewals(rig), n); /* it still hangs */
	assert_false(lease_keeper_remove(rig->keeper, rig->r[0]));
	assert_int_equal(renewals(rig), n + 1);
}

static void what_was_not_added_is_not_lost(void **state)
{
	struct rig *rig = *state;

	assert_false(lease_keeper_remove(rig->keeper, rig->r[0]));
	add(rig, 1); /* left to the teardown */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lease_is_renewed_until_it_is_removed),
		TEST(a_lost_lease_stops_its_disk_and_no_other),
		TEST(a_renewal_without_an_answer_is_tried_again),
		TEST(a_cancel_of_the_run_reaches_every_disk),
		TEST(a_renewal_that_hangs_keeps_no_cancel_waiting_and_remove_waits_for_it),
		TEST(what_was_not_added_is_not_lost),
	};

	return cmocka_run_group_tests_name("lease-keeper", tests, NULL, NULL);
}

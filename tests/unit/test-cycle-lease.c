/* SPDX-License-Identifier: Apache-2.0 */
/* The lease within a cycle: it runs out, it is taken away, it is broken on a person's word; and who comes back too late. */
#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/azure_fixture.h"
#include "support/cycle_world.h"

#define LAPSE_S 120

static const struct guid thief = { .b = { 8 } };

static size_t leases(struct world *w, enum target_lease_action action, enum error_code code)
{
	size_t n, found = 0;
	struct mem_record *rec = mem_records(w->service, MEM_LEASE, &n);

	for (size_t i = 0; i < n; i++)
		found += rec[i].action == action && rec[i].code == code;
	free(rec);
	return found;
}

static size_t refused_writes(struct world *w)
{
	size_t n, found = 0;
	struct mem_record *rec = mem_records(w->service, MEM_WRITE | MEM_CLEAR, &n);

	for (size_t i = 0; i < n; i++)
		found += rec[i].code == ERR_BUSY;
	free(rec);
	return found;
}

static void lapse(void *service)
{
	mem_service_advance(service, LAPSE_S);
}

static void lapse_and_write(void *service)
{
	static const uint8_t page[512] = { 0xee };

	mem_service_advance(service, LAPSE_S);
	if (!mem_foreign_write(service, world_names[0], page, sizeof(page), 2 * MIB))
		abort();
}

/* ---- it runs out ---- */

static void writes_in_a_lapse_are_sent_again_after_one_renewal(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_replicated(w, &h, 1, &o);
	for (int serial = 0; serial < 2; serial++) {
		h.opt.serial = serial;
		for (uint64_t k = 0; k < 4; k++)
			world_patch(w, 0, k * 256 * 1024, 100, 2 + (uint64_t)serial);
		host_call(&h, MEM_WRITE, 1, lapse, w->service);
		cycle_ok(w, &h, 1, &o);
		fault_clear(h.fault);
		assert_true(refused_writes(w) >= 1);
		assert_int_equal(leases(w, TARGET_LEASE_RENEW, ERR_NONE), 1);
		assert_int_equal(leases(w, TARGET_LEASE_ACQUIRE, ERR_NONE), 1); /* at the beginning */
		assert_true(world_equals(w, 0, -1) && world_equals(w, 0, serial + 1));
		assert_int_equal(world_writes(w), refused_writes(w) + 4);
		assert_int_equal(atomic_load(&o.disks[0].progress.bytes_sent), 4 * 64 << 10);
	}
	host_stop(&h);
}

/* Not in another way after the write: each request of the cycle is the first one after the lapse once. */
static void no_request_of_a_cycle_ends_it_for_a_lapse(void **state)
{
	static const struct {
		unsigned kind;
		uint64_t nth;
	} moments[] = { { MEM_RAISE, 1 }, { MEM_META, 1 }, { MEM_RESIZE, 1 }, { MEM_CLEAR, 1 }, { MEM_RAISE, 2 },
			{ MEM_SNAPSHOT, 1 }, { MEM_PUBLISH, 1 } };
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_replicated(w, &h, 1, &o);
	for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
		world_patch(w, 0, SIZE + i * MIB, 512, i);
		world_patch(w, 0, 0, 100, i);
		h.opt.no_points = moments[i].kind == MEM_PUBLISH;
		host_call(&h, moments[i].kind, moments[i].nth, lapse, w->service);
		cycle(w, &h, 1, &o);
		if (o.rc < 0)
			fail_msg("moment %zu: %s", i, o.err.msg);
		assert_int_equal(fault_fired(h.fault), i + 1);
		fault_clear(h.fault);
		assert_true(leases(w, TARGET_LEASE_RENEW, ERR_NONE) >= 1);
		assert_true(world_equals(w, 0, -1));
	}
	host_stop(&h);
}

static void a_foreign_write_in_a_lapse_ends_the_cycle(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_replicated(w, &h, 1, &o);
	world_patch(w, 0, 0, 100, 2);
	host_call(&h, MEM_WRITE, 1, lapse_and_write, w->service);
	cycle(w, &h, 1, &o);
	fault_clear(h.fault);
	assert_int_equal(error_exit_status(&o.err), 75);
	assert_non_null(strstr(o.err.msg, "vm/a.vhd: the lease was lost during the cycle: somebody else may have written"));
	assert_int_equal(o.disks[0].result, CYCLE_FAILED);
	assert_int_equal(leases(w, TARGET_LEASE_ACQUIRE, ERR_NONE), 1);
	assert_int_equal(mem_points_count(w->service, world_names[0]), 1);
	cycle(w, &h, 1, &o);
	assert_int_equal(o.err.code, ERR_CONFLICT);
	assert_non_null(strstr(o.err.msg, "changed by somebody else after a cycle that was cut off"));
	host_stop(&h);
}

static void a_service_that_refuses_for_ever_is_not_asked_for_ever(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_replicated(w, &h, 1, &o);
	for (int serial = 0; serial < 2; serial++) {
		h.opt.serial = serial;
		world_patch(w, 0, 0, 100, 2 + (uint64_t)serial);
		fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_WRITE, .action = FAULT_BEFORE, .code = ERR_BUSY,
							 .detail = TARGET_REFUSED_LEASE });
		cycle(w, &h, 1, &o);
		fault_clear(h.fault);
		assert_int_equal(o.err.code, ERR_BUSY);
		assert_int_equal(leases(w, TARGET_LEASE_RENEW, ERR_NONE), PASS_RESENDS + (unsigned)serial);
	}
	cycle_ok(w, &h, 1, &o);
	assert_true(world_equals(w, 0, -1));
	host_stop(&h);
}

static void a_renewal_without_an_answer_parks_the_disk_and_the_next_run_goes_on(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_replicated(w, &h, 1, &o);
	world_patch(w, 0, 0, 100, 2);
	host_call(&h, MEM_WRITE, 1, lapse, w->service);
	host_fault(&h, MEM_LEASE, 2, FAULT_BEFORE);
	cycle(w, &h, 1, &o);
	fault_clear(h.fault);
	assert_int_equal(o.err.code, ERR_NETWORK);
	assert_int_equal(o.disks[0].result, CYCLE_PARKED);
	cycle_ok(w, &h, 1, &o);
	assert_true(world_equals(w, 0, -1));
	host_stop(&h);
}

static void lapse_of_server(void *server)
{
	pageblob_server_advance(server, LAPSE_S * 1000);
}

static void before_the_strict_server_too(void **state)
{
	static uint8_t have[SIZE], want[SIZE];
	struct world *w = *state;
	struct pageblob_stats stats;
	struct fixture f;
	struct outcome o;
	struct host h;

	fixture_start(&f, NULL);
	fixture_must(&f, target_prepare(f.t, false, NULL, &f.err));
	world_write_disk(w, 0, 1);
	host_start_before(w, &h, "state", f.t);
	cycle_ok(w, &h, 1, &o);
	for (uint64_t k = 0; k < 4; k++)
		world_patch(w, 0, k * 256 * 1024, 100, 2);
	pageblob_server_reset(f.server, false);
	host_call(&h, MEM_WRITE, 1, lapse_of_server, f.server);
	cycle_ok(w, &h, 1, &o);
	pageblob_server_stats(f.server, &stats);
	assert_true(stats.refused[PAGEBLOB_PUT_PAGE] >= 1);
	assert_int_equal(stats.requests[PAGEBLOB_LEASE_RENEW], 1);
	assert_int_equal(stats.requests[PAGEBLOB_LEASE_ACQUIRE], 1);
	fixture_must(&f, pageblob_server_read(f.server, "disks", "p/vm/a.vhd", NULL, 0, have, sizeof(have), &f.err));
	CLEANUP_FD int fd = openat(w->dir->fd, world_files[0], O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, want, sizeof(want), 0), sizeof(want));
	assert_memory_equal(have, want, sizeof(have));
	host_stop(&h);
	f.t = NULL;
	fixture_stop(&f);
}

static void late_release_arrives(void *server)
{
	if (pageblob_server_release_late(server) != 1)
		abort();
}

/* A release that was sent twice: the first one arrives when the next cycle is under way, and is of another lease then. */
static void a_release_that_arrives_late_does_not_end_the_next_cycle(void **state)
{
	struct world *w = *state;
	struct pageblob_stats stats;
	struct fixture f;
	struct outcome o;
	struct host h;

	fixture_start(&f, NULL);
	fixture_must(&f, target_prepare(f.t, false, NULL, &f.err));
	world_write_disk(w, 0, 1);
	host_start_before(w, &h, "state", f.t);
	fixture_must(&f, pageblob_server_faults(f.server, "LeaseRelease late n=1\n", &f.err));
	cycle_ok(w, &h, 1, &o);
	world_patch(w, 0, 0, 100, 2);
	host_call(&h, MEM_WRITE, 1, late_release_arrives, f.server);
	cycle_ok(w, &h, 1, &o);
	pageblob_server_stats(f.server, &stats);
	assert_int_equal(stats.requests[PAGEBLOB_LEASE_RELEASE], 3);
	assert_int_equal(stats.late_refused, 1);
	assert_int_equal(fault_fired(h.fault), 1);
	host_stop(&h);
	f.t = NULL;
	fixture_stop(&f);
}

/* An acquire that was sent twice: the first one names a version that is over when it arrives. */
static void an_acquire_that_arrives_late_does_nothing_at_the_strict_server(void **state)
{
	struct world *w = *state;
	struct pageblob_stats stats;
	struct fixture f;
	struct outcome o;
	struct host h;

	fixture_start(&f, NULL);
	fixture_must(&f, target_prepare(f.t, false, NULL, &f.err));
	world_write_disk(w, 0, 1);
	host_start_before(w, &h, "state", f.t);
	fixture_must(&f, pageblob_server_faults(f.server, "LeaseAcquire late n=1\n", &f.err));
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_WRITE, .nth = 1, .action = FAULT_CALL, .call = late_release_arrives,
						 .ctx = f.server });
	cycle_ok(w, &h, 1, &o);
	pageblob_server_stats(f.server, &stats);
	assert_int_equal(stats.requests[PAGEBLOB_LEASE_ACQUIRE], 2);
	assert_int_equal(stats.late_refused, 1);
	assert_int_equal(fault_fired(h.fault), 1);
	host_stop(&h);
	f.t = NULL;
	fixture_stop(&f);
}

/* ---- it is broken ---- */

static struct replica *hold(struct host *h)
{
	struct replica *r = target_replica(h->target, world_names[0], NULL);

	assert_non_null(r);
	assert_int_equal(replica_lease(r, TARGET_LEASE_ACQUIRE, &thief, NULL), 0);
	return r;
}

static void on_a_persons_word_a_lease_is_broken_and_its_holder_named(void **state)
{
	struct world *w = *state;
	struct error e = ERROR_INIT;
	char version[TARGET_VERSION_LEN];
	struct replica *r;
	struct outcome o;
	uint64_t number;
	struct host h;

	host_start_replicated(w, &h, 1, &o);
	r = hold(&h);
	world_patch(w, 0, 0, 100, 2);
	h.opt.break_lease = true;
	cycle_ok(w, &h, 1, &o);
	assert_non_null(strstr(o.disks[0].warning, "the lease was broken that was held by host1 pid "));
	assert_int_equal(leases(w, TARGET_LEASE_BREAK, ERR_NONE), 1);
	assert_int_equal(mem_records_count(w->service, MEM_READ), 0);
	assert_true(world_equals(w, 0, -1) && world_equals(w, 0, 1));
	/* Who held it is fenced off. */
	assert_int_equal(replica_raise(r, 1, "1", &number, version, &e), -1);
	assert_int_equal(e.code, ERR_BUSY);
	replica_close(r);
	world_patch(w, 0, 0, 100, 3); /* nobody holds it: nothing is broken, nothing told */
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(leases(w, TARGET_LEASE_BREAK, ERR_NONE), 0);
	assert_string_equal(o.disks[0].warning, "");
	host_stop(&h);
}

/* ---- who comes back too late ---- */

struct beside {
	pthread_t thread;
	struct host *h;
	struct cycle_disk disk;
	struct cycle_vm vm;
	struct error err;
	int rc;
};

static void *run_beside(void *arg)
{
	struct beside *b = arg;

	b->rc = cycle_run(&b->vm, &b->h->opt, &b->err);
	return NULL;
}

static void start_beside(struct beside *b, struct world *w, struct host *h)
{
	*b = (struct beside){ .h = h, .disk = { .name = world_names[0], .source_path = world_files[0], .source_id = "id-a",
						.root = w->root } };
	b->vm = (struct cycle_vm){ .name = "vm", .disks = &b->disk, .n = 1 };
	assert_int_equal(pthread_create(&b->thread, NULL, run_beside, b), 0);
}

static void a_host_that_slept_is_told_that_another_took_over_and_changes_nothing(void **state)
{
	struct world *w = *state;
	struct host a, other;
	struct outcome o;
	struct beside b;

	host_start_replicated(w, &a, 1, &o);
	world_patch(w, 0, 0, 100, 2);
	fault_hold(a.fault, world_names[0]);
	start_beside(&b, w, &a);
	while (fault_held(a.fault) == 0)
		usleep(1000);
	mem_service_advance(w->service, LAPSE_S);
	world_patch(w, 0, 0, 100, 3);
	host_start(w, &other, "state2");
	other.opt.adopt = true;
	cycle_ok(w, &other, 1, &o);
	assert_true(world_equals(w, 0, -1));
	fault_hold(a.fault, "");
	pthread_join(b.thread, NULL);
	assert_int_equal(b.rc, -1);
	assert_int_equal(error_exit_status(&b.err), 75);
	assert_non_null(strstr(b.err.msg, "the lease was lost during the cycle: somebody else may have written"));
	assert_true(world_equals(w, 0, -1) && world_equals(w, 0, 1));
	cycle_ok(w, &a, 1, &o); /* what it knew is void */
	assert_string_equal(o.disks[0].warning,
			    "its block map here is void since somebody else may have written: what it holds was read back");
	assert_true(world_equals(w, 0, -1));
	cycle_ok(w, &other, 1, &o);
	host_stop(&other);
	host_stop(&a);
}

static void an_epoch_that_is_over_is_75_and_says_so(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_replicated(w, &h, 1, &o);
	world_patch(w, 0, 0, 100, 2);
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_WRITE, .nth = 1, .action = FAULT_BEFORE, .code = ERR_CONFLICT,
						 .detail = TARGET_REFUSED_NUMBER });
	cycle(w, &h, 1, &o);
	assert_error(&o.err, ERR_BUSY, "vm/a.vhd: another liftfs took over during the cycle (injected fault)");
	assert_int_equal(world_writes(w), 0);
	assert_int_equal(mem_records_count(w->service, MEM_SNAPSHOT), 0);
	host_stop(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(writes_in_a_lapse_are_sent_again_after_one_renewal),
		WORLD_TEST(no_request_of_a_cycle_ends_it_for_a_lapse),
		WORLD_TEST(a_foreign_write_in_a_lapse_ends_the_cycle),
		WORLD_TEST(a_service_that_refuses_for_ever_is_not_asked_for_ever),
		WORLD_TEST(a_renewal_without_an_answer_parks_the_disk_and_the_next_run_goes_on),
		WORLD_TEST(before_the_strict_server_too),
		WORLD_TEST(a_release_that_arrives_late_does_not_end_the_next_cycle),
		WORLD_TEST(an_acquire_that_arrives_late_does_nothing_at_the_strict_server),
		WORLD_TEST(on_a_persons_word_a_lease_is_broken_and_its_holder_named),
		WORLD_TEST(a_host_that_slept_is_told_that_another_took_over_and_changes_nothing),
		WORLD_TEST(an_epoch_that_is_over_is_75_and_says_so),
	};

	return cmocka_run_group_tests_name("cycle-lease", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The in-memory target is as strict as the service: what the replication's tests prove rests on it. */
#include "unit.h"

#include <string.h>

#include "../support/op_wait.h"
#include "../support/target_fault.h"

#define NAME "web01/web01.vhd"
#define SIZE (UINT64_C(1) << 20)

static const struct guid id_a = { .b = { 1 } }, id_b = { .b = { 2 } };

struct fixture {
	struct mem_service *service;
	struct target *target;
	struct replica *r;
	char version[TARGET_VERSION_LEN];
	uint8_t ones[4096];
};

static struct target_look look(struct replica *r)
{
	struct target_look out = { 0 };

	assert_int_equal(replica_look(r, &out, NULL), 0);
	return out;
}

static bool is_leased(struct replica *r)
{
	CLEANUP(cleanup_target_look) struct target_look l = look(r);

	return l.leased;
}

static void read_version(struct fixture *f)
{
	CLEANUP(cleanup_target_look) struct target_look l = look(f->r);

	memcpy(f->version, l.version, sizeof(f->version));
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct target_meta meta = { 0 };

	f->service = mem_service_new("unit");
	f->target = mem_target_open(f->service, NULL, NULL);
	f->r = target_replica(f->target, NAME, NULL);
	memset(f->ones, 1, sizeof(f->ones));
	assert_int_equal(target_meta_set(&meta, "liftfsid", "42", NULL), 0);
	assert_int_equal(replica_create(f->r, SIZE, 7, &meta, NULL), 0);
	target_meta_fini(&meta);
	read_version(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	replica_close(f->r);
	target_close(f->target);
	mem_service_free(f->service);
	free(f);
	return 0;
}

static void claim(struct fixture *f, uint64_t number)
{
	uint64_t live;

	assert_int_equal(replica_lease(f->r, TARGET_LEASE_ACQUIRE, &id_a, NULL), 0);
	read_version(f);
	assert_int_equal(replica_raise(f->r, number, f->version, &live, f->version, NULL), 0);
}

static void what_was_created_is_there_once(void **state)
{
	struct fixture *f = *state;
	CLEANUP(cleanup_target_look) struct target_look l = look(f->r);
	struct target_meta none = { 0 };
	struct error e = ERROR_INIT;

	assert_true(l.exists && !l.leased);
	assert_int_equal(l.size, SIZE);
	assert_int_equal(l.number, 7);
	assert_string_equal(target_meta_get(&l.meta, "liftfsid"), "42");
	assert_int_equal(replica_create(f->r, SIZE, 7, &none, &e), -1);
	assert_error(&e, ERR_CONFLICT, NAME ": exists already");
	assert_int_equal(e.detail, TARGET_REFUSED_EXISTS);
}

static void each_change_has_another_version_and_a_stale_one_is_refused(void **state)
{
	struct fixture *f = *state;
	char first[TARGET_VERSION_LEN];
	struct error e = ERROR_INIT;
	uint64_t live;
	uint8_t buf[512];

	claim(f, 9);
	memcpy(first, f->version, sizeof(first));
	assert_int_equal(op_wait(f->r, f->ones, 512, 0, NULL), 0);
	read_version(f);
	assert_string_not_equal(f->version, first);
	assert_int_equal(replica_read(f->r, buf, 512, 0, first, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_int_equal(e.detail, TARGET_REFUSED_VERSION);
	assert_int_equal(replica_raise(f->r, 10, first, &live, first, NULL), -1);
	assert_int_equal(replica_raise(f->r, 3, f->version, &live, f->version, NULL), 0);
	assert_int_equal(live, 9); /* max: never lowers */
}

static void a_write_of_an_older_epoch_is_fenced(void **state)
{
	struct fixture *f = *state;
	struct target_op op = { .off = 512, .len = 512, .data = f->ones };
	struct mem_request *late;
	struct error e = ERROR_INIT;
	uint8_t buf[512];

	claim(f, 9);
	late = mem_capture_op(f->r, &op);
	claim(f, 10);
	assert_int_equal(mem_apply(late, &e), -1);
	assert_error(&e, ERR_CONFLICT, NAME ": number is 10, expected 9");
	assert_int_equal(e.detail, TARGET_REFUSED_NUMBER);
	mem_peek(f->service, NAME, -1, buf, 512, 512);
	assert_int_equal(buf[0], 0);
}

static void leases_end_by_the_clock_and_renewal_is_a_proof(void **state)
{
	struct fixture *f = *state;
	struct error e = ERROR_INIT;

	assert_int_equal(replica_lease(f->r, TARGET_LEASE_ACQUIRE, &id_a, NULL), 0);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_ACQUIRE, &id_b, &e), -1);
	assert_error(&e, ERR_BUSY, NAME ": leased by somebody else");
	assert_int_equal(e.detail, TARGET_REFUSED_LEASE);
	assert_false(mem_foreign_write(f->service, NAME, f->ones, 512, 0));
	mem_service_advance(f->service, TARGET_LEASE_SECONDS);
	assert_int_equal(op_wait(f->r, f->ones, 512, 0, &(struct error){ 0 }), -1);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_RENEW, &id_a, NULL), 0); /* nobody wrote */
	mem_service_advance(f->service, TARGET_LEASE_SECONDS);
	assert_true(mem_foreign_write(f->service, NAME, f->ones, 512, 0));
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_RENEW, &id_a, NULL), -1);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_ACQUIRE, &id_b, NULL), 0);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_RELEASE, &id_b, NULL), 0);
	assert_false(is_leased(f->r));
}

static void a_point_keeps_its_content_and_metadata(void **state)
{
	struct fixture *f = *state;
	CLEANUP(cleanup_target_points) struct target_points points = { 0 };
	CLEANUP(cleanup_replica) struct replica *at = NULL;
	struct target_meta meta = { 0 };
	struct error e = ERROR_INIT;
	char id[TARGET_POINT_LEN];
	uint8_t buf[512];

	claim(f, 9);
	assert_int_equal(op_wait(f->r, f->ones, 512, 0, NULL), 0);
	assert_int_equal(target_meta_set(&meta, "token", "t", NULL), 0);
	assert_int_equal(replica_snapshot(f->r, f->version, "P", &meta, id, NULL), -1); /* the write changed it */
	read_version(f);
	assert_int_equal(replica_snapshot(f->r, f->version, "P", &meta, id, NULL), 0);
	target_meta_fini(&meta);
	assert_int_equal(op_wait(f->r, NULL, 512, 0, NULL), 0);
	mem_foreign_snapshot(f->service, NAME);
	assert_int_equal(replica_points(f->r, &points, NULL), 0);
	assert_int_equal(points.n, 2);
	assert_string_equal(points.v[0].id, id);
	assert_string_equal(target_meta_get(&points.v[0].meta, "token"), "t");
	assert_null(target_meta_get(&points.v[1].meta, "token"));
	at = replica_at_point(f->r, id, NULL);
	assert_int_equal(replica_read(at, buf, 512, 0, NULL, NULL), 0);
	assert_int_equal(buf[0], 1);
	assert_int_equal(replica_lease(at, TARGET_LEASE_ACQUIRE, &id_a, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	assert_null(replica_at_point(f->r, "nonsense", &(struct error){ 0 }));
}

static void extents_tell_written_from_cleared(void **state)
{
	struct fixture *f = *state;
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	static const uint8_t zeros[512];

	claim(f, 9);
	assert_int_equal(op_wait(f->r, f->ones, 4096, 4096, NULL), 0);
	assert_int_equal(op_wait(f->r, NULL, 512, 4096, NULL), 0);
	assert_int_equal(op_wait(f->r, zeros, 512, 0, NULL), 0); /* a written zero page is billed, and listed */
	assert_int_equal(replica_extents(f->r, 8192, 0, NULL, &list, NULL), 0);
	assert_int_equal(list.n, 3);
	assert_int_equal(list.v[0].len, 512);
	assert_int_equal(list.v[1].kind, EXTENT_ZERO);
	assert_int_equal(list.v[1].len, 4096);
	assert_int_equal(list.v[2].kind, EXTENT_DATA);
}

static void records_say_what_was_sent(void **state)
{
	struct fixture *f = *state;
	CLEANUP_FREE struct mem_record *got = NULL;
	size_t n;

	claim(f, 9);
	mem_records_clear(f->service);
	assert_int_equal(op_wait(f->r, f->ones, 1024, 512, NULL), 0);
	assert_int_equal(op_wait(f->r, NULL, 512, 0, NULL), 0);
	got = mem_records(f->service, MEM_WRITE | MEM_CLEAR, &n);
	assert_int_equal(n, 2);
	assert_int_equal(got[0].kind, MEM_WRITE);
	assert_int_equal(got[0].off, 512);
	assert_int_equal(got[0].len, 1024);
	assert_int_equal(got[0].number, 9);
	assert_int_equal(got[1].kind, MEM_CLEAR);
	assert_int_equal(mem_records_count(f->service, MEM_ALL), 2);
}

struct faulty {
	struct fault *fault;
	struct target *target;
	struct replica *r;
	char version[TARGET_VERSION_LEN];
};

/* Claims through the faulty target; then the rule is added. */
static struct faulty make_faulty(struct fixture *f, const struct fault_rule *rule)
{
	struct faulty x = { .fault = fault_new() };
	CLEANUP(cleanup_target_look) struct target_look l = { 0 };
	uint64_t live;

	x.target = fault_target_open(x.fault, mem_target_open(f->service, NULL, NULL), NULL);
	x.r = target_replica(x.target, NAME, NULL);
	assert_int_equal(replica_lease(x.r, TARGET_LEASE_ACQUIRE, &id_a, NULL), 0);
	l = look(x.r);
	assert_int_equal(replica_raise(x.r, 20, l.version, &live, x.version, NULL), 0);
	fault_add(x.fault, rule);
	return x;
}

static void end_faulty(struct faulty *x)
{
	replica_close(x->r);
	target_close(x->target);
	fault_free(x->fault);
}

static void faults_leave_what_they_say(void **state)
{
	static const struct {
		enum fault_action action;
		uint8_t first, second; /* of 1024 bytes, each half */
		const char *msg;
	} cases[] = {
		{ FAULT_BEFORE, 0, 0, "injected fault" },
		{ FAULT_AFTER, 1, 1, "injected: the answer was lost" },
		{ FAULT_TEAR, 1, 0, "injected: torn" },
		{ FAULT_LATE, 0, 0, "injected: will arrive later" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fault_rule rule = { .kinds = MEM_WRITE, .nth = 2, .action = cases[i].action };
		struct faulty x = make_faulty(f, &rule);
		struct error e = ERROR_INIT;
		uint8_t buf[1024];

		assert_int_equal(op_wait(x.r, NULL, 1024, 0, NULL), 0);
		assert_int_equal(op_wait(x.r, f->ones, 512, 4096, NULL), 0);
		assert_int_equal(op_wait(x.r, f->ones, 1024, 0, &e), -1);
		assert_error(&e, ERR_NETWORK, cases[i].msg);
		mem_peek(f->service, NAME, -1, buf, 1024, 0);
		assert_int_equal(buf[0], cases[i].first);
		assert_int_equal(buf[1023], cases[i].second);
		assert_int_equal(fault_fired(x.fault), 1);
		assert_int_equal(fault_release_late(x.fault), cases[i].action == FAULT_LATE);
		mem_peek(f->service, NAME, -1, buf, 1, 0);
		assert_int_equal(buf[0], cases[i].first || cases[i].action == FAULT_LATE);
		assert_int_equal(op_wait(x.r, f->ones, 1024, 0, NULL), 0); /* the third works */
		end_faulty(&x);
	}
}

/* Others' requests count, and the sender need not live to see it. */
static void a_late_lease_request_arrives_after_so_many_others_when_its_sender_is_gone(void **state)
{
	struct fixture *f = *state;
	struct fault_rule rule = { .kinds = MEM_LEASE, .leases = 1u << TARGET_LEASE_RELEASE, .nth = 1, .action = FAULT_LATE,
				   .after = 2 };
	struct faulty x = make_faulty(f, &rule);
	struct error e = ERROR_INIT;

	assert_int_equal(replica_lease(x.r, TARGET_LEASE_RENEW, &id_a, NULL), 0);
	assert_int_equal(replica_lease(x.r, TARGET_LEASE_RELEASE, &id_a, &e), -1);
	assert_error(&e, ERR_NETWORK, "injected: will arrive later");
	end_faulty(&x);
	CLEANUP(cleanup_target) struct target *t = mem_target_open(f->service, NULL, NULL);
	CLEANUP(cleanup_replica) struct replica *r = target_replica(t, NAME, NULL);

	for (int i = 0; i < 2; i++)
		assert_int_equal(replica_lease(r, TARGET_LEASE_ACQUIRE, &id_b, &(struct error){ 0 }), -1);
	assert_int_equal(replica_lease(r, TARGET_LEASE_ACQUIRE, &id_b, NULL), 0);
	assert_int_equal(mem_release_late(f->service), 0);
}

static void a_lease_request_on_condition_of_another_version_does_nothing(void **state)
{
	static const enum target_lease_action actions[] = { TARGET_LEASE_ACQUIRE, TARGET_LEASE_RELEASE, TARGET_LEASE_BREAK };
	struct fixture *f = *state;
	struct faulty x = make_faulty(f, &(struct fault_rule){ .kinds = MEM_LOOK, .nth = 9 });

	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		struct error e = ERROR_INIT;

		assert_int_equal(replica_lease_if(x.r, actions[i], &id_a, "999", &e), -1);
		assert_int_equal(e.code, ERR_CONFLICT);
		assert_int_equal(e.detail, TARGET_REFUSED_VERSION);
		assert_int_equal(replica_lease(x.r, TARGET_LEASE_RENEW, &id_a, NULL), 0);
	}
	end_faulty(&x);
}

static void a_lost_answer_of_a_raise_leaves_the_handle_in_its_old_epoch(void **state)
{
	struct fixture *f = *state;
	struct fault_rule rule = { .kinds = MEM_RAISE, .nth = 1, .action = FAULT_AFTER };
	struct faulty x = make_faulty(f, &rule);
	struct error e = ERROR_INIT, fenced = ERROR_INIT;
	uint64_t live;

	assert_int_equal(replica_raise(x.r, 30, x.version, &live, x.version, &e), -1);
	assert_int_equal(e.code, ERR_NETWORK);
	assert_int_equal(mem_number(f->service, NAME), 30);
	assert_int_equal(op_wait(x.r, f->ones, 512, 0, &fenced), -1);
	assert_int_equal(fenced.detail, TARGET_REFUSED_NUMBER);
	end_faulty(&x);
}

static void after_its_host_died_nothing_arrives(void **state)
{
	struct fixture *f = *state;
	struct fault_rule rule = { .kinds = MEM_ALL, .nth = 2, .action = FAULT_DIE };
	struct faulty x = make_faulty(f, &rule);
	struct error e = ERROR_INIT, e2 = ERROR_INIT;
	uint8_t buf[512];

	assert_int_equal(op_wait(x.r, f->ones, 512, 0, NULL), 0);
	assert_int_equal(op_wait(x.r, f->ones, 512, 512, &e), -1);
	assert_error(&e, ERR_CANCELLED, "injected fault");
	assert_int_equal(replica_lease(x.r, TARGET_LEASE_RELEASE, &id_a, &e2), -1);
	mem_peek(f->service, NAME, -1, buf, 512, 512);
	assert_int_equal(buf[0], 0);
	assert_true(is_leased(f->r));
	end_faulty(&x);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_was_created_is_there_once),
		TEST(each_change_has_another_version_and_a_stale_one_is_refused),
		TEST(a_write_of_an_older_epoch_is_fenced),
		TEST(leases_end_by_the_clock_and_renewal_is_a_proof),
		TEST(a_point_keeps_its_content_and_metadata),
		TEST(extents_tell_written_from_cleared),
		TEST(records_say_what_was_sent),
		TEST(faults_leave_what_they_say),
		TEST(a_late_lease_request_arrives_after_so_many_others_when_its_sender_is_gone),
		TEST(a_lease_request_on_condition_of_another_version_does_nothing),
		TEST(a_lost_answer_of_a_raise_leaves_the_handle_in_its_old_epoch),
		TEST(after_its_host_died_nothing_arrives),
	};

	return cmocka_run_group_tests_name("target-mem", tests, NULL, NULL);
}

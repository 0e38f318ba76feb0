/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <inttypes.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/azure_fixture.h"
#include "target/congestion.h"

static uint64_t requests(struct fixture *f, enum pageblob_op op)
{
	return pageblob_server_count(f->server, op);
}

static void assert_stored(struct fixture *f, const uint8_t *want, size_t len, uint64_t off)
{
	uint8_t *buf = malloc(len);

	assert_non_null(buf);
	fixture_stored(f, buf, len, off);
	assert_memory_equal(buf, want, len);
	free(buf);
}

static void writes_and_clears_are_stored_one_request_each(void **state)
{
	struct fixture f;
	uint8_t *data = fixture_pattern(4 * FIXTURE_MIB, 1), zero[512] = { 0 };
	const struct target_counters *c;

	(void)state;
	fixture_replica(&f, NULL, 64 * FIXTURE_MIB);
	fixture_must(&f, op_wait(f.r, data, 4 * FIXTURE_MIB, 8 * FIXTURE_MIB, &f.err));
	fixture_must(&f, op_wait(f.r, data, 512, 512, &f.err));
	fixture_must(&f, op_wait(f.r, NULL, 40 * FIXTURE_MIB, 9 * FIXTURE_MIB, &f.err));
	assert_stored(&f, data, FIXTURE_MIB, 8 * FIXTURE_MIB);
	assert_stored(&f, zero, 512, 9 * FIXTURE_MIB);
	assert_stored(&f, data, 512, 512);
	assert_int_equal(requests(&f, PAGEBLOB_PUT_PAGE), 2);
	assert_int_equal(requests(&f, PAGEBLOB_CLEAR_PAGES), 1);
	c = replica_counters(f.r);
	assert_int_equal(c->writes, 3); /* with the creation */
	assert_int_equal(c->clears, 1);
	assert_int_equal(c->retries, 0);
	assert_int_equal(c->bytes_written, 4 * FIXTURE_MIB + 512);
	assert_int_equal(c->bytes_cleared, 40 * FIXTURE_MIB);
	assert_int_equal(f.warnings, 0);
	fixture_stop(&f);
	free(data);
}

static void each_write_carries_lease_and_number(void **state)
{
	struct fixture f;
	struct pageblob_record last;
	uint8_t data[512] = "x";
	char lease[GUID_TEXT_LEN];

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	fixture_must(&f, op_wait(f.r, data, 512, 0, &f.err));
	assert_int_equal(pageblob_server_requests(f.server, &last, 1), 1);
	guid_format(&f.lease, lease);
	assert_string_equal(last.lease_id, lease);
	assert_string_equal(last.sequence_eq, "10");
	fixture_stop(&f);
}

static void a_newer_number_fences(void **state)
{
	struct fixture f;
	struct replica *other;
	struct target_look look = { 0 };
	uint8_t data[512] = "x";
	uint64_t number;

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	other = target_replica(f.t, FIXTURE_BLOB, &f.err);
	assert_non_null(other);
	fixture_must(&f, replica_lease(other, TARGET_LEASE_ACQUIRE, &f.lease, &f.err));
	fixture_must(&f, replica_look(other, &look, &f.err));
	fixture_must(&f, replica_raise(other, 20, look.version, &number, f.version, &f.err));
	fixture_refused(&f, op_wait(f.r, data, 512, 0, &f.err), ERR_CONFLICT, TARGET_REFUSED_NUMBER);
	fixture_refused(&f, op_wait(f.r, NULL, 512, 0, &f.err), ERR_CONFLICT, TARGET_REFUSED_NUMBER);
	assert_int_equal(requests(&f, PAGEBLOB_PUT_PAGE), 1); /* not tried again */
	fixture_must(&f, op_wait(other, data, 512, 0, &f.err));
	target_look_fini(&look);
	replica_close(other);
	fixture_stop(&f);
}

static void a_lost_lease_refuses(void **state)
{
	struct fixture f;
	uint8_t data[512] = "x";

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	pageblob_server_advance(f.server, 61000);
	fixture_refused(&f, op_wait(f.r, data, 512, 0, &f.err), ERR_BUSY, TARGET_REFUSED_LEASE);
	fixture_must(&f, replica_lease(f.r, TARGET_LEASE_RENEW, &f.lease, &f.err)); /* nobody wrote */
	fixture_must(&f, op_wait(f.r, data, 512, 0, &f.err));
	fixture_stop(&f);
}

static void busy_is_waited_for_as_long_as_the_service_says(void **state)
{
	struct fixture f;
	uint8_t data[512] = "x";
	uint64_t began = clock_monotonic_ns();

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	fixture_faults(&f, "PutPage fail n=1 status=503 code=ServerBusy retry-after=1");
	fixture_must(&f, op_wait(f.r, data, 512, 0, &f.err));
	assert_true(clock_monotonic_ns() - began >= UINT64_C(1000000000));
	assert_int_equal(replica_counters(f.r)->retries, 1);
	assert_int_equal(requests(&f, PAGEBLOB_PUT_PAGE), 2);
	fixture_stop(&f);
}

static void lost_answers_are_answered_with_the_same_bytes(void **state)
{
	struct fixture f;
	struct pageblob_record last[2];
	uint8_t *data = fixture_pattern(FIXTURE_MIB, 3);

	(void)state;
	fixture_replica(&f, NULL, 8 * FIXTURE_MIB);
	fixture_faults(&f, "PutPage lost n=1 close=1");
	fixture_must(&f, op_wait(f.r, data, FIXTURE_MIB, FIXTURE_MIB, &f.err));
	assert_int_equal(pageblob_server_requests(f.server, last, 2), 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(last[i].op, PAGEBLOB_PUT_PAGE);
		assert_int_equal(last[i].off, FIXTURE_MIB);
		assert_int_equal(last[i].len, FIXTURE_MIB);
		assert_int_equal(last[i].status, 201);
	}
	assert_stored(&f, data, FIXTURE_MIB, FIXTURE_MIB);
	fixture_stop(&f);
	free(data);
}

static void a_time_out_inside_the_service_makes_requests_smaller(void **state)
{
	struct fixture f;
	struct pageblob_record last[4];
	uint8_t *data = fixture_pattern(4 * FIXTURE_MIB, 5);
	size_t n;

	(void)state;
	fixture_replica(&f, NULL, 8 * FIXTURE_MIB);
	fixture_faults(&f, "PutPage fail n=1 status=500 code=OperationTimedOut");
	fixture_must(&f, op_wait(f.r, data, 4 * FIXTURE_MIB, 0, &f.err));
	n = pageblob_server_requests(f.server, last, 3);
	assert_int_equal(n, 3);
	assert_int_equal(last[0].len, 4 * FIXTURE_MIB);
	assert_int_equal(last[1].off, 0);
	assert_int_equal(last[1].len, 2 * FIXTURE_MIB);
	assert_int_equal(last[2].off, 2 * FIXTURE_MIB);
	assert_int_equal(last[2].len, 2 * FIXTURE_MIB);
	assert_stored(&f, data, 4 * FIXTURE_MIB, 0);
	/* The next write is cut from the start, its parts side by side. */
	fixture_must(&f, op_wait(f.r, data, 4 * FIXTURE_MIB, 4 * FIXTURE_MIB, &f.err));
	assert_int_equal(requests(&f, PAGEBLOB_PUT_PAGE), 5);
	assert_stored(&f, data, 4 * FIXTURE_MIB, 4 * FIXTURE_MIB);
	assert_int_equal(replica_counters(f.r)->bytes_written, 8 * FIXTURE_MIB);
	fixture_stop(&f);
	free(data);
}

static void a_part_that_fails_fails_the_whole_write_once(void **state)
{
	struct fixture f;
	uint8_t *data = fixture_pattern(4 * FIXTURE_MIB, 5);

	(void)state;
	fixture_replica(&f, NULL, 8 * FIXTURE_MIB);
	fixture_faults(&f, "PutPage fail n=1 status=500 code=OperationTimedOut\nPutPage fail n=3 status=403 "
			   "code=AuthorizationPermissionMismatch");
	fixture_refused(&f, op_wait(f.r, data, 4 * FIXTURE_MIB, 0, &f.err), ERR_REFUSED, 403);
	fixture_must(&f, op_wait(f.r, data, 512, 0, &f.err));
	fixture_stop(&f);
	free(data);
}

static void a_service_without_crc64_gets_md5_after_one_warning(void **state)
{
	struct fixture f;
	uint8_t data[512] = "x", back[512];

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	fixture_faults(&f, "PutPage fail n=1 status=500 code=FeatureNotSupported");
	fixture_must(&f, op_wait(f.r, data, 512, 0, &f.err));
	fixture_must(&f, op_wait(f.r, data, 512, 512, &f.err));
	assert_int_equal(requests(&f, PAGEBLOB_PUT_PAGE), 3);
	assert_int_equal(f.warnings, 1);
	assert_non_null(strstr(f.warning,
			       "the service does not know CRC-64 checksums: MD5 from now on, which costs more time"));
	fixture_must(&f, replica_read(f.r, back, 512, 512, NULL, &f.err));
	assert_memory_equal(back, data, 512);
	/* The same answer to MD5 is the end. */
	fixture_faults(&f, "PutPage fail status=500 code=FeatureNotSupported");
	fixture_refused(&f, op_wait(f.r, data, 512, 0, &f.err), ERR_UNSUPPORTED, 500);
	fixture_stop(&f);
}

static void a_wrong_checksum_in_the_answer_is_an_error(void **state)
{
	struct fixture f;
	uint8_t data[512] = "x";

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	fixture_faults(&f, "PutPage badcrc n=1");
	fixture_refused(&f, op_wait(f.r, data, 512, 0, &f.err), ERR_NETWORK, 0);
	assert_non_null(strstr(f.err.msg, "write of 512 bytes at 0: stored with checksum "));
	fixture_must(&f, op_wait(f.r, data, 512, 0, &f.err));
	fixture_stop(&f);
}

/* ---- many at once ---- */

enum { MANY = 64, PART = 64 << 10 };

struct many {
	struct target_op op[MANY];
	uint8_t *data[MANY];
	struct replica *r;
};
static struct many many; /* one test at a time */

static void nothing(struct target_op *op)
{
	(void)op;
}

static void *submit_odd(void *arg)
{
	struct many *m = arg;

	for (unsigned i = 1; i < MANY; i += 2)
		replica_submit(m->r, &m->op[i]);
	return NULL;
}

static void submit_many(struct fixture *f, struct many *m)
{
	pthread_t thread;

	m->r = f->r;
	for (unsigned i = 0; i < MANY; i++) {
		m->data[i] = fixture_pattern(PART, i * 1000000007ull);
		m->op[i] = (struct target_op){
			.off = (uint64_t)i * PART, .len = PART, .data = m->data[i], .done = nothing
		};
	}
	assert_int_equal(pthread_create(&thread, NULL, submit_odd, m), 0);
	for (unsigned i = 0; i < MANY; i += 2)
		replica_submit(f->r, &m->op[i]);
	pthread_join(thread, NULL);
}

static void free_many(struct many *m)
{
	for (unsigned i = 0; i < MANY; i++)
		free(m->data[i]);
}

/* The same replica, by another configuration. */
static void reopen(struct fixture *f, const struct target_config *config)
{
	struct target_look look = { 0 };

	replica_close(f->r);
	target_close(f->t);
	f->t = fixture_open(f, config, "disks/p");
	f->r = target_replica(f->t, FIXTURE_BLOB, &f->err);
	assert_non_null(f->r);
	fixture_must(f, replica_lease(f->r, TARGET_LEASE_ACQUIRE, &f->lease, &f->err));
	fixture_must(f, replica_look(f->r, &look, &f->err));
	target_look_fini(&look);
}

/* From here on the writes' checksums are MD5s, of several at once. */
static void refuse_crc64(struct fixture *f)
{
	const uint8_t data[512] = "x";

	fixture_faults(f, "PutPage fail n=1 status=500 code=FeatureNotSupported");
	fixture_must(f, op_wait(f->r, data, 512, 0, &f->err));
	assert_int_equal(f->warnings, 1);
}

static void write_among_faults(const char *rules, bool md5)
{
	struct fixture f;
	struct many *m = &many;

	fixture_replica(&f, NULL, MANY * PART);
	if (md5)
		refuse_crc64(&f);
	fixture_faults(&f, rules);
	submit_many(&f, m);
	replica_barrier(f.r);
	for (unsigned i = 0; i < MANY; i++) {
		if (m->op[i].err.code != ERR_NONE)
			fail_msg("write %u: %s", i, m->op[i].err.msg);
		assert_stored(&f, m->data[i], PART, (uint64_t)i * PART);
	}
	assert_int_equal(replica_counters(f.r)->bytes_written, MANY * PART + (md5 ? 512 : 0));
	assert_true(replica_counters(f.r)->retries > 0);
	fixture_stop(&f);
	free_many(m);
}

static void faults_of_all_kinds_leave_the_right_bytes(void **state)
{
	(void)state;
	write_among_faults("seed 11\nPutPage fail p=0.1 status=503 code=ServerBusy\nPutPage drop p=0.1\n"
			   "PutPage lost p=0.1 close=1\nPutPage fail p=0.05 status=500 code=OperationTimedOut\n"
			   "PutPage delay p=0.2 ms=20", false);
}

static void and_so_they_do_with_md5(void **state)
{
	(void)state;
	write_among_faults("seed 11\nPutPage fail n=5 status=503 code=ServerBusy\nPutPage drop n=20 count=2\n"
			   "PutPage lost n=30 close=1\nPutPage delay p=0.2 ms=20", true);
}

/* Of any length, fewer and more than a batch, and clears between them; a window of one, two and eight. */
static void writes_of_all_sizes_have_their_own_md5(void **state)
{
	enum { ROOM = 16 << 20 };
	uint8_t *data = fixture_pattern(ROOM, 9), *zeros = calloc(1, 1 << 17);
	struct target_op *op = many.op;

	(void)state;
	assert_non_null(zeros);
	for (unsigned window = 1; window <= 8; window += window == 1 ? 1 : 6) {
		struct target_config config = { .create = true, .connections = window };
		struct fixture f;
		uint64_t at = 0;
		unsigned n;

		fixture_replica(&f, NULL, ROOM);
		reopen(&f, &config);
		refuse_crc64(&f);
		if (window == 2) { /* requests are smaller than the largest writes, each with an MD5 of its own */
			fixture_faults(&f, "PutPage fail n=1 status=500 code=OperationTimedOut");
			fixture_must(&f, op_wait(f.r, data, 512, 0, &f.err));
		}
		for (n = 0; n < MANY; n++) {
			uint64_t len = n % 32 == 4 ? 4 * FIXTURE_MIB : 512 * (1 + n * n % 200);

			op[n] = (struct target_op){ .off = at, .len = len, .data = n % 7 ? data + at : NULL, .done = nothing };
			at += len;
		}
		assert_true(at <= ROOM);
		for (unsigned i = 0; i < n; i++)
			replica_submit(f.r, &op[i]);
		replica_barrier(f.r);
		for (unsigned i = 0; i < n; i++) {
			if (op[i].err.code != ERR_NONE)
				fail_msg("write %u, window %u: %s", i, window, op[i].err.msg);
			assert_stored(&f, op[i].data ? op[i].data : zeros, op[i].len, op[i].off);
		}
		assert_int_equal(replica_counters(f.r)->retries, window == 2);
		fixture_stop(&f);
	}
	free(zeros);
	free(data);
}

static void cancel_many(bool md5)
{
	struct fixture f;
	struct many *m = &many;
	uint64_t began;
	unsigned cancelled = 0;

	fixture_replica(&f, NULL, MANY * PART);
	if (md5)
		refuse_crc64(&f);
	fixture_faults(&f, "PutPage delay ms=3000");
	began = clock_monotonic_ns();
	submit_many(&f, m);
	cancel_set(&f.cancel, CANCEL_NOW);
	replica_barrier(f.r);
	assert_true(clock_monotonic_ns() - began < UINT64_C(2500000000));
	for (unsigned i = 0; i < MANY; i++)
		cancelled += m->op[i].err.code == ERR_CANCELLED;
	assert_int_equal(cancelled, MANY);
	fixture_stop(&f);
	free_many(m);
}

static void a_cancel_completes_everything_soon(void **state)
{
	(void)state;
	cancel_many(false);
}

static void and_so_it_does_what_waits_for_its_md5(void **state)
{
	(void)state;
	cancel_many(true);
}

static void a_cancel_ends_the_wait_for_a_retry(void **state)
{
	struct fixture f;
	struct target_op op = { .len = 512, .data = (uint8_t[512]){ 1 }, .done = nothing };
	uint64_t began;

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	fixture_faults(&f, "PutPage fail status=503 code=ServerBusy retry-after=60");
	replica_submit(f.r, &op);
	while (requests(&f, PAGEBLOB_PUT_PAGE) == 0)
		sched_yield();
	began = clock_monotonic_ns();
	cancel_set(&f.cancel, CANCEL_GENTLE);
	replica_barrier(f.r);
	assert_true(clock_monotonic_ns() - began < UINT64_C(2000000000));
	assert_error(&op.err, ERR_CANCELLED, "stopped");
	fixture_stop(&f);
}

static void a_gentle_cancel_gives_ten_seconds_to_what_is_in_flight(void **state)
{
	struct fixture f;
	struct target_op op = { .len = 512, .data = (uint8_t[512]){ 1 }, .done = nothing };
	uint64_t began, took;

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	fixture_faults(&f, "PutPage delay ms=25000");
	replica_submit(f.r, &op);
	usleep(300000); /* on its way */
	began = clock_monotonic_ns();
	cancel_set(&f.cancel, CANCEL_GENTLE);
	replica_barrier(f.r);
	took = clock_monotonic_ns() - began;
	assert_int_equal(op.err.code, ERR_CANCELLED);
	assert_true(took >= UINT64_C(9900000000) && took < UINT64_C(15000000000));
	fixture_stop(&f);
}

static void no_more_than_the_window_at_once(void **state)
{
	struct target_config config = { .create = true, .connections = 2 };
	struct fixture f;
	struct many *m = &many;
	uint64_t began;

	(void)state;
	fixture_replica(&f, NULL, MANY * PART);
	reopen(&f, &config);
	fixture_faults(&f, "PutPage delay ms=20");
	began = clock_monotonic_ns();
	submit_many(&f, m);
	replica_barrier(f.r);
	/* 64 writes of 20 ms, two at a time: 640 ms; more at a time would be faster. */
	assert_true(clock_monotonic_ns() - began >= UINT64_C(600000000));
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(m->op[i].err.code, ERR_NONE);
	fixture_stop(&f);
	free_many(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_and_clears_are_stored_one_request_each),
		cmocka_unit_test(each_write_carries_lease_and_number),
		cmocka_unit_test(a_newer_number_fences),
		cmocka_unit_test(a_lost_lease_refuses),
		cmocka_unit_test(busy_is_waited_for_as_long_as_the_service_says),
		cmocka_unit_test(lost_answers_are_answered_with_the_same_bytes),
		cmocka_unit_test(a_time_out_inside_the_service_makes_requests_smaller),
		cmocka_unit_test(a_part_that_fails_fails_the_whole_write_once),
		cmocka_unit_test(a_service_without_crc64_gets_md5_after_one_warning),
		cmocka_unit_test(a_wrong_checksum_in_the_answer_is_an_error),
		cmocka_unit_test(faults_of_all_kinds_leave_the_right_bytes),
		cmocka_unit_test(and_so_they_do_with_md5),
		cmocka_unit_test(writes_of_all_sizes_have_their_own_md5),
		cmocka_unit_test(a_cancel_completes_everything_soon),
		cmocka_unit_test(and_so_it_does_what_waits_for_its_md5),
		cmocka_unit_test(a_cancel_ends_the_wait_for_a_retry),
		cmocka_unit_test(a_gentle_cancel_gives_ten_seconds_to_what_is_in_flight),
		cmocka_unit_test(no_more_than_the_window_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

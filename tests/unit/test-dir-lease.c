/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <sys/wait.h>

#include "../support/dir_fixture.h"
#include "target/dir_private.h"

/* A second handle, as another process has one: flock tells open files apart, not processes. */
static struct replica *another(struct dir_fixture *f)
{
	return target_replica(f->target, DIR_NAME, NULL);
}

static void the_loser_is_told_who_holds_it(void **state)
{
	struct dir_fixture *f = *state;
	CLEANUP(cleanup_replica) struct replica *r2 = another(f);
	struct target_look l;
	struct error e = ERROR_INIT;
	char want[700];

	assert_int_equal(replica_lease(f->r, TARGET_LEASE_ACQUIRE, &dir_id_a, NULL), 0);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_ACQUIRE, &dir_id_a, NULL), 0); /* once more is no harm */
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_RENEW, &dir_id_a, NULL), 0);
	assert_int_equal(replica_lease(r2, TARGET_LEASE_ACQUIRE, &dir_id_b, &e), -1);
	snprintf(want, sizeof(want), "%s/" DIR_NAME ": web01.lock: held by unit, process %ld, since ", f->path,
		 (long)getpid());
	assert_memory_equal(e.msg, want, strlen(want));
	assert_int_equal(e.code, ERR_BUSY);
	assert_int_equal(e.detail, TARGET_REFUSED_LEASE);
	l = dir_fixture_look(r2);
	assert_true(l.leased);
	target_look_fini(&l);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_RELEASE, &dir_id_a, NULL), 0);
	l = dir_fixture_look(r2);
	assert_false(l.leased);
	target_look_fini(&l);
	assert_int_equal(replica_lease(r2, TARGET_LEASE_ACQUIRE, &dir_id_b, NULL), 0);
}

/* What a crash leaves: the lock is gone with the process, the record stays. */
static void crash(struct dir_fixture *f)
{
	replica_close(f->r);
	f->r = another(f);
	dir_fixture_version(f);
}

static void renewal_after_a_crash_proves_that_nobody_wrote(void **state)
{
	struct dir_fixture *f = *state;

	dir_fixture_claim(f, 9);
	assert_int_equal(op_wait(f->r, f->ones, 512, 0, NULL), 0);
	crash(f);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_RENEW, &dir_id_a, NULL), 0);
}

static void renewal_is_refused_after_a_foreign_write(void **state)
{
	struct dir_fixture *f = *state;
	struct error e = ERROR_INIT;
	char want[700];

	dir_fixture_claim(f, 9);
	crash(f);
	dir_fixture_foreign_write(f);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_RENEW, &dir_id_a, &e), -1);
	snprintf(want, sizeof(want), "%s/" DIR_NAME ": somebody else wrote to it since", f->path);
	assert_error(&e, ERR_BUSY, want);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_ACQUIRE, &dir_id_a, NULL), 0); /* nothing was left held */
}

static void renewal_is_refused_after_another_lease_or_a_release(void **state)
{
	struct dir_fixture *f = *state;
	struct error e = ERROR_INIT;

	dir_fixture_claim(f, 9);
	crash(f);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_ACQUIRE, &dir_id_b, NULL), 0);
	crash(f);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_RENEW, &dir_id_a, &e), -1);
	assert_int_equal(e.code, ERR_BUSY);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_RENEW, &dir_id_b, NULL), 0);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_RELEASE, &dir_id_b, NULL), 0);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_RENEW, &dir_id_b, &(struct error){ 0 }), -1);
}

/* Killed between the write and the record of how it left the file. */
static void a_crash_amid_a_write_is_our_own_if_the_file_changed_right_then(void **state)
{
	struct dir_fixture *f = *state;

	dir_fixture_claim(f, 9);
	dir_record_writing(dir_of(f->r), dir_of(f->r)->now.content.st_ino);
	assert_int_equal(pwrite(dir_of(f->r)->data, "x", 1, 0), 1); /* the stamp that our own write would leave */
	crash(f);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_RENEW, &dir_id_a, NULL), 0);
}

static void a_change_long_after_a_crash_amid_a_write_is_unproven(void **state)
{
	struct dir_fixture *f = *state;
	const struct timespec later[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = (INT64_C(1) << 31) } };
	struct error e = ERROR_INIT;
	char want[700];

	dir_fixture_claim(f, 9);
	dir_record_writing(dir_of(f->r), dir_of(f->r)->now.content.st_ino);
	assert_int_equal(futimens(dir_of(f->r)->data, later), 0);
	crash(f);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_RENEW, &dir_id_a, &e), -1);
	snprintf(want, sizeof(want), "%s/" DIR_NAME ": nothing proves that nobody wrote to it since the last run ended",
		 f->path);
	assert_error(&e, ERR_CONFLICT, want);
	assert_int_equal(e.detail, TARGET_REFUSED_UNPROVEN);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_ACQUIRE, &dir_id_a, NULL), 0);
}

/* As if the record had been written before the machine went down. */
static void forget_boot(const struct dir_fixture *f)
{
	char path[512];
	int fd;

	dir_fixture_file(f, ".liftfs/locks/web01/web01.lease", path);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "00000000", 8, 15 + 37), 8); /* after the head and the id */
	close(fd);
}

static void after_a_power_loss_only_an_equal_version_proves_something(void **state)
{
	struct dir_fixture *f = *state;
	struct error e = ERROR_INIT;

	dir_fixture_claim(f, 9);
	crash(f);
	forget_boot(f);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_RENEW, &dir_id_a, NULL), 0);
	crash(f);
	forget_boot(f);
	dir_fixture_foreign_write(f);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_RENEW, &dir_id_a, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_int_equal(e.detail, TARGET_REFUSED_UNPROVEN);
}

static void a_broken_lease_stops_its_holder(void **state)
{
	struct dir_fixture *f = *state;
	CLEANUP(cleanup_replica) struct replica *r2 = another(f);
	struct error e = ERROR_INIT;
	char want[700];

	dir_fixture_claim(f, 9);
	assert_int_equal(replica_lease(r2, TARGET_LEASE_BREAK, NULL, NULL), 0);
	assert_int_equal(replica_lease(r2, TARGET_LEASE_ACQUIRE, &dir_id_b, NULL), 0);
	assert_int_equal(op_wait(f->r, f->ones, 512, 0, &e), -1);
	snprintf(want, sizeof(want), "%s/" DIR_NAME ": the lease was broken", f->path);
	assert_error(&e, ERR_BUSY, want);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_RENEW, &dir_id_a, &(struct error){ 0 }), -1);
}

static void a_killed_process_leaves_no_lock(void **state)
{
	struct dir_fixture *f = *state;
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(replica_lease(f->r, TARGET_LEASE_ACQUIRE, &dir_id_b, NULL) == 0 ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_ACQUIRE, &dir_id_a, NULL), 0);
}

/* Announced, but not begun: what the version proves, it proves after a power loss too. */
static void a_crash_before_an_announced_write_leaves_the_version_as_proof(void **state)
{
	struct dir_fixture *f = *state;

	dir_fixture_claim(f, 9);
	dir_record_writing(dir_of(f->r), 1);
	crash(f);
	forget_boot(f);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_RENEW, &dir_id_a, NULL), 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, dir_setup, dir_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_loser_is_told_who_holds_it),
		TEST(renewal_after_a_crash_proves_that_nobody_wrote),
		TEST(renewal_is_refused_after_a_foreign_write),
		TEST(renewal_is_refused_after_another_lease_or_a_release),
		TEST(a_crash_amid_a_write_is_our_own_if_the_file_changed_right_then),
		TEST(a_change_long_after_a_crash_amid_a_write_is_unproven),
		TEST(after_a_power_loss_only_an_equal_version_proves_something),
		TEST(a_crash_before_an_announced_write_leaves_the_version_as_proof),
		TEST(a_broken_lease_stops_its_holder),
		TEST(a_killed_process_leaves_no_lock),
	};

	return cmocka_run_group_tests_name("dir-lease", tests, NULL, NULL);
}

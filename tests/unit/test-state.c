/* SPDX-License-Identifier: Apache-2.0 */
/* Map and journal of one replica, opened together: what every record says, which formats are read, who holds them. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "support/state_fixture.h"

/* ---- records ---- */

static void each_record_says_what_it_means(void **state)
{
	struct fixture *f = *state;
	struct guid lease;
	uint64_t n = 0;

	create_rs(f);
	assert_int_equal(f->rs.kind, STATE_CLEAN);
	assert_false(f->rs.has_clean);
	reopen_rs(f);
	assert_int_equal(f->rs.kind, STATE_CLEAN);
	assert_int_equal(f->rs.n_own, 0);
	lease = f->rs.lease_id;
	assert_false(guid_is_zero(&lease));

	OK(replica_state_new_lease(&f->rs, &ok_err));
	assert_false(guid_equal(&lease, &f->rs.lease_id));
	lease = f->rs.lease_id;
	OK(replica_state_claim(&f->rs, 77, &ok_err));
	reopen_rs(f);
	assert_true(guid_equal(&lease, &f->rs.lease_id));
	assert_int_equal(f->rs.kind, STATE_OPEN);
	assert_true(replica_state_owns(&f->rs, 77));
	assert_false(replica_state_owns(&f->rs, 78));
	assert_int_equal(f->rs.max_own, 77);
	assert_false(f->rs.touched);

	OK(replica_state_distrust(&f->rs, &ok_err));
	OK(replica_state_claim(&f->rs, 88, &ok_err));
	reopen_rs(f);
	assert_int_equal(f->rs.kind, STATE_DISTRUSTED); /* a claim does not bring trust back */
	assert_true(f->rs.touched);
	OK(journal_ack_zero(f->rs.journal, 3, 2, &ok_err));
	OK(journal_intent(f->rs.journal, 4, 1, &ok_err));
	reopen_rs(f);
	assert_int_equal(entry(f, 2, &n), 'u');
	assert_int_equal(entry(f, 3, &n), 'z');
	assert_int_equal(entry(f, 4, &n), 'u');
	assert_int_equal(f->rs.kind, STATE_DISTRUSTED);

	OK(replica_state_checkpoint(&f->rs, 88, &ok_err));
	reopen_rs(f);
	assert_int_equal(f->rs.kind, STATE_OPEN);
	assert_int_equal(f->rs.n_own, 1);
	assert_true(replica_state_owns(&f->rs, 88));
	assert_true(guid_equal(&lease, &f->rs.lease_id));
	assert_int_equal(entry(f, 3, &n), 'z');
}

static void a_clean_point_is_read_back_whole_before_and_after_the_fold(void **state)
{
	struct fixture *f = *state;
	uint64_t n = 0;

	first_cycle(f);
	for (int pass = 0; pass < 3; pass++) {
		if (pass == 1)
			OK(replica_state_commit(&f->rs, "snap", &ok_err));
		reopen_rs(f);
		assert_int_equal(f->rs.kind, STATE_CLEAN);
		assert_true(f->rs.has_clean);
		assert_int_equal(f->rs.last.cycle, 1);
		assert_int_equal(f->rs.last.number, 200);
		assert_int_equal(f->rs.last.token.b[0], 9);
		assert_string_equal(f->rs.last.version, "E1");
		assert_string_equal(f->rs.last.moment, "20260101T000000.000Z");
		assert_int_equal(f->rs.last.disks, 2);
		assert_false(f->rs.last.fuzzy);
		assert_int_equal(f->rs.last.pointed, pass > 0);
		assert_int_equal(f->rs.last.kept, pass > 0);
		assert_false(f->rs.touched);
		assert_int_equal(f->rs.last.evidence.n, 1);
		assert_string_equal(f->rs.last.evidence.v[0].path, "a.raw");
		assert_true(f->rs.last.evidence.v[0].settled);
		assert_int_equal(entry(f, 0, &n), 'z');
		assert_int_equal(entry(f, 1, &n), 'h');
		assert_int_equal(n, 1);
		assert_true(replica_state_owns(&f->rs, 200));
	}
	OK(replica_state_claim(&f->rs, 300, &ok_err));
	reopen_rs(f);
	assert_int_equal(f->rs.kind, STATE_OPEN);
	assert_true(f->rs.has_clean);
	assert_true(replica_state_owns(&f->rs, 200) && replica_state_owns(&f->rs, 300));
}

static void a_cycle_without_a_point_is_pointed_and_keeps_none(void **state)
{
	struct fixture *f = *state;

	first_cycle(f);
	OK(replica_state_commit(&f->rs, "", &ok_err));
	assert_true(f->rs.last.pointed && !f->rs.last.kept);
	reopen_rs(f);
	assert_true(f->rs.last.pointed && !f->rs.last.kept);
}

/* ---- formats and locks ---- */

static void make_newer(const struct fixture *f, const char *name)
{
	char path[300];
	uint8_t head[128];

	in_folder(f, name, path);
	CLEANUP_FD int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_int_equal(pread(fd, head, sizeof(head), 0), sizeof(head));
	put_le32(head + 16, 2);
	snprintf((char *)head + 24, 64, "liftfs 9.9");
	put_le64(head + 120, hasher_checksum(head, 120, 0));
	assert_int_equal(pwrite(fd, head, sizeof(head), 0), sizeof(head));
}

static void newer_files_are_refused_and_left_alone(void **state)
{
	static const char *const files[] = { "journal", "map" };
	struct fixture *f = *state;

	first_cycle(f);
	replica_state_close(&f->rs);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct error e = ERROR_INIT;

		make_newer(f, files[i]);
		assert_int_equal(replica_state_open(f->state, "t", "a.vhd", &f->rs, &e), -1);
		assert_int_equal(e.code, ERR_REFUSED);
		assert_non_null(strstr(e.msg, "liftfs 9.9"));
		assert_non_null(strstr(e.msg, files[i]));
	}
}

static void a_newer_folder_is_refused_whoever_opens_it(void **state)
{
	struct fixture *f = *state;
	struct error e = ERROR_INIT;
	char path[128], want[512];

	scratch_write(f->dir, "state/format", "liftfs state 2\nwritten by liftfs 7.1\n", 36);
	snprintf(path, sizeof(path), "%s/state", f->dir->path);
	snprintf(want, sizeof(want),
		 "state: %s: state of format 2, written by liftfs 7.1; this is liftfs %s, which reads up to 1", path,
		 PACKAGE_VERSION);
	for (int create = 0; create < 2; create++) {
		e = (struct error)ERROR_INIT;
		assert_null(state_open(path, create, &e));
		assert_error(&e, ERR_REFUSED, want);
	}
	scratch_write(f->dir, "state/format", "liftfs state x\n", 15);
	e = (struct error)ERROR_INIT;
	assert_null(state_open(path, true, &e));
	assert_int_equal(e.code, ERR_CORRUPT);
}

/* Nobody makes folders in sysfs, root included, whether it is mounted read-only or not. */
static void a_folder_that_cannot_be_written_to_says_what_to_do(void **state)
{
	static const char *const paths[] = { "/sys/liftfs-state", "/sys/class" };
	char want[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct error e = ERROR_INIT;

		assert_null(state_open(paths[i], true, &e));
		snprintf(want, sizeof(want), "state %s: cannot be written to; choose another folder with --state: ", paths[i]);
		if (strncmp(e.msg, want, strlen(want)) != 0)
			fail_msg("%s", e.msg);
		assert_true(e.detail == EROFS || e.detail == EACCES || e.detail == EPERM);
	}
}

static void reading_makes_nothing(void **state)
{
	struct fixture *f = *state;
	struct error e = ERROR_INIT;
	char path[128];

	snprintf(path, sizeof(path), "%s/state/none", f->dir->path);
	assert_null(state_open(path, false, &e));
	assert_int_equal(e.code, ERR_SYSTEM);
	assert_int_equal(e.detail, ENOENT);
	assert_int_equal(mkdir(path, 0700), 0);
	CLEANUP(cleanup_state) struct state *s = state_open(path, false, NULL);

	assert_non_null(s);
	assert_string_equal(state_path(s), path);
	assert_int_equal(faccessat(state_fd(s), "format", F_OK, 0), -1);
}

static void a_replica_in_use_is_busy_and_names_the_process(void **state)
{
	struct fixture *f = *state;
	struct replica_state rs = REPLICA_STATE_INIT;
	struct error e = ERROR_INIT;
	int ready[2], status;
	char want[64], byte;
	pid_t pid;

	replica_state_close(&f->rs);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		bool opened = replica_state_open(f->state, "t", "a.vhd", &rs, NULL) == 0;

		_exit(opened && write(ready[1], "x", 1) == 1 && pause() ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(replica_state_open(f->state, "t", "a.vhd", &rs, &e), -1);
	assert_int_equal(e.code, ERR_BUSY);
	assert_int_equal(e.detail, STATE_IN_USE);
	snprintf(want, sizeof(want), "held by pid %ld since ", (long)pid);
	assert_non_null(strstr(e.msg, want));
	assert_memory_equal(e.msg, "a.vhd: ", 7); /* a person knows the disk, not the folder */
	OK(replica_state_open(f->state, "t", "b.vhd", &rs, &ok_err)); /* another replica is not in use */
	replica_state_close(&rs);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	open_rs(f); /* the lock ends with its process */
	close(ready[0]);
	close(ready[1]);
}

struct opener {
	pthread_t thread;
	pthread_barrier_t *all_here;
	const char *path;
	struct error err;
};

static void *open_state(void *arg)
{
	struct opener *o = arg;

	pthread_barrier_wait(o->all_here);
	state_close(state_open(o->path, true, &o->err));
	return NULL;
}

static void runs_that_begin_at_once_make_a_new_folder_together(void **state)
{
	struct fixture *f = *state;
	pthread_barrier_t all_here;
	char path[128];

	for (int i = 0; i < 20; i++) {
		struct opener o[4] = { 0 };

		snprintf(path, sizeof(path), "%s/new%d", f->dir->path, i);
		pthread_barrier_init(&all_here, NULL, ARRAY_LEN(o));
		for (size_t k = 0; k < ARRAY_LEN(o); k++) {
			o[k].path = path;
			o[k].all_here = &all_here;
			assert_int_equal(pthread_create(&o[k].thread, NULL, open_state, &o[k]), 0);
		}
		for (size_t k = 0; k < ARRAY_LEN(o); k++) {
			pthread_join(o[k].thread, NULL);
			assert_error(&o[k].err, ERR_NONE, "");
		}
		pthread_barrier_destroy(&all_here);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STATE_TEST(each_record_says_what_it_means),
		STATE_TEST(runs_that_begin_at_once_make_a_new_folder_together),
		STATE_TEST(a_clean_point_is_read_back_whole_before_and_after_the_fold),
		STATE_TEST(a_cycle_without_a_point_is_pointed_and_keeps_none),
		STATE_TEST(newer_files_are_refused_and_left_alone),
		STATE_TEST(a_newer_folder_is_refused_whoever_opens_it),
		STATE_TEST(reading_makes_nothing),
		STATE_TEST(a_folder_that_cannot_be_written_to_says_what_to_do),
		STATE_TEST(a_replica_in_use_is_busy_and_names_the_process),
	};

	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}

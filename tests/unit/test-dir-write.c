/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "../support/dir_fixture.h"
#include "target/dir_private.h"

static void writes_and_zeroes_arrive_and_holes_come_back(void **state)
{
	struct dir_fixture *f = *state;
	const struct target_counters *c = replica_counters(f->r);
	char path[512];
	struct stat st;
	CLEANUP_FREE uint8_t *buf = malloc(8192);

	dir_fixture_claim(f, 9);
	assert_int_equal(op_wait(f->r, f->ones, 8192, 0, NULL), 0);
	assert_int_equal(op_wait(f->r, NULL, 4096, 4096, NULL), 0);
	assert_int_equal(replica_read(f->r, buf, 8192, 0, NULL, NULL), 0);
	assert_int_equal(buf[4095], 1);
	assert_int_equal(buf[4096], 0);
	assert_int_equal(c->bytes_written, 8192);
	assert_int_equal(c->bytes_cleared, 4096);
	dir_fixture_version(f);
	assert_int_equal(replica_publish(f->r, f->version, NULL), 0);
	dir_fixture_file(f, DIR_NAME, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_blocks * 512, 4096);
}

static void a_foreign_write_in_a_cycle_stops_the_next_batch(void **state)
{
	struct dir_fixture *f = *state;
	struct error e = ERROR_INIT;
	char want[700];

	dir_fixture_claim(f, 9);
	dir_fixture_foreign_write(f);
	assert_int_equal(op_wait(f->r, f->ones, 512, 512, &e), -1);
	snprintf(want, sizeof(want), "%s/" DIR_NAME ": changed by somebody else", f->path);
	assert_error(&e, ERR_CONFLICT, want);
	assert_int_equal(e.detail, TARGET_REFUSED_VERSION);
}

static void a_replaced_file_is_not_written_to(void **state)
{
	struct dir_fixture *f = *state;
	struct error e = ERROR_INIT;
	char path[512], aside[512];
	int fd;

	dir_fixture_claim(f, 9);
	dir_fixture_file(f, DIR_NAME, path);
	dir_fixture_file(f, "aside", aside);
	assert_int_equal(rename(path, aside), 0);
	fd = open(path, O_WRONLY | O_CREAT, 0644);
	assert_int_equal(ftruncate(fd, DIR_SIZE), 0);
	close(fd);
	assert_int_equal(op_wait(f->r, f->ones, 512, 0, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_int_equal(e.detail, TARGET_REFUSED_VERSION);
}

/* /dev/null takes writes and refuses to be synced. */
static void a_failed_sync_fails_its_batch_and_everything_after_it(void **state)
{
	struct dir_fixture *f = *state;
	struct dir_replica *d = dir_of(f->r);
	CLEANUP_FD int real = -1;
	int null = open("/dev/null", O_WRONLY);
	struct error e = ERROR_INIT, e2 = ERROR_INIT, e3 = ERROR_INIT;
	char want[700];
	uint64_t live;

	dir_fixture_claim(f, 9);
	real = dup(d->data);
	assert_true(dup2(null, d->data) >= 0);
	close(null);
	snprintf(want, sizeof(want),
		 "%s/" DIR_NAME ": sync: what was written since the last one is unknown: Invalid argument", f->path);
	assert_int_equal(op_wait(f->r, f->ones, 512, 0, &e), -1);
	assert_error(&e, ERR_SYSTEM, want);
	assert_true(dup2(real, d->data) >= 0); /* the next sync would work */
	assert_int_equal(op_wait(f->r, f->ones, 512, 0, &e2), -1);
	assert_error(&e2, ERR_SYSTEM, want);
	assert_int_equal(replica_raise(f->r, 10, f->version, &live, f->version, &e3), -1);
	assert_error(&e3, ERR_SYSTEM, want);
}

static void a_write_without_a_lease_is_refused(void **state)
{
	struct dir_fixture *f = *state;
	struct error e = ERROR_INIT;

	assert_int_equal(op_wait(f->r, f->ones, 512, 0, &e), -1);
	assert_int_equal(e.code, ERR_BUSY);
	assert_int_equal(e.detail, TARGET_REFUSED_LEASE);
}

struct many {
	struct target_op op;
	_Atomic int *failed;
	uint8_t data[512];
};

static void count_done(struct target_op *op)
{
	struct many *m = op->ctx;

	if (op->err.code != ERR_NONE)
		(*m->failed)++;
}

static void many_in_flight_all_arrive(void **state)
{
	struct dir_fixture *f = *state;
	enum { N = 500 };
	struct many *many = calloc(N, sizeof(*many));
	_Atomic int failed = 0;
	uint8_t buf[512];

	dir_fixture_claim(f, 9);
	for (unsigned i = 0; i < N; i++) {
		memset(many[i].data, (int)(i % 255 + 1), 512);
		many[i].failed = &failed;
		many[i].op = (struct target_op){
			.off = i * 1024, .len = 512, .data = many[i].data, .done = count_done, .ctx = &many[i]
		};
		replica_submit(f->r, &many[i].op);
	}
	replica_barrier(f->r);
	assert_int_equal(failed, 0);
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(replica_read(f->r, buf, 512, i * 1024, NULL, NULL), 0);
		assert_int_equal(buf[511], i % 255 + 1);
	}
	free(many);
}

static void a_file_size_limit_says_what_to_do(void **state)
{
	struct dir_fixture *f = *state;
	struct rlimit before, low = { .rlim_cur = 1 << 20, .rlim_max = RLIM_INFINITY };
	CLEANUP(cleanup_replica) struct replica *r = target_replica(f->target, "big.vhd", NULL);
	CLEANUP(cleanup_target_look) struct target_look l = { 0 };
	struct target_meta none = { 0 };
	struct error e = ERROR_INIT;
	char want[700];

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	low.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	assert_int_equal(replica_create(r, 2 << 20, 1, &none, &e), -1);
	setrlimit(RLIMIT_FSIZE, &before);
	snprintf(want, sizeof(want),
		 "%s/big.vhd: create with 2097152 bytes: File too large; the file system (or ulimit -f) "
		 "allows no file of this size: XFS and Btrfs hold any disk, ext4 up to 16 TiB",
		 f->path);
	assert_error(&e, ERR_SYSTEM, want);
	assert_int_equal(e.detail, EFBIG);
	l = dir_fixture_look(r);
	assert_false(l.exists);
}

/* On a tmpfs of 1 MiB, which only root can mount. */
static void a_full_file_system_says_what_to_do(void **state)
{
	struct dir_fixture *f = *state;
	CLEANUP(cleanup_replica) struct replica *r = NULL;
	CLEANUP(cleanup_target_look) struct target_look l = { 0 };
	CLEANUP_FREE uint8_t *data = NULL;
	struct target *t;
	struct target_meta none = { 0 };
	struct error e = ERROR_INIT, space = ERROR_INIT;
	char path[512], want[900];
	uint64_t live;

	dir_fixture_file(f, "small", path);
	mkdir(path, 0755);
	if (mount("tmpfs", path, "tmpfs", 0, "size=1m") < 0) {
		print_message("cannot mount a tmpfs: %s\n", strerrorname_np(errno));
		skip();
	}
	data = calloc(2, 1 << 20);
	memset(data, 1, 2 << 20);
	t = target_open(path, NULL, NULL);
	assert_int_equal(target_prepare(t, false, NULL, NULL), 0);
	assert_int_equal(target_check_space(t, 64 << 20, 64 << 20, &space), -1);
	assert_int_equal(space.detail, ENOSPC);
	assert_int_equal(target_check_space(t, 4096, 64 << 20, NULL), 0);
	r = target_replica(t, "a.vhd", NULL);
	assert_int_equal(replica_create(r, 4 << 20, 1, &none, NULL), 0);
	assert_int_equal(replica_lease(r, TARGET_LEASE_ACQUIRE, &dir_id_a, NULL), 0);
	l = dir_fixture_look(r);
	assert_int_equal(replica_raise(r, 2, l.version, &live, l.version, NULL), 0);
	assert_int_equal(op_wait(r, data, 2 << 20, 0, &e), -1);
	assert_int_equal(e.code, ERR_SYSTEM);
	assert_int_equal(e.detail, ENOSPC);
	snprintf(want, sizeof(want),
		 "%s/a.vhd: write 2097152 bytes at 0: No space left on device; make room there and run again: "
		 "what has arrived is kept",
		 path);
	assert_error(&e, ERR_SYSTEM, want);
	assert_int_equal(op_wait(r, NULL, 2 << 20, 0, NULL), 0); /* it goes on: nothing is poisoned */
	assert_int_equal(op_wait(r, data, 4096, 0, NULL), 0);
	replica_close(steal_ptr(&r));
	target_close(t);
	umount(path);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, dir_setup, dir_teardown)
	const struct CMUnitTest tests[] = {
		TEST(writes_and_zeroes_arrive_and_holes_come_back),
		TEST(a_foreign_write_in_a_cycle_stops_the_next_batch),
		TEST(a_replaced_file_is_not_written_to),
		TEST(a_failed_sync_fails_its_batch_and_everything_after_it),
		TEST(a_write_without_a_lease_is_refused),
		TEST(many_in_flight_all_arrive),
		TEST(a_file_size_limit_says_what_to_do),
		TEST(a_full_file_system_says_what_to_do),
	};

	return cmocka_run_group_tests_name("dir-write", tests, NULL, NULL);
}

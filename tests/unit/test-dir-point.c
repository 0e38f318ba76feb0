/* SPDX-License-Identifier: Apache-2.0 */
/* Where the file system has reflinks; tests/integration/dir-reflink.sh names a folder on one that has. */
#include "unit.h"

#include "../support/dir_fixture.h"

static void no_points_without_clones_and_it_says_why(void **state)
{
	struct dir_fixture *f = *state;
	struct error e = ERROR_INIT;
	char id[TARGET_POINT_LEN];
	struct target_meta none = { 0 };
	CLEANUP(cleanup_target_points) struct target_points points = { 0 };

	if (target_caps(f->target)->points)
		skip();
	assert_int_equal(replica_snapshot(f->r, f->version, "P", &none, id, &e), -1);
	assert_error(&e, ERR_UNSUPPORTED,
		     DIR_NAME ": no recovery points: the file system cannot clone files, as XFS and Btrfs can");
	assert_int_equal(replica_points(f->r, &points, NULL), 0);
	assert_int_equal(points.n, 0);
}

static void need_points(const struct dir_fixture *f)
{
	if (!target_caps(f->target)->points)
		skip();
}

static int snapshot(struct dir_fixture *f, const char *name, struct error *err)
{
	CLEANUP(cleanup_target_meta) struct target_meta meta = { 0 };
	char id[TARGET_POINT_LEN] = "";
	int rc;

	assert_int_equal(target_meta_set(&meta, "token", name, NULL), 0);
	rc = replica_snapshot(f->r, f->version, name, &meta, id, err);
	assert_string_equal(id, rc == 0 ? name : "");
	return rc;
}

static uint8_t point_byte(struct dir_fixture *f, const char *name, uint64_t off)
{
	CLEANUP(cleanup_replica) struct replica *at = replica_at_point(f->r, name, NULL);
	uint8_t byte = 0;

	assert_int_equal(replica_read(at, &byte, 1, off, NULL, NULL), 0);
	return byte;
}

static void a_point_stays_as_it_was_while_the_replica_changes(void **state)
{
	struct dir_fixture *f = *state;
	CLEANUP(cleanup_target_points) struct target_points points = { 0 };
	struct target_look l;
	char path[512];
	struct stat st;

	need_points(f);
	dir_fixture_claim(f, 9);
	assert_int_equal(op_wait(f->r, f->ones, 4096, 0, NULL), 0);
	dir_fixture_version(f);
	assert_int_equal(snapshot(f, "20261121T220000.000Z", NULL), 0);
	l = dir_fixture_look(f->r);
	assert_string_equal(l.version, f->version); /* a snapshot is no change of the live one */
	target_look_fini(&l);
	assert_int_equal(op_wait(f->r, NULL, 4096, 0, NULL), 0);
	dir_fixture_version(f);
	assert_int_equal(snapshot(f, "20261121T210000.000Z", NULL), 0);
	assert_int_equal(op_wait(f->r, f->ones, 4096, 8192, NULL), 0);

	assert_int_equal(point_byte(f, "20261121T220000.000Z", 0), 1);
	assert_int_equal(point_byte(f, "20261121T210000.000Z", 0), 0);
	assert_int_equal(point_byte(f, "20261121T210000.000Z", 8192), 0);
	assert_int_equal(replica_points(f->r, &points, NULL), 0);
	assert_int_equal(points.n, 2);
	assert_string_equal(points.v[0].id, "20261121T210000.000Z");
	assert_string_equal(points.v[1].id, "20261121T220000.000Z");
	assert_string_equal(target_meta_get(&points.v[1].meta, "token"), "20261121T220000.000Z");
	assert_int_equal(points.v[1].size, DIR_SIZE);
	dir_fixture_file(f, ".liftfs/points/" DIR_NAME "/20261121T220000.000Z/disk.vhd", path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
	dir_fixture_file(f, ".liftfs/points/" DIR_NAME "/.new", path);
	assert_int_equal(access(path, F_OK), -1);
}

static void a_point_is_made_of_the_version_that_was_asked_for_and_once(void **state)
{
	struct dir_fixture *f = *state;
	CLEANUP(cleanup_target_points) struct target_points points = { 0 };
	struct error stale = ERROR_INIT, again = ERROR_INIT, odd = ERROR_INIT;
	char want[600];

	need_points(f);
	dir_fixture_claim(f, 9);
	assert_int_equal(snapshot(f, "P", NULL), 0);
	assert_int_equal(snapshot(f, "P", &again), -1);
	snprintf(want, sizeof(want), "%s/" DIR_NAME "@P: exists already", f->path);
	assert_error(&again, ERR_CONFLICT, want);
	assert_int_equal(again.detail, TARGET_REFUSED_EXISTS);
	dir_fixture_foreign_write(f);
	assert_int_equal(snapshot(f, "Q", &stale), -1);
	assert_int_equal(stale.detail, TARGET_REFUSED_VERSION);
	assert_int_equal(snapshot(f, "../Q", &odd), -1);
	assert_int_equal(odd.code, ERR_USAGE);
	assert_int_equal(replica_points(f->r, &points, NULL), 0);
	assert_int_equal(points.n, 1);
}

static void a_leftover_of_a_crash_is_no_point_and_in_no_way(void **state)
{
	struct dir_fixture *f = *state;
	CLEANUP(cleanup_target_points) struct target_points points = { 0 };
	char path[512];
	int fd;

	need_points(f);
	dir_fixture_claim(f, 9);
	assert_int_equal(snapshot(f, "P", NULL), 0);
	dir_fixture_file(f, ".liftfs/points/" DIR_NAME "/.new", path);
	assert_int_equal(mkdir(path, 0755), 0);
	dir_fixture_file(f, ".liftfs/points/" DIR_NAME "/.new/disk.vhd", path);
	fd = open(path, O_WRONLY | O_CREAT, 0444);
	close(fd);
	assert_int_equal(replica_points(f->r, &points, NULL), 0);
	assert_int_equal(points.n, 1);
	assert_int_equal(snapshot(f, "Q", NULL), 0);
	assert_int_equal(point_byte(f, "Q", 0), 0);
}

static void a_point_is_looked_at_and_read_and_nothing_else(void **state)
{
	struct dir_fixture *f = *state;
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP(cleanup_target_look) struct target_look l = { 0 };
	CLEANUP(cleanup_replica) struct replica *at = NULL;
	struct error e = ERROR_INIT, none = ERROR_INIT;
	char want[600];

	need_points(f);
	dir_fixture_claim(f, 9);
	assert_int_equal(op_wait(f->r, f->ones, 4096, 0, NULL), 0);
	dir_fixture_version(f);
	assert_int_equal(snapshot(f, "P", NULL), 0);
	at = replica_at_point(f->r, "P", NULL);
	l = dir_fixture_look(at);
	assert_int_equal(l.size, DIR_SIZE);
	assert_string_equal(target_meta_get(&l.meta, "token"), "P");
	assert_int_equal(replica_extents(at, DIR_SIZE, 0, l.version, &list, NULL), 0);
	assert_int_equal(list.v[0].kind, EXTENT_DATA);
	assert_int_equal(list.v[0].len, 4096);
	assert_int_equal(op_wait(at, f->ones, 512, 0, &e), -1);
	assert_error(&e, ERR_USAGE, DIR_NAME "@P: a recovery point cannot be written to");
	assert_null(replica_at_point(f->r, "R", &none));
	snprintf(want, sizeof(want), "%s/" DIR_NAME "@R: no such recovery point", f->path);
	assert_error(&none, ERR_CONFLICT, want);
	assert_int_equal(none.detail, TARGET_REFUSED_MISSING);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, dir_setup, dir_teardown)
	const struct CMUnitTest tests[] = {
		TEST(no_points_without_clones_and_it_says_why),
		TEST(a_point_stays_as_it_was_while_the_replica_changes),
		TEST(a_point_is_made_of_the_version_that_was_asked_for_and_once),
		TEST(a_leftover_of_a_crash_is_no_point_and_in_no_way),
		TEST(a_point_is_looked_at_and_read_and_nothing_else),
	};

	return cmocka_run_group_tests_name("dir-point", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every test with what the file system does by itself, and with undo files: tests/integration/dir-reflink.sh names a
 * folder on one with reflinks.
 */
#include "unit.h"

#include "../support/dir_fixture.h"
#include "target/dir_private.h"

/* As on a file system without reflinks. */
static int undo_setup(void **state)
{
	int rc = dir_setup(state);
	struct dir_place *p = ((struct dir_fixture *)*state)->target->priv;

	p->clones = false;
	p->undo = true;
	return rc;
}

static void network_file_systems_are_known_and_others_are_not(void **state)
{
	(void)state;
	assert_true(dir_is_network(0x6969));      /* NFS */
	assert_true(dir_is_network(0xfe534d42));  /* SMB */
	assert_true(dir_is_network(0xff534d42));  /* CIFS */
	assert_true(dir_is_network(0x65735546));  /* FUSE */
	assert_false(dir_is_network(0xef53));     /* ext4 */
	assert_false(dir_is_network(0x01021994)); /* tmpfs */
	assert_false(dir_is_network(0x58465342)); /* XFS */
	assert_false(dir_is_network(0x9123683e)); /* Btrfs */
}

static bool has_clones(const struct dir_fixture *f)
{
	const struct dir_place *p = f->target->priv;

	return p->clones;
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
	assert_int_equal(stat(path, &st), has_clones(f) ? 0 : -1);
	if (has_clones(f))
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

static void points_come_in_the_order_of_their_moments_whatever_order_they_were_made_in(void **state)
{
	static const char *const made[] = { "20261121T220000.000Z", "20261121T200000.000Z", "20261121T210000.000Z" };
	struct dir_fixture *f = *state;
	CLEANUP(cleanup_target_points) struct target_points points = { 0 };

	dir_fixture_claim(f, 9);
	for (uint8_t i = 0; i < 3; i++) {
		memset(f->ones, i + 1, sizeof(f->ones));
		assert_int_equal(op_wait(f->r, f->ones, 4096, 0, NULL), 0);
		dir_fixture_version(f);
		assert_int_equal(snapshot(f, made[i], NULL), 0);
	}
	assert_int_equal(replica_points(f->r, &points, NULL), 0);
	assert_string_equal(points.v[0].id, made[1]);
	assert_string_equal(points.v[1].id, made[2]);
	assert_string_equal(points.v[2].id, made[0]);
	for (uint8_t i = 0; i < 3; i++)
		assert_int_equal(point_byte(f, made[i], 0), i + 1);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, dir_setup, dir_teardown)
#define BOTH(fn)                                                  \
	TEST(fn),                                                 \
	{                                                         \
#fn " (undo)", fn, undo_setup, dir_teardown, NULL \
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(network_file_systems_are_known_and_others_are_not),
		BOTH(a_point_stays_as_it_was_while_the_replica_changes),
		BOTH(a_point_is_made_of_the_version_that_was_asked_for_and_once),
		BOTH(a_leftover_of_a_crash_is_no_point_and_in_no_way),
		BOTH(a_point_is_looked_at_and_read_and_nothing_else),
		BOTH(points_come_in_the_order_of_their_moments_whatever_order_they_were_made_in),
	};

	return cmocka_run_group_tests_name("dir-point", tests, NULL, NULL);
}

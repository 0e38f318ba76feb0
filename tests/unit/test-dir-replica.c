/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "../support/dir_fixture.h"

static void what_was_created_is_there_once_sparse_and_listed(void **state)
{
	struct dir_fixture *f = *state;
	CLEANUP(cleanup_target_look) struct target_look l = dir_fixture_look(f->r);
	struct target_meta none = { 0 };
	struct error e = ERROR_INIT;
	char path[512], want[600];
	struct stat st;

	assert_true(l.exists && !l.leased);
	assert_int_equal(l.size, DIR_SIZE);
	assert_int_equal(l.number, 7);
	assert_string_equal(target_meta_get(&l.meta, "liftfsid"), "42");
	dir_fixture_file(f, DIR_NAME, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, DIR_SIZE);
	assert_true(st.st_blocks * 512 < 65536);
	assert_int_equal(replica_create(f->r, DIR_SIZE, 99, &none, &e), -1);
	snprintf(want, sizeof(want), "%s/" DIR_NAME ": exists already", f->path);
	assert_error(&e, ERR_CONFLICT, want);
	assert_int_equal(e.detail, TARGET_REFUSED_EXISTS);
	target_look_fini(&l);
	l = dir_fixture_look(f->r);
	assert_int_equal(l.number, 7); /* the loser did not touch the metadata */
}

static void what_is_not_there_says_so(void **state)
{
	struct dir_fixture *f = *state;
	CLEANUP(cleanup_replica) struct replica *r = target_replica(f->target, "db/db.vhd", NULL);
	CLEANUP(cleanup_target_look) struct target_look l = dir_fixture_look(r);
	struct error e = ERROR_INIT, e2 = ERROR_INIT;
	uint8_t buf[512];

	assert_false(l.exists);
	assert_int_equal(replica_read(r, buf, 512, 0, NULL, &e), -1);
	assert_error(&e, ERR_CONFLICT, "db/db.vhd: not there");
	assert_int_equal(e.detail, TARGET_REFUSED_MISSING);
	assert_int_equal(replica_lease(r, TARGET_LEASE_ACQUIRE, &dir_id_a, &e2), -1);
	assert_int_equal(e2.detail, TARGET_REFUSED_MISSING);
}

static void a_raise_gives_a_new_version_and_never_lowers(void **state)
{
	struct dir_fixture *f = *state;
	char first[TARGET_VERSION_LEN];
	struct error e = ERROR_INIT;
	uint64_t live;

	dir_fixture_claim(f, 9);
	memcpy(first, f->version, sizeof(first));
	assert_int_equal(replica_raise(f->r, 3, f->version, &live, f->version, NULL), 0);
	assert_int_equal(live, 9);
	assert_string_not_equal(f->version, first);
	assert_int_equal(replica_raise(f->r, 10, first, &live, first, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_int_equal(e.detail, TARGET_REFUSED_VERSION);
	dir_fixture_version(f);
	assert_int_equal(replica_raise(f->r, 11, f->version, &live, f->version, NULL),
			 0); /* the look's is the raise's */
}

static void a_raise_with_metadata_is_one_change(void **state)
{
	struct dir_fixture *f = *state;
	CLEANUP(cleanup_target_look) struct target_look l = { 0 };
	CLEANUP(cleanup_target_meta) struct target_meta meta = { 0 }, later = { 0 };
	char before[TARGET_VERSION_LEN];
	struct error e = ERROR_INIT;
	uint64_t live;

	dir_fixture_claim(f, 9);
	memcpy(before, f->version, sizeof(before));
	assert_int_equal(target_meta_set(&meta, "holder", "host1", NULL), 0);
	assert_int_equal(target_meta_set(&later, "holder", "host2", NULL), 0);
	assert_true(replica_can_raise_with(f->r));
	assert_int_equal(replica_raise_with(f->r, 12, &meta, f->version, &live, f->version, NULL), 0);
	assert_int_equal(live, 12);
	assert_string_not_equal(f->version, before);
	assert_int_equal(replica_raise_with(f->r, 13, &later, before, &live, before, &e), -1);
	assert_int_equal(e.detail, TARGET_REFUSED_VERSION);
	l = dir_fixture_look(f->r);
	assert_int_equal(l.number, 12);
	assert_string_equal(l.version, f->version);
	assert_string_equal(target_meta_get(&l.meta, "holder"), "host1");
	assert_null(target_meta_get(&l.meta, "liftfsid")); /* replaced, not added to */
}

static void metadata_of_any_bytes_comes_back(void **state)
{
	struct dir_fixture *f = *state;
	CLEANUP(cleanup_target_look) struct target_look l = { 0 };
	CLEANUP(cleanup_target_meta) struct target_meta meta = { 0 };
	const char *odd = "\xff\x01 100% \"a\\b\" \xc3\xa4.";

	dir_fixture_claim(f, 9);
	assert_int_equal(target_meta_set(&meta, "odd", odd, NULL), 0);
	assert_int_equal(replica_set_meta(f->r, f->version, &meta, f->version, NULL), 0);
	l = dir_fixture_look(f->r);
	assert_string_equal(target_meta_get(&l.meta, "odd"), odd);
	assert_null(target_meta_get(&l.meta, "liftfsid"));
	assert_int_equal(l.number, 9);
	assert_string_equal(l.version, f->version);
}

static void growth_reads_as_zeros(void **state)
{
	struct dir_fixture *f = *state;
	uint8_t buf[512];

	dir_fixture_claim(f, 9);
	assert_int_equal(op_wait(f->r, f->ones, 512, DIR_SIZE - 512, NULL), 0);
	dir_fixture_version(f);
	assert_int_equal(replica_resize(f->r, 2 * DIR_SIZE, f->version, f->version, NULL), 0);
	assert_int_equal(replica_read(f->r, buf, 512, 2 * DIR_SIZE - 512, f->version, NULL), 0);
	assert_int_equal(buf[0], 0);
	assert_int_equal(replica_read(f->r, buf, 512, DIR_SIZE - 512, f->version, NULL), 0);
	assert_int_equal(buf[0], 1);
}

static void extents_are_the_file_s_holes(void **state)
{
	struct dir_fixture *f = *state;
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };

	dir_fixture_claim(f, 9);
	assert_int_equal(op_wait(f->r, f->ones, 8192, 65536, NULL), 0);
	assert_int_equal(replica_extents(f->r, DIR_SIZE, 0, NULL, &list, NULL), 0);
	assert_int_equal(list.n, 3);
	assert_int_equal(list.v[1].off, 65536);
	assert_int_equal(list.v[1].len, 8192);
	assert_int_equal(list.v[1].kind, EXTENT_DATA);
	assert_int_equal(list.v[2].kind, EXTENT_ZERO);
	assert_int_equal(replica_extents(f->r, 512, 66048, NULL, &list, NULL), 0);
	assert_int_equal(list.n, 1);
	assert_int_equal(list.v[0].off, 66048);
}

static void a_read_of_another_version_is_refused(void **state)
{
	struct dir_fixture *f = *state;
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	struct error e = ERROR_INIT, e2 = ERROR_INIT;
	uint8_t buf[512];

	assert_int_equal(replica_read(f->r, buf, 512, 0, f->version, NULL), 0);
	dir_fixture_foreign_write(f);
	assert_int_equal(replica_read(f->r, buf, 512, 0, f->version, &e), -1);
	assert_int_equal(e.detail, TARGET_REFUSED_VERSION);
	assert_int_equal(replica_extents(f->r, 512, 0, f->version, &list, &e2), -1);
	assert_int_equal(e2.detail, TARGET_REFUSED_VERSION);
}

static void metadata_of_a_newer_format_is_refused(void **state)
{
	struct dir_fixture *f = *state;
	static const char text[] =
		"{\"format\":3,\"writer\":\"liftfs 9.0\",\"name\":\"" DIR_NAME "\",\"number\":1,\"meta\":{}}";
	struct target_look l = { 0 };
	struct error e = ERROR_INIT;
	char path[512], want[700];
	FILE *file;

	dir_fixture_file(f, ".liftfs/meta/web01/web01.json", path);
	file = fopen(path, "w");
	fputs(text, file);
	fclose(file);
	assert_int_equal(replica_look(f->r, &l, &e), -1);
	snprintf(want, sizeof(want),
		 "%s/" DIR_NAME ": web01.json: format 3, written by liftfs 9.0, is newer than this liftfs (2)",
		 f->path);
	assert_error(&e, ERR_REFUSED, want);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, dir_setup, dir_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_was_created_is_there_once_sparse_and_listed),
		TEST(what_is_not_there_says_so),
		TEST(a_raise_gives_a_new_version_and_never_lowers),
		TEST(a_raise_with_metadata_is_one_change),
		TEST(metadata_of_any_bytes_comes_back),
		TEST(growth_reads_as_zeros),
		TEST(extents_are_the_file_s_holes),
		TEST(a_read_of_another_version_is_refused),
		TEST(metadata_of_a_newer_format_is_refused),
	};

	return cmocka_run_group_tests_name("dir-replica", tests, NULL, NULL);
}

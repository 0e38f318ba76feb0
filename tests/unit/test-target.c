/* SPDX-License-Identifier: Apache-2.0 */
/* The wrappers, before an implementation that would believe anything. */
#include "unit.h"

#include <string.h>

#include "../support/op_wait.h"
#include "../support/target_mem.h"

#define SIZE (UINT64_C(8) << 20)

static void urls_are_told_from_paths(void **state)
{
	static const char *const urls[] = { "https://h/c", "http://h/c", "ftp://x", "dir:/x", "null:" };
	static const char *const paths[] = { "/x", "x", "./null:", "a:b", "c:/x", "dir", "", "web 1://x", "mem:x" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(urls); i++)
		assert_true(target_is_url(urls[i]));
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		assert_false(target_is_url(paths[i]));
}

static void an_unknown_scheme_is_named_and_nothing_behind_it(void **state)
{
	struct error e = ERROR_INIT, e2 = ERROR_INIT;

	(void)state;
	assert_null(target_open("ftp://user:secret@host/", NULL, &e));
	assert_error(&e, ERR_USAGE, "'ftp:': not a kind of target; there are a folder, https: and null:");
	assert_null(target_open("null:x", NULL, &e2));
	assert_error(&e2, ERR_USAGE, "'null:x': null: takes nothing after it");
}

static void names_have_segments_and_a_suffix(void **state)
{
	static const char *const bad[] = { "a",        ".vhd",     "a/.vhd",    "/a.vhd",
					   "a//b.vhd", "../a.vhd", "a/./b.vhd", "a.vhd/" };
	CLEANUP(cleanup_target) struct target *t = target_open("null:", NULL, NULL);
	struct error e = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(target_check_name(t, bad[i], &(struct error){ 0 }), -1);
	assert_int_equal(target_check_name(t, "a/..b/...vhd", NULL), 0);
	assert_null(target_replica(t, "a/../b.vhd", &e));
	assert_error(&e, ERR_USAGE, "replica name 'a/../b.vhd': empty, '.' or '..' between slashes");
}

static void metadata_is_set_replaced_and_checked(void **state)
{
	CLEANUP(cleanup_target_meta) struct target_meta m = { 0 }, copy = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	assert_int_equal(target_meta_set(&m, "vm", "a", NULL), 0);
	assert_int_equal(target_meta_set(&m, "id2", "b", NULL), 0);
	assert_int_equal(target_meta_set(&m, "vm", "c", NULL), 0);
	assert_int_equal(m.n, 2);
	assert_int_equal(target_meta_copy(&copy, &m, NULL), 0);
	assert_string_equal(target_meta_get(&copy, "vm"), "c");
	assert_null(target_meta_get(&copy, "none"));
	assert_int_equal(target_meta_set(&m, "Upper", "x", &e), -1);
	assert_error(&e, ERR_USAGE, "metadata key 'Upper': not 1 to 23 characters of a-z and 0-9");
	assert_int_equal(target_meta_set(&m, "", "x", &(struct error){ 0 }), -1);
	assert_int_equal(target_meta_set(&m, "abcdefghijklmnopqrstuvwx", "x", &(struct error){ 0 }), -1);
}

struct fixture {
	struct mem_service *service;
	struct target *t;
	struct replica *r;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct target_meta none = { 0 };

	f->service = mem_service_new("wrappers");
	f->t = mem_target_open(f->service, NULL, NULL);
	f->r = target_replica(f->t, "a.vhd", NULL);
	assert_int_equal(replica_create(f->r, SIZE, 1, &none, NULL), 0);
	mem_records_clear(f->service);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	replica_close(f->r);
	target_close(f->t);
	mem_service_free(f->service);
	free(f);
	return 0;
}

static void operations_out_of_range_complete_with_a_bug(void **state)
{
	static const struct {
		uint64_t off, len;
	} bad[] = { { 0, 0 }, { 1, 512 }, { 0, 513 }, { SIZE, 512 }, { SIZE - 512, 1024 }, { UINT64_MAX - 511, 512 } };
	struct fixture *f = *state;
	static const uint8_t data[1024];
	struct error e = ERROR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct error why = ERROR_INIT;

		assert_int_equal(op_wait(f->r, data, bad[i].len, bad[i].off, &why), -1);
		assert_int_equal(why.code, ERR_BUG);
	}
	assert_int_equal(op_wait(f->r, data, TARGET_WRITE_MAX + 512, 0, &e), -1);
	assert_error(&e, ERR_BUG, "a.vhd: write of 4194816 bytes at once, more than 4194304");
	assert_int_equal(op_wait(f->r, NULL, SIZE, 0, NULL), 0); /* a zeroing has no such limit */
	assert_int_equal(mem_records_count(f->service, MEM_ALL), 1);
}

static void reads_look_for_the_size_once_and_stay_inside(void **state)
{
	struct fixture *f = *state;
	CLEANUP(cleanup_replica) struct replica *r = target_replica(f->t, "a.vhd", NULL);
	struct error e = ERROR_INIT;
	uint8_t buf[512];

	assert_int_equal(replica_read(r, buf, 512, 0, NULL, NULL), 0);
	assert_int_equal(replica_read(r, buf, 512, 512, NULL, NULL), 0);
	assert_int_equal(replica_read(r, buf, 512, SIZE - 511, NULL, &e), -1);
	assert_error(&e, ERR_USAGE, "a.vhd: read of 512 bytes at 0x7ffe01: beyond its end (0x800000)");
	assert_int_equal(mem_records_count(f->service, MEM_LOOK), 1);
	assert_int_equal(mem_records_count(f->service, MEM_READ), 2);
}

static void conditions_need_a_version_and_sizes_are_checked(void **state)
{
	struct fixture *f = *state;
	struct target_meta none = { 0 };
	char version[TARGET_VERSION_LEN];
	struct error e = ERROR_INIT, e2 = ERROR_INIT, e3 = ERROR_INIT;
	uint64_t live;

	assert_int_equal(replica_raise(f->r, 1, "", &live, version, &e), -1);
	assert_error(&e, ERR_BUG, "a.vhd: raise without a version to compare with");
	assert_int_equal(replica_create(f->r, 513, 1, &none, &e2), -1);
	assert_error(&e2, ERR_BUG, "a.vhd: a replica of 513 bytes");
	assert_int_equal(replica_create(f->r, UINT64_C(5) << 40, 1, &none, &e3), -1);
	assert_error(&e3, ERR_UNSUPPORTED, "a.vhd: 5497558138880 bytes: mem:wrappers holds at most 4398046511104");
}

static void counters_count_what_succeeded(void **state)
{
	struct fixture *f = *state;
	const struct target_counters *c = replica_counters(f->r);
	static const uint8_t data[1024];

	assert_int_equal(op_wait(f->r, data, 1024, 0, NULL), 0);
	assert_int_equal(op_wait(f->r, NULL, 4096, 0, NULL), 0);
	assert_true(mem_foreign_delete(f->service, "a.vhd"));
	assert_int_equal(op_wait(f->r, data, 1024, 0, &(struct error){ 0 }), -1);
	assert_int_equal(c->writes, 1);
	assert_int_equal(c->bytes_written, 1024);
	assert_int_equal(c->clears, 1);
	assert_int_equal(c->bytes_cleared, 4096);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_told_from_paths),
		cmocka_unit_test(an_unknown_scheme_is_named_and_nothing_behind_it),
		cmocka_unit_test(names_have_segments_and_a_suffix),
		cmocka_unit_test(metadata_is_set_replaced_and_checked),
		TEST(operations_out_of_range_complete_with_a_bug),
		TEST(reads_look_for_the_size_once_and_stay_inside),
		TEST(conditions_need_a_version_and_sizes_are_checked),
		TEST(counters_count_what_succeeded),
	};

	return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}

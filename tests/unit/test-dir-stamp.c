/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "../support/dir_fixture.h"
#include "target/dir_private.h"

/* Many times, since what would hide a write is that both fall into one tick of the clock. */
static void a_write_right_after_a_stamp_has_another_version(void **state)
{
	struct dir_fixture *f = *state;
	char path[512];
	int fd;

	dir_fixture_file(f, DIR_NAME, path);
	fd = open(path, O_RDWR);
	for (int i = 0; i < 200; i++) {
		struct stat stamped, after;

		assert_int_equal(dir_stamp(fd, &stamped, NULL), 0);
		assert_int_equal(pwrite(fd, "x", 1, 0), 1);
		assert_int_equal(fstat(fd, &after), 0);
		assert_false(dir_same(&stamped, &after));
	}
	close(fd);
}

static void two_stamps_differ_and_a_stamp_stays(void **state)
{
	struct dir_fixture *f = *state;
	char path[512], one[TARGET_VERSION_LEN], two[TARGET_VERSION_LEN];
	struct stat st;
	int fd;

	dir_fixture_file(f, DIR_NAME, path);
	fd = open(path, O_RDWR);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(dir_stamp(fd, &st, NULL), 0);
		dir_version(&st, one);
		assert_int_equal(stat(path, &st), 0);
		dir_version(&st, two);
		assert_string_equal(one, two);
		assert_int_equal(dir_stamp(fd, &st, NULL), 0);
		dir_version(&st, two);
		assert_string_not_equal(one, two);
	}
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_write_right_after_a_stamp_has_another_version, dir_setup,
						dir_teardown),
		cmocka_unit_test_setup_teardown(two_stamps_differ_and_a_stamp_stays, dir_setup, dir_teardown),
	};

	return cmocka_run_group_tests_name("dir-stamp", tests, NULL, NULL);
}

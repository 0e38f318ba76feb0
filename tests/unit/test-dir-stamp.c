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

/* Journals have them: they must stay as they were. */
static void a_version_is_what_printf_makes_of_it(void **state)
{
	static const int64_t numbers[] = { 0, 9, 10, 1795385743, INT64_MAX - 1, INT64_MAX, -1, -10, -62135596800, INT64_MIN };
	static const long fractions[] = { 0, 1, 99, 100000000, 999999999 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(numbers) * ARRAY_LEN(fractions); i++) {
		const int64_t a = numbers[i % ARRAY_LEN(numbers)], b = numbers[(i + 3) % ARRAY_LEN(numbers)];
		const struct stat st = {
			.st_ino = (ino_t)a,
			.st_size = b < 0 ? 0 : b,
			.st_mtim = { .tv_sec = a, .tv_nsec = fractions[i / ARRAY_LEN(numbers)] },
			.st_ctim = { .tv_sec = b, .tv_nsec = fractions[(i + 1) % ARRAY_LEN(fractions)] },
		};
		char want[TARGET_VERSION_LEN], got[TARGET_VERSION_LEN];

		snprintf(want, sizeof(want), "%ju:%jd:%jd.%09ld:%jd.%09ld", (uintmax_t)st.st_ino, (intmax_t)st.st_size,
			 (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (intmax_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
		memset(got, 'x', sizeof(got));
		dir_version(&st, got);
		assert_string_equal(got, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_write_right_after_a_stamp_has_another_version, dir_setup,
						dir_teardown),
		cmocka_unit_test_setup_teardown(two_stamps_differ_and_a_stamp_stays, dir_setup, dir_teardown),
		cmocka_unit_test(a_version_is_what_printf_makes_of_it),
	};

	return cmocka_run_group_tests_name("dir-stamp", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assess/catalogue_install.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "support/scratch.h"

static const char *const names[] = { "azure-prices.csv", "avs-ftt.csv", NULL };

static char *path_of(const struct scratch_dir *dir, const char *rest)
{
	char *path = NULL;

	assert_true(asprintf(&path, "%s/%s", dir->path, rest) > 0);
	return path;
}

static void put(struct catalogue_install *in, const char *name, const char *text)
{
	struct error e = ERROR_INIT;

	if (catalogue_install_put(in, name, text, strlen(text), &e) < 0)
		fail_msg("%s", e.msg);
}

static void assert_content(const char *folder, const char *name, const char *want)
{
	CLEANUP_FREE char *path = NULL, *text = NULL;
	struct error e = ERROR_INIT;

	assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
	text = io_read_file(AT_FDCWD, path, 1000, NULL, &e);
	assert_non_null(text);
	assert_string_equal(text, want);
}

static size_t entries(const char *folder)
{
	DIR *d = opendir(folder);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void a_new_folder_appears_whole(void **state)
{
	CLEANUP_FREE char *dir = path_of(*state, "share/liftfs/catalogue/"), *parent = path_of(*state, "share/liftfs");
	struct catalogue_install in = CATALOGUE_INSTALL_INIT;
	static const bool replace[] = { true, true };
	struct error e = ERROR_INIT;
	struct stat st;

	assert_int_equal(catalogue_install_open(&in, dir, &e), 0);
	put(&in, names[0], "prices");
	put(&in, names[1], "ftt");
	assert_int_equal(access(dir, F_OK), -1);
	assert_int_equal(catalogue_install_commit(&in, names, replace, &e), 0);
	catalogue_install_close(&in);
	assert_content(dir, names[0], "prices");
	assert_content(dir, names[1], "ftt");
	assert_int_equal(entries(parent), 1);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
}

static void only_what_is_named_is_replaced(void **state)
{
	const struct scratch_dir *dir = *state;
	struct catalogue_install in = CATALOGUE_INSTALL_INIT;
	static const bool replace[] = { true, false };
	struct error e = ERROR_INIT;

	scratch_write(dir, "avs-ftt.csv", "old", 3);
	scratch_write(dir, "mine.txt", "mine", 4);
	assert_int_equal(catalogue_install_open(&in, dir->path, &e), 0);
	put(&in, names[0], "prices");
	put(&in, names[1], "ftt");
	assert_int_equal(catalogue_install_commit(&in, names, replace, &e), 0);
	catalogue_install_close(&in);
	assert_content(dir->path, names[0], "prices");
	assert_content(dir->path, names[1], "old");
	assert_content(dir->path, "mine.txt", "mine");
	assert_int_equal(entries(dir->path), 3);
}

static void what_was_not_committed_leaves_nothing(void **state)
{
	const struct scratch_dir *dir = *state;
	CLEANUP_FREE char *fresh = path_of(dir, "fresh");
	struct catalogue_install in = CATALOGUE_INSTALL_INIT;
	struct error e = ERROR_INIT;

	scratch_write(dir, "azure-prices.csv", "old", 3);
	assert_int_equal(catalogue_install_open(&in, dir->path, &e), 0);
	put(&in, names[0], "prices");
	catalogue_install_close(&in);
	assert_content(dir->path, names[0], "old");
	assert_int_equal(entries(dir->path), 1);
	assert_int_equal(catalogue_install_open(&in, fresh, &e), 0);
	put(&in, names[0], "prices");
	catalogue_install_close(&in);
	assert_int_equal(entries(dir->path), 1);
}

static void one_update_at_a_time(void **state)
{
	const struct scratch_dir *dir = *state;
	struct catalogue_install first = CATALOGUE_INSTALL_INIT, second = CATALOGUE_INSTALL_INIT;
	struct error e = ERROR_INIT;

	assert_int_equal(catalogue_install_open(&first, dir->path, &e), 0);
	assert_int_equal(catalogue_install_open(&second, dir->path, &e), -1);
	assert_int_equal(e.code, ERR_BUSY);
	assert_non_null(strstr(e.msg, ": another update of it is running"));
	catalogue_install_close(&second);
	catalogue_install_close(&first);
	assert_int_equal(entries(dir->path), 0);
}

static void a_folder_that_somebody_else_made_meanwhile_is_not_replaced(void **state)
{
	const struct scratch_dir *dir = *state;
	CLEANUP_FREE char *fresh = path_of(dir, "fresh");
	struct catalogue_install in = CATALOGUE_INSTALL_INIT;
	static const bool replace[] = { true, true };
	struct error e = ERROR_INIT;

	assert_int_equal(catalogue_install_open(&in, fresh, &e), 0);
	put(&in, names[0], "prices");
	assert_int_equal(mkdir(fresh, 0755), 0);
	scratch_write(dir, "fresh/azure-prices.csv", "theirs", 6);
	assert_int_equal(catalogue_install_commit(&in, names, replace, &e), -1);
	assert_int_equal(e.code, ERR_SYSTEM);
	catalogue_install_close(&in);
	assert_content(fresh, names[0], "theirs");
	assert_int_equal(entries(dir->path), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_new_folder_appears_whole, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(only_what_is_named_is_replaced, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(what_was_not_committed_leaves_nothing, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(one_update_at_a_time, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(a_folder_that_somebody_else_made_meanwhile_is_not_replaced, scratch_setup,
						scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

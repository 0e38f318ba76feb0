/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "paths.h"
#include "support/scratch.h"

static bool inside(const struct scratch_dir *s, const char *path, const char *folder)
{
	char a[256], b[256];
	struct error e = ERROR_INIT;
	bool is;

	snprintf(a, sizeof(a), "%s/%s", s->path, path);
	snprintf(b, sizeof(b), "%s/%s", s->path, folder);
	assert_int_equal(paths_inside(a, b, &is, &e), 0);
	return is;
}

static void a_folder_is_inside_itself_and_what_is_above(void **state)
{
	const struct scratch_dir *s = *state;

	assert_int_equal(mkdirat(s->fd, "ds", 0700), 0);
	assert_int_equal(mkdirat(s->fd, "ds/web", 0700), 0);
	assert_int_equal(mkdirat(s->fd, "ds2", 0700), 0);
	assert_int_equal(symlinkat("ds/web", s->fd, "link"), 0);
	assert_true(inside(s, "ds", "ds"));
	assert_true(inside(s, "ds/web", "ds"));
	assert_true(inside(s, "ds/web/", "ds/"));
	assert_true(inside(s, "ds/not/there/yet", "ds"));
	assert_true(inside(s, "link/not-there", "ds"));
	assert_false(inside(s, "ds", "ds/web"));
	assert_false(inside(s, "ds2", "ds")); /* a name that begins so is no folder above */
	assert_false(inside(s, "ds2/x", "ds"));
	assert_false(inside(s, "ds", "gone"));
}

static void a_target_is_the_nearest_folder_that_holds_our_own(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP_FREE char *folder = NULL;
	CLEANUP_FREE char *none = NULL;
	struct error e = ERROR_INIT;
	const char *name = NULL;
	char path[256], want[256];

	assert_int_equal(mkdirat(s->fd, "tgt", 0700), 0);
	assert_int_equal(mkdirat(s->fd, "tgt/.liftfs", 0700), 0);
	snprintf(path, sizeof(path), "%s/tgt/web01/web01.vhd", s->path);
	snprintf(want, sizeof(want), "%s/tgt", s->path);
	assert_int_equal(paths_find_target(path, &folder, &name, &e), 0);
	assert_string_equal(folder, want);
	assert_string_equal(name, "web01/web01.vhd");
	snprintf(path, sizeof(path), "%s/other/web01.vhd", s->path);
	assert_int_equal(paths_find_target(path, &none, &name, &e), 0);
	assert_null(none);
	assert_null(name);
}

static void the_state_is_where_the_first_that_is_set_says(void **state)
{
	struct tool t = { .verb = "test" };
	struct error e = ERROR_INIT;
	char *path;

	(void)state;
	unsetenv("LIFTFS_STATE");
	unsetenv("XDG_STATE_HOME");
	setenv("HOME", "/home/x", 1);
	path = paths_state(&t, &e);
	assert_string_equal(path, "/home/x/.local/state/liftfs");
	free(path);
	setenv("XDG_STATE_HOME", "relative", 1); /* which the specification has ignored */
	path = paths_state(&t, &e);
	assert_string_equal(path, "/home/x/.local/state/liftfs");
	free(path);
	setenv("XDG_STATE_HOME", "/xdg", 1);
	path = paths_state(&t, &e);
	assert_string_equal(path, "/xdg/liftfs");
	free(path);
	setenv("LIFTFS_STATE", "/own", 1);
	path = paths_state(&t, &e);
	assert_string_equal(path, "/own");
	free(path);
	t.common.state = "/given";
	path = paths_state(&t, &e);
	assert_string_equal(path, "/given");
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_folder_is_inside_itself_and_what_is_above, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(a_target_is_the_nearest_folder_that_holds_our_own, scratch_setup,
						scratch_teardown),
		cmocka_unit_test(the_state_is_where_the_first_that_is_set_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

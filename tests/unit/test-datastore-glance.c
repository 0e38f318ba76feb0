/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "inventory/datastore_glance.h"
#include "support/scratch.h"

static void make_store(const struct scratch_dir *s)
{
	static const char *const folders[] = { "a", "a-b", "a/sub", ".dot", "~snapshot" };

	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		assert_int_equal(mkdirat(s->fd, folders[i], 0700), 0);
	scratch_write(s, "a/x.vmdk", "x", 1);
	scratch_write(s, "a/x.log", "x", 1);
	scratch_write(s, "a/sub/y.bin", "y", 1);
	scratch_write(s, ".dot/hidden.vmdk", "z", 1);
}

static struct datastore_glance glance(const struct scratch_dir *s)
{
	struct datastore_glance g = { 0 };

	assert_int_equal(datastore_glance(s->path, &g, NULL), 0);
	return g;
}

static void names_and_kinds_are_in_order(void **state)
{
	static const char want[] = "h .dot\nd a\nd a/sub\nf a/sub/y.bin\ni a/x.log\nf a/x.vmdk\nd a-b\nh ~snapshot\n";
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore_glance) struct datastore_glance g = { 0 };
	char got[512] = "";

	make_store(s);
	g = glance(s);
	for (size_t i = 0; i < g.n; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%c %s\n", g.v[i].kind, glance_path(&g, i));
	assert_string_equal(got, want);
	assert_false(g.odd);
}

/* More names than the kernel tells at once. */
static void a_folder_of_many_files_is_listed_whole(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore_glance) struct datastore_glance g = { 0 };
	char name[64];

	assert_int_equal(mkdirat(s->fd, "a", 0700), 0);
	for (unsigned i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "a/a-name-of-which-there-are-many-%04u", i * 7 % 500);
		scratch_write(s, name, "x", 1);
	}
	g = glance(s);
	assert_int_equal(g.n, 501);
	for (unsigned i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "a/a-name-of-which-there-are-many-%04u", i);
		assert_string_equal(glance_path(&g, i + 1), name);
	}
}

/* From the same store, after something was done to it. */
static bool differs_after(const struct scratch_dir *s, void (*change)(const struct scratch_dir *s))
{
	CLEANUP(cleanup_datastore_glance) struct datastore_glance before = glance(s), after = { 0 };

	change(s);
	after = glance(s);
	return !datastore_glance_equal(&before, &after);
}

static void nothing(const struct scratch_dir *s)
{
	(void)s;
}

static void write_to_a_log(const struct scratch_dir *s)
{
	scratch_write(s, "a/x.log", "longer", 6);
}

static void write_where_nobody_looks(const struct scratch_dir *s)
{
	scratch_write(s, ".dot/new.vmdk", "z", 1);
}

/* Settled times are not waited for: the size is another. */
static void write_to_an_image(const struct scratch_dir *s)
{
	scratch_write(s, "a/x.vmdk", "xx", 2);
}

static void write_to_any_other_file(const struct scratch_dir *s)
{
	scratch_write(s, "a/sub/y.bin", "yy", 2);
}

static void add_a_file(const struct scratch_dir *s)
{
	scratch_write(s, "a-b/z", "z", 1);
}

static void remove_a_log(const struct scratch_dir *s)
{
	assert_int_equal(unlinkat(s->fd, "a/x.log", 0), 0);
}

static void add_a_folder(const struct scratch_dir *s)
{
	assert_int_equal(mkdirat(s->fd, "a/new", 0700), 0);
}

static void rename_a_folder(const struct scratch_dir *s)
{
	assert_int_equal(renameat(s->fd, "a/sub", s->fd, "a/suc"), 0);
}

static void replace_by_a_copy(const struct scratch_dir *s)
{
	scratch_write(s, "a/copy", "xx", 2);
	assert_int_equal(renameat(s->fd, "a/copy", s->fd, "a/x.vmdk"), 0);
}

static void turn_into_a_folder(const struct scratch_dir *s)
{
	assert_int_equal(unlinkat(s->fd, "a-b/z", 0), 0);
	assert_int_equal(mkdirat(s->fd, "a-b/z", 0700), 0);
}

static void set_a_time(const struct scratch_dir *s)
{
	const struct timespec when[] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

	assert_int_equal(utimensat(s->fd, "a/x.vmdk", when, 0), 0);
}

static void whatever_a_search_depends_on_makes_it_another(void **state)
{
	const struct scratch_dir *s = *state;
	static const struct {
		const char *what;
		void (*change)(const struct scratch_dir *s);
		bool differs;
	} cases[] = {
		{ "nothing", nothing, false },
		{ "a log", write_to_a_log, false },
		{ "a hidden folder", write_where_nobody_looks, false },
		{ "an image", write_to_an_image, true },
		{ "another file", write_to_any_other_file, true },
		{ "a new file", add_a_file, true },
		{ "a log gone", remove_a_log, true },
		{ "a new folder", add_a_folder, true },
		{ "a renamed folder", rename_a_folder, true },
		{ "a copy in its place", replace_by_a_copy, true },
		{ "a folder in its place", turn_into_a_folder, true },
		{ "a time", set_a_time, true },
	};

	make_store(s);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (differs_after(s, cases[i].change) != cases[i].differs)
			fail_msg("%s: differs: not %d", cases[i].what, cases[i].differs);
}

static void another_folder_with_the_same_files_is_equal(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore_glance) struct datastore_glance a = { 0 }, b = { 0 };
	char path[80];

	assert_int_equal(mkdirat(s->fd, "one", 0700), 0);
	assert_int_equal(mkdirat(s->fd, "one/a", 0700), 0);
	scratch_write(s, "one/a/x.vmdk", "x", 1);
	snprintf(path, sizeof(path), "%s/one", s->path);
	assert_int_equal(datastore_glance(path, &a, NULL), 0);
	assert_int_equal(renameat(s->fd, "one", s->fd, "two"), 0);
	snprintf(path, sizeof(path), "%s/two", s->path);
	assert_int_equal(datastore_glance(path, &b, NULL), 0);
	assert_true(datastore_glance_equal(&a, &b));
	assert_int_equal(a.inode, b.inode);
}

static void a_link_makes_it_odd(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore_glance) struct datastore_glance g = { 0 };

	make_store(s);
	assert_int_equal(symlinkat("../.dot", s->fd, "a/link"), 0);
	g = glance(s);
	assert_true(g.odd);
}

static void what_cannot_be_listed_is_a_failure(void **state)
{
	const struct scratch_dir *s = *state;
	struct datastore_glance g;
	struct error e = ERROR_INIT;
	char path[80], want[128];

	snprintf(path, sizeof(path), "%s/missing", s->path);
	snprintf(want, sizeof(want), "%s: No such file or directory", path);
	assert_int_equal(datastore_glance(path, &g, &e), -1);
	assert_error(&e, ERR_SYSTEM, want);
}

/* What a search looks for out of a glance's sight is told by the root. */
static void names_out_of_sight_are_noted(void **state)
{
	const struct scratch_dir *s = *state;
	static const struct {
		const char *path;
		bool strays;
	} cases[] = {
		{ "a/x.vmdk", false }, { "./a/../a/x.vmdk", false }, { "a/missing.vmdk", false },
		{ ".dot/hidden.vmdk", true }, { "a/.missing/x.vmdk", true }, { "~snapshot/x.vmdk", true }, { "a/x.log", true },
	};

	make_store(s);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_backing_root) struct backing_root *root = backing_root_open(s->path, NULL);
		CLEANUP(cleanup_backing) struct backing *b = backing_open(root, cases[i].path, false, NULL);

		if (backing_root_strayed(root) != cases[i].strays)
			fail_msg("%s: strays: not %d", cases[i].path, cases[i].strays);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_and_kinds_are_in_order, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(a_folder_of_many_files_is_listed_whole, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(whatever_a_search_depends_on_makes_it_another, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(another_folder_with_the_same_files_is_equal, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(a_link_makes_it_odd, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_listed_is_a_failure, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(names_out_of_sight_are_noted, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

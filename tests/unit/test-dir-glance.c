/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <sched.h>
#include <sys/mount.h>

#include "../support/dir_fixture.h"
#include "base/clock.h"

#define SECOND_NS INT64_C(1000000000)
#define META ".liftfs/meta/web01/web01.json"

static struct target_glance glance(const struct dir_fixture *f)
{
	struct target_glance g;

	assert_int_equal(target_glance(f->target, DIR_NAME, &g, NULL), 0);
	assert_int_equal(g.requests, 1);
	return g;
}

static void it_is_the_same_until_a_look_would_tell_something_else(void **state)
{
	struct dir_fixture *f = *state;
	struct target_glance first = glance(f), again = glance(f), claimed, written;
	char path[512];
	int fd;

	if (!first.text[0])
		skip(); /* a file system whose times are not its own */
	assert_string_equal(first.text, again.text);
	dir_fixture_claim(f, 9); /* a number, and with it the metadata */
	claimed = glance(f);
	assert_string_not_equal(claimed.text, first.text);
	dir_fixture_file(f, DIR_NAME, path);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "x", 1, 0), 1);
	close(fd);
	written = glance(f);
	assert_string_not_equal(written.text, claimed.text);
}

/* A copy with the same bytes, also of what says whose it is. */
static void what_was_replaced_looks_otherwise(void **state)
{
	struct dir_fixture *f = *state;
	static const char *const files[] = { DIR_NAME, META };

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct target_glance before = glance(f), after;
		char path[512], copy[520], command[1200];

		dir_fixture_file(f, files[i], path);
		snprintf(copy, sizeof(copy), "%s.copy", path);
		snprintf(command, sizeof(command), "cp -p %s %s", path, copy);
		assert_int_equal(system(command), 0);
		assert_int_equal(rename(copy, path), 0);
		after = glance(f);
		if (before.text[0])
			assert_string_not_equal(before.text, after.text);
	}
}

static uint64_t realtime_ns;

static uint64_t fixed_clock(int which)
{
	return which == 0 ? realtime_ns : 1;
}

/* As if it were that many ns after `t`. */
static bool settled_at(const struct dir_fixture *f, const struct timespec *t, int64_t later_ns)
{
	bool settled;

	realtime_ns = (uint64_t)((int64_t)t->tv_sec * (int64_t)SECOND_NS + t->tv_nsec + later_ns);
	clock_set_for_test(fixed_clock);
	settled = glance(f).settled;
	clock_set_for_test(NULL);
	return settled;
}

static void metadata_settle_two_seconds_after_both_of_their_times(void **state)
{
	struct dir_fixture *f = *state;
	const int64_t settle_ns = 2 * SECOND_NS, hour_ns = 3600 * SECOND_NS;
	struct timespec set[] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 1000 } };
	char path[512];
	struct stat st;

	if (!glance(f).text[0])
		skip();
	assert_false(glance(f).settled);
	dir_fixture_file(f, META, path);
	assert_int_equal(stat(path, &st), 0);
	assert_false(settled_at(f, &st.st_ctim, -hour_ns)); /* times that are still to come */
	assert_int_equal(utimensat(AT_FDCWD, path, set, 0), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_false(settled_at(f, &st.st_ctim, settle_ns));
	assert_true(settled_at(f, &st.st_ctim, settle_ns + 1));
	set[1] = (struct timespec){ .tv_sec = st.st_ctim.tv_sec + 3600, .tv_nsec = 999999999 };
	assert_int_equal(utimensat(AT_FDCWD, path, set, 0), 0);
	assert_false(settled_at(f, &set[1], settle_ns));
	assert_true(settled_at(f, &set[1], settle_ns + 1));
}

static void what_is_not_there_has_none(void **state)
{
	struct dir_fixture *f = *state;
	struct target_glance g = { .text = "x" };

	assert_int_equal(target_glance(f->target, "db/db.vhd", &g, NULL), 0);
	assert_string_equal(g.text, "");
}

static void what_is_no_file_has_none(void **state)
{
	struct dir_fixture *f = *state;
	static const char *const files[] = { DIR_NAME, META };

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		char path[512], moved[512];

		dir_fixture_file(f, files[i], path);
		dir_fixture_file(f, "moved", moved);
		assert_int_equal(rename(path, moved), 0);
		assert_int_equal(mkdir(path, 0700), 0);
		assert_string_equal(glance(f).text, "");
		assert_int_equal(rmdir(path), 0);
		assert_int_equal(rename(moved, path), 0);
	}
}

static void a_name_that_no_replica_has_is_refused(void **state)
{
	struct dir_fixture *f = *state;
	struct target_glance g;
	struct error e = ERROR_INIT;

	assert_int_equal(target_glance(f->target, "../web01.vhd", &g, &e), -1);
	assert_error(&e, ERR_USAGE, "replica name '../web01.vhd': empty, '.' or '..' between slashes");
}

/* The same files by another way: a look refuses it, and says so. */
static void nothing_is_seen_through_a_link(void **state)
{
	struct dir_fixture *f = *state;
	static const char *const ways[] = { DIR_NAME, "web01", META, ".liftfs/meta/web01", ".liftfs/meta", ".liftfs" };

	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		char path[512], moved[512], link[32] = ""; /* which stays in the target */

		for (const char *at = strchr(ways[i], '/'); at; at = strchr(at + 1, '/'))
			strncat(link, "../", sizeof(link) - strlen(link) - 1);
		strncat(link, "moved", sizeof(link) - strlen(link) - 1);
		dir_fixture_file(f, ways[i], path);
		dir_fixture_file(f, "moved", moved);
		assert_int_equal(rename(path, moved), 0);
		assert_int_equal(symlink(link, path), 0);
		assert_int_equal(access(path, F_OK), 0);
		if (glance(f).text[0])
			fail_msg("%s: seen through a link", ways[i]);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(rename(moved, path), 0);
	}
}

/* For this process alone; false: it may not. */
static bool can_mount(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static void a_file_system_that_may_have_other_times_is_not_believed(void **state)
{
	struct dir_fixture *f = *state;
	CLEANUP(cleanup_target) struct target *t = NULL;
	CLEANUP(cleanup_replica) struct replica *r = NULL;
	const struct target_meta none = { 0 };
	struct target_glance g;
	char path[512];

	dir_fixture_file(f, "other", path);
	assert_int_equal(mkdir(path, 0700), 0);
	if (!can_mount() || mount("none", path, "ramfs", 0, NULL) < 0)
		skip();
	t = target_open(path, NULL, NULL);
	assert_int_equal(target_prepare(t, false, NULL, NULL), 0);
	r = target_replica(t, DIR_NAME, NULL);
	assert_int_equal(replica_create(r, DIR_SIZE, 7, &none, NULL), 0);
	assert_int_equal(target_glance(t, DIR_NAME, &g, NULL), 0);
	assert_string_equal(g.text, "");
	assert_int_equal(umount2(path, MNT_DETACH), 0);
}

/* Whether another file system's times tell anything, the root's does not say. */
static void nothing_is_seen_on_another_mount(void **state)
{
	struct dir_fixture *f = *state; /* its target's folder is open where nothing gets mounted */
	static const char *const folders[] = { "web01", ".liftfs/meta/web01" };
	CLEANUP(cleanup_target) struct target *t = dir_fixture_target(f);
	struct target_glance g;

	if (!glance(f).text[0] || !can_mount())
		skip();
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		char path[512];

		dir_fixture_file(f, folders[i], path);
		assert_int_equal(mount(path, path, NULL, MS_BIND, NULL), 0);
		assert_int_equal(target_glance(t, DIR_NAME, &g, NULL), 0);
		if (g.text[0])
			fail_msg("%s: seen on another mount", folders[i]);
		assert_int_equal(umount(path), 0);
	}
	assert_int_equal(target_glance(t, DIR_NAME, &g, NULL), 0);
	assert_string_not_equal(g.text, "");
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, dir_setup, dir_teardown)
	const struct CMUnitTest tests[] = {
		TEST(it_is_the_same_until_a_look_would_tell_something_else),
		TEST(what_was_replaced_looks_otherwise),
		TEST(metadata_settle_two_seconds_after_both_of_their_times),
		TEST(what_is_not_there_has_none),
		TEST(what_is_no_file_has_none),
		TEST(a_name_that_no_replica_has_is_refused),
		TEST(nothing_is_seen_through_a_link),
		TEST(a_file_system_that_may_have_other_times_is_not_believed),
		TEST(nothing_is_seen_on_another_mount),
	};

	return cmocka_run_group_tests_name("dir-glance", tests, NULL, NULL);
}

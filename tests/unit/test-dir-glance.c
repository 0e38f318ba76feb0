/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "../support/dir_fixture.h"
#include "base/clock.h"

#define SECOND_NS UINT64_C(1000000000)

static struct target_glance glance(struct replica *r)
{
	struct target_glance g;

	assert_int_equal(replica_glance(r, &g, NULL), 0);
	return g;
}

static void it_is_the_same_until_a_look_would_tell_something_else(void **state)
{
	struct dir_fixture *f = *state;
	struct target_glance first = glance(f->r), again = glance(f->r), claimed, written;
	char path[512];
	int fd;

	if (!first.text[0])
		skip(); /* a file system whose times are not its own */
	assert_string_equal(first.text, again.text);
	dir_fixture_claim(f, 9); /* a number, and with it the metadata */
	claimed = glance(f->r);
	assert_string_not_equal(claimed.text, first.text);
	dir_fixture_file(f, DIR_NAME, path);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "x", 1, 0), 1);
	close(fd);
	written = glance(f->r);
	assert_string_not_equal(written.text, claimed.text);
}

/* A copy with the same bytes, also of what says whose it is. */
static void what_was_replaced_looks_otherwise(void **state)
{
	struct dir_fixture *f = *state;
	static const char *const files[] = { DIR_NAME, ".liftfs/meta/web01/web01.json" };

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct target_glance before = glance(f->r), after;
		char path[512], copy[520], command[1200];

		dir_fixture_file(f, files[i], path);
		snprintf(copy, sizeof(copy), "%s.copy", path);
		snprintf(command, sizeof(command), "cp -p %s %s", path, copy);
		assert_int_equal(system(command), 0);
		assert_int_equal(rename(copy, path), 0);
		after = glance(f->r);
		if (before.text[0])
			assert_string_not_equal(before.text, after.text);
	}
}

static uint64_t realtime_ns;

static uint64_t fixed_clock(int which)
{
	return which == 0 ? realtime_ns : 1;
}

static void new_metadata_have_not_settled(void **state)
{
	struct dir_fixture *f = *state;
	struct target_glance now = glance(f->r);
	uint64_t made_ns = clock_realtime_ns();

	if (!now.text[0])
		skip();
	assert_false(now.settled);
	clock_set_for_test(fixed_clock);
	realtime_ns = made_ns + 4 * SECOND_NS;
	assert_true(glance(f->r).settled);
	realtime_ns = made_ns - 3600 * SECOND_NS; /* their times are still to come */
	assert_false(glance(f->r).settled);
	clock_set_for_test(NULL);
}

static void what_is_not_there_has_none(void **state)
{
	struct dir_fixture *f = *state;
	CLEANUP(cleanup_replica) struct replica *r = target_replica(f->target, "db/db.vhd", NULL);

	assert_string_equal(glance(r).text, "");
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, dir_setup, dir_teardown)
	const struct CMUnitTest tests[] = {
		TEST(it_is_the_same_until_a_look_would_tell_something_else),
		TEST(what_was_replaced_looks_otherwise),
		TEST(new_metadata_have_not_settled),
		TEST(what_is_not_there_has_none),
	};

	return cmocka_run_group_tests_name("dir-glance", tests, NULL, NULL);
}

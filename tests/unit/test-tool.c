/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "tool.h"

struct options {
	bool full;
	unsigned jobs;
	uint64_t size;
	const char *name;
};

/* argv as a shell gives it: writable, and the strings one after another. */
static int begin(struct tool *t, const struct tool_option *options, char *words, char **argv)
{
	int argc = 0;

	for (char *p = words; p; argc++) {
		argv[argc] = p;
		p = strchr(p, ' ');
		if (p)
			*p++ = '\0';
	}
	argv[argc] = NULL;
	t->options = options;
	return tool_begin(t, argc, argv);
}

static void options_and_arguments_come_in_any_order(void **state)
{
	struct options o = { 0 };
	const struct tool_option options[] = {
		{ "full", 'f', NULL, "all", tool_set_flag, &o.full, NULL },
		{ "jobs", 0, "N", "at once", tool_set_count, &o.jobs, NULL },
		{ "size", 0, "SIZE", "bytes", tool_set_size, &o.size, NULL },
		{ NULL, 'o', "TEXT", "a name", tool_set_text, &o.name, NULL },
		{ 0 },
	};
	struct tool t = { .verb = "test", .arguments = "A B", .min_args = 2, .max_args = 2 };
	char words[] = "test a --jobs 3 -f -o x,y --size=64K --json -qv --state /s b";
	char *argv[32];

	(void)state;
	assert_int_equal(begin(&t, options, words, argv), -1);
	assert_true(o.full);
	assert_int_equal(o.jobs, 3);
	assert_int_equal(o.size, 65536);
	assert_string_equal(o.name, "x,y");
	assert_true(t.common.json && t.common.quiet);
	assert_int_equal(t.common.verbose, 1);
	assert_string_equal(t.common.state, "/s");
	assert_int_equal(t.n_args, 2);
	assert_string_equal(t.args[0], "a");
	assert_string_equal(t.args[1], "b");
}

static void a_signature_is_wiped_where_ps_shows_it(void **state)
{
	struct tool t = { .verb = "test", .arguments = "URL", .min_args = 1, .max_args = 1 };
	char words[] = "test https://h/c?sv=1&sig=TopSecret%3D&sp=r";
	const size_t len = sizeof(words);
	char *argv[4];

	(void)state;
	assert_int_equal(begin(&t, NULL, words, argv), -1);
	assert_string_equal(t.args[0], "https://h/c?sv=1&sig=TopSecret%3D&sp=r");
	assert_null(memmem(words, len, "TopSecret", 9));
	assert_null(memmem(words, len, "cret", 4));
	free(t.args[0]); /* a copy, which a program keeps to its end */
}

static void wrong_usage_ends_with_2(void **state)
{
	static const char *const wrong[] = { "test", "test a b", "test --jobs x a", "test --nope a", "test -Z a", "test a --state",
					     "test --json=1 a" };
	unsigned jobs = 0;
	const struct tool_option options[] = {
		{ "jobs", 0, "N", "at once", tool_set_count, &jobs, NULL },
		{ 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct tool t = { .verb = "test", .arguments = "A", .min_args = 1, .max_args = 1 };
		char words[64], *argv[16];

		memcpy(words, wrong[i], strlen(wrong[i]) + 1);
		assert_int_equal(begin(&t, options, words, argv), 2);
	}
	assert_int_equal(jobs, 0);
}

static int set_twice(void *dest, const char *value, struct error *err)
{
	(void)err;
	*(const char **)dest = value ? value : "none";
	return 0;
}

static void an_argument_in_brackets_may_be_missing(void **state)
{
	const char *watch = NULL;
	const struct tool_option options[] = {
		{ "watch", 0, "[INTERVAL]", "go on", set_twice, &watch, NULL },
		{ 0 },
	};
	struct tool t = { .verb = "test", .arguments = "A", .min_args = 1, .max_args = 1 };
	char with[] = "test --watch=5m a", without[] = "test --watch a";
	char *argv[8];

	(void)state;
	assert_int_equal(begin(&t, options, with, argv), -1);
	assert_string_equal(watch, "5m");
	assert_int_equal(begin(&t, options, without, argv), -1);
	assert_string_equal(watch, "none");
	assert_string_equal(t.args[0], "a");
}

static void the_worst_status_is_the_one_that_shows(void **state)
{
	static const int order[] = { 70, 78, 75, 74, 65, 69, 1, 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		for (size_t k = i; k < ARRAY_LEN(order); k++) {
			assert_int_equal(tool_worse_status(order[i], order[k]), order[i]);
			assert_int_equal(tool_worse_status(order[k], order[i]), order[i]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_arguments_come_in_any_order),
		cmocka_unit_test(a_signature_is_wiped_where_ps_shows_it),
		cmocka_unit_test(wrong_usage_ends_with_2),
		cmocka_unit_test(an_argument_in_brackets_may_be_missing),
		cmocka_unit_test(the_worst_status_is_the_one_that_shows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

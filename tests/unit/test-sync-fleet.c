/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/scratch.h"
#include "sync_fleet.h"

static struct scratch_dir *dir;
static char list[128];

static const char *variables[8]; /* NAME, VALUE, NAME, VALUE, ... */

static const char *env(const char *name)
{
	for (size_t i = 0; i + 1 < ARRAY_LEN(variables) && variables[i]; i += 2)
		if (strcmp(variables[i], name) == 0)
			return variables[i + 1];
	return NULL;
}

static void set_variables(const char *a, const char *a_value, const char *b, const char *b_value)
{
	variables[0] = a;
	variables[1] = a_value;
	variables[2] = b;
	variables[3] = b_value;
}

static void write_list(const char *text, size_t len)
{
	scratch_write(dir, "list", text, len);
}

static int setup(void **state)
{
	scratch_setup(state);
	dir = *state;
	snprintf(list, sizeof(list), "%s/list", dir->path);
	write_list("web01/web01\ndb/db\n\nx\r\nx y\nx\nlast", 32);
	set_variables(NULL, NULL, NULL, NULL);
	return 0;
}

static int teardown(void **state)
{
	return scratch_teardown(state);
}

static void chosen(const char *index, const char *line, const char *variable)
{
	struct sync_fleet f;
	struct error e = ERROR_INIT;

	if (sync_fleet_choose(list, index, env, &f, &e) < 0)
		fail_msg("%s: %s", index, e.msg);
	assert_string_equal(f.line, line);
	if (variable)
		assert_string_equal(f.variable, variable);
	else
		assert_null(f.variable);
	sync_fleet_fini(&f);
}

static void refused(const char *index, const char *end_of_message)
{
	struct sync_fleet f = { .number = 77 };
	struct error e = ERROR_INIT;
	size_t len = strlen(end_of_message);

	assert_int_equal(sync_fleet_choose(list, index, env, &f, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	assert_true(strlen(e.msg) >= len);
	assert_string_equal(e.msg + strlen(e.msg) - len, end_of_message);
	assert_int_equal(f.number, 77);
}

static void a_number_is_a_line_from_1(void **state)
{
	(void)state;
	chosen("1", "web01/web01", NULL);
	chosen("2", "db/db", NULL);
	chosen("5", "x y", NULL);
	chosen("7", "last", NULL); /* without a newline */
	refused("0", "--index 0: lines count from 1");
	refused("8", ": no line 8: it has 7");
	refused("3", ": line 3 is blank");
	refused("1x", "--index: '1x': not a number");
	refused("", "--index: '': not a number");
}

static void a_line_that_is_there_twice_is_nobodys(void **state)
{
	(void)state;
	refused("4", ": lines 4 and 6 are the same: 'x'"); /* the end of a line of Windows is none of its name */
	refused("6", ": lines 4 and 6 are the same: 'x'");
}

static void each_scheduler_has_its_variable_and_its_first_number(void **state)
{
	(void)state;
	set_variables("SLURM_ARRAY_TASK_ID", "2", NULL, NULL);
	chosen("auto", "db/db", "SLURM_ARRAY_TASK_ID");
	chosen("1", "web01/web01", NULL); /* the command line's word is enough */
	set_variables("PARALLEL_SEQ", "1", NULL, NULL);
	chosen("auto", "web01/web01", "PARALLEL_SEQ");
	set_variables("JOB_COMPLETION_INDEX", "1", NULL, NULL);
	chosen("auto", "db/db", "JOB_COMPLETION_INDEX");
	set_variables("JOB_COMPLETION_INDEX", "0", NULL, NULL);
	chosen("auto", "web01/web01", "JOB_COMPLETION_INDEX");
	set_variables("SGE_TASK_ID", "2", NULL, NULL);
	chosen("auto", "db/db", "SGE_TASK_ID");
	set_variables("SGE_TASK_ID", "0", NULL, NULL);
	refused("auto", "SGE_TASK_ID=0: lines count from 1");
}

static void grid_engines_undefined_is_no_number(void **state)
{
	(void)state;
	set_variables("SGE_TASK_ID", "undefined", NULL, NULL);
	refused("auto", "--index auto: none of SLURM_ARRAY_TASK_ID, SGE_TASK_ID, PARALLEL_SEQ and JOB_COMPLETION_INDEX is set");
	set_variables("SGE_TASK_ID", "undefined", "PARALLEL_SEQ", "2");
	chosen("auto", "db/db", "PARALLEL_SEQ");
}

static void two_that_agree_will_do_and_two_that_disagree_will_not(void **state)
{
	(void)state;
	set_variables("SLURM_ARRAY_TASK_ID", "2", "JOB_COMPLETION_INDEX", "1");
	chosen("auto", "db/db", "SLURM_ARRAY_TASK_ID");
	set_variables("SLURM_ARRAY_TASK_ID", "2", "PARALLEL_SEQ", "1");
	refused("auto", "SLURM_ARRAY_TASK_ID says line 2, PARALLEL_SEQ line 1: give --index a number");
	set_variables("SLURM_ARRAY_TASK_ID", "two", NULL, NULL);
	refused("auto", "SLURM_ARRAY_TASK_ID: 'two': not a number");
}

static void what_is_no_list_is_refused(void **state)
{
	struct sync_fleet f;
	struct error e = ERROR_INIT;

	(void)state;
	write_list("a\0b\n", 4);
	refused("1", ": a zero byte at 1: no list of names");
	write_list("", 0);
	refused("1", ": no line 1: it has 0");
	remove(list);
	assert_int_equal(sync_fleet_choose(list, "1", env, &f, &e), -1);
	assert_int_equal(e.code, ERR_SYSTEM);
}

static void a_line_is_a_vm_as_it_is_shown_or_a_disk(void **state)
{
	char line[] = "web%0A1/web", disk[] = "db/db_1.vhd";
	struct sync_fleet f = { .line = line };

	(void)state;
	assert_true(sync_fleet_wants(&f, "web\n1/web", "web%0A1/web.vhd"));
	assert_false(sync_fleet_wants(&f, "web%0A1/web", "web%250A1/web.vhd")); /* another VM, whose name is shown otherwise */
	assert_false(sync_fleet_wants(&f, "web", "web.vhd"));
	f.line = disk;
	assert_true(sync_fleet_wants(&f, "db/db", "db/db_1.vhd"));
	assert_false(sync_fleet_wants(&f, "db/db", "db/db.vhd"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_number_is_a_line_from_1, setup, teardown),
		cmocka_unit_test_setup_teardown(a_line_that_is_there_twice_is_nobodys, setup, teardown),
		cmocka_unit_test_setup_teardown(each_scheduler_has_its_variable_and_its_first_number, setup, teardown),
		cmocka_unit_test_setup_teardown(grid_engines_undefined_is_no_number, setup, teardown),
		cmocka_unit_test_setup_teardown(two_that_agree_will_do_and_two_that_disagree_will_not, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_list_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_line_is_a_vm_as_it_is_shown_or_a_disk, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

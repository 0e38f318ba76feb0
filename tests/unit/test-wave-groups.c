/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "assess/wave_groups.h"
#include "support/scratch.h"

static void read_text(const struct scratch_dir *dir, const char *text, struct wave_groups *g)
{
	struct error err = ERROR_INIT;
	char path[128];

	scratch_write(dir, "groups.csv", text, strlen(text));
	snprintf(path, sizeof(path), "%s/groups.csv", dir->path);
	if (wave_groups_read(path, g, &err) < 0)
		fail_msg("%s", err.msg);
}

static void each_column_is_read(void **state)
{
	CLEANUP(cleanup_wave_groups) struct wave_groups g = { .n = 0 };
	const struct wave_row *r;

	read_text(*state,
		  "VM,Application,Environment,Criticality,Depends on\n"
		  "web,Shop,Test,HIGH,\" db ; Sign-in,|,x\"\n"
		  "db,Shop,production,low,\n"
		  "alone,,,,\n",
		  &g);
	assert_int_equal(g.n, 3);
	assert_int_equal(g.notices.n, 0);
	r = wave_groups_find(&g, "WEB");
	assert_non_null(r);
	assert_string_equal(r->application, "Shop");
	assert_true(r->devtest);
	assert_int_equal(r->criticality, WAVE_HIGH);
	assert_int_equal(r->n_depends, 3);
	assert_string_equal(r->depends[0], "db");
	assert_string_equal(r->depends[1], "Sign-in");
	assert_string_equal(r->depends[2], "x");
	assert_string_equal(r->place, "groups.csv:2");
	r = wave_groups_find(&g, "db");
	assert_false(r->devtest);
	assert_int_equal(r->criticality, WAVE_LOW);
	r = wave_groups_find(&g, "alone");
	assert_null(r->application);
	assert_int_equal(r->criticality, WAVE_MEDIUM);
	assert_null(wave_groups_find(&g, "other"));
}

static void what_is_not_understood_is_told_with_its_line(void **state)
{
	CLEANUP(cleanup_wave_groups) struct wave_groups g = { .n = 0 };

	read_text(*state,
		  "Server name;Environment;Criticality\n"
		  "a;staging;urgent\n"
		  ";prod;low\n"
		  "A;dev;low\n",
		  &g);
	assert_int_equal(g.n, 1);
	assert_false(g.v[0].devtest);
	assert_int_equal(g.v[0].criticality, WAVE_MEDIUM);
	assert_int_equal(g.notices.n, 4);
	assert_string_equal(g.notices.v[0], "groups.csv:2: Environment: 'staging' is not an environment (prod, dev or "
					    "test); production is taken");
	assert_string_equal(g.notices.v[1], "groups.csv:2: Criticality: 'urgent' is not a criticality (low, medium or "
					    "high); medium is taken");
	assert_string_equal(g.notices.v[2], "groups.csv:3: no machine is named");
	assert_string_equal(g.notices.v[3], "groups.csv:4: machine 'A' is in groups.csv:2 already, which counts");
}

static void a_file_without_machines_names_is_refused(void **state)
{
	const struct scratch_dir *dir = *state;
	struct error err = ERROR_INIT;
	struct wave_groups g;
	char path[128], want[256];

	scratch_write(dir, "groups.csv", "Application\nShop\n", 17);
	snprintf(path, sizeof(path), "%s/groups.csv", dir->path);
	snprintf(want, sizeof(want), "%s: no column 'VM' for the machine's name", path);
	assert_int_equal(wave_groups_read(path, &g, &err), -1);
	assert_error(&err, ERR_CORRUPT, want);
	assert_int_equal(g.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_column_is_read, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(what_is_not_understood_is_told_with_its_line, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(a_file_without_machines_names_is_refused, scratch_setup,
						scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

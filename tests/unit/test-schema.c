/* SPDX-License-Identifier: Apache-2.0 */
/* The database's format: made, brought up to date with a copy aside, and refused when it is newer. */
#include "unit.h"

#include <stdio.h>
#include <unistd.h>

#include "project/schema.h"
#include "support/scratch.h"

static const char *const steps[] = {
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL); CREATE TABLE a (x)",
	"ALTER TABLE a ADD COLUMN y; UPDATE a SET y = x + 1",
	"CREATE TABLE b (z)",
};
static const struct schema oldest = { .steps = steps, .n = 1 }, newest = { .steps = steps, .n = 3 };
static const char *const broken_steps[] = { "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL); CREATE TABLE a (x)",
					    "CREATE TABLE c (x); no SQL" };
static const struct schema broken = { .steps = broken_steps, .n = 2 };

struct place {
	struct scratch_dir *dir;
	char path[96];
	sqlite3 *db;
};

static int setup(void **state)
{
	static struct place p;
	struct error e = ERROR_INIT;
	void *dir = NULL;

	if (scratch_setup(&dir) != 0)
		return -1;
	p.dir = dir;
	snprintf(p.path, sizeof(p.path), "%s/x.db", p.dir->path);
	scratch_write(p.dir, "x.db", "", 0);
	p.db = sql_open(p.path, false, &e);
	assert_non_null(p.db);
	*state = &p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	void *dir = p->dir;

	sql_close(p->db);
	return scratch_teardown(&dir);
}

static uint64_t number(sqlite3 *db, const char *sql)
{
	struct error e = ERROR_INIT;
	uint64_t n;

	if (sql_number(db, sql, 0, &n, &e) < 0)
		fail_msg("%s: %s", sql, e.msg);
	return n;
}

static void upgrade(struct place *p, const struct schema *s)
{
	struct error e = ERROR_INIT;

	if (schema_upgrade(p->db, p->path, s, &e) < 0)
		fail_msg("%s", e.msg);
}

static void an_older_one_is_copied_aside_and_upgraded(void **state)
{
	struct place *p = *state;
	char copy[128];

	upgrade(p, &oldest);
	assert_int_equal(number(p->db, "PRAGMA user_version"), 1);
	snprintf(copy, sizeof(copy), "%s.0", p->path);
	assert_int_equal(access(copy, F_OK), -1); /* there was nothing to keep */
	assert_int_equal(sql_script(p->db, "INSERT INTO a VALUES (41)", NULL), 0);
	scratch_write(p->dir, "x.db.1.new", "left by a crash", 15);

	upgrade(p, &newest);
	assert_int_equal(number(p->db, "PRAGMA user_version"), 3);
	assert_int_equal(number(p->db, "SELECT y FROM a"), 42);
	assert_int_equal(number(p->db, "SELECT count(*) FROM meta WHERE key = 'writer' AND value = 'liftfs " PACKAGE_VERSION "'"), 1);
	snprintf(copy, sizeof(copy), "%s.1", p->path);
	CLEANUP(cleanup_sql) sqlite3 *aside = sql_open(copy, false, NULL);
	assert_non_null(aside);
	assert_int_equal(number(aside, "PRAGMA user_version"), 1);
	assert_int_equal(number(aside, "SELECT x FROM a"), 41);
}

static void an_upgrade_that_fails_leaves_the_old_one(void **state)
{
	struct place *p = *state;
	struct error e = ERROR_INIT;

	upgrade(p, &oldest);
	assert_int_equal(schema_upgrade(p->db, p->path, &broken, &e), -1);
	assert_error(&e, ERR_BUG, "format 2: near \"no\": syntax error");
	assert_int_equal(number(p->db, "PRAGMA user_version"), 1);
	assert_int_equal(number(p->db, "SELECT count(*) FROM sqlite_schema WHERE name = 'c'"), 0);
}

static void a_newer_one_is_refused_with_the_name_of_its_writer(void **state)
{
	struct place *p = *state;
	struct error e = ERROR_INIT;
	unsigned version;

	upgrade(p, &newest);
	assert_int_equal(sql_script(p->db, "UPDATE meta SET value = 'liftfs 9.1'", NULL), 0);
	assert_int_equal(schema_check(p->db, &oldest, &version, &e), -1);
	assert_error(&e, ERR_REFUSED,
		     "database of format 3, written by liftfs 9.1; this is liftfs " PACKAGE_VERSION ", which reads up to 1");
	assert_int_equal(schema_upgrade(p->db, p->path, &oldest, NULL), -1);
	assert_int_equal(number(p->db, "PRAGMA user_version"), 3);
	assert_int_equal(schema_check(p->db, &newest, &version, &e), 0);
	assert_int_equal(version, 3);
}

static void a_newer_one_without_a_writer_is_refused_too(void **state)
{
	struct place *p = *state;
	struct error e = ERROR_INIT;
	unsigned version;

	assert_int_equal(sql_script(p->db, "PRAGMA user_version = 7", NULL), 0);
	assert_int_equal(schema_check(p->db, &newest, &version, &e), -1);
	assert_error(&e, ERR_REFUSED,
		     "database of format 7, written by a newer liftfs; this is liftfs " PACKAGE_VERSION ", which reads up to 3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_older_one_is_copied_aside_and_upgraded, setup, teardown),
		cmocka_unit_test_setup_teardown(an_upgrade_that_fails_leaves_the_old_one, setup, teardown),
		cmocka_unit_test_setup_teardown(a_newer_one_is_refused_with_the_name_of_its_writer, setup, teardown),
		cmocka_unit_test_setup_teardown(a_newer_one_without_a_writer_is_refused_too, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "project/sql.h"

static sqlite3 *numbers(void)
{
	sqlite3 *db = sql_open("", false, NULL);

	assert_non_null(db);
	assert_int_equal(sql_script(db, "CREATE TABLE n (v INT, name TEXT); INSERT INTO n VALUES (1, 'one'), (2, 'two')", NULL), 0);
	return db;
}

static const char by_value[] = "SELECT name FROM n WHERE v >= ? ORDER BY v";

static void a_statement_that_was_finished_is_used_again_and_begins_anew(void **state)
{
	CLEANUP(cleanup_sql) sqlite3 *db = numbers();
	sqlite3_stmt *first, *again;

	(void)state;
	first = sql_query(db, NULL, by_value, "i", (int64_t)1);
	assert_int_equal(sql_next(first, NULL), 1); /* left in the middle */
	sql_finish(first);
	again = sql_query(db, NULL, by_value, "i", (int64_t)2);
	assert_ptr_equal(again, first);
	assert_int_equal(sql_next(again, NULL), 1);
	assert_string_equal(sqlite3_column_text(again, 0), "two");
	assert_int_equal(sql_next(again, NULL), 0);
	sql_finish(again);
}

static void one_whose_rows_are_being_read_is_not_given_to_another(void **state)
{
	CLEANUP(cleanup_sql) sqlite3 *db = numbers();
	CLEANUP(cleanup_statement) sqlite3_stmt *first = NULL;
	CLEANUP(cleanup_statement) sqlite3_stmt *other = NULL;

	(void)state;
	first = sql_query(db, NULL, by_value, "i", (int64_t)1);
	assert_int_equal(sql_next(first, NULL), 1);
	other = sql_query(db, NULL, by_value, "i", (int64_t)2);
	assert_ptr_not_equal(other, first);
	assert_int_equal(sql_next(other, NULL), 1);
	assert_int_equal(sql_next(first, NULL), 1);
	assert_string_equal(sqlite3_column_text(first, 0), "two");
	assert_int_equal(sql_next(first, NULL), 0);
}

/* A value that is not given is null, not the last one's. */
static void no_value_stays_from_the_last_use(void **state)
{
	static const char insert[] = "INSERT INTO n VALUES (?1, ?2)";
	CLEANUP(cleanup_sql) sqlite3 *db = numbers();
	uint64_t n;

	(void)state;
	assert_int_equal(sql_run(db, NULL, insert, "it", (int64_t)3, "three"), 0);
	assert_int_equal(sql_run(db, NULL, insert, "i", (int64_t)4), 0);
	assert_int_equal(sql_number(db, "SELECT count(*) FROM n WHERE name IS NULL", 0, &n, NULL), 0);
	assert_int_equal(n, 1);
}

static void a_refusal_is_told_once_and_the_statement_works_on(void **state)
{
	CLEANUP(cleanup_sql) sqlite3 *db = numbers();
	static const char insert[] = "INSERT INTO u VALUES (?)";
	struct error e = ERROR_INIT;

	(void)state;
	assert_int_equal(sql_script(db, "CREATE TABLE u (v INT UNIQUE)", NULL), 0);
	assert_int_equal(sql_run(db, NULL, insert, "i", (int64_t)1), 0);
	assert_int_equal(sql_run(db, &e, insert, "i", (int64_t)1), -1);
	assert_error(&e, ERR_CONFLICT, "UNIQUE constraint failed: u.v");
	assert_int_equal(sql_run(db, NULL, insert, "i", (int64_t)2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_statement_that_was_finished_is_used_again_and_begins_anew),
		cmocka_unit_test(one_whose_rows_are_being_read_is_not_given_to_another),
		cmocka_unit_test(no_value_stays_from_the_last_use),
		cmocka_unit_test(a_refusal_is_told_once_and_the_statement_works_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

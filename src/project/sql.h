/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite with errors as values.  Statements are constant text; every value is bound.
 *
 * The letters of `types` say what follows: t a text (NULL: null), i an int64_t, u a uint64_t, n nothing (null).  A number
 * beyond int64_t is stored as the largest one.
 *
 * ERR_BUSY   another process writes for longer than SQL_BUSY_MS
 * ERR_CORRUPT  the file is damaged, or no database
 * ERR_SYSTEM   the file system said no
 * ERR_CONFLICT a constraint or trigger refused
 */
#ifndef LIFTFS_PROJECT_SQL_H
#define LIFTFS_PROJECT_SQL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

#define SQL_BUSY_MS 10000

/* An existing file; "" is a private one that lives in memory.  read_only: it is not even checkpointed at the end. */
sqlite3 *sql_open(const char *path, bool read_only, struct error *err) MUST_CHECK;
void sql_close(sqlite3 *db);
DEFINE_CLEANUP(cleanup_sql, sqlite3 *, sql_close);

/* One statement without rows. */
int sql_run(sqlite3 *db, struct error *err, const char *sql, const char *types, ...) MUST_CHECK;
/* Several, separated by ';', without values. */
int sql_script(sqlite3 *db, const char *sql, struct error *err) MUST_CHECK;

/*
 * A statement with rows; the caller finishes it, before it asks for the same one again.  Finished statements stay prepared for the
 * next who asks, until the database is closed: who shares a database among threads has a lock around each statement.
 */
sqlite3_stmt *sql_query(sqlite3 *db, struct error *err, const char *sql, const char *types, ...) MUST_CHECK;
/* A statement without rows once more, after sql_query(), with other values. */
int sql_again(sqlite3_stmt *st, struct error *err, const char *types, ...) MUST_CHECK;
/* 1: a row; 0: there are no more; -1. */
int sql_next(sqlite3_stmt *st, struct error *err) MUST_CHECK;
void sql_finish(sqlite3_stmt *st);
DEFINE_CLEANUP(cleanup_statement, sqlite3_stmt *, sql_finish);

/* Of the row at hand.  sql_text: a copy, "" for null; NULL only without memory. */
char *sql_text(sqlite3_stmt *st, int column, struct error *err) MUST_CHECK;
uint64_t sql_u64(sqlite3_stmt *st, int column); /* 0 for null and for what is negative */

/* One number; `none` if there is no row. */
int sql_number(sqlite3 *db, const char *sql, uint64_t none, uint64_t *out, struct error *err) MUST_CHECK;

/* Writers wait for each other here and nowhere else. */
int sql_begin(sqlite3 *db, struct error *err) MUST_CHECK;
/* Commits if rc is 0, else rolls back; gives rc, or -1 if the commit failed. */
int sql_end(sqlite3 *db, int rc, struct error *err) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "project/sql.h"

static int fail(sqlite3 *db, struct error *err)
{
	const char *why = db ? sqlite3_errmsg(db) : "no memory";

	switch (db ? sqlite3_errcode(db) & 0xff : SQLITE_NOMEM) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return error_set(err, ERR_BUSY, "%s", why);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return error_set(err, ERR_CORRUPT, "%s", why);
	case SQLITE_CONSTRAINT:
		return error_set(err, ERR_CONFLICT, "%s", why);
	case SQLITE_NOMEM:
		return error_set(err, ERR_NOMEM, "no memory");
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return error_set(err, ERR_SYSTEM, "%s", why);
	default:
		return error_set(err, ERR_BUG, "%s", why);
	}
}

sqlite3 *sql_open(const char *path, bool read_only, struct error *err)
{
	CLEANUP(cleanup_sql) sqlite3 *db = NULL;
	int flags = SQLITE_OPEN_NOMUTEX | (*path ? 0 : SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY) |
		    (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);

	if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK ||
	    sqlite3_busy_timeout(db, SQL_BUSY_MS) != SQLITE_OK) {
		fail(db, err);
		return NULL;
	}
	return steal_ptr(&db);
}

void sql_close(sqlite3 *db)
{
	sqlite3_stmt *st;

	while (db && (st = sqlite3_next_stmt(db, NULL)))
		sqlite3_finalize(st);
	sqlite3_close_v2(db);
}

/* keep: what becomes of texts, SQLITE_STATIC or SQLITE_TRANSIENT. */
static int bind(sqlite3_stmt *st, sqlite3_destructor_type keep, const char *types, va_list ap)
{
	int rc = SQLITE_OK;

	for (int i = 1; *types && rc == SQLITE_OK; i++, types++) {
		if (*types == 't') {
			rc = sqlite3_bind_text(st, i, va_arg(ap, const char *), -1, keep);
		} else if (*types == 'i') {
			rc = sqlite3_bind_int64(st, i, va_arg(ap, int64_t));
		} else if (*types == 'u') {
			uint64_t n = va_arg(ap, uint64_t);

			rc = sqlite3_bind_int64(st, i, n > INT64_MAX ? INT64_MAX : (int64_t)n);
		} else {
			assert(*types == 'n');
			rc = sqlite3_bind_null(st, i);
		}
	}
	return rc;
}

/* One that sql_finish() left: preparing costs more than most of these statements do. */
static sqlite3_stmt *prepared(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st = NULL;

	while ((st = sqlite3_next_stmt(db, st)))
		if (!sqlite3_stmt_busy(st) && strcmp(sqlite3_sql(st), sql) == 0)
			return st;
	return NULL;
}

static sqlite3_stmt *query(sqlite3 *db, const char *sql, const char *types, va_list ap, struct error *err)
{
	CLEANUP(cleanup_statement) sqlite3_stmt *st = prepared(db, sql);

	if ((!st && sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL) != SQLITE_OK) ||
	    bind(st, SQLITE_TRANSIENT, types, ap) != SQLITE_OK) {
		fail(db, err);
		return NULL;
	}
	return steal_ptr(&st);
}

sqlite3_stmt *sql_query(sqlite3 *db, struct error *err, const char *sql, const char *types, ...)
{
	sqlite3_stmt *st;
	va_list ap;

	va_start(ap, types);
	st = query(db, sql, types, ap, err);
	va_end(ap);
	return st;
}

int sql_next(sqlite3_stmt *st, struct error *err)
{
	int rc = sqlite3_step(st);

	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : fail(sqlite3_db_handle(st), err);
}

void sql_finish(sqlite3_stmt *st)
{
	sqlite3_reset(st); /* says once more what sql_next() said */
	sqlite3_clear_bindings(st);
}

int sql_again(sqlite3_stmt *st, struct error *err, const char *types, ...)
{
	va_list ap;
	int rc;

	sqlite3_reset(st);
	va_start(ap, types);
	rc = bind(st, SQLITE_STATIC, types, ap); /* the caller's texts live as long as the step */
	va_end(ap);
	if (rc != SQLITE_OK)
		return fail(sqlite3_db_handle(st), err);
	do
		rc = sql_next(st, err);
	while (rc > 0);
	sqlite3_reset(st);
	return rc;
}

int sql_run(sqlite3 *db, struct error *err, const char *sql, const char *types, ...)
{
	CLEANUP(cleanup_statement) sqlite3_stmt *st = NULL;
	va_list ap;
	int rc;

	va_start(ap, types);
	st = query(db, sql, types, ap, err);
	va_end(ap);
	if (!st)
		return -1;
	do
		rc = sql_next(st, err);
	while (rc > 0);
	return rc;
}

int sql_script(sqlite3 *db, const char *sql, struct error *err)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(db, err);
}

char *sql_text(sqlite3_stmt *st, int column, struct error *err)
{
	const unsigned char *text = sqlite3_column_text(st, column);
	char *copy = strdup(text ? (const char *)text : "");

	if (!copy)
		error_errno(err, ENOMEM, "database");
	return copy;
}

uint64_t sql_u64(sqlite3_stmt *st, int column)
{
	int64_t n = sqlite3_column_int64(st, column);

	return n > 0 ? (uint64_t)n : 0;
}

int sql_number(sqlite3 *db, const char *sql, uint64_t none, uint64_t *out, struct error *err)
{
	CLEANUP(cleanup_statement) sqlite3_stmt *st = sql_query(db, err, sql, "");
	int rc = st ? sql_next(st, err) : -1;

	if (rc < 0)
		return -1;
	*out = rc > 0 ? sql_u64(st, 0) : none;
	return 0;
}

int sql_begin(sqlite3 *db, struct error *err)
{
	return sql_script(db, "BEGIN IMMEDIATE", err);
}

int sql_end(sqlite3 *db, int rc, struct error *err)
{
	if (rc == 0 && sql_script(db, "COMMIT", err) == 0)
		return 0;
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL); /* of what failed nothing stays, whatever this says */
	return -1;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/io.h"
#include "project/schema.h"

#define NUMBER_TEXT(n) #n
#define NUMBER(n) NUMBER_TEXT(n)

static const char *const steps[] = {
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE vms ("
	"	target TEXT NOT NULL, name TEXT NOT NULL, label TEXT NOT NULL, source TEXT NOT NULL,"
	"	last_point TEXT, seen_ns INTEGER NOT NULL,"
	"	PRIMARY KEY (target, name)) WITHOUT ROWID;"
	"CREATE TABLE disks ("
	"	key TEXT PRIMARY KEY, target TEXT NOT NULL, name TEXT NOT NULL, vm TEXT NOT NULL,"
	"	source TEXT NOT NULL, path TEXT NOT NULL, virtual_size INTEGER NOT NULL,"
	"	seen_ns INTEGER NOT NULL DEFAULT 0, vanished_ns INTEGER,"
	"	started_ns INTEGER, finished_ns INTEGER, result TEXT, kind TEXT, cycle INTEGER, consistency TEXT,"
	"	status INTEGER, code TEXT, message TEXT,"
	"	success_ns INTEGER, last_point TEXT, stalls INTEGER NOT NULL DEFAULT 0, pointless INTEGER NOT NULL DEFAULT 0,"
	"	unverified INTEGER, restored INTEGER NOT NULL DEFAULT 0,"
	"	cycles INTEGER NOT NULL DEFAULT 0, failures INTEGER NOT NULL DEFAULT 0, bytes_read INTEGER NOT NULL DEFAULT 0,"
	"	bytes_sent INTEGER NOT NULL DEFAULT 0, bytes_cleared INTEGER NOT NULL DEFAULT 0,"
	"	requests INTEGER NOT NULL DEFAULT 0, retries INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
	"CREATE INDEX disks_of_source ON disks (target, source);"
	"CREATE TABLE cycles ("
	"	disk TEXT NOT NULL, started_ns INTEGER NOT NULL, finished_ns INTEGER NOT NULL, result TEXT NOT NULL,"
	"	kind TEXT NOT NULL, cycle INTEGER NOT NULL, consistency TEXT NOT NULL, status INTEGER NOT NULL, code TEXT,"
	"	message TEXT, point TEXT, bytes_read INTEGER NOT NULL, bytes_sent INTEGER NOT NULL,"
	"	bytes_cleared INTEGER NOT NULL, writes INTEGER NOT NULL, clears INTEGER NOT NULL, reads INTEGER NOT NULL,"
	"	others INTEGER NOT NULL, retries INTEGER NOT NULL,"
	"	PRIMARY KEY (disk, started_ns)) WITHOUT ROWID;"
	"CREATE TABLE recovery_points ("
	"	disk TEXT NOT NULL, name TEXT NOT NULL, snapshot TEXT NOT NULL, made_ns INTEGER NOT NULL, deleted_ns INTEGER,"
	"	PRIMARY KEY (disk, name)) WITHOUT ROWID;"
	"CREATE TABLE events ("
	"	seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ns INTEGER NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL,"
	"	version TEXT NOT NULL, kind TEXT NOT NULL, vm TEXT, disk TEXT, code TEXT, status INTEGER NOT NULL,"
	"	message TEXT NOT NULL);"
	"CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events"
	"	BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;"
	"CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events"
	"	BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;",
	"DROP TRIGGER events_are_not_changed;"
	"DROP TRIGGER events_are_not_deleted;"
	"ALTER TABLE events ADD COLUMN times INTEGER NOT NULL DEFAULT 1;"
	"ALTER TABLE events ADD COLUMN last_ns INTEGER NOT NULL DEFAULT 0;"
	"UPDATE events SET last_ns = time_ns;"
	"CREATE INDEX events_by_last ON events (last_ns, seq);"
	"CREATE INDEX events_of_disks ON events (disk, kind, last_ns);"
	"CREATE TRIGGER events_are_not_changed BEFORE UPDATE OF seq, time_ns, host, pid, version, kind, vm, disk, code, status,"
	"	message ON events BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;"
	"CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events"
	"	WHEN OLD.seq > (SELECT max(seq) FROM events) - " NUMBER(EVENTS_KEPT)
	"	BEGIN SELECT RAISE(ABORT, 'events are kept'); END;",
	"ALTER TABLE disks ADD COLUMN skips INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE cycles ADD COLUMN skips INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE cycles ADD COLUMN skipped_ns INTEGER;"
	"CREATE TABLE sources ("
	"	target TEXT NOT NULL, source TEXT NOT NULL, seen_ns INTEGER NOT NULL,"
	"	PRIMARY KEY (target, source)) WITHOUT ROWID;",
};
const struct schema project_schema = { .steps = steps, .n = sizeof(steps) / sizeof(steps[0]) };

int schema_check(sqlite3 *db, const struct schema *s, unsigned *version_out, struct error *err)
{
	CLEANUP(cleanup_statement) sqlite3_stmt *st = NULL;
	CLEANUP_FREE char *writer = NULL;
	uint64_t version;

	/* user_version alone would be read from a header whose pages may be rubbish */
	if (sql_number(db, "SELECT count(*) FROM sqlite_schema", 0, &version, err) < 0 ||
	    sql_number(db, "PRAGMA user_version", 0, &version, err) < 0)
		return -1;
	*version_out = (unsigned)version;
	if (version <= s->n)
		return 0;
	st = sql_query(db, NULL, "SELECT value FROM meta WHERE key = 'writer'", "");
	if (st && sql_next(st, NULL) > 0)
		writer = sql_text(st, 0, NULL);
	return error_set(err, ERR_REFUSED, "database of format %" PRIu64 ", written by %s; this is liftfs %s, which reads up to %u",
			 version, writer ? writer : "a newer liftfs", PACKAGE_VERSION, s->n);
}

/* Whole and durable under its name, or not there. */
static int copy_aside(sqlite3 *db, const char *path, unsigned version, struct error *err)
{
	CLEANUP_FREE char *copy = NULL, *part = NULL;
	CLEANUP_FD int fd = -1;

	if (asprintf(&copy, "%s.%u", path, version) < 0)
		copy = NULL;
	if (copy && asprintf(&part, "%s.new", copy) < 0)
		part = NULL;
	if (!part)
		return error_errno(err, ENOMEM, "%s", path);
	if (unlink(part) < 0 && errno != ENOENT)
		return error_errno(err, errno, "%s", part);
	if (sql_run(db, err, "VACUUM INTO ?", "t", part) < 0)
		return error_prefix(err, "%s", part);
	fd = open(part, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0 || rename(part, copy) < 0)
		return error_errno(err, errno, "%s", copy);
	return 0;
}

static int take_steps(sqlite3 *db, const struct schema *s, unsigned from, struct error *err)
{
	char version[48];

	for (unsigned i = from; i < s->n; i++)
		if (sql_script(db, s->steps[i], err) < 0)
			return error_prefix(err, "format %u", i + 1);
	snprintf(version, sizeof(version), "PRAGMA user_version = %u", s->n); /* takes no bound value */
	if (sql_script(db, version, err) < 0)
		return -1;
	return sql_run(db, err, "INSERT INTO meta (key, value) VALUES ('writer', ?)"
				" ON CONFLICT (key) DO UPDATE SET value = excluded.value", "t", "liftfs " PACKAGE_VERSION);
}

int schema_upgrade(sqlite3 *db, const char *path, const struct schema *s, struct error *err)
{
	unsigned version;

	if (schema_check(db, s, &version, err) < 0)
		return -1;
	if (version == s->n)
		return 0;
	if (version > 0 && copy_aside(db, path, version, err) < 0)
		return -1;
	if (sql_begin(db, err) < 0)
		return -1;
	return sql_end(db, take_steps(db, s, version, err), err);
}

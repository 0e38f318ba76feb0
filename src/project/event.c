/* SPDX-License-Identifier: Apache-2.0 */
/* The log of events: appended, counted, read; the oldest go. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "net/redact.h"
#include "project/project_priv.h"

const char *project_event_name(enum project_event_kind kind)
{
	static const char *const names[] = {
		[PROJECT_RUN_STARTED] = "run-started",	   [PROJECT_RUN_ENDED] = "run-ended",
		[PROJECT_COMMITTED] = "committed",	   [PROJECT_FUZZY] = "fuzzy",
		[PROJECT_PARKED] = "parked",		   [PROJECT_FAILED] = "failed",
		[PROJECT_GIVEN_UP] = "given-up",	   [PROJECT_POINT_MADE] = "point-made",
		[PROJECT_POINT_DELETED] = "point-deleted", [PROJECT_DECISION] = "decision",
		[PROJECT_FENCED] = "fenced",		   [PROJECT_FOREIGN_WRITE] = "foreign-write",
		[PROJECT_VANISHED] = "vanished",	   [PROJECT_RELOADED] = "reloaded",
		[PROJECT_REBUILT] = "rebuilt",
	};

	assert((size_t)kind < ARRAY_LEN(names) && names[kind]);
	return names[kind];
}

char *project_name_text(const char *name, struct error *err)
{
	return escape_name(name, err);
}

char *project_message_text(const char *text, struct error *err)
{
	CLEANUP_FREE char *copy = strdup(text);
	size_t len = 4 * strlen(text) + 1; /* \xXX for each byte at most */
	char *out = malloc(len);

	if (!copy || !out) {
		free(out);
		error_errno(err, ENOMEM, "message");
		return NULL;
	}
	redact_text(copy);
	escape_visible(copy, out, len);
	return out;
}

/* What comes with every run: it must not crowd out the rest. */
#define ROUTINE "kind IN ('run-started', 'run-ended', 'committed', 'fuzzy', 'point-made', 'point-deleted')"
#define TRIM_EVERY 256 /* events */

static int trim(struct project *p, struct error *err)
{
	static const char *const scripts[] = {
		"DELETE FROM events WHERE " ROUTINE " AND seq <= (SELECT seq FROM events WHERE " ROUTINE
		" ORDER BY seq DESC LIMIT 1 OFFSET ?)",
		"DELETE FROM events WHERE NOT " ROUTINE " AND seq <= (SELECT seq FROM events WHERE NOT " ROUTINE
		" ORDER BY seq DESC LIMIT 1 OFFSET ?)",
	};

	if (sqlite3_last_insert_rowid(p->db) % TRIM_EVERY != 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
		if (sql_run(p->db, err, scripts[i], "i", (int64_t)EVENTS_KEPT) < 0)
			return -1;
	return 0;
}

/* What stays as it is until somebody mends it. */
static bool is_state(const struct project_event *e)
{
	switch (e->kind) {
	case PROJECT_PARKED:
	case PROJECT_FAILED:
	case PROJECT_GIVEN_UP:
	case PROJECT_FENCED:
	case PROJECT_FOREIGN_WRITE:
		return e->disk;
	case PROJECT_RUN_ENDED:
		return e->err && e->err->code != ERR_NONE;
	default:
		return false;
	}
}

/* Since when failures of the disk are one: it went well then.  0: never, or not known. */
static int well_since(struct project *p, const struct project_event *e, uint64_t *out, struct error *err)
{
	CLEANUP(cleanup_statement) sqlite3_stmt *st = NULL;
	char key[STATE_KEY_LEN];
	int more;

	*out = 0;
	if (!e->target || !e->disk)
		return 0;
	state_replica_key(e->target, e->disk, key);
	st = sql_query(p->db, err, "SELECT success_ns FROM disks WHERE key = ?", "t", key);
	more = st ? sql_next(st, err) : -1;
	if (more > 0)
		*out = sql_u64(st, 0);
	return more < 0 ? -1 : 0;
}

/* The event that this one is once more; 0: none. */
static int find_same(struct project *p, const struct project_event *e, const char *code, int status, const char *text,
		     uint64_t *seq_out, struct error *err)
{
	CLEANUP(cleanup_statement) sqlite3_stmt *st = NULL;
	uint64_t since;
	int more = 0;

	*seq_out = 0;
	if (!is_state(e))
		return 0;
	if (well_since(p, e, &since, err) < 0)
		return -1;
	st = sql_query(p->db, err,
		       "SELECT seq, message, code IS ?3 AND status = ?4 AND vm IS ?5 FROM events WHERE disk IS ?1 AND kind = ?2"
		       " AND last_ns >= ?6 ORDER BY last_ns DESC LIMIT iif(?1 IS NULL, 1, 100)",
		       "tttitu", e->disk, project_event_name(e->kind), code, (int64_t)status, e->vm, since);
	if (!st)
		return -1;
	while (*seq_out == 0 && (more = sql_next(st, err)) > 0) {
		CLEANUP_FREE char *said = sql_text(st, 1, err);

		if (!said)
			return -1;
		if (sql_u64(st, 2) && error_alike(said, text))
			*seq_out = sql_u64(st, 0);
	}
	return more < 0 ? -1 : 0;
}

int project_add_stored_event(struct project *p, const struct project_event *e, struct error *err)
{
	CLEANUP_FREE char *text = project_message_text(e->text, err);
	struct utsname host = { .nodename = "" };
	bool failed = e->err && e->err->code != ERR_NONE;
	const char *code = failed ? error_code_name(e->err->code) : NULL;
	int status = e->status ? e->status : failed ? error_exit_status(e->err) : 0;
	uint64_t same, now = clock_realtime_ns();

	if (!text || find_same(p, e, code, status, text, &same, err) < 0)
		return -1;
	if (same > 0)
		return sql_run(p->db, err, "UPDATE events SET times = times + 1, last_ns = ? WHERE seq = ?", "uu", now, same);
	(void)uname(&host);
	if (sql_run(p->db, err,
		    "INSERT INTO events (time_ns, host, pid, version, kind, vm, disk, code, status, message, last_ns)"
		    " VALUES (?1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?1)", "utitttttit", now, host.nodename, (int64_t)getpid(),
		    PACKAGE_VERSION, project_event_name(e->kind), e->vm, e->disk, code, (int64_t)status, text) < 0)
		return -1;
	return trim(p, err);
}

int project_add_event(struct project *p, const struct project_event *e, struct error *err)
{
	CLEANUP_FREE char *vm = e->vm ? project_name_text(e->vm, err) : NULL;
	struct project_event stored = *e;

	if (e->vm && !vm)
		return -1;
	stored.vm = vm;
	return project_add_stored_event(p, &stored, err);
}

int project_event(struct project *p, const struct project_event *e, struct error *err)
{
	LOCK_SCOPE(&p->use);
	if (sql_begin(p->db, err) < 0)
		return -1;
	return project_end(p, project_add_event(p, e, err), err);
}

static void event_fini(struct project_event_row *e)
{
	free(e->host);
	free(e->version);
	free(e->kind);
	free(e->vm);
	free(e->disk);
	free(e->code);
	free(e->message);
}

static int read_event(sqlite3_stmt *st, struct project_event_row *e, struct error *err)
{
	char **const texts[] = { &e->host, &e->version, &e->kind, &e->vm, &e->disk, &e->code, &e->message };

	e->seq = sql_u64(st, 0);
	e->time_ns = sql_u64(st, 1);
	e->pid = sql_u64(st, 2);
	e->status = (int)sql_u64(st, 3);
	e->times = sql_u64(st, 4);
	e->last_ns = sql_u64(st, 5);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		*texts[i] = sql_text(st, 6 + (int)i, err);
		if (!*texts[i])
			return -1;
	}
	return 0;
}

int project_events(struct project *p, unsigned n,
		   int (*each)(void *ctx, const struct project_event_row *e, struct error *err), void *ctx,
		   struct error *err)
{
	LOCK_SCOPE(&p->use);
	CLEANUP(cleanup_statement) sqlite3_stmt *st =
		sql_query(p->db, err, "SELECT * FROM (SELECT seq, time_ns, pid, status, times, last_ns, host, version, kind, vm, disk, code,"
				      " message FROM events ORDER BY last_ns DESC, seq DESC LIMIT ?) ORDER BY last_ns, seq",
			  "i", (int64_t)n);
	int rc = st ? 0 : -1;

	while (rc == 0) {
		struct project_event_row e = { 0 };
		int more = sql_next(st, err);

		if (more == 0)
			return 0;
		rc = more < 0 || read_event(st, &e, err) < 0 || each(ctx, &e, err) < 0 ? -1 : 0;
		event_fini(&e);
	}
	return rc;
}

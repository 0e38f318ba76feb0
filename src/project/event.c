/* SPDX-License-Identifier: Apache-2.0 */
/* The log of events: appended, read, never changed. */
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

int project_add_stored_event(struct project *p, const struct project_event *e, struct error *err)
{
	CLEANUP_FREE char *text = project_message_text(e->text, err);
	struct utsname host = { .nodename = "" };
	bool failed = e->err && e->err->code != ERR_NONE;
	int status = e->status ? e->status : failed ? error_exit_status(e->err) : 0;

	if (!text)
		return -1;
	(void)uname(&host);
	return sql_run(p->db, err,
		       "INSERT INTO events (time_ns, host, pid, version, kind, vm, disk, code, status, message)"
		       " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", "utitttttit", clock_realtime_ns(), host.nodename,
		       (int64_t)getpid(), PACKAGE_VERSION, project_event_name(e->kind), e->vm, e->disk,
		       failed ? error_code_name(e->err->code) : NULL, (int64_t)status, text);
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
	return sql_end(p->db, project_add_event(p, e, err), err);
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
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		*texts[i] = sql_text(st, 4 + (int)i, err);
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
		sql_query(p->db, err, "SELECT * FROM (SELECT seq, time_ns, pid, status, host, version, kind, vm, disk, code, message"
				      " FROM events ORDER BY seq DESC LIMIT ?) ORDER BY seq", "i", (int64_t)n);
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

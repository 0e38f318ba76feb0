/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: whose turn it is, the format, and what is done about a database that is missing or damaged. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "project/project_priv.h"

#define DB_NAME PROJECT_DB_NAME
#define QUICK_CHECK_MAX (UINT64_C(256) << 20) /* a larger file would be read for seconds at each start */

static int lock(int fd, int how, struct error *err)
{
	int rc;

	do
		rc = flock(fd, how);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? error_errno(err, errno, "lock") : 0;
}

/* A writer tries to be alone first; who is not finds the database as somebody who was has made it. */
static int take_lock(struct project *p, bool *alone_out, struct error *err)
{
	p->lock_fd = openat(state_fd(p->state), DB_NAME ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (p->lock_fd < 0)
		return error_errno(err, errno, "%s/" DB_NAME ".lock", state_path(p->state));
	*alone_out = flock(p->lock_fd, LOCK_EX | LOCK_NB) == 0;
	return *alone_out ? 0 : lock(p->lock_fd, LOCK_SH, err);
}

static char *db_path(const struct project *p, const char *suffix, struct error *err)
{
	char *path;

	if (asprintf(&path, "%s/" DB_NAME "%s", state_path(p->state), suffix) < 0) {
		error_errno(err, ENOMEM, "path");
		return NULL;
	}
	return path;
}

/* What a look at every page finds, where that is quick. */
static int check_pages(sqlite3 *db, uint64_t size, struct error *err)
{
	CLEANUP(cleanup_statement) sqlite3_stmt *st = NULL;
	CLEANUP_FREE char *verdict = NULL;
	int rc;

	if (size > QUICK_CHECK_MAX)
		return 0;
	st = sql_query(db, err, "PRAGMA quick_check(1)", "");
	rc = st ? sql_next(st, err) : -1;
	if (rc < 0)
		return -1;
	verdict = sql_text(st, 0, err);
	if (!verdict)
		return -1;
	return strcmp(verdict, "ok") == 0 ? 0 : error_set(err, ERR_CORRUPT, "%s", verdict);
}

/* The file as it is; ERR_SYSTEM with ENOENT if there is none. */
static int open_file(struct project *p, bool read_only, bool check, unsigned *version_out, struct error *err)
{
	CLEANUP(cleanup_sql) sqlite3 *db = NULL;
	CLEANUP_FREE char *path = db_path(p, "", err);
	struct stat st;

	if (!path)
		return -1;
	if (stat(path, &st) < 0)
		return error_errno(err, errno, DB_NAME);
	db = sql_open(path, read_only, err);
	if (!db || schema_check(db, &project_schema, version_out, err) < 0 ||
	    (check && p->checked_ns == 0 && check_pages(db, (uint64_t)st.st_size, err) < 0))
		return error_prefix(err, "%s", path);
	p->version = *version_out;
	if (check && p->checked_ns == 0)
		p->checked_ns = clock_realtime_ns();
	p->db = steal_ptr(&db);
	return 0;
}

static int set_modes(sqlite3 *db, struct error *err)
{
	return sql_script(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 8000", err);
}

static int upgrade(struct project *p, struct error *err)
{
	CLEANUP_FREE char *path = db_path(p, "", err);

	if (!path)
		return -1;
	if (set_modes(p->db, err) < 0 || schema_upgrade(p->db, path, &project_schema, err) < 0)
		return error_prefix(err, "%s", path);
	p->version = project_schema.n;
	return 0;
}

/* With what SQLite keeps beside it, which would be taken for the new one's. */
static int move_aside(struct project *p, struct error *err)
{
	static const char *const names[] = { DB_NAME, DB_NAME "-wal", DB_NAME "-shm" };
	static const char *const aside[] = { DB_NAME ".damaged", DB_NAME ".damaged-wal", DB_NAME ".damaged-shm" };
	int fd = state_fd(p->state);

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (renameat(fd, names[i], fd, aside[i]) < 0 && errno != ENOENT)
			return error_errno(err, errno, "%s/%s: rename", state_path(p->state), names[i]);
	return 0;
}

static int tell_rebuilt(struct project *p, struct error *err)
{
	const struct project_event e = { .kind = PROJECT_REBUILT,
					 .text = "the database was damaged and is made anew from the block maps" };

	return project_add_event(p, &e, err);
}

/* Closed before SQLite opens it: closing a file drops all locks that the process has on it, and those keep the WAL in place. */
static int create_empty(struct project *p, struct error *err)
{
	CLEANUP_FD int fd = openat(state_fd(p->state), DB_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? error_errno(err, errno, "%s/" DB_NAME, state_path(p->state)) : 0;
}

static int make_file(struct project *p, bool damaged, struct error *err)
{
	unsigned version;

	if (create_empty(p, err) < 0)
		return -1;
	if (open_file(p, false, false, &version, err) < 0 || upgrade(p, err) < 0 || project_restore(p, err) < 0)
		return -1;
	return damaged ? tell_rebuilt(p, err) : 0;
}

/* Alone: it is checked, made, upgraded, or replaced. */
static int prepare(struct project *p, struct error *err)
{
	struct error why = ERROR_INIT;
	unsigned version = 0;
	bool damaged = false;

	project_checked_read(p, p->lock_fd);
	project_checked_forget(p);
	if (open_file(p, false, true, &version, &why) == 0 && version > 0)
		return upgrade(p, err);
	sql_close(p->db); /* an empty one: a crash came before its first transaction */
	p->db = NULL;
	p->checked_ns = 0;
	if (why.code == ERR_CORRUPT) {
		log_warn("project", "%s: it is moved to " DB_NAME ".damaged and made anew from the block maps", why.msg);
		if (move_aside(p, err) < 0)
			return -1;
		damaged = true;
	} else if (why.code != ERR_NONE && !(why.code == ERR_SYSTEM && why.detail == ENOENT)) {
		if (err)
			*err = why;
		return -1;
	}
	return make_file(p, damaged, err);
}

/* Not alone: somebody else has it open. */
static int join(struct project *p, struct error *err)
{
	struct error why = ERROR_INIT;
	unsigned version = 0;

	if (open_file(p, false, false, &version, &why) < 0 && why.code != ERR_CORRUPT) {
		if (err)
			*err = why;
		return -1;
	}
	if (why.code == ERR_CORRUPT)
		return error_set(err, ERR_BUSY, "%s; another process has it open: a later run makes it anew", why.msg);
	if (version < project_schema.n)
		return error_set(err, ERR_BUSY, "%s/" DB_NAME ": of format %u, and another process has it open: a later run "
				 "upgrades it", state_path(p->state), version);
	return set_modes(p->db, err);
}

static int open_write(struct project *p, struct error *err)
{
	bool alone = false;

	if (take_lock(p, &alone, err) < 0)
		return -1;
	if (!alone)
		return join(p, err);
	return prepare(p, err) < 0 ? -1 : lock(p->lock_fd, LOCK_SH, err);
}

/* Nothing of it outlives the process. */
static int make_in_memory(struct project *p, struct error *err)
{
	p->db = sql_open("", false, err);
	p->version = project_schema.n;
	return p->db && schema_upgrade(p->db, "", &project_schema, err) == 0 ? project_restore(p, err) : -1;
}

/* Without the lock: who only reads stands in nobody's way, and leaves nothing that a new database could take for its own. */
static int open_read(struct project *p, struct error *err)
{
	CLEANUP_FD int lock_fd = openat(state_fd(p->state), DB_NAME ".lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct error why = ERROR_INIT;
	unsigned version = 0;

	if (lock_fd >= 0)
		project_checked_read(p, lock_fd);
	if (open_file(p, true, true, &version, &why) == 0 && version > 0)
		return 0;
	sql_close(p->db);
	p->db = NULL;
	if (why.code == ERR_CORRUPT)
		log_warn("project", "%s: what follows is made up from the block maps; the next sync makes it anew", why.msg);
	else if (why.code != ERR_NONE && !(why.code == ERR_SYSTEM && why.detail == ENOENT)) {
		if (err)
			*err = why;
		return -1;
	}
	return make_in_memory(p, err);
}

struct project *project_open(struct state *state, enum project_use use, struct error *err)
{
	CLEANUP(cleanup_project) struct project *p = calloc(1, sizeof(*p));

	if (!p) {
		error_errno(err, ENOMEM, "database");
		return NULL;
	}
	p->state = state;
	p->lock_fd = -1;
	pthread_mutex_init(&p->use, NULL);
	if (use == PROJECT_READ ? open_read(p, err) < 0 : open_write(p, err) < 0)
		return NULL;
	return steal_ptr(&p);
}

void project_close(struct project *p)
{
	if (!p)
		return;
	sql_close(p->db);
	project_checked_leave(p);
	if (p->lock_fd >= 0)
		close(p->lock_fd);
	pthread_mutex_destroy(&p->use);
	free(p);
}

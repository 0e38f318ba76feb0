/* SPDX-License-Identifier: Apache-2.0 */
/* What the rooms of the database share. */
#ifndef LIFTFS_PROJECT_PROJECT_PRIV_H
#define LIFTFS_PROJECT_PROJECT_PRIV_H

#include <pthread.h>

#include "project/project.h"
#include "project/schema.h"

struct project {
	struct state *state;
	sqlite3 *db;
	unsigned version;    /* the format; who writes has upgraded it */
	int lock_fd;         /* -1 for reading */
	pthread_mutex_t use; /* one transaction of this process at a time */
	uint64_t checked_ns; /* realtime: when every page was looked at; 0: not that we know */
	bool in_doubt;       /* something failed: the next who opens it looks at every page */
};

/* ---- checked.c: whether every page need be looked at ---- */

#define PROJECT_DB_NAME "liftfs.db"

/* Fills p->checked_ns by what the lock file says of the file as it is. */
void project_checked_read(struct project *p, int lock_fd);
/* Before it is written to. */
void project_checked_forget(struct project *p);
/* After it was closed, by who has the lock file open; without effect where somebody else has too. */
void project_checked_leave(struct project *p);
/* sql_end(), which casts doubt where it fails. */
int project_end(struct project *p, int rc, struct error *err) MUST_CHECK;

/* Rows from the maps' headers, for replicas that have none.  Inside a transaction or not. */
int project_restore(struct project *p, struct error *err) MUST_CHECK;

/* As project_event(), inside the caller's transaction. */
int project_add_event(struct project *p, const struct project_event *e, struct error *err) MUST_CHECK;
/* Likewise, with a VM's name as the database has it. */
int project_add_stored_event(struct project *p, const struct project_event *e, struct error *err) MUST_CHECK;

/* Safe to show: `name` as names are escaped, `text` as logs are, secrets cut.  The caller frees. */
char *project_name_text(const char *name, struct error *err) MUST_CHECK;
char *project_message_text(const char *text, struct error *err) MUST_CHECK;

#endif

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
	int lock_fd;         /* -1 for reading */
	pthread_mutex_t use; /* one transaction of this process at a time */
};

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

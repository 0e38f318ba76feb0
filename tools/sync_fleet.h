/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of a list is one worker's: --list and --index.
 *
 * A list is what `liftfs list --plain` prints: a VM a line, or a single disk by its replica's name; lines count from 1.  A
 * scheduler gives each of its tasks a number, by a variable of its own.
 */
#ifndef LIFTFS_TOOLS_SYNC_FLEET_H
#define LIFTFS_TOOLS_SYNC_FLEET_H

#include "base/error.h"
#include "sync_set.h"

#define SYNC_FLEET_LIST_MAX (64u << 20) /* bytes of a list: more than 500,000 lines */

/* A variable's value, NULL if there is none; empty is none. */
typedef const char *sync_fleet_env(const char *name);

struct sync_fleet {
	char *line;            /* the name that is this worker's */
	uint64_t number;
	const char *variable;  /* that says so; NULL: the command line did */
};

/*
 * index: a number, or "auto": what SLURM_ARRAY_TASK_ID, SGE_TASK_ID or PARALLEL_SEQ (the line) or JOB_COMPLETION_INDEX (from 0)
 * say.  Two that disagree, none that is set, a line that is not there, is blank, or is in the list twice: ERR_USAGE.
 */
int sync_fleet_choose(const char *list, const char *index, sync_fleet_env *env, struct sync_fleet *out,
		      struct error *err) MUST_CHECK;
void sync_fleet_fini(struct sync_fleet *f);

/* For sync_set_options.wanted: ctx is a struct sync_fleet.  Is it the VM of the line, or the disk? */
bool sync_fleet_wants(void *ctx, const char *vm, const char *disk);

static inline void cleanup_sync_fleet(struct sync_fleet *f)
{
	sync_fleet_fini(f);
}

#endif

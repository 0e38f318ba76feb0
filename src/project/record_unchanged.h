/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks that are as they were: of a thousand of them, most of what there is to do.  The rows are those that record.c's own way
 * leaves; what it cannot say of a disk is left to that way.  Everything inside the caller's transaction.
 */
#ifndef LIFTFS_PROJECT_RECORD_UNCHANGED_H
#define LIFTFS_PROJECT_RECORD_UNCHANGED_H

#include "project/project_priv.h"

/*
 * A round that found, in all of its SOURCEs, the very disks that are known of these, none of them broken: it is recorded, in the
 * SOURCEs' rows.  *done_out false: it did not, and nothing is written.
 */
int project_round_unchanged(struct project *p, const struct project_round *r, bool *done_out, struct error *err) MUST_CHECK;

/* One that is no row of cycles (schema.h). */
bool project_is_skip(const struct project_cycle *c, const struct cycle_disk *d);

/* Cycles, VM by VM. */
struct project_unchanged {
	struct project *p;
	sqlite3_stmt *disk;
};
int project_unchanged_begin(struct project *p, struct project_unchanged *u, struct error *err) MUST_CHECK;
/*
 * *done_out false: it is not one of these, or a disk's row is missing, of another VM, or has this cycle already.  Then record.c
 * records all of its disks; some may be recorded here, which it finds.
 */
int project_unchanged_vm(struct project_unchanged *u, const struct project_cycle *c, bool *done_out, struct error *err) MUST_CHECK;
void project_unchanged_fini(struct project_unchanged *u);
static inline void cleanup_unchanged(struct project_unchanged *u)
{
	project_unchanged_fini(u);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A state folder with its database in a scratch folder, and cycles of one VM to record.  Include "unit.h" first. */
#ifndef LIFTFS_TESTS_PROJECT_RIG_H
#define LIFTFS_TESTS_PROJECT_RIG_H

#include "project/project.h"
#include "support/scratch.h"

#define RIG_TARGET "/backup/vms"
#define RIG_DISKS 2

struct project_rig {
	struct scratch_dir *dir;
	struct state *state;
	struct project *project; /* NULL until project_rig_open() */
	struct cycle_disk disks[RIG_DISKS]; /* web01/a.vhd, web01/b.vhd */
	struct cycle_vm vm;
	struct project_streak streaks[RIG_DISKS];
	char path[128]; /* of the state folder */
};

/* As cmocka fixtures: *state is a struct project_rig *. */
int project_rig_setup(void **state);
int project_rig_teardown(void **state);

/* Opens it anew for writing; fails the test if that does not work. */
void project_rig_open(struct project_rig *r);
void project_rig_close(struct project_rig *r);

/* A finished cycle of all disks: `result` of each, begun at `start_s`; code ERR_NONE: no error. */
void project_rig_cycle(struct project_rig *r, uint64_t start_s, enum cycle_result result, enum error_code code);
/* Records it, a recovery point being wanted. */
void project_rig_record(struct project_rig *r);
/* A round that finds the VM's first n disks below `source`, of which nothing was left out. */
void project_rig_round(struct project_rig *r, const char *source, size_t n, uint64_t start_s);

/* One number that the database on disk holds, asked for by another connection. */
int64_t project_rig_number(struct project_rig *r, const char *sql);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "project/sql.h"
#include "support/project_rig.h"

static const char *const names[RIG_DISKS] = { "web01/a.vhd", "web01/b.vhd" };

static void must(bool ok, const struct error *e)
{
	if (!ok)
		fail_msg("%s", e->msg);
}

int project_rig_setup(void **state)
{
	struct project_rig *r = calloc(1, sizeof(*r));
	struct error e = ERROR_INIT;
	void *dir = NULL;

	assert_non_null(r);
	if (scratch_setup(&dir) != 0)
		return -1;
	r->dir = dir;
	snprintf(r->path, sizeof(r->path), "%s/state", r->dir->path);
	r->state = state_open(r->path, true, &e);
	must(r->state, &e);
	r->vm = (struct cycle_vm){ .name = "web01/web01", .disks = r->disks, .n = RIG_DISKS };
	*state = r;
	return 0;
}

int project_rig_teardown(void **state)
{
	struct project_rig *r = *state;
	void *dir = r->dir;

	project_close(r->project);
	state_close(r->state);
	free(r);
	return scratch_teardown(&dir);
}

void project_rig_open(struct project_rig *r)
{
	struct error e = ERROR_INIT;

	project_rig_close(r);
	r->project = project_open(r->state, PROJECT_WRITE, &e);
	must(r->project, &e);
}

void project_rig_close(struct project_rig *r)
{
	project_close(r->project);
	r->project = NULL;
}

void project_rig_cycle(struct project_rig *r, uint64_t start_s, enum cycle_result result, enum error_code code)
{
	for (size_t i = 0; i < RIG_DISKS; i++) {
		struct cycle_disk *d = &r->disks[i];

		*d = (struct cycle_disk){ .name = names[i], .source_path = "web01/a.vmdk", .result = result, .kind = CYCLE_DELTA,
					  .cycle = start_s, .virtual_size = 1 << 30,
					  .consistency = result == CYCLE_FUZZY ? CONSISTENCY_UNPROVEN : CONSISTENCY_PROVEN,
					  .started_ns = start_s * 1000000000, .finished_ns = (start_s + 5) * 1000000000 };
		if (code != ERR_NONE)
			error_set(&d->err, code, "%s: it did not work", names[i]);
	}
	r->vm.point[0] = '\0';
}

void project_rig_record(struct project_rig *r)
{
	const struct project_cycle c = { .target = RIG_TARGET, .vm = &r->vm, .points = true };
	struct error e = ERROR_INIT;

	must(project_record_vm(r->project, &c, r->streaks, &e) == 0, &e);
}

void project_rig_round(struct project_rig *r, const char *source, size_t n, uint64_t start_s)
{
	struct project_found found[RIG_DISKS];
	const struct project_round round = { .target = RIG_TARGET, .found = found, .n = n, .whole = &source, .n_whole = 1,
					     .started_ns = start_s * 1000000000 };
	struct error e = ERROR_INIT;

	for (size_t i = 0; i < n; i++)
		found[i] = (struct project_found){ .vm = r->vm.name, .label = "Web 01", .source = source, .disk = names[i],
						   .path = "web01/a.vmdk", .virtual_size = 1 << 30 };
	must(project_record_round(r->project, &round, &e) == 0, &e);
}

int64_t project_rig_number(struct project_rig *r, const char *sql)
{
	struct error e = ERROR_INIT;
	char path[160];
	uint64_t n = 0;

	snprintf(path, sizeof(path), "%s/liftfs.db", r->path);
	CLEANUP(cleanup_sql) sqlite3 *db = sql_open(path, false, &e);
	must(db && sql_number(db, sql, 0, &n, &e) == 0, &e);
	return (int64_t)n;
}

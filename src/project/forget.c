/* SPDX-License-Identifier: Apache-2.0 */
/* Disks that somebody retired. */
#include <config.h>

#include <stdio.h>

#include "project/project_priv.h"

static int forget_disk(struct project *p, const struct project_disk *d, struct error *err)
{
	char text[ERROR_MSG_MAX];
	const struct project_event e = { .kind = PROJECT_DECISION, .vm = d->vm, .disk = d->name, .text = text };

	snprintf(text, sizeof(text), "--forget, on %s", *d->target ? d->target : "a target that is not known");
	if (sql_run(p->db, err, "DELETE FROM recovery_points WHERE disk = ?", "t", d->key) < 0 ||
	    sql_run(p->db, err, "DELETE FROM cycles WHERE disk = ?", "t", d->key) < 0 ||
	    sql_run(p->db, err, "DELETE FROM disks WHERE key = ?", "t", d->key) < 0 ||
	    sql_run(p->db, err, "DELETE FROM vms WHERE target = ?1 AND name = ?2 AND NOT EXISTS (SELECT 1 FROM disks"
				" WHERE disks.target = ?1 AND disks.vm = ?2)", "tt", d->target, d->vm) < 0)
		return -1;
	return project_add_stored_event(p, &e, err);
}

static int forget_all(struct project *p, const struct project_disks *all, const char *name, struct error *err)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++) {
		const struct project_disk *d = &all->v[i];

		if (strcmp(d->name, name) != 0)
			continue;
		if (d->pid > 0)
			return error_set(err, ERR_BUSY, "%s: process %ld is at work on it", name, d->pid);
		if (forget_disk(p, d, err) < 0)
			return -1;
		n++;
	}
	return n > 0 ? 0 : error_set(err, ERR_USAGE, "'%s': no disk of that name is known", name);
}

int project_forget(struct project *p, const char *target_name, const char *replica_name, struct error *err)
{
	CLEANUP(cleanup_project_disks) struct project_disks all = { 0 };

	if (project_disks(p, target_name, &all, err) < 0)
		return -1;
	LOCK_SCOPE(&p->use);
	if (sql_begin(p->db, err) < 0)
		return -1;
	return project_end(p, forget_all(p, &all, replica_name, err), err);
}

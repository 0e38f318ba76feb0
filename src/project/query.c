/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of disks, as reports want it. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "project/project_priv.h"
#include "replicate/state_survey.h"

static void disk_fini(struct project_disk *d)
{
	char *const texts[] = { d->target, d->vm, d->name, d->source, d->path, d->result, d->kind, d->consistency, d->code,
				d->message, d->last_point };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(texts[i]);
}

void project_disks_fini(struct project_disks *d)
{
	for (size_t i = 0; i < d->n; i++)
		disk_fini(&d->v[i]);
	free(d->v);
	*d = (struct project_disks){ 0 };
}

static int read_disk(sqlite3_stmt *st, struct project_disk *d, struct error *err)
{
	char **const texts[] = { &d->target, &d->vm, &d->name, &d->source, &d->path, &d->result, &d->kind, &d->consistency,
				 &d->code, &d->message, &d->last_point };
	uint64_t *const numbers[] = { &d->virtual_size, &d->cycle, &d->started_ns, &d->finished_ns, &d->success_ns,
				      &d->vanished_ns, &d->points, &d->stalls, &d->pointless, &d->cycles, &d->failures,
				      &d->bytes_read, &d->bytes_sent, &d->bytes_cleared, &d->requests, &d->retries };
	CLEANUP_FREE char *key = sql_text(st, 0, err);
	int column = 1;

	if (!key)
		return -1;
	snprintf(d->key, sizeof(d->key), "%s", key);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		*texts[i] = sql_text(st, column++, err);
		if (!*texts[i])
			return -1;
	}
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		*numbers[i] = sql_u64(st, column++);
	d->status = (int)sql_u64(st, column++);
	d->unverified = sql_u64(st, column++) > 0;
	d->restored = sql_u64(st, column++) > 0;
	return 0;
}

#define SELECT_DISKS(source)                                                                                                   \
	"SELECT key, target, vm, name, " source ", path, result, kind, consistency, code, message, last_point, virtual_size,"   \
	" cycle, started_ns, finished_ns, success_ns, vanished_ns,"                                                             \
	" (SELECT count(*) FROM recovery_points r WHERE r.disk = key AND r.deleted_ns IS NULL), stalls, pointless, cycles,"     \
	" failures, bytes_read, bytes_sent, bytes_cleared, requests, retries, status, unverified, restored"                     \
	" FROM disks WHERE ?1 IS NULL OR target = ?1 ORDER BY vm, target, name"

static int read_disks(struct project *p, const char *target_name, struct project_disks *out, struct error *err)
{
	/* Where a disk was found: in format 2 and before, a column. */
	CLEANUP(cleanup_statement) sqlite3_stmt *st =
		sql_query(p->db, err, p->version > 2 ? SELECT_DISKS("(SELECT s.path FROM sources AS s WHERE s.id = source_id)") :
						       SELECT_DISKS("source"), "t", target_name);
	int more = st ? 0 : -1;

	while (more == 0 && (more = sql_next(st, err)) > 0) {
		struct project_disk *v = reallocarray(out->v, out->n + 1, sizeof(*v));

		if (!v)
			return error_errno(err, ENOMEM, "database");
		out->v = v;
		v[out->n] = (struct project_disk){ 0 };
		more = read_disk(st, &v[out->n++], err);
	}
	return more;
}

static int take_pid(void *ctx, const struct state_replica *r, struct error *err)
{
	struct project_disks *all = ctx;

	(void)err;
	for (size_t i = 0; r->pid && i < all->n; i++)
		if (strcmp(all->v[i].key, r->key) == 0)
			all->v[i].pid = r->pid;
	return 0;
}

int project_disks(struct project *p, const char *target_name, struct project_disks *out, struct error *err)
{
	CLEANUP(cleanup_project_disks) struct project_disks all = { 0 };

	LOCK_SCOPE(&p->use);
	if (read_disks(p, target_name, &all, err) < 0 || state_survey(p->state, take_pid, &all, err) < 0)
		return -1;
	*out = all;
	all = (struct project_disks){ 0 };
	return 0;
}

const char *project_disk_word(const struct project_disk *d)
{
	if (d->vanished_ns)
		return "vanished";
	if (strcmp(d->result, "ok") == 0 || strcmp(d->result, "skipped") == 0)
		return "current";
	if (strcmp(d->result, "fuzzy") == 0 || strcmp(d->result, "parked") == 0 || strcmp(d->result, "failed") == 0)
		return d->result;
	return "unknown";
}

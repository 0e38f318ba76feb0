/* SPDX-License-Identifier: Apache-2.0 */
/* What record.c writes of disks that are as they were, with fewer and narrower statements: to the same rows. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "project/record_unchanged.h"
#include "replicate/run.h"

/* ---- a round ---- */

struct known {
	char key[STATE_KEY_LEN];
	const struct project_found *found;
};

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct known *)a)->key, ((const struct known *)b)->key);
}

/* NULL without memory. */
static struct known *list_known(const struct project_round *r, struct error *err)
{
	struct known *v = calloc(r->n ? r->n : 1, sizeof(*v));

	if (!v) {
		error_errno(err, ENOMEM, "database");
		return NULL;
	}
	for (size_t i = 0; i < r->n; i++) {
		state_replica_key(r->target, r->found[i].disk, v[i].key);
		v[i].found = &r->found[i];
	}
	qsort(v, r->n, sizeof(*v), by_key);
	return v;
}

static bool says(sqlite3_stmt *st, int column, const char *text)
{
	const char *stored = (const char *)sqlite3_column_text(st, column);

	return stored && strcmp(stored, text) == 0;
}

/* Is the row at hand what recording `f` would leave, but for when it was seen? */
static int row_says(sqlite3_stmt *st, const struct project_found *f, bool *same, struct error *err)
{
	CLEANUP_FREE char *vm = project_name_text(f->vm, err), *label = vm ? project_message_text(f->label, err) : NULL;
	CLEANUP_FREE char *path = label ? project_name_text(f->path, err) : NULL;

	if (!path)
		return -1;
	*same = says(st, 1, vm) && says(st, 2, path) && says(st, 3, label) &&
		(f->virtual_size == 0 || f->virtual_size == sql_u64(st, 4)) && sql_u64(st, 5) == 0;
	return 0;
}

/* Of one SOURCE: *n_out rows, each of a disk that was found there. */
static int compare_source(struct project *p, const struct project_round *r, const char *source, const struct known *known,
			  size_t *n_out, bool *same, struct error *err)
{
	CLEANUP_FREE char *text = project_name_text(source, err);
	CLEANUP(cleanup_statement) sqlite3_stmt *st = NULL;
	int more = 0;

	if (!text)
		return -1;
	st = sql_query(p->db, err,
		       "SELECT d.key, d.vm, d.path, v.label, d.virtual_size, d.restored FROM disks AS d JOIN vms AS v"
		       " ON v.target = d.target AND v.name = d.vm AND v.source = d.source"
		       " WHERE d.target = ? AND d.source = ? AND d.vanished_ns IS NULL", "tt", r->target, text);
	if (!st)
		return -1;
	while (*same && (more = sql_next(st, err)) > 0) {
		const char *key = (const char *)sqlite3_column_text(st, 0);
		struct known want;
		const struct known *k = NULL;

		if (key && strlen(key) < sizeof(want.key)) {
			memcpy(want.key, key, strlen(key) + 1);
			k = bsearch(&want, known, r->n, sizeof(*known), by_key);
		}
		*same = k && strcmp(k->found->source, source) == 0;
		if (*same && row_says(st, k->found, same, err) < 0)
			return -1;
		++*n_out;
	}
	return more < 0 ? -1 : 0;
}

static int set_seen(struct project *p, const struct project_round *r, const char *source, struct error *err)
{
	CLEANUP_FREE char *text = project_name_text(source, err);

	if (!text)
		return -1;
	return sql_run(p->db, err,
		       "INSERT INTO sources (target, source, seen_ns) VALUES (?, ?, ?) ON CONFLICT (target, source)"
		       " DO UPDATE SET seen_ns = max(seen_ns, excluded.seen_ns)", "ttu", r->target, text, r->started_ns);
}

int project_round_unchanged(struct project *p, const struct project_round *r, bool *done_out, struct error *err)
{
	CLEANUP_FREE struct known *known = NULL;
	bool same = r->n > 0 && r->n_whole > 0;
	size_t n = 0;

	*done_out = false;
	for (size_t i = 0; same && i < r->n; i++)
		same = !r->found[i].broken;
	if (!same)
		return 0;
	known = list_known(r, err);
	if (!known)
		return -1;
	for (size_t i = 0; same && i < r->n_whole; i++)
		if (compare_source(p, r, r->whole[i], known, &n, &same, err) < 0)
			return -1;
	if (!same || n != r->n)
		return 0;
	for (size_t i = 0; i < r->n_whole; i++)
		if (set_seen(p, r, r->whole[i], err) < 0)
			return -1;
	*done_out = true;
	return 0;
}

/* ---- cycles ---- */

static uint64_t count(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

bool project_is_skip(const struct project_cycle *c, const struct cycle_disk *d)
{
	return d->err.code == ERR_NONE && d->result == CYCLE_SKIPPED && !*c->vm->point && count(&d->progress.bytes_read) == 0 &&
	       count(&d->progress.bytes_sent) == 0 && count(&d->progress.bytes_cleared) == 0;
}

int project_unchanged_begin(struct project *p, struct project_unchanged *u, struct error *err)
{
	u->p = p;
	/* Not the columns of an index, which SQLite would write anew: the row has them already, or is not the one that is meant. */
	u->disk = sql_query(p->db, err,
			    "UPDATE disks SET started_ns = ?4, finished_ns = ?5, result = ?6, kind = ?7, cycle = iif(?8 > 0, ?8, cycle),"
			    " consistency = ?9, status = ?10, code = NULL, message = NULL, success_ns = ?4, restored = 0, stalls = 0,"
			    " pointless = 0, unverified = ?11, cycles = cycles + 1, requests = requests + ?12, retries = retries + ?13,"
			    " virtual_size = iif(?14 > 0, ?14, virtual_size), skips = skips + 1"
			    " WHERE key = ?1 AND target = ?2 AND vm = ?3 AND started_ns IS NOT ?4", "");
	return u->disk ? 0 : -1;
}

void project_unchanged_fini(struct project_unchanged *u)
{
	if (u->disk)
		sql_finish(u->disk);
}

static int record_disk(struct project_unchanged *u, const struct project_cycle *c, const struct cycle_disk *d, const char *vm,
		       bool *done_out, struct error *err)
{
	uint64_t requests = d->requests.writes + d->requests.clears + d->requests.reads + d->requests.others;
	char key[STATE_KEY_LEN];

	state_replica_key(c->target, d->name, key);
	if (sql_again(u->disk, err, "tttuuttutiiuuu", key, c->target, vm, d->started_ns, d->finished_ns, run_result_name(d),
		      run_kind_name(d->kind), d->cycle, consistency_name(d->consistency), (int64_t)run_disk_status(d),
		      (int64_t)d->unverified, requests, d->retries, d->virtual_size) < 0)
		return -1;
	*done_out = sqlite3_changes(u->p->db) > 0;
	return 0;
}

/* With the times of a cycle that began, and a clock that was not set back meanwhile. */
static bool is_plain(const struct project_cycle *c)
{
	for (size_t i = 0; i < c->vm->n; i++) {
		const struct cycle_disk *d = &c->vm->disks[i];

		if (!project_is_skip(c, d) || d->started_ns == 0 || d->finished_ns < d->started_ns)
			return false;
	}
	return true;
}

int project_unchanged_vm(struct project_unchanged *u, const struct project_cycle *c, bool *done_out, struct error *err)
{
	CLEANUP_FREE char *vm = NULL;

	*done_out = false;
	if (!is_plain(c))
		return 0;
	vm = project_name_text(c->vm->name, err);
	if (!vm)
		return -1;
	*done_out = true;
	for (size_t i = 0; *done_out && i < c->vm->n; i++)
		if (record_disk(u, c, &c->vm->disks[i], vm, done_out, err) < 0)
			return -1;
	return 0;
}

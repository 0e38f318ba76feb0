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

/* A SOURCE of the round, and the row that has its disks. */
struct origin {
	const char *source;
	char *path;    /* as the database has it */
	uint64_t id;   /* 0: it has no disks */
	uint64_t same; /* the row of its path; 0: there is none.  If that is another, it has no disks */
};

static void origins_free(struct origin *v, size_t n)
{
	for (size_t i = 0; v && i < n; i++)
		free(v[i].path);
	free(v);
}

/* Of a query with its values bound, which is NULL if that failed: its one number; 0: no row. */
static int one_number(sqlite3_stmt *query, uint64_t *out, struct error *err)
{
	CLEANUP(cleanup_statement) sqlite3_stmt *st = query;
	int rc = st ? sql_next(st, err) : -1;

	*out = rc > 0 ? sql_u64(st, 0) : 0;
	return rc < 0 ? -1 : 0;
}

/* Which source had the first of the disks that were found in this one; 0: none.  Whether it had the others, too, the rows tell. */
static int find_former(struct project *p, const struct project_round *r, const struct known *known, struct origin *o,
		       struct error *err)
{
	const char *key = NULL;

	for (size_t i = 0; !key && i < r->n; i++)
		if (strcmp(known[i].found->source, o->source) == 0)
			key = known[i].key;
	return key ? one_number(sql_query(p->db, err, "SELECT source_id FROM disks WHERE key = ? AND target = ?", "tt", key, r->target),
				&o->id, err) : 0;
}

static int find_origins(struct project *p, const struct project_round *r, const struct known *known, struct origin *v,
			struct error *err)
{
	for (size_t i = 0; i < r->n_whole; i++) {
		uint64_t live = 0;

		v[i].source = r->whole[i];
		v[i].path = project_name_text(r->whole[i], err);
		if (!v[i].path ||
		    one_number(sql_query(p->db, err, "SELECT id FROM sources WHERE target = ? AND path = ?", "tt", r->target,
					 v[i].path), &v[i].same, err) < 0 ||
		    (v[i].same && one_number(sql_query(p->db, err, "SELECT EXISTS (SELECT 1 FROM disks WHERE source_id = ?"
						       " AND vanished_ns IS NULL)", "u", v[i].same), &live, err) < 0))
			return -1;
		if (live)
			v[i].id = v[i].same;
		else if (find_former(p, r, known, &v[i], err) < 0)
			return -1;
	}
	return 0;
}

/* Of one SOURCE: *n_out rows, each of a disk that was found there. */
static int compare_source(struct project *p, const struct project_round *r, const struct origin *o, const struct known *known,
			  size_t *n_out, bool *same, struct error *err)
{
	CLEANUP(cleanup_statement) sqlite3_stmt *st = NULL;
	int more = 0;

	if (!o->id)
		return 0;
	st = sql_query(p->db, err,
		       "SELECT d.key, d.vm, d.path, v.label, d.virtual_size, d.restored FROM disks AS d JOIN vms AS v"
		       " ON v.target = d.target AND v.name = d.vm WHERE d.source_id = ? AND d.vanished_ns IS NULL", "u", o->id);
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
		*same = k && strcmp(k->found->source, o->source) == 0;
		if (*same && row_says(st, k->found, same, err) < 0)
			return -1;
		++*n_out;
	}
	return more < 0 ? -1 : 0;
}

/*
 * The row gets the path, and with it all of its disks: storage snapshots are folders of other names each time.  What had vanished
 * from where they were stays so, by the row that had the path, or one that is made for it.
 */
static int move(struct project *p, const struct project_round *r, const struct origin *o, struct error *err)
{
	CLEANUP_FREE char *before = NULL;
	uint64_t left = o->same, vanished = 0;

	{
		CLEANUP(cleanup_statement) sqlite3_stmt *st = sql_query(p->db, err, "SELECT path FROM sources WHERE id = ?", "u", o->id);

		if (!st || sql_next(st, err) < 0)
			return -1;
		before = sql_text(st, 0, err);
		if (!before)
			return -1;
	}
	if (one_number(sql_query(p->db, err, "SELECT EXISTS (SELECT 1 FROM disks WHERE source_id = ? AND vanished_ns IS NOT NULL)", "u",
				 o->id), &vanished, err) < 0)
		return -1;
	/* No path is empty: it is nobody's for a moment. */
	if ((left && sql_run(p->db, err, "UPDATE sources SET path = '' WHERE id = ?", "u", left) < 0) ||
	    sql_run(p->db, err, "UPDATE sources SET path = ? WHERE id = ?", "tu", o->path, o->id) < 0 ||
	    (left && sql_run(p->db, err, "UPDATE sources SET path = ? WHERE id = ?", "tu", before, left) < 0))
		return -1;
	if (!left && vanished &&
	    one_number(sql_query(p->db, err, "INSERT INTO sources (target, path) VALUES (?, ?) RETURNING id", "tt", r->target, before),
		       &left, err) < 0)
		return -1;
	if (!left)
		return 0;
	return sql_run(p->db, err,
		       "UPDATE disks SET source_id = iif(source_id = ?1, ?2, ?1) WHERE source_id IN (?1, ?2) AND vanished_ns IS NOT NULL",
		       "uu", o->id, left);
}

static int record_origins(struct project *p, const struct project_round *r, const struct known *known, struct origin *v,
			  bool *done_out, struct error *err)
{
	bool same = true;
	size_t n = 0;

	if (find_origins(p, r, known, v, err) < 0)
		return -1;
	for (size_t i = 0; same && i < r->n_whole; i++)
		if (compare_source(p, r, &v[i], known, &n, &same, err) < 0)
			return -1;
	if (!same || n != r->n)
		return 0;
	for (size_t i = 0; i < r->n_whole; i++)
		if ((v[i].id != v[i].same && v[i].id && move(p, r, &v[i], err) < 0) ||
		    sql_run(p->db, err, "UPDATE sources SET seen_ns = max(seen_ns, ?) WHERE id = ?", "uu", r->started_ns, v[i].id) < 0)
			return -1;
	*done_out = true;
	return 0;
}

int project_round_unchanged(struct project *p, const struct project_round *r, bool *done_out, struct error *err)
{
	CLEANUP_FREE struct known *known = NULL;
	struct origin *origins;
	int rc;

	*done_out = false;
	for (size_t i = 0; i < r->n; i++)
		if (r->found[i].broken)
			return 0;
	if (r->n == 0 || r->n_whole == 0)
		return 0;
	known = list_known(r, err);
	if (!known)
		return -1;
	origins = calloc(r->n_whole, sizeof(*origins));
	rc = origins ? record_origins(p, r, known, origins, done_out, err) : error_errno(err, ENOMEM, "database");
	origins_free(origins, r->n_whole);
	return rc;
}

/* ---- cycles ---- */

bool project_is_skip(const struct project_cycle *c, const struct cycle_disk *d)
{
	return d->err.code == ERR_NONE && d->result == CYCLE_SKIPPED && !*c->vm->point && pass_counter(&d->progress.bytes_read) == 0 &&
	       pass_counter(&d->progress.bytes_sent) == 0 && pass_counter(&d->progress.bytes_cleared) == 0;
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

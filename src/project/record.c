/* SPDX-License-Identifier: Apache-2.0 */
/* What runs write: the disks they found, and what each VM's cycle came to. */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>

#include "base/clock.h"
#include "project/record_unchanged.h"
#include "replicate/run.h"

/* ---- a round ---- */

static int record_broken(struct project *p, const char *target, const char *key, const struct project_found *f, uint64_t now,
			 struct error *err)
{
	CLEANUP_FREE char *text = project_message_text(f->broken->msg, err);
	const struct project_event e = { .kind = PROJECT_FAILED, .vm = f->vm, .disk = f->disk, .target = target,
					 .err = f->broken, .text = f->broken->msg };
	int status = error_exit_status(f->broken);

	if (!text)
		return -1;
	if (sql_run(p->db, err,
		    "UPDATE disks SET started_ns = ?2, finished_ns = ?2, result = 'failed', status = ?3, code = ?4, message = ?5,"
		    " failures = failures + 1 WHERE key = ?1", "tuitt", key, now, (int64_t)(status == EX_USAGE || status == 2 ?
		    EX_DATAERR : status), error_code_name(f->broken->code), text) < 0)
		return -1;
	return project_add_event(p, &e, err);
}

static int record_found(struct project *p, const struct project_round *r, const struct project_found *f, struct error *err)
{
	CLEANUP_FREE char *vm = project_name_text(f->vm, err), *label = vm ? project_message_text(f->label, err) : NULL;
	CLEANUP_FREE char *source = label ? project_name_text(f->source, err) : NULL;
	CLEANUP_FREE char *path = source ? project_name_text(f->path, err) : NULL;
	char key[STATE_KEY_LEN];

	if (!path)
		return -1;
	state_replica_key(r->target, f->disk, key);
	if (sql_run(p->db, err,
		    "INSERT INTO vms (target, name, label, seen_ns) VALUES (?, ?, ?, ?) ON CONFLICT (target, name)"
		    " DO UPDATE SET label = excluded.label, seen_ns = max(seen_ns, excluded.seen_ns)",
		    "tttu", r->target, vm, label, r->started_ns) < 0 ||
	    sql_run(p->db, err, "INSERT INTO sources (target, path) VALUES (?, ?) ON CONFLICT DO NOTHING", "tt", r->target,
		    source) < 0 ||
	    sql_run(p->db, err,
		    "INSERT INTO disks (key, target, name, vm, source_id, path, virtual_size, seen_ns)"
		    " VALUES (?1, ?2, ?3, ?4, (SELECT id FROM sources WHERE target = ?2 AND path = ?5), ?6, ?7, ?8)"
		    " ON CONFLICT (key) DO UPDATE SET target = excluded.target, vm = excluded.vm, source_id = excluded.source_id,"
		    " path = excluded.path, virtual_size = iif(excluded.virtual_size > 0, excluded.virtual_size, virtual_size),"
		    " seen_ns = max(seen_ns, excluded.seen_ns), vanished_ns = NULL, restored = 0",
		    "ttttttuu", key, r->target, f->disk, vm, source, path, f->virtual_size, r->started_ns) < 0)
		return -1;
	return f->broken ? record_broken(p, r->target, key, f, r->started_ns, err) : 0;
}

/* Those of one SOURCE that no round since saw, by their own rows or all together. */
static int record_vanished(struct project *p, const struct project_round *r, const char *source, struct error *err)
{
	CLEANUP_FREE char *text = project_name_text(source, err);
	CLEANUP(cleanup_statement) sqlite3_stmt *st = NULL;
	int more;

	if (!text)
		return -1;
	st = sql_query(p->db, err,
		       "UPDATE disks SET vanished_ns = ?3 WHERE seen_ns < ?3 AND vanished_ns IS NULL AND source_id ="
		       " (SELECT id FROM sources WHERE target = ?1 AND path = ?2 AND seen_ns < ?3) RETURNING vm, name",
		       "ttu", r->target, text, r->started_ns);
	if (!st)
		return -1;
	while ((more = sql_next(st, err)) > 0) {
		CLEANUP_FREE char *vm = sql_text(st, 0, err), *disk = vm ? sql_text(st, 1, err) : NULL;

		if (!disk || sql_run(p->db, err,
				     "INSERT INTO temp.vanished (vm, disk) VALUES (?, ?)", "tt", vm, disk) < 0)
			return -1;
	}
	return more;
}

static int tell_vanished(struct project *p, struct error *err)
{
	CLEANUP(cleanup_statement) sqlite3_stmt *st = sql_query(p->db, err, "SELECT vm, disk FROM temp.vanished", "");
	int more = st ? 0 : -1;

	while (more == 0 && (more = sql_next(st, err)) > 0) {
		CLEANUP_FREE char *vm = sql_text(st, 0, err), *disk = vm ? sql_text(st, 1, err) : NULL;
		const struct project_event e = { .kind = PROJECT_VANISHED, .vm = vm, .disk = disk,
						 .text = "no longer in SOURCE; its replica and points stay" };

		more = disk && project_add_stored_event(p, &e, err) == 0 ? 0 : -1;
	}
	return more;
}

static int record_round(struct project *p, const struct project_round *r, struct error *err)
{
	bool unchanged;

	if (project_round_unchanged(p, r, &unchanged, err) < 0)
		return -1;
	if (unchanged)
		return 0;
	for (size_t i = 0; i < r->n; i++)
		if (record_found(p, r, &r->found[i], err) < 0)
			return -1;
	if (r->n_whole == 0)
		return 0;
	if (sql_script(p->db, "CREATE TEMP TABLE IF NOT EXISTS vanished (vm TEXT, disk TEXT); DELETE FROM temp.vanished", err) < 0)
		return -1;
	for (size_t i = 0; i < r->n_whole; i++)
		if (record_vanished(p, r, r->whole[i], err) < 0)
			return -1;
	return tell_vanished(p, err);
}

int project_record_round(struct project *p, const struct project_round *r, struct error *err)
{
	LOCK_SCOPE(&p->use);
	if (sql_begin(p->db, err) < 0)
		return -1;
	return project_end(p, record_round(p, r, err), err);
}

/* ---- a cycle ---- */

static bool went_well(const struct cycle_disk *d)
{
	return d->err.code == ERR_NONE && (d->result == CYCLE_OK || d->result == CYCLE_SKIPPED);
}

/* A point that was wanted and is not there, though nothing stood in the way of any of the VM's disks. */
static bool lacks_point(const struct project_cycle *c, const struct cycle_disk *d)
{
	if (!c->points || d->err.code != ERR_NONE || d->result == CYCLE_SKIPPED || *c->vm->point)
		return false;
	for (size_t i = 0; i < c->vm->n; i++)
		if (c->vm->disks[i].err.code != ERR_NONE)
			return false;
	return true;
}

/* 1: counts; 0: begins anew; -1: neither progress nor a failure that trying again could mend. */
static int stall_step(const struct cycle_disk *d)
{
	if (d->err.code == ERR_NONE || pass_counter(&d->progress.bytes_sent) > 0 || pass_counter(&d->progress.bytes_cleared) > 0)
		return 0;
	if (d->err.code == ERR_BUSY && d->err.detail == STATE_IN_USE) /* a first cycle may take longer than ten intervals */
		return -1;
	return error_exit_status(&d->err) == EX_TEMPFAIL && d->err.code != ERR_CANCELLED ? 1 : -1;
}

static int pointless_step(const struct project_cycle *c, const struct cycle_disk *d)
{
	if (d->err.code == ERR_NONE && d->result == CYCLE_FUZZY)
		return 1;
	if (lacks_point(c, d))
		return 1;
	return went_well(d) ? 0 : -1;
}

struct disk_outcome {
	char key[STATE_KEY_LEN];
	char *message; /* NULL: none */
	const char *code, *point;
	int status;
	uint64_t requests, started_ns, finished_ns; /* of one that failed before it began: now */
	bool skip;     /* no row of cycles */
	bool recorded; /* this cycle was recorded already */
};

static int find_skip(struct project *p, struct disk_outcome *o, struct error *err)
{
	CLEANUP(cleanup_statement) sqlite3_stmt *st =
		sql_query(p->db, err, "SELECT 1 FROM disks WHERE key = ? AND started_ns = ?", "tu", o->key, o->started_ns);
	int rc = st ? sql_next(st, err) : -1;

	o->recorded = rc > 0;
	return rc < 0 ? -1 : 0;
}

/* Those that came between this row and the one before it. */
static int settle_skips(struct project *p, const struct disk_outcome *o, struct error *err)
{
	return sql_run(p->db, err,
		       "UPDATE cycles SET skips = cycles.skips + d.skips, skipped_ns = d.success_ns FROM disks AS d WHERE d.key = ?1"
		       " AND d.skips > 0 AND cycles.disk = ?1 AND cycles.started_ns = (SELECT max(started_ns) FROM cycles"
		       " WHERE disk = ?1 AND started_ns < ?2)", "tu", o->key, o->started_ns);
}

static int insert_cycle(struct project *p, const struct cycle_disk *d, struct disk_outcome *o, struct error *err)
{
	if (o->skip)
		return find_skip(p, o, err);
	if (sql_run(p->db, err,
		    "INSERT INTO cycles (disk, started_ns, finished_ns, result, kind, cycle, consistency, status, code, message,"
		    " point, bytes_read, bytes_sent, bytes_cleared, writes, clears, reads, others, retries)"
		    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		    "tuuttutittt" "uuuuuuuu", o->key, o->started_ns, o->finished_ns, run_result_name(d), run_kind_name(d->kind),
		    d->cycle, consistency_name(d->consistency), (int64_t)o->status, o->code, o->message, o->point,
		    pass_counter(&d->progress.bytes_read), pass_counter(&d->progress.bytes_sent), pass_counter(&d->progress.bytes_cleared),
		    d->requests.writes, d->requests.clears, d->requests.reads, d->requests.others, d->retries) < 0)
		return -1;
	o->recorded = sqlite3_changes(p->db) == 0;
	if (!o->recorded && settle_skips(p, o, err) < 0)
		return -1;
	return sql_run(p->db, err,
		       "DELETE FROM cycles WHERE disk = ?1 AND started_ns <= (SELECT started_ns FROM cycles WHERE disk = ?1"
		       " ORDER BY started_ns DESC LIMIT 1 OFFSET ?2)", "ti", o->key, (int64_t)CYCLES_KEPT);
}

/* A disk that no round recorded: its row is made. */
static int make_row(struct project *p, const struct project_cycle *c, const struct cycle_disk *d, const char *vm,
		    const struct disk_outcome *o, struct error *err)
{
	CLEANUP_FREE char *path = project_name_text(d->source_path, err);

	if (!path)
		return -1;
	return sql_run(p->db, err,
		       "INSERT INTO disks (key, target, name, vm, path, virtual_size) VALUES (?, ?, ?, ?, ?, 0)"
		       " ON CONFLICT DO NOTHING", "ttttt", o->key, c->target, d->name, vm, path);
}

static int update_row(struct project *p, const struct project_cycle *c, const struct cycle_disk *d, const char *vm,
		      const struct disk_outcome *o, struct error *err)
{
	return sql_run(p->db, err,
		    "UPDATE disks SET target = ?2, vm = ?3, started_ns = ?4, finished_ns = ?5, result = ?6, kind = ?7,"
		    " cycle = iif(?8 > 0, ?8, cycle), consistency = ?9, status = ?10, code = ?11, message = ?12,"
		    " success_ns = iif(?13, ?4, success_ns), last_point = coalesce(?14, last_point), restored = 0,"
		    " stalls = CASE ?15 WHEN 1 THEN stalls + 1 WHEN 0 THEN 0 ELSE stalls END,"
		    " pointless = CASE ?16 WHEN 1 THEN pointless + 1 WHEN 0 THEN 0 ELSE pointless END,"
		    " cycles = cycles + 1, failures = failures + ?17, bytes_read = bytes_read + ?18,"
		    " bytes_sent = bytes_sent + ?19, bytes_cleared = bytes_cleared + ?20, requests = requests + ?21,"
		    " retries = retries + ?22, virtual_size = iif(?23 > 0, ?23, virtual_size), skips = iif(?24, skips + 1, 0)"
		    " WHERE key = ?1",
		    "tttuuttutittiti" "iiuuuuuui", o->key, c->target, vm, o->started_ns, o->finished_ns, run_result_name(d),
		    run_kind_name(d->kind), d->cycle, consistency_name(d->consistency), (int64_t)o->status, o->code, o->message,
		    (int64_t)went_well(d), o->point, (int64_t)stall_step(d), (int64_t)pointless_step(c, d),
		    (int64_t)(d->err.code != ERR_NONE), pass_counter(&d->progress.bytes_read), pass_counter(&d->progress.bytes_sent),
		    pass_counter(&d->progress.bytes_cleared), o->requests, d->retries, d->virtual_size, (int64_t)o->skip);
}

static int update_disk(struct project *p, const struct project_cycle *c, const struct cycle_disk *d,
		       const struct disk_outcome *o, struct project_streak *streak, struct error *err)
{
	CLEANUP_FREE char *vm = project_name_text(c->vm->name, err);
	CLEANUP(cleanup_statement) sqlite3_stmt *st = NULL;
	bool missing = o->recorded;
	int rc;

	if (!vm)
		return -1;
	if (!o->recorded) {
		if (update_row(p, c, d, vm, o, err) < 0)
			return -1;
		missing = sqlite3_changes(p->db) == 0;
	}
	if (missing && (make_row(p, c, d, vm, o, err) < 0 || (!o->recorded && update_row(p, c, d, vm, o, err) < 0)))
		return -1;
	if (!streak)
		return 0;
	st = sql_query(p->db, err, "SELECT stalls, pointless FROM disks WHERE key = ?", "t", o->key);
	rc = st ? sql_next(st, err) : -1;
	if (rc <= 0)
		return rc;
	streak->stalls = (unsigned)sql_u64(st, 0);
	streak->pointless = (unsigned)sql_u64(st, 1);
	return 0;
}

/* A row a disk, since points are deleted disk by disk. */
static int insert_point(struct project *p, const struct cycle_disk *d, const struct disk_outcome *o, struct error *err)
{
	if (!o->point)
		return 0;
	return sql_run(p->db, err,
		       "INSERT INTO recovery_points (disk, name, snapshot, made_ns) VALUES (?, ?, ?, ?)"
		       " ON CONFLICT DO UPDATE SET snapshot = excluded.snapshot, deleted_ns = NULL",
		       "tttu", o->key, o->point, d->snapshot, o->finished_ns);
}

/* Of disks whose replica this cycle saw. */
static int update_unverified(struct project *p, const struct cycle_disk *d, const struct disk_outcome *o, struct error *err)
{
	if (d->err.code != ERR_NONE)
		return 0;
	return sql_run(p->db, err, "UPDATE disks SET unverified = ?2 WHERE key = ?1 AND unverified IS NOT ?2", "ti", o->key,
		       (int64_t)d->unverified);
}

static enum project_event_kind failure_kind(const struct cycle_disk *d)
{
	if (d->err.code == ERR_CONFLICT && d->err.detail != TARGET_REFUSED_NUMBER)
		return PROJECT_FOREIGN_WRITE;
	if (d->err.code == ERR_BUSY || d->err.code == ERR_CONFLICT)
		return PROJECT_FENCED;
	return d->result == CYCLE_PARKED ? PROJECT_PARKED : PROJECT_FAILED;
}

static int tell_disk(struct project *p, const struct project_cycle *c, const struct cycle_disk *d, struct error *err)
{
	struct project_event e = { .vm = c->vm->name, .disk = d->name, .target = c->target, .err = &d->err };
	char text[160];

	if (d->err.code != ERR_NONE) {
		e.kind = failure_kind(d);
		e.text = d->err.msg;
	} else if (d->result == CYCLE_SKIPPED) { /* nothing happened */
		return 0;
	} else {
		e.kind = d->result == CYCLE_FUZZY ? PROJECT_FUZZY : PROJECT_COMMITTED;
		snprintf(text, sizeof(text), "cycle=%" PRIu64 " kind=%s read=%" PRIu64 " sent=%" PRIu64 " cleared=%" PRIu64, d->cycle,
			 run_kind_name(d->kind), pass_counter(&d->progress.bytes_read), pass_counter(&d->progress.bytes_sent),
			 pass_counter(&d->progress.bytes_cleared));
		e.text = text;
	}
	return project_add_event(p, &e, err);
}

static int record_disk(struct project *p, const struct project_cycle *c, const struct cycle_disk *d,
		       struct project_streak *streak, bool *again_out, struct error *err)
{
	struct disk_outcome o = { .status = run_disk_status(d), .skip = project_is_skip(c, d) };
	int rc;

	state_replica_key(c->target, d->name, o.key);
	if (d->err.code != ERR_NONE) {
		o.code = error_code_name(d->err.code);
		o.message = project_message_text(d->err.msg, err);
		if (!o.message)
			return -1;
	}
	o.point = d->err.code == ERR_NONE && *c->vm->point ? c->vm->point : NULL;
	o.started_ns = d->started_ns ? d->started_ns : clock_realtime_ns();
	o.finished_ns = d->finished_ns > o.started_ns ? d->finished_ns : o.started_ns;
	o.requests = d->requests.writes + d->requests.clears + d->requests.reads + d->requests.others;
	rc = insert_cycle(p, d, &o, err) < 0 || update_disk(p, c, d, &o, streak, err) < 0 || insert_point(p, d, &o, err) < 0 ||
			     update_unverified(p, d, &o, err) < 0 || (!o.recorded && tell_disk(p, c, d, err) < 0) ? -1 : 0;
	*again_out = *again_out || o.recorded;
	free(o.message);
	return rc;
}

static int record_vm(struct project *p, const struct project_cycle *c, struct project_streak *streaks, struct error *err)
{
	CLEANUP_FREE char *name = NULL;
	const struct project_event e = { .kind = PROJECT_POINT_MADE, .vm = c->vm->name, .text = c->vm->point };
	bool again = false;

	for (size_t i = 0; i < c->vm->n; i++)
		if (record_disk(p, c, &c->vm->disks[i], streaks ? &streaks[i] : NULL, &again, err) < 0)
			return -1;
	if (!*c->vm->point || again)
		return 0;
	name = project_name_text(c->vm->name, err);
	if (!name || sql_run(p->db, err, "UPDATE vms SET last_point = ? WHERE target = ? AND name = ?", "ttt", c->vm->point,
			     c->target, name) < 0)
		return -1;
	return project_add_event(p, &e, err);
}

int project_record_vm(struct project *p, const struct project_cycle *c, struct project_streak *streaks, struct error *err)
{
	for (size_t i = 0; i < c->vm->n; i++)
		streaks[i] = (struct project_streak){ 0 };
	LOCK_SCOPE(&p->use);
	if (sql_begin(p->db, err) < 0)
		return -1;
	return project_end(p, record_vm(p, c, streaks, err), err);
}

static int record_vms(struct project *p, const struct project_cycle *c, size_t n, struct error *err)
{
	CLEANUP(cleanup_unchanged) struct project_unchanged u = { 0 };

	if (project_unchanged_begin(p, &u, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		bool done;

		if (project_unchanged_vm(&u, &c[i], &done, err) < 0 || (!done && record_vm(p, &c[i], NULL, err) < 0))
			return -1;
	}
	return 0;
}

int project_record_vms(struct project *p, const struct project_cycle *c, size_t n, struct error *err)
{
	LOCK_SCOPE(&p->use);
	if (sql_begin(p->db, err) < 0)
		return -1;
	return project_end(p, record_vms(p, c, n, err), err);
}

int project_streaks(struct project *p, const char *target, int (*each)(void *ctx, const char *disk, struct error *err),
		    void *ctx, struct error *err)
{
	LOCK_SCOPE(&p->use);
	CLEANUP(cleanup_statement) sqlite3_stmt *st =
		sql_query(p->db, err, "SELECT name FROM disks WHERE target = ? AND (stalls > 0 OR pointless > 0) ORDER BY name", "t",
			  target);
	int more = st ? 0 : -1;

	while (st && (more = sql_next(st, err)) > 0) {
		CLEANUP_FREE char *disk = sql_text(st, 0, err);

		if (!disk || each(ctx, disk, err) < 0)
			return -1;
	}
	p->in_doubt = p->in_doubt || more < 0;
	return more;
}

/* ---- single facts ---- */

static int record_deleted(struct project *p, const char *key, const char *replica_name, const char *point, struct error *err)
{
	const struct project_event e = { .kind = PROJECT_POINT_DELETED, .disk = replica_name, .text = point };

	if (sql_run(p->db, err, "UPDATE recovery_points SET deleted_ns = ? WHERE disk = ? AND name = ? AND deleted_ns IS NULL",
		    "utt", clock_realtime_ns(), key, point) < 0 ||
	    sql_run(p->db, err,
		    "DELETE FROM recovery_points WHERE disk = ?1 AND deleted_ns IS NOT NULL AND name <= (SELECT name FROM recovery_points"
		    " WHERE disk = ?1 AND deleted_ns IS NOT NULL ORDER BY name DESC LIMIT 1 OFFSET ?2)", "ti", key,
		    (int64_t)CYCLES_KEPT) < 0)
		return -1;
	return project_add_event(p, &e, err);
}

int project_record_deleted(struct project *p, const char *target_name, const char *replica_name, const char *point,
			   struct error *err)
{
	char key[STATE_KEY_LEN];

	state_replica_key(target_name, replica_name, key);
	LOCK_SCOPE(&p->use);
	if (sql_begin(p->db, err) < 0)
		return -1;
	return project_end(p, record_deleted(p, key, replica_name, point, err), err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A disk's way into and out of a cycle.  The comments' numbers are the steps of ARCHITECTURE.md, "The cycle". */
#include <config.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/parse.h"
#include "replicate/cycle_disk.h"
#include "replicate/seed.h"

const char *disk_run_meta(const struct disk_run *r, const char *key)
{
	const char *value = target_meta_get(&r->meta, key);

	return value ? value : "";
}

int disk_run_look(struct disk_run *r, bool *exists, struct error *err)
{
	struct target_look l = { 0 };

	if (replica_look(r->replica, &l, err) < 0)
		return -1;
	target_meta_fini(&r->meta);
	r->meta = l.meta;
	l.meta = (struct target_meta){ 0 };
	*exists = l.exists;
	r->live_number = l.number;
	r->live_size = l.size;
	r->live_leased = l.leased;
	memcpy(r->version, l.version, sizeof(r->version));
	target_look_fini(&l);
	return 0;
}

void disk_run_warn(struct disk_run *r, const char *fmt, ...)
{
	size_t used = strlen(r->d->warning), room = sizeof(r->d->warning) - used;
	int n = used > 0 ? snprintf(r->d->warning + used, room, "; ") : 0;
	va_list ap;

	if ((size_t)n >= room)
		return;
	va_start(ap, fmt);
	vsnprintf(r->d->warning + used + n, room - (size_t)n, fmt, ap);
	va_end(ap);
}

bool disk_run_renewed(struct disk_run *r, struct error *why)
{
	if (!target_refused_lease(why))
		return false;
	*why = (struct error)ERROR_INIT;
	return lease_keeper_renew(r->keeper, r->replica, why) == 0;
}

enum consistency cycle_consistency(const struct evidence *f0, bool frozen)
{
	bool stamped = true;

	for (size_t i = 0; i < f0->n; i++)
		stamped = stamped && f0->v[i].stamps_writes;
	return stamped ? CONSISTENCY_PROVEN : frozen ? CONSISTENCY_DECLARED : CONSISTENCY_UNPROVEN;
}

/* Says it anew under another code. */
static void recast(struct error *e, enum error_code code, const char *name, const char *what)
{
	struct error why = *e;

	*e = (struct error)ERROR_INIT;
	error_set(e, code, "%s: %s (%.300s)", name, what, why.msg);
}

void disk_run_failed(struct disk_run *r)
{
	struct error *e = &r->d->err;

	/* Stopped, but not by the run's token: by the keeper. */
	if (e->code == ERR_CANCELLED && cancel_level(r->opt->cancel) == CANCEL_NONE && cancel_level(&r->stop) != CANCEL_NONE)
		recast(e, ERR_BUSY, r->d->name, "the lease was lost during the cycle: somebody else may have written");
	/* The epoch is another: nothing of ours lands any more, and the next run looks at what is there. */
	if (e->code == ERR_CONFLICT && e->detail == TARGET_REFUSED_NUMBER)
		recast(e, ERR_BUSY, r->d->name, "another liftfs took over during the cycle");
	r->d->result = e->code == ERR_CANCELLED || (e->code == ERR_NETWORK && !r->source_failed) ? CYCLE_PARKED : CYCLE_FAILED;
	r->d->finished_ns = clock_realtime_ns();
}

static int check_size(const struct disk_run *r, struct error *err)
{
	uint64_t max = target_caps(r->opt->target)->max_size, whole = r->content + VHD_FOOTER_LEN;

	if (r->d->virtual_size == 0)
		return error_set(err, ERR_UNSUPPORTED, "%s: an empty disk: nothing to replicate", r->d->source_path);
	if (r->content >= r->d->virtual_size && whole > r->content && whole <= max)
		return 0;
	return error_set(err, ERR_UNSUPPORTED,
			 "%s: a disk of %" PRIu64 " bytes; a replica there holds at most %" PRIu64 " with its footer: replicate it "
			 "to a directory, and from there: az disk create --for-upload --upload-size-bytes %" PRIu64,
			 r->d->source_path, r->d->virtual_size, max, whole);
}

/* The map's header holds them. */
static int check_texts(const struct disk_run *r, struct error *err)
{
	const struct blockmap_header *h = NULL;

	if (strlen(r->d->name) < sizeof(h->name) && strlen(r->d->source_path) < sizeof(h->source_path) &&
	    strlen(r->d->source_id) < sizeof(h->source_id))
		return 0;
	return error_set(err, ERR_UNSUPPORTED, "%s: path or id too long for the block map", r->d->source_path);
}

int disk_run_check_source(struct disk_run *r, struct error *err)
{
	r->d->virtual_size = disk_size(r->source);
	r->content = vhd_content_size(r->d->virtual_size);
	if (check_size(r, err) < 0 || check_texts(r, err) < 0)
		return -1;
	return target_check_name(r->opt->target, r->d->name, err);
}

int disk_run_check_identity(const struct disk_run *r, const char *known, struct error *err)
{
	if (known[0] == '\0' || r->d->source_id[0] == '\0' || strcmp(known, r->d->source_id) == 0 || r->opt->replace)
		return 0;
	return error_set(err, ERR_CONFLICT,
			 "%s: was made from another disk (id %s; %s has %s); --replace gives the replica to this one",
			 r->d->name, known, r->d->source_path, r->d->source_id);
}

int disk_run_reopen(struct disk_run *r, struct error *err)
{
	disk_close(r->source);
	r->opened_ns = clock_boottime_ns();
	r->source = disk_open(r->d->root, r->d->source_path, NULL, err);
	r->source_failed = !r->source;
	if (!r->source)
		return -1;
	return disk_run_check_source(r, err);
}

int disk_run_open(struct disk_run *r, struct error *err)
{
	r->rs = (struct replica_state)REPLICA_STATE_INIT;
	if (cancel_init(&r->stop, err) < 0)
		return -1;
	if (disk_run_reopen(r, err) < 0 ||
	    replica_state_look(r->opt->state, target_name(r->opt->target), r->d->name, &r->rs, err) < 0 ||
	    (r->rs.map && disk_run_check_identity(r, blockmap_header(r->rs.map)->source_id, err) < 0))
		return -1;
	r->replica = target_replica(r->opt->target, r->d->name, err);
	return r->replica ? 0 : -1;
}

void disk_run_blame_change(struct disk_run *r)
{
	struct evidence now = { 0 };
	char what[192];

	if (!r->source_failed || r->d->err.code != ERR_CORRUPT)
		return;
	if (evidence_take(r->source, &now, NULL) < 0 || !evidence_equal(&r->f0, &now)) {
		snprintf(what, sizeof(what), "%.180s", r->d->err.msg);
		r->d->err = (struct error)ERROR_INIT;
		error_set(&r->d->err, ERR_CHANGED, "%s: changed while it was read (%s)", r->d->source_path, what);
	}
	evidence_fini(&now);
}

int disk_run_check_unchanged(struct disk_run *r, bool *same, struct error *err)
{
	bool exists;

	if (disk_run_look(r, &exists, err) < 0)
		return -1;
	*same = exists && strcmp(r->version, r->rs.last.version) == 0;
	return 0;
}

/* After the first pass: the replica is no empty one any more.  If that cannot be said now, the next cycle says it. */
static int mark_done(struct disk_run *r, struct error *err)
{
	struct error why = ERROR_INIT;

	if (!r->is_new)
		return 0;
	r->is_new = false;
	if (disk_run_write_meta(r, &why) == 0)
		return 0;
	r->is_new = true;
	if (why.code == ERR_NETWORK || (why.code == ERR_CONFLICT && why.detail == TARGET_REFUSED_VERSION))
		return 0;
	if (err)
		*err = why;
	return -1;
}

int disk_run_fence(struct disk_run *r, const struct guid *token, const char *moment, unsigned disks, bool fuzzy,
		   struct error *err)
{
	struct clean_point p = { .cycle = r->rs.last.cycle + (disks > 0), .token = *token, .fuzzy = fuzzy, .disks = disks,
				 .consistency = r->d->consistency };

	replica_barrier(r->replica);
	if (disk_run_check_epoch(r, err) < 0)
		return -1;
	if (disks > 0 && mark_done(r, err) < 0)
		return -1;
	if (disk_run_raise(r, "fence", true, err) < 0)
		return -1;
	snprintf(p.moment, sizeof(p.moment), "%s", moment);
	memcpy(p.version, r->version, sizeof(p.version));
	p.number = r->number;
	p.evidence = r->f0;
	r->f0 = (struct evidence){ 0 };
	if (replica_state_clean(&r->rs, &p, err) < 0) {
		evidence_fini(&p.evidence);
		return -1;
	}
	r->fenced = true;
	r->d->cycle = p.cycle;
	return 0;
}

/*
 * Its answer does not matter: without one the lease ends by itself.  But a release that was sent twice, or got no answer, may
 * arrive while the next cycle holds its lease, which must not be this one then.  Killed between the two the next cycle takes the
 * lease under the same id: from its claim on the version is another than the release names.
 */
static void let_go(struct disk_run *r, bool release)
{
	bool lost = lease_keeper_remove(r->keeper, r->replica);
	struct error why = ERROR_INIT;

	r->leased = false;
	if (!release || lost)
		return;
	if (replica_lease_if(r->replica, TARGET_LEASE_RELEASE, &r->rs.lease_id, r->version, &why) < 0)
		log_info("cycle", "%s: the lease was not released; it ends by itself: %s", r->d->name, why.msg);
	/* It was not sent, or refused for good; or the state was lost on the way. */
	if ((why.code != ERR_NONE && why.code != ERR_NETWORK && why.code != ERR_BUSY) || !r->rs.journal)
		return;
	why = (struct error)ERROR_INIT;
	if (replica_state_new_lease(&r->rs, &why) < 0)
		log_info("cycle", "%s: %s", r->d->name, why.msg);
}

int disk_run_commit(struct disk_run *r, struct error *err)
{
	if (replica_state_commit(&r->rs, r->d->snapshot, err) < 0)
		return -1;
	disk_run_update_copy(r);
	let_go(r, true);
	return replica_state_settle(&r->rs, err);
}

void disk_run_abandon(struct disk_run *r)
{
	struct guid token;
	struct error why = ERROR_INIT;

	if (!r->claimed || r->fenced || r->d->err.code == ERR_NETWORK || r->d->err.code == ERR_BUSY ||
	    r->d->err.code == ERR_CONFLICT)
		return;
	/* Unknown blocks are no obstacle: they are unknown in the map too, and the point proves nothing about the source. */
	if (guid_random(&token, &why) < 0 || disk_run_fence(r, &token, "-", 0, true, &why) < 0 || disk_run_commit(r, &why) < 0)
		log_info("cycle", "%s: left as it is for the next run: %s", r->d->name, why.msg);
}

void disk_run_close(struct disk_run *r)
{
	/* In an open state the lease is kept: by renewing it the next run proves that nobody else wrote. */
	if (r->leased)
		let_go(r, r->rs.kind != STATE_OPEN && r->d->err.code != ERR_NETWORK);
	r->d->unverified = disk_run_meta(r, SEED_UNVERIFIED)[0] != '\0'; /* as the fence found it, or a look that skipped the disk */
	replica_close(r->copy);
	replica_close(r->replica);
	replica_state_close(&r->rs);
	disk_close(r->source);
	evidence_fini(&r->f0);
	target_meta_fini(&r->meta);
	cancel_fini(&r->stop);
}

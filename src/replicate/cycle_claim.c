/* SPDX-License-Identifier: Apache-2.0 */
/* Steps 4 and 8: numbers, and the metadata that say who holds a replica. */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "replicate/cycle_disk.h"
#include "replicate/seed.h"

#define CLAIM_TRIES 5 /* a lost answer or a late duplicate each cost one */

static int meta_number(struct target_meta *m, const char *key, uint64_t value, struct error *err)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	return target_meta_set(m, key, text, err);
}

/* Of the live replica: who it is, and who holds it, since a lease does not tell. */
int disk_run_live_meta(const struct disk_run *r, struct target_meta *out, struct error *err)
{
	const struct blockmap_header *h = blockmap_header(r->rs.map);
	char id[GUID_TEXT_LEN], holder[192], now[CLOCK_TEXT_LEN];

	guid_format(&h->liftfs_id, id);
	clock_format_iso(clock_realtime_ns(), now);
	snprintf(holder, sizeof(holder), "%.120s pid %ld since %s", r->opt->host ? r->opt->host : "?", (long)getpid(), now);
	if (target_meta_set(out, "liftfsid", id, err) < 0 || target_meta_set(out, "format", "1", err) < 0 ||
	    target_meta_set(out, "name", r->d->name, err) < 0 || target_meta_set(out, "vm", r->vm->name, err) < 0 ||
	    target_meta_set(out, "sourceid", r->d->source_id, err) < 0 ||
	    target_meta_set(out, "holder", holder, err) < 0 ||
	    meta_number(out, "vsize", r->d->virtual_size, err) < 0 ||
	    meta_number(out, "blocksize", h->block_size, err) < 0)
		return -1;
	if (r->is_new && target_meta_set(out, "state", "new", err) < 0)
		return -1;
	if (r->seeded)
		return target_meta_set(out, SEED_UNVERIFIED, now, err);
	if (disk_run_meta(r, SEED_UNVERIFIED)[0] && !seed_was_verified(&r->rs))
		return target_meta_set(out, SEED_UNVERIFIED, disk_run_meta(r, SEED_UNVERIFIED), err);
	return 0;
}

int disk_run_write_meta(struct disk_run *r, struct error *err)
{
	struct target_meta m = { 0 };
	char version[TARGET_VERSION_LEN];
	struct error why = ERROR_INIT;
	unsigned tries = 0;
	int rc = disk_run_live_meta(r, &m, &why);

	while (rc == 0 && replica_set_meta(r->replica, r->version, &m, version, &why) < 0)
		if (tries++ >= LEASE_TRIES || !disk_run_renewed(r, &why))
			rc = -1;
	target_meta_fini(&m);
	if (rc < 0) {
		if (err)
			*err = why;
		return error_prefix(err, "%s: metadata", r->d->name);
	}
	memcpy(r->version, version, sizeof(r->version));
	seed_forget_verified(&r->rs);
	return 0;
}

static uint64_t draw(const struct disk_run *r)
{
	uint64_t base = r->live_number > r->rs.max_own ? r->live_number : r->rs.max_own;

	return base + 1 + random_below(UINT64_C(1) << NUMBER_STEP_BITS);
}

/* 4 and 8: raises the number on condition of r->version.  1: the version is another, no answer, or the lease ran out: look again;
 * *again. */
static int raise_once(struct disk_run *r, const struct target_meta *meta, struct error *again, struct error *err)
{
	struct error why = ERROR_INIT;
	char version[TARGET_VERSION_LEN];
	uint64_t number = draw(r), live = 0;

	if (replica_state_claim(&r->rs, number, err) < 0)
		return -1;
	if ((meta ? replica_raise_with(r->replica, number, meta, r->version, &live, version, &why) :
		    replica_raise(r->replica, number, r->version, &live, version, &why)) < 0) {
		if ((why.code == ERR_CONFLICT && why.detail == TARGET_REFUSED_VERSION) || why.code == ERR_NETWORK ||
		    target_refused_lease(&why)) {
			*again = why;
			return 1;
		}
		if (err)
			*err = why;
		return -1;
	}
	if (live != number)
		return error_set(err, ERR_BUSY, "%s: epoch %" PRIu64 " is live, not ours (%" PRIu64 "): another liftfs took over",
				 r->d->name, live, number);
	r->number = number;
	memcpy(r->version, version, sizeof(r->version));
	return 0;
}

static int raise_until(struct disk_run *r, const struct target_meta *meta, const char *what, bool believe, struct error *err)
{
	struct error again = ERROR_INIT;

	for (unsigned n = 0; n < CLAIM_TRIES; n++) {
		char before[TARGET_VERSION_LEN];
		bool exists;
		int rc;

		memcpy(before, r->version, sizeof(before));
		rc = raise_once(r, meta, &again, err);
		if (rc <= 0)
			return rc;
		if (cancel_level(&r->stop) == CANCEL_NOW)
			return cancel_check(&r->stop, err);
		if (lease_keeper_renew(r->keeper, r->replica, err) < 0 || disk_run_look(r, &exists, err) < 0)
			return -1;
		if (!exists)
			return error_set(err, ERR_CONFLICT, "%s: is gone from the target", r->d->name);
		if (believe && strcmp(before, r->version) != 0 && !replica_state_owns(&r->rs, r->live_number))
			return error_set(err, ERR_BUSY, "%s: %s: another liftfs took over (epoch %" PRIu64 ")", r->d->name,
					 what, r->live_number);
	}
	if (err)
		*err = again;
	return error_prefix(err, "%s: %s, %d tries", r->d->name, what, CLAIM_TRIES);
}

int disk_run_raise(struct disk_run *r, const char *what, bool believe, struct error *err)
{
	return raise_until(r, NULL, what, believe, err);
}

int disk_run_claim(struct disk_run *r, bool believe, struct error *err)
{
	CLEANUP(cleanup_target_meta) struct target_meta m = { 0 };
	bool at_once = replica_can_raise_with(r->replica);

	if ((at_once && disk_run_live_meta(r, &m, err) < 0) || raise_until(r, at_once ? &m : NULL, "claim", believe, err) < 0)
		return -1;
	r->claimed = true;
	if (!at_once)
		return disk_run_write_meta(r, err);
	seed_forget_verified(&r->rs);
	return 0;
}

int disk_run_check_epoch(struct disk_run *r, struct error *err)
{
	bool exists;

	if (disk_run_look(r, &exists, err) < 0)
		return -1;
	if (!exists || r->live_number != r->number)
		return error_set(err, exists && r->live_number > r->number ? ERR_BUSY : ERR_CONFLICT,
				 "%s: epoch %" PRIu64 " is live, not ours (%" PRIu64 "): somebody else took over", r->d->name,
				 r->live_number, r->number);
	return 0;
}

int disk_run_claim_again(struct disk_run *r, struct error *err)
{
	replica_barrier(r->replica);
	return disk_run_check_epoch(r, err) < 0 ? -1 : disk_run_raise(r, "claim", true, err);
}

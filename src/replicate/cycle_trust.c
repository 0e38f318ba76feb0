/* SPDX-License-Identifier: Apache-2.0 */
/* Steps 2 and 3: the lease, and what of map and journal may be believed. */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "replicate/cycle_disk.h"

void disk_run_data_text(struct disk_run *r, char out[FORMAT_TEXT_LEN])
{
	uint64_t bytes;

	if (replica_data_bytes(r->replica, r->live_size > VHD_FOOTER_LEN ? r->live_size - VHD_FOOTER_LEN : 0, &bytes, NULL) == 0)
		format_size(bytes, out);
	else
		snprintf(out, FORMAT_TEXT_LEN, "its data");
}

int disk_run_need_adopt(struct disk_run *r, const char *why, struct error *err)
{
	char size[FORMAT_TEXT_LEN];

	disk_run_data_text(r, size);
	return error_set(err, ERR_CONFLICT, "%s: %s; nothing was written; --adopt reads %s back%s to know what is there",
			 r->d->name, why, size, target_caps(r->opt->target)->remote ? " (which Azure bills)" : "");
}

static const char *holder(const struct disk_run *r, const struct error *said)
{
	const char *name = disk_run_meta(r, "holder");

	return name[0] ? name : said->msg;
}

static int held(const struct disk_run *r, const struct error *said, struct error *err)
{
	return error_set(err, ERR_BUSY, "%s: held by %s", r->d->name, holder(r, said));
}

static bool has_moved(const struct error *why)
{
	return why->code == ERR_CONFLICT && why->detail == TARGET_REFUSED_VERSION;
}

/*
 * A break ends whoever's lease it finds.  One that arrives late, when we have claimed, must find none: it is conditional, unless
 * there is somebody who never stops writing.
 */
static int send_break(struct disk_run *r, struct error *err)
{
	bool exists;

	for (unsigned n = 0; n < LEASE_TRIES; n++) {
		struct error why = ERROR_INIT;

		if (replica_lease_if(r->replica, TARGET_LEASE_BREAK, NULL, r->version, &why) == 0)
			return 0;
		if (!has_moved(&why)) {
			if (err)
				*err = why;
			return -1;
		}
		if (disk_run_look(r, &exists, err) < 0)
			return -1;
	}
	return replica_lease(r->replica, TARGET_LEASE_BREAK, NULL, err) < 0 ? -1 : disk_run_look(r, &exists, err);
}

/* Step 3 comes after this as it always does: breaking a lease proves nothing.  What would end with 78 breaks none. */
static int break_lease(struct disk_run *r, const struct error *said, struct error *err)
{
	if (disk_run_decide(r, err) < 0)
		return -1;
	r->trust = TRUST_UNDECIDED;
	disk_run_warn(r, "the lease was broken that was held by %s", holder(r, said));
	return send_break(r, err);
}

/*
 * Conditional on what was looked at.  Without that a request that arrives late could begin our lease anew after somebody wrote in a
 * lapse, and the next renewal would pass for a proof that nobody did; and it could take a replica that was given to another host.
 * In an open state the version is the proof, so that another one ends it.
 */
static int acquire(struct disk_run *r, struct error *why)
{
	bool late = target_caps(r->opt->target)->late, exists;
	uint64_t number = r->live_number;

	for (unsigned n = 1;; n++) {
		*why = (struct error)ERROR_INIT;
		if (replica_lease_if(r->replica, TARGET_LEASE_ACQUIRE, &r->rs.lease_id, late ? r->version : NULL, why) == 0)
			return 0;
		if (!has_moved(why))
			return -1;
		*why = (struct error)ERROR_INIT;
		if (disk_run_look(r, &exists, why) < 0)
			return -1;
		if (r->live_leased)
			return error_set(why, ERR_BUSY, "somebody who writes to it");
		if (n == LEASE_TRIES || r->rs.kind == STATE_OPEN || r->live_number != number)
			return error_set(why, ERR_NETWORK, "%s: was changed at the moment when it was to be leased", r->d->name);
	}
}

static int lease(struct disk_run *r, struct error *err)
{
	struct error why = ERROR_INIT;
	int rc = acquire(r, &why);

	if (rc < 0 && why.code == ERR_BUSY && r->opt->break_lease) {
		if (break_lease(r, &why, err) < 0)
			return -1;
		rc = acquire(r, &why);
	}
	if (rc < 0) {
		if (why.code == ERR_BUSY)
			return held(r, &why, err);
		if (err)
			*err = why;
		return -1;
	}
	r->leased = true;
	return lease_keeper_add(r->keeper, r->replica, &r->rs.lease_id, &r->stop, err);
}

/* Content is sent only after the map was committed under a number of ours, or under DISTRUST. */
static bool never_wrote(const struct disk_run *r)
{
	return !r->rs.has_clean && blockmap_header(r->rs.map)->number == 0 && r->rs.kind != STATE_DISTRUSTED;
}

static int distrust_and_lease(struct disk_run *r, struct error *err)
{
	return replica_state_distrust(&r->rs, err) < 0 ? -1 : lease(r, err);
}

/* After a crash: a renewal that works proves that nobody else wrote since. */
static int renew_or_distrust(struct disk_run *r, struct error *err)
{
	struct error why = ERROR_INIT;
	bool exists;

	if (replica_lease(r->replica, TARGET_LEASE_RENEW, &r->rs.lease_id, &why) == 0) {
		r->leased = true;
		return lease_keeper_add(r->keeper, r->replica, &r->rs.lease_id, &r->stop, err);
	}
	if (why.code == ERR_CONFLICT && why.detail == TARGET_REFUSED_UNPROVEN)
		return distrust_and_lease(r, err); /* a directory cannot always prove it */
	if (why.code != ERR_BUSY) {
		if (err)
			*err = why;
		return -1;
	}
	if (disk_run_look(r, &exists, err) < 0)
		return -1;
	if (r->live_leased && !r->opt->break_lease) /* nothing was acquired or changed: the next run finds the same */
		return held(r, &why, err);
	/* Whoever ended that lease, a late break or a late release of our own: nothing was written since the clean point. */
	if (target_caps(r->opt->target)->late && r->rs.has_clean && strcmp(r->version, r->rs.last.version) == 0)
		return lease(r, err);
	if (replica_state_owns(&r->rs, r->live_number) && !r->opt->adopt && !r->opt->replace)
		return disk_run_need_adopt(r, r->live_leased ? "leased by somebody else after a cycle that was cut off" :
							       "changed by somebody else after a cycle that was cut off", err);
	return distrust_and_lease(r, err);
}

int disk_run_lease(struct disk_run *r, struct error *err)
{
	/* Nothing is believed of such a replica but that it holds no data, which is looked up after this. */
	if (never_wrote(r))
		return lease(r, err);
	/* A number that is not ours: another host claimed since, perhaps with a copy of this state and its lease id. */
	if (r->rs.n_own > 0 && !replica_state_owns(&r->rs, r->live_number)) {
		if (r->rs.kind == STATE_OPEN && replica_state_distrust(&r->rs, err) < 0)
			return -1;
		return replica_state_new_lease(&r->rs, err) < 0 ? -1 : lease(r, err);
	}
	return r->rs.kind == STATE_OPEN ? renew_or_distrust(r, err) : lease(r, err);
}

/* A replica that we made and never wrote to: true to the map, which says zero, if it holds nothing. */
static int decide_fresh(struct disk_run *r, struct error *err)
{
	bool told = r->opt->adopt || r->opt->replace;
	uint64_t bytes;

	if (replica_data_bytes(r->replica, r->live_size, &bytes, err) < 0) /* the disk may have grown since */
		return -1;
	r->trust = bytes == 0 ? TRUST : told || !target_caps(r->opt->target)->remote ? REBUILD : STOP;
	r->why = "holds data although nothing was sent yet";
	r->fresh = bytes == 0;
	return 0;
}

bool disk_run_is_another(const struct disk_run *r)
{
	char id[GUID_TEXT_LEN];

	guid_format(&blockmap_header(r->rs.map)->liftfs_id, id);
	return strcmp(disk_run_meta(r, "liftfsid"), id) != 0;
}

static int decide(struct disk_run *r, struct error *err)
{
	bool own = replica_state_owns(&r->rs, r->live_number), told = r->opt->adopt || r->opt->replace;
	bool same = r->rs.kind == STATE_CLEAN && strcmp(r->version, r->rs.last.version) == 0;

	r->trust = REBUILD;
	r->why = "another liftfs wrote to it since the last cycle here";
	if (r->seeded && !same && !(r->rs.kind == STATE_OPEN && own)) {
		r->trust = told ? REBUILD : STOP;
		r->why = "was changed by somebody else since it was compared with its seed";
	} else if (!r->seeded && disk_run_is_another(r)) {
		r->trust = told ? REBUILD : STOP;
		r->why = "is not the replica that this state describes: it was made anew or replaced";
	} else if (r->no_state) {
		r->why = r->rs.damage ? "its block map here is damaged" : "there is no block map of it here";
	} else if (r->rs.kind == STATE_DISTRUSTED) {
		r->why = "its block map here is void since somebody else may have written";
	} else if (never_wrote(r)) {
		return decide_fresh(r, err);
	} else if (same) {
		r->trust = TRUST;
	} else if (r->rs.kind == STATE_CLEAN && own) {
		r->trust = told ? REBUILD : STOP;
		r->why = "changed by something other than liftfs since the last cycle";
	} else if (r->rs.kind == STATE_OPEN && own) {
		r->trust = TRUST;
	}
	return 0;
}

int disk_run_decide(struct disk_run *r, struct error *err)
{
	if (decide(r, err) < 0)
		return -1;
	return r->trust == STOP ? disk_run_need_adopt(r, r->why, err) : 0;
}

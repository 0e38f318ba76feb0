/* SPDX-License-Identifier: Apache-2.0 */
/* Steps 2 and 3: the lease, and what of map and journal may be believed. */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "base/parse.h"
#include "replicate/cycle_disk.h"

int disk_run_need_adopt(struct disk_run *r, const char *why, struct error *err)
{
	char size[FORMAT_TEXT_LEN] = "its data";
	uint64_t bytes;

	if (replica_data_bytes(r->replica, r->live_size > VHD_FOOTER_LEN ? r->live_size - VHD_FOOTER_LEN : 0, &bytes, NULL) == 0)
		format_size(bytes, size);
	return error_set(err, ERR_CONFLICT, "%s: %s; nothing was written; --adopt reads %s back%s to know what is there",
			 r->d->name, why, size, target_caps(r->opt->target)->remote ? " (which Azure bills)" : "");
}

static int lease(struct disk_run *r, struct error *err)
{
	struct error why = ERROR_INIT;
	const char *holder = disk_run_meta(r, "holder");

	if (replica_lease(r->replica, TARGET_LEASE_ACQUIRE, &r->rs.lease_id, &why) < 0) {
		if (why.code == ERR_BUSY)
			return error_set(err, ERR_BUSY, "%s: held by %s", r->d->name, holder[0] ? holder : why.msg);
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
	if (r->live_leased) /* nothing was acquired or changed: the next run finds the same */
		return error_set(err, ERR_BUSY, "%s: held by %s", r->d->name, disk_run_meta(r, "holder")[0] ? disk_run_meta(r, "holder") : why.msg);
	if (replica_state_owns(&r->rs, r->live_number) && !r->opt->adopt)
		return disk_run_need_adopt(r, "changed by somebody else after a cycle that was cut off", err);
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
static int decide_fresh(struct disk_run *r, enum trust *out, const char **why, struct error *err)
{
	uint64_t bytes;

	if (replica_data_bytes(r->replica, r->live_size, &bytes, err) < 0) /* the disk may have grown since */
		return -1;
	*out = bytes == 0 ? TRUST : r->opt->adopt || r->opt->replace || !target_caps(r->opt->target)->remote ? REBUILD : STOP;
	*why = "holds data although nothing was sent yet";
	r->fresh = bytes == 0;
	return 0;
}

int disk_run_decide(struct disk_run *r, bool no_state, enum trust *out, const char **why, struct error *err)
{
	char id[GUID_TEXT_LEN];
	bool own = replica_state_owns(&r->rs, r->live_number);

	guid_format(&blockmap_header(r->rs.map)->liftfs_id, id);
	*out = REBUILD;
	if (r->seeded && !(r->rs.kind == STATE_CLEAN && strcmp(r->version, r->rs.last.version) == 0) &&
	    !(r->rs.kind == STATE_OPEN && own)) {
		*out = STOP;
		*why = "was changed by somebody else since it was compared with its seed";
		return 0;
	}
	if (!r->seeded && strcmp(disk_run_meta(r, "liftfsid"), id) != 0) {
		*out = r->opt->adopt || r->opt->replace ? REBUILD : STOP;
		*why = "is not the replica that this state describes: it was made anew or replaced";
		return 0;
	}
	if (no_state) {
		*why = r->rs.damage ? "its block map here is damaged" : "there is no block map of it here";
		return 0;
	}
	if (r->rs.kind == STATE_DISTRUSTED) {
		*why = "its block map here is void since somebody else may have written";
		return 0;
	}
	if (never_wrote(r))
		return decide_fresh(r, out, why, err);
	if (r->rs.kind == STATE_CLEAN && strcmp(r->version, r->rs.last.version) == 0)
		*out = TRUST;
	else if (r->rs.kind == STATE_CLEAN && own) {
		*out = r->opt->adopt ? REBUILD : STOP;
		*why = "changed by something other than liftfs since the last cycle";
	} else if (r->rs.kind == STATE_OPEN && own)
		*out = TRUST;
	else
		*why = "another liftfs wrote to it since the last cycle here";
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a disk, entering the cycle, leaving it.  The comments' numbers are the steps of ARCHITECTURE.md, "The cycle". */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/parse.h"
#include "replicate/cycle_disk.h"

#define CLAIM_TRIES 5       /* a lost answer or a late duplicate each cost one */
#define NUMBER_STEP_BITS 31 /* random part of a number: makes it a signature of who drew it */

/* ---- opening ---- */

static const char *meta(const struct disk_run *r, const char *key)
{
	const char *value = target_meta_get(&r->meta, key);

	return value ? value : "";
}

static int look(struct disk_run *r, bool *exists, struct error *err)
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

static int check_identity(struct disk_run *r, struct error *err)
{
	const char *known = r->rs.map ? blockmap_header(r->rs.map)->source_id : "";

	if (known[0] == '\0' || r->d->source_id[0] == '\0' || strcmp(known, r->d->source_id) == 0 || r->opt->replace)
		return 0;
	return error_set(err, ERR_CONFLICT,
			 "%s: was made from another disk (id %s; %s has %s); --replace gives the replica to this one",
			 r->d->name, known, r->d->source_path, r->d->source_id);
}

int disk_run_open(struct disk_run *r, struct error *err)
{
	r->rs = (struct replica_state)REPLICA_STATE_INIT;
	if (cancel_init(&r->stop, err) < 0)
		return -1;
	r->source = disk_open(r->d->root, r->d->source_path, NULL, err);
	if (!r->source)
		return -1;
	r->d->virtual_size = disk_size(r->source);
	r->content = vhd_content_size(r->d->virtual_size);
	if (check_size(r, err) < 0 || check_texts(r, err) < 0 || target_check_name(r->opt->target, r->d->name, err) < 0 ||
	    replica_state_open(r->opt->state, target_name(r->opt->target), r->d->name, &r->rs, err) < 0 ||
	    check_identity(r, err) < 0)
		return -1;
	r->replica = target_replica(r->opt->target, r->d->name, err);
	return r->replica ? 0 : -1;
}

int disk_run_check_unchanged(struct disk_run *r, bool *same, struct error *err)
{
	bool exists;

	if (look(r, &exists, err) < 0)
		return -1;
	*same = exists && strcmp(r->version, r->rs.last.version) == 0;
	return 0;
}

/* ---- metadata ---- */

static int meta_number(struct target_meta *m, const char *key, uint64_t value, struct error *err)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	return target_meta_set(m, key, text, err);
}

/* Of the live replica: who it is, and who holds it, since a lease does not tell. */
static int live_meta(const struct disk_run *r, struct target_meta *out, struct error *err)
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
	return 0;
}

/* ---- numbers ---- */

static uint64_t draw(const struct disk_run *r)
{
	uint64_t base = r->live_number > r->rs.max_own ? r->live_number : r->rs.max_own;

	return base + 1 + random_below(UINT64_C(1) << NUMBER_STEP_BITS);
}

/* 4 and 8: raises the number on condition of r->version.  1: the version is another, or no answer: look again; *again. */
static int raise_once(struct disk_run *r, struct error *again, struct error *err)
{
	struct error why = ERROR_INIT;
	char version[TARGET_VERSION_LEN];
	uint64_t number = draw(r), live = 0;

	if (replica_state_claim(&r->rs, number, err) < 0)
		return -1;
	if (replica_raise(r->replica, number, r->version, &live, version, &why) < 0) {
		if ((why.code == ERR_CONFLICT && why.detail == TARGET_REFUSED_VERSION) || why.code == ERR_NETWORK) {
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

/*
 * The same until it holds.  We have the lease, so nobody else can have written: a version that moved is a late duplicate
 * of our own, as long as the number is ours and the lease can still be renewed.  Somebody with a copy of our state can hold
 * that very lease: then the number is not ours.  `believe`: what is known of the content was decided by the version.
 */
static int raise_number(struct disk_run *r, const char *what, bool believe, struct error *err)
{
	struct error again = ERROR_INIT;

	for (unsigned n = 0; n < CLAIM_TRIES; n++) {
		char before[TARGET_VERSION_LEN];
		bool exists;
		int rc;

		memcpy(before, r->version, sizeof(before));
		rc = raise_once(r, &again, err);
		if (rc <= 0)
			return rc;
		if (cancel_level(&r->stop) == CANCEL_NOW)
			return cancel_check(&r->stop, err);
		if (replica_lease(r->replica, TARGET_LEASE_RENEW, &r->rs.lease_id, err) < 0 || look(r, &exists, err) < 0)
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

/* ---- 1: creating ---- */

static int fill_header(const struct disk_run *r, const struct guid *id, struct blockmap_header *h, struct error *err)
{
	h->liftfs_id = *id;
	h->content_size = r->content;
	h->virtual_size = r->d->virtual_size;
	h->block_size = r->opt->block_size ? r->opt->block_size : blockmap_default_block_size(r->content);
	memcpy(h->name, r->d->name, strlen(r->d->name) + 1);
	memcpy(h->source_path, r->d->source_path, strlen(r->d->source_path) + 1);
	memcpy(h->source_id, r->d->source_id, strlen(r->d->source_id) + 1);
	return random_bytes(h->secret, sizeof(h->secret), err);
}

static int create_state(struct disk_run *r, const struct guid *id, struct error *err)
{
	struct blockmap_header h = { 0 };

	if (fill_header(r, id, &h, err) < 0)
		return -1;
	if (blockmap_block_count(r->content, h.block_size) > BLOCKMAP_BLOCKS_MAX + 1)
		return error_set(err, ERR_USAGE, "%s: %" PRIu64 " bytes in blocks of %" PRIu64 " are more than 2^24 blocks",
				 r->d->name, r->content, h.block_size);
	return replica_state_create(&r->rs, &h, err);
}

static int create_replica(struct disk_run *r, struct error *err)
{
	struct target_meta m = { 0 };
	struct error why = ERROR_INIT;
	char id[GUID_TEXT_LEN];
	bool exists = false;
	int rc;

	rc = live_meta(r, &m, err);
	if (rc == 0)
		rc = replica_create(r->replica, r->content + VHD_FOOTER_LEN,
				    1 + random_below(UINT64_C(1) << NUMBER_STEP_BITS), &m, &why);
	target_meta_fini(&m);
	if (rc < 0 && why.code == ERR_NONE)
		return -1;
	if (rc < 0 && why.code != ERR_NETWORK && !(why.code == ERR_CONFLICT && why.detail == TARGET_REFUSED_EXISTS)) {
		if (err)
			*err = why;
		return -1;
	}
	if (look(r, &exists, err) < 0)
		return -1;
	guid_format(&blockmap_header(r->rs.map)->liftfs_id, id);
	if (rc < 0 && !exists) {
		if (err)
			*err = why;
		return -1;
	}
	if (!exists || strcmp(meta(r, "liftfsid"), id) != 0)
		return error_set(err, ERR_CONFLICT, "%s: somebody else made it at the same moment", r->d->name);
	r->created = true;
	return 0;
}

/* ---- 2 and 3: lease, and what to believe ---- */

enum trust { TRUST, REBUILD, STOP };

static int need_adopt(struct disk_run *r, const char *why, struct error *err)
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
	const char *holder = meta(r, "holder");

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
	if (look(r, &exists, err) < 0)
		return -1;
	if (r->live_leased) /* nothing was acquired or changed: the next run finds the same */
		return error_set(err, ERR_BUSY, "%s: held by %s", r->d->name, meta(r, "holder")[0] ? meta(r, "holder") : why.msg);
	if (replica_state_owns(&r->rs, r->live_number) && !r->opt->adopt)
		return need_adopt(r, "changed by somebody else after a cycle that was cut off", err);
	return distrust_and_lease(r, err);
}

static int take_lease(struct disk_run *r, struct error *err)
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
	*out = bytes == 0 ? TRUST : REBUILD;
	*why = "holds data although nothing was sent yet";
	r->fresh = bytes == 0;
	return 0;
}

static int decide(struct disk_run *r, bool no_state, enum trust *out, const char **why, struct error *err)
{
	char id[GUID_TEXT_LEN];
	bool own = replica_state_owns(&r->rs, r->live_number);

	guid_format(&blockmap_header(r->rs.map)->liftfs_id, id);
	*out = REBUILD;
	if (strcmp(meta(r, "liftfsid"), id) != 0) {
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

/* ---- 3 to 5 ---- */

static int check_foreign(struct disk_run *r, struct error *err)
{
	const char *id = meta(r, "liftfsid"), *source = meta(r, "sourceid");

	if (id[0] == '\0' && !r->opt->replace)
		return error_set(err, ERR_CONFLICT, "%s: is there already, and not made by liftfs; --replace overwrites it",
				 r->d->name);
	if (id[0] && source[0] && r->d->source_id[0] && strcmp(source, r->d->source_id) != 0 && !r->opt->replace)
		return error_set(err, ERR_CONFLICT,
				 "%s: is the replica of another disk (id %s; %s has %s); --replace gives it to this one",
				 r->d->name, source, r->d->source_path, r->d->source_id);
	return 0;
}

/* No state here, but a replica there that may be read: it keeps its id if it has one. */
static int adopt_state(struct disk_run *r, struct error *err)
{
	struct guid id;

	if (guid_parse(meta(r, "liftfsid"), &id, NULL) < 0 && guid_random(&id, err) < 0)
		return -1;
	return create_state(r, &id, err);
}

static int write_meta(struct disk_run *r, struct error *err)
{
	struct target_meta m = { 0 };
	char version[TARGET_VERSION_LEN];
	int rc = live_meta(r, &m, err);

	if (rc == 0)
		rc = replica_set_meta(r->replica, r->version, &m, version, err);
	target_meta_fini(&m);
	if (rc < 0)
		return error_prefix(err, "%s: metadata", r->d->name);
	memcpy(r->version, version, sizeof(r->version));
	return 0;
}

/* The disk grew.  The map first: a crash in between leaves a replica that is too short, which is seen. */
static int resize(struct disk_run *r, struct error *err)
{
	const struct blockmap_header *h = blockmap_header(r->rs.map);
	char version[TARGET_VERSION_LEN];

	if (h->virtual_size != r->d->virtual_size || h->content_size != r->content) {
		r->unchanged = false;
		if (replica_state_writable(&r->rs, err) < 0 ||
		    blockmap_resize(r->rs.map, r->content, r->d->virtual_size, err) < 0 ||
		    replica_state_checkpoint(&r->rs, r->number, err) < 0)
			return -1;
	}
	if (r->live_size == r->content + VHD_FOOTER_LEN)
		return 0;
	if (replica_resize(r->replica, r->content + VHD_FOOTER_LEN, r->version, version, err) < 0)
		return error_prefix(err, "%s: resize", r->d->name);
	memcpy(r->version, version, sizeof(r->version));
	return 0;
}

static int check_shrink(const struct disk_run *r, struct error *err)
{
	uint64_t known = blockmap_header(r->rs.map)->content_size;

	if (r->content >= known && r->content + VHD_FOOTER_LEN >= r->live_size)
		return 0;
	return error_set(err, ERR_CONFLICT,
			 "%s: the disk has %" PRIu64 " bytes, the replica holds %" PRIu64 ": a disk that shrinks is not followed; "
			 "check the source, or replicate it under another name", r->d->name, r->d->virtual_size,
			 r->live_size > VHD_FOOTER_LEN ? r->live_size - VHD_FOOTER_LEN : known);
}

/* A crash came between the clean point and its snapshot: make it now, before the claim moves the version. */
static int finish_point(struct disk_run *r, struct error *err)
{
	bool wanted = target_caps(r->opt->target)->points && !r->opt->no_points;
	struct error why = ERROR_INIT;

	if (r->rs.kind != STATE_CLEAN || !r->rs.has_clean || r->rs.last.pointed || r->rs.last.fuzzy || !wanted)
		return 0;
	if (disk_run_point(r, &why) < 0) {
		if (recovery_point_stops(&why)) {
			if (err)
				*err = why;
			return -1;
		}
		snprintf(r->d->warning, sizeof(r->d->warning), "the last cycle keeps no recovery point: %.180s", why.msg);
	}
	if (replica_state_commit(&r->rs, r->d->snapshot, err) < 0)
		return -1;
	r->d->snapshot[0] = '\0'; /* this cycle makes its own, or none */
	return 0;
}

static int claim(struct disk_run *r, enum trust trust, struct error *err)
{
	/* Also if it is distrusted already: what a run since then acknowledged is as void as what was before. */
	if (trust != TRUST && replica_state_distrust(&r->rs, err) < 0)
		return -1;
	if (raise_number(r, "claim", trust == TRUST, err) < 0)
		return -1;
	r->claimed = true;
	return write_meta(r, err);
}

static int learn(struct disk_run *r, const char *why, struct error *err)
{
	bool read_back = !r->opt->replace || !target_caps(r->opt->target)->remote;

	r->unchanged = false; /* the map will say what the replica holds, not what the source held */
	snprintf(r->d->warning, sizeof(r->d->warning), "%s: %s", why,
		 read_back ? "what it holds was read back" : "everything is sent again");
	/* Without reading back the blocks stay unknown, which is true: a crash from here on is gone on from. */
	if (read_back && replica_rebuild(r->replica, r->rs.map, r->version, &r->stop, err) < 0)
		return -1;
	return replica_state_checkpoint(&r->rs, r->number, err);
}

/* What the map's file says of the source, for the next commit of it.  The texts fit: check_texts(). */
static void update_header(struct disk_run *r)
{
	struct blockmap_header h = *blockmap_header(r->rs.map);

	memcpy(h.source_id, r->d->source_id, strlen(r->d->source_id) + 1);
	memcpy(h.source_path, r->d->source_path, strlen(r->d->source_path) + 1);
	blockmap_set_header(r->rs.map, &h);
}

static int enter_existing(struct disk_run *r, bool no_state, struct error *err)
{
	const char *why = "";
	enum trust trust;
	bool exists;

	if (take_lease(r, err) < 0 || look(r, &exists, err) < 0)
		return -1;
	if (!exists)
		return error_set(err, ERR_CONFLICT, "%s: is gone from the target", r->d->name);
	if (check_shrink(r, err) < 0 || decide(r, no_state, &trust, &why, err) < 0)
		return -1;
	if (trust == STOP || (trust == REBUILD && target_caps(r->opt->target)->remote && !r->opt->adopt && !r->opt->replace))
		return need_adopt(r, why, err);
	if (trust == TRUST && finish_point(r, err) < 0)
		return -1;
	if (claim(r, trust, err) < 0)
		return -1;
	update_header(r);
	if (r->fresh) {
		blockmap_fill_zero(r->rs.map);
		if (replica_state_checkpoint(&r->rs, r->number, err) < 0)
			return -1;
	}
	if (resize(r, err) < 0)
		return -1;
	if (trust == REBUILD && learn(r, why, err) < 0)
		return -1;
	return replica_state_writable(&r->rs, err);
}

int disk_run_enter(struct disk_run *r, struct error *err)
{
	bool exists, no_state = r->rs.kind == STATE_NEW;
	struct guid id;

	if (look(r, &exists, err) < 0)
		return -1;
	if (!exists && r->rs.damage)
		return error_set(err, ERR_CONFLICT,
				 "%s: is gone from the target, and its block map here is damaged (%s); if that is meant, remove its "
				 "state (%s) and it is made anew", r->d->name, r->rs.damage, state_path(r->rs.state));
	if (!exists && !no_state && r->rs.n_own > 0)
		return error_set(err, ERR_CONFLICT,
				 "%s: is gone from the target, and was there in cycle %" PRIu64 "; if that is meant, remove its "
				 "state (%s) and it is made anew", r->d->name, r->rs.last.cycle, state_path(r->rs.state));
	r->d->kind = exists && (no_state || r->rs.last.cycle > 0) ? CYCLE_DELTA : CYCLE_INITIAL;
	if (!exists) {
		if (no_state && (guid_random(&id, err) < 0 || create_state(r, &id, err) < 0))
			return -1;
		if (create_replica(r, err) < 0)
			return -1;
		no_state = false;
	} else if (no_state) {
		if (check_foreign(r, err) < 0)
			return -1;
		if (target_caps(r->opt->target)->remote && !r->opt->adopt && !r->opt->replace)
			return need_adopt(r, r->rs.damage ? r->rs.damage : "there is no block map of it here", err);
		if (adopt_state(r, err) < 0)
			return -1;
	}
	return enter_existing(r, no_state, err);
}

/* ---- 8 to 14 ---- */

int disk_run_fence(struct disk_run *r, const struct guid *token, const char *moment, unsigned disks, bool fuzzy,
		   struct error *err)
{
	struct clean_point p = { .cycle = r->rs.last.cycle + (disks > 0), .token = *token, .fuzzy = fuzzy, .disks = disks };
	bool exists;

	replica_barrier(r->replica);
	if (look(r, &exists, err) < 0)
		return -1;
	if (!exists || r->live_number != r->number)
		return error_set(err, exists && r->live_number > r->number ? ERR_BUSY : ERR_CONFLICT,
				 "%s: epoch %" PRIu64 " is live, not ours (%" PRIu64 "): somebody else took over", r->d->name,
				 r->live_number, r->number);
	if (raise_number(r, "fence", true, err) < 0)
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

/* Its answer does not matter: without one the lease ends by itself. */
static void let_go(struct disk_run *r, bool release)
{
	bool lost = lease_keeper_remove(r->keeper, r->replica);

	if (release && !lost && replica_lease(r->replica, TARGET_LEASE_RELEASE, &r->rs.lease_id, NULL) < 0)
		log_info("cycle", "%s: the lease was not released; it ends by itself", r->d->name);
	r->leased = false;
}

int disk_run_commit(struct disk_run *r, struct error *err)
{
	if (replica_state_commit(&r->rs, r->d->snapshot, err) < 0)
		return -1;
	let_go(r, true);
	return 0;
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
	replica_close(r->replica);
	replica_state_close(&r->rs);
	disk_close(r->source);
	evidence_fini(&r->f0);
	target_meta_fini(&r->meta);
	cancel_fini(&r->stop);
}

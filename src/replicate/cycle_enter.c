/* SPDX-License-Identifier: Apache-2.0 */
/* Steps 1 to 5: creating a replica, or going on with one: up to the decision whether to, and from there on. */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "replicate/cycle_disk.h"

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

	r->is_new = r->created = true;
	rc = disk_run_live_meta(r, &m, err);
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
	if (disk_run_look(r, &exists, err) < 0)
		return -1;
	guid_format(&blockmap_header(r->rs.map)->liftfs_id, id);
	if (rc < 0 && !exists) {
		if (err)
			*err = why;
		return -1;
	}
	if (!exists || strcmp(disk_run_meta(r, "liftfsid"), id) != 0)
		return error_set(err, ERR_CONFLICT, "%s: somebody else made it at the same moment", r->d->name);
	return 0;
}

int disk_run_check_foreign(const struct disk_run *r, struct error *err)
{
	const char *id = disk_run_meta(r, "liftfsid"), *source = disk_run_meta(r, "sourceid");

	if (id[0] == '\0' && !r->opt->replace)
		return error_set(err, ERR_CONFLICT, "%s: is there already, and not made by liftfs; --replace overwrites it",
				 r->d->name);
	if (id[0] && source[0] && r->d->source_id[0] && strcmp(source, r->d->source_id) != 0 && !r->opt->replace)
		return error_set(err, ERR_CONFLICT,
				 "%s: is the replica of another disk (id %s; %s has %s); --replace gives it to this one",
				 r->d->name, source, r->d->source_path, r->d->source_id);
	return 0;
}

/* No state here, but a replica there that may be read: it keeps its id if it has one.  A crash before the claim must not look
 * like a replica that nothing was sent to. */
static int adopt_state(struct disk_run *r, struct error *err)
{
	struct guid id;

	if (guid_parse(disk_run_meta(r, "liftfsid"), &id, NULL) < 0 && guid_random(&id, err) < 0)
		return -1;
	return create_state(r, &id, err) < 0 ? -1 : replica_state_distrust(&r->rs, err);
}

static int claim(struct disk_run *r, struct error *err)
{
	/* Also if it is distrusted already: what a run since then acknowledged is as void as what was before. */
	if (r->trust != TRUST && replica_state_distrust(&r->rs, err) < 0)
		return -1;
	return disk_run_claim(r, r->trust == TRUST, err);
}

static int learn(struct disk_run *r, struct error *err)
{
	bool read_back = !r->opt->replace || !target_caps(r->opt->target)->remote;

	r->proof = PROOF_NONE; /* the map will say what the replica holds, not what the source held */
	disk_run_warn(r, "%s: %s", r->why, read_back ? "what it holds was read back" : "everything is sent again");
	/* Without reading back the blocks stay unknown, which is true: a crash from here on is gone on from. */
	if (replica_state_writable(&r->rs, err) < 0)
		return -1;
	if (read_back && replica_rebuild(r->replica, r->rs.map, r->version, &r->stop, err) < 0)
		return -1;
	return replica_state_checkpoint(&r->rs, r->number, err);
}

/* What the map's file says of the source; if that is another now, this cycle commits it.  The texts fit: check_texts(). */
static int update_header(struct disk_run *r, struct error *err)
{
	struct blockmap_header h = *blockmap_header(r->rs.map);

	if (strcmp(h.source_id, r->d->source_id) == 0 && strcmp(h.source_path, r->d->source_path) == 0)
		return 0;
	memcpy(h.source_id, r->d->source_id, strlen(r->d->source_id) + 1);
	memcpy(h.source_path, r->d->source_path, strlen(r->d->source_path) + 1);
	blockmap_set_header(r->rs.map, &h);
	return replica_state_writable(&r->rs, err);
}

int disk_run_enter(struct disk_run *r, struct error *err)
{
	if (claim(r, err) < 0)
		return -1;
	if (update_header(r, err) < 0)
		return -1;
	if (r->fresh) {
		blockmap_fill_zero(r->rs.map);
		if (replica_state_checkpoint(&r->rs, r->number, err) < 0)
			return -1;
	}
	if (disk_run_resize(r, err) < 0)
		return -1;
	return r->trust == REBUILD ? learn(r, err) : 0;
}

static int check_gone(const struct disk_run *r, struct error *err)
{
	if (r->rs.damage)
		return error_set(err, ERR_CONFLICT,
				 "%s: is gone from the target, and its block map here is damaged (%s); if that is meant, remove its "
				 "state (%s) and it is made anew", r->d->name, r->rs.damage, state_path(r->rs.state));
	if (r->rs.kind != STATE_NEW && r->rs.n_own > 0)
		return error_set(err, ERR_CONFLICT,
				 "%s: is gone from the target, and was there in cycle %" PRIu64 "; if that is meant, remove its "
				 "state (%s) and it is made anew", r->d->name, r->rs.last.cycle, state_path(r->rs.state));
	return 0;
}

/* A state for what is there, or both. */
static int begin(struct disk_run *r, bool exists, struct error *err)
{
	struct guid id;

	r->no_state = exists && r->rs.kind == STATE_NEW;
	if (r->no_state)
		return disk_run_check_foreign(r, err) < 0 ? -1 : adopt_state(r, err);
	if (exists)
		return 0;
	if (r->rs.kind == STATE_NEW && (guid_random(&id, err) < 0 || create_state(r, &id, err) < 0))
		return -1;
	return create_replica(r, err);
}

/* A replica longer than a map that is believed and has the disk's size: our own cutting off was cut off. */
static int check_size(const struct disk_run *r, struct error *err)
{
	const struct blockmap_header *h = blockmap_header(r->rs.map);

	return disk_run_check_size(r, r->no_state ? disk_run_told_size(r) : h->virtual_size,
				   r->trust == TRUST && h->content_size == r->content, err);
}

/*
 * Under the lease.  A clean state is believed by the version, and it was leased on condition of one: an answer that tells another
 * is an old one, from a cache say, unless another liftfs claimed meanwhile or what it sent still arrives.
 */
static int look_again(struct disk_run *r, bool *exists, struct error *err)
{
	char leased[TARGET_VERSION_LEN];
	bool by_version = target_caps(r->opt->target)->late && r->rs.kind == STATE_CLEAN && replica_state_owns(&r->rs, r->live_number);

	memcpy(leased, r->version, sizeof(leased));
	for (unsigned n = 0; n < LEASE_TRIES; n++) {
		if (disk_run_look(r, exists, err) < 0)
			return -1;
		if (!by_version || !*exists || strcmp(r->version, leased) == 0)
			return 0;
	}
	return error_set(err, ERR_NETWORK, "%s: was leased at version %.100s, and looks tell of %.100s: answers are stale",
			 r->d->name, leased, r->version);
}

int disk_run_approach(struct disk_run *r, struct error *err)
{
	bool exists;

	if (replica_state_settle(&r->rs, err) < 0 || disk_run_look(r, &exists, err) < 0 ||
	    (r->opt->seed && disk_run_seed(r, exists, err) < 0) || (!exists && check_gone(r, err) < 0))
		return -1;
	r->d->kind = exists && (r->rs.kind == STATE_NEW || r->rs.last.cycle > 0) ? CYCLE_DELTA : CYCLE_INITIAL;
	if (begin(r, exists, err) < 0 || disk_run_lease(r, err) < 0 || look_again(r, &exists, err) < 0)
		return -1;
	if (!exists)
		return error_set(err, ERR_CONFLICT, "%s: is gone from the target", r->d->name);
	r->is_new = strcmp(disk_run_meta(r, "state"), "new") == 0;
	return disk_run_take_copy(r, err) < 0 || disk_run_decide(r, err) < 0 ? -1 : check_size(r, err);
}

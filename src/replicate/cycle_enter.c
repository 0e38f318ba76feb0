/* SPDX-License-Identifier: Apache-2.0 */
/* Steps 1 to 5: creating a replica, or going on with one. */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
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
	r->created = true;
	return 0;
}

static int check_foreign(struct disk_run *r, struct error *err)
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
	if (disk_run_raise(r, "claim", trust == TRUST, err) < 0)
		return -1;
	r->claimed = true;
	return disk_run_write_meta(r, err);
}

static int learn(struct disk_run *r, const char *why, struct error *err)
{
	bool remote = target_caps(r->opt->target)->remote, read_back = !r->opt->replace || !remote;
	char notice[256];
	uint64_t bytes;

	r->unchanged = false; /* the map will say what the replica holds, not what the source held */
	snprintf(r->d->warning, sizeof(r->d->warning), "%s: %s", why,
		 read_back ? "what it holds was read back" : "everything is sent again");
	if (read_back && remote && replica_data_bytes(r->replica, r->content, &bytes, NULL) == 0 &&
	    disk_run_reading_notice(r->d->name, bytes, notice))
		log_warn("cycle", "%s", notice);
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

	if (disk_run_lease(r, err) < 0 || disk_run_look(r, &exists, err) < 0)
		return -1;
	if (!exists)
		return error_set(err, ERR_CONFLICT, "%s: is gone from the target", r->d->name);
	if (disk_run_take_copy(r, &no_state, err) < 0 || check_shrink(r, err) < 0 || disk_run_decide(r, no_state, &trust, &why, err) < 0)
		return -1;
	if (trust == STOP)
		return disk_run_need_adopt(r, why, err);
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

	if (disk_run_look(r, &exists, err) < 0)
		return -1;
	if (r->opt->seed && disk_run_seed(r, exists, &no_state, err) < 0)
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
		if (check_foreign(r, err) < 0 || adopt_state(r, err) < 0)
			return -1;
	}
	return enter_existing(r, no_state, err);
}

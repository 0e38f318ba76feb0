/* SPDX-License-Identifier: Apache-2.0 */
/* A disk's way into and out of a cycle.  The comments' numbers are the steps of ARCHITECTURE.md, "The cycle". */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/parse.h"
#include "replicate/cycle_disk.h"

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

	if (disk_run_look(r, &exists, err) < 0)
		return -1;
	*same = exists && strcmp(r->version, r->rs.last.version) == 0;
	return 0;
}

int disk_run_fence(struct disk_run *r, const struct guid *token, const char *moment, unsigned disks, bool fuzzy,
		   struct error *err)
{
	struct clean_point p = { .cycle = r->rs.last.cycle + (disks > 0), .token = *token, .fuzzy = fuzzy, .disks = disks };
	bool exists;

	replica_barrier(r->replica);
	if (disk_run_look(r, &exists, err) < 0)
		return -1;
	if (!exists || r->live_number != r->number)
		return error_set(err, exists && r->live_number > r->number ? ERR_BUSY : ERR_CONFLICT,
				 "%s: epoch %" PRIu64 " is live, not ours (%" PRIu64 "): somebody else took over", r->d->name,
				 r->live_number, r->number);
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
	disk_run_update_copy(r);
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
	replica_close(r->copy);
	replica_close(r->replica);
	replica_state_close(&r->rs);
	disk_close(r->source);
	evidence_fini(&r->f0);
	target_meta_fini(&r->meta);
	cancel_fini(&r->stop);
}

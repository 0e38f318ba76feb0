/* SPDX-License-Identifier: Apache-2.0 */
/* What a cycle would do, without doing any of it: neither state nor target is changed or locked. */
#include <config.h>

#include <inttypes.h>

#include "replicate/cycle_disk.h"
#include "replicate/seed.h"

/* A replica without a map here: what going on with it would read. */
static void tell_reading(struct disk_run *r, const char *why)
{
	char size[FORMAT_TEXT_LEN];

	if (r->opt->replace || !target_caps(r->opt->target)->remote)
		return;
	disk_run_data_text(r, size);
	disk_run_warn(r, "%.120s: %sreads %s back (which Azure bills)", why,
		      r->opt->adopt ? "" : "goes on by the copy of it beside the replica, or ", size);
}

/* The state here and the replica there: would a cycle go on with them? */
static int check_replica(struct disk_run *r, bool exists, struct error *err)
{
	struct blockmap_header h = { 0 };
	struct error why = ERROR_INIT;
	int none = r->opt->state ? replica_state_peek(r->opt->state, target_name(r->opt->target), r->d->name, &h, &why) : 1;
	bool seeded;

	if (none < 0 && why.code != ERR_CORRUPT) {
		if (err)
			*err = why;
		return -1;
	}
	if (none == 0 && disk_run_check_identity(r, h.source_id, err) < 0)
		return -1;
	if (!exists && none < 0)
		return error_set(err, ERR_CONFLICT, "%s: is gone from the target, and its block map here is damaged (%.200s)",
				 r->d->name, why.msg);
	if (!exists && none == 0 && h.number != 0)
		return error_set(err, ERR_CONFLICT, "%s: is gone from the target, and was there in cycle %" PRIu64, r->d->name,
				 h.cycle);
	seeded = none != 0 && r->opt->seed && !disk_run_meta(r, "liftfsid")[0] &&
		 seed_has(r->opt->seed, r->opt->state, r->d->name);
	if (!exists)
		return seeded ? disk_run_not_carried(r, err) : 0;
	if (none != 0 && !seeded && disk_run_check_foreign(r, err) < 0)
		return -1;
	if (seeded)
		disk_run_warn(r, "is taken over if it is what the seed's block map says");
	else if (none != 0)
		tell_reading(r, none < 0 ? why.msg : "there is no block map of it here");
	/* Whether the map would be believed only a cycle finds out; a longer replica may be what it was about to cut off. */
	return disk_run_check_size(r, none == 0 ? h.virtual_size : disk_run_told_size(r),
				   none == 0 && h.content_size == r->content, err);
}

static int plan(struct disk_run *r, struct error *err)
{
	bool exists;

	r->source = disk_open(r->d->root, r->d->source_path, NULL, err);
	if (!r->source || disk_run_check_source(r, err) < 0 || disk_data_bytes(r->source, &r->d->data_bytes, err) < 0)
		return -1;
	r->replica = target_replica(r->opt->target, r->d->name, err);
	if (!r->replica || disk_run_look(r, &exists, err) < 0)
		return -1;
	r->d->kind = exists ? CYCLE_DELTA : CYCLE_INITIAL;
	if (exists && r->live_leased && !r->opt->break_lease)
		disk_run_warn(r, "held now by %s", disk_run_meta(r, "holder")[0] ? disk_run_meta(r, "holder") : "somebody else");
	return check_replica(r, exists, err);
}

static int plan_disk(struct cycle_disk *d, const struct cycle_options *opt, struct error *err)
{
	struct disk_run r = { .opt = opt, .d = d, .rs = REPLICA_STATE_INIT };
	int rc = plan(&r, err);

	replica_close(r.replica);
	disk_close(r.source);
	target_meta_fini(&r.meta);
	return rc;
}

int cycle_plan(struct cycle_vm *vm, const struct cycle_options *opt, struct error *err)
{
	int rc = 0;

	for (size_t i = 0; i < vm->n; i++) {
		struct cycle_disk *d = &vm->disks[i];

		if (plan_disk(d, opt, &d->err) == 0)
			continue;
		d->result = CYCLE_FAILED;
		if (rc == 0 && err)
			*err = d->err;
		rc = -1;
	}
	return rc;
}

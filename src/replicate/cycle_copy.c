/* SPDX-License-Identifier: Apache-2.0 */
/* The copy of a disk's block map in its cycle: taken instead of a rebuild, brought up to date after the commit. */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "replicate/cycle_disk.h"
#include "replicate/map_copy.h"
#include "replicate/seed.h"

/* NULL without an error where the target keeps none. */
static struct replica *copy_of(struct disk_run *r, struct error *err)
{
	struct error why = ERROR_INIT;

	if (!r->copy)
		r->copy = target_map_copy(r->opt->target, r->d->name, &why);
	if (!r->copy && why.code != ERR_UNSUPPORTED && err)
		*err = why;
	return r->copy;
}

void disk_run_update_copy(struct disk_run *r)
{
	struct error why = ERROR_INIT;
	struct replica *copy = copy_of(r, &why);

	if (copy && map_copy_update(copy, &r->rs, &why) == 0)
		return;
	if (why.code == ERR_NONE)
		return;
	disk_run_warn(r, "other hosts cannot go on without its state here: %.180s", why.msg);
}

/* What is here says nothing about what is live, and nobody has asked for reading. */
static bool copy_wanted(const struct disk_run *r)
{
	if (r->created || r->opt->adopt || (!r->no_state && disk_run_is_another(r)))
		return false;
	return r->no_state || r->rs.kind == STATE_DISTRUSTED || !replica_state_owns(&r->rs, r->live_number);
}

int disk_run_take_copy(struct disk_run *r, struct error *err)
{
	const struct map_copy_live live = { .version = r->version, .liftfs_id = disk_run_meta(r, "liftfsid"),
					    .size = r->live_size };
	struct replica *copy;
	struct error failed = ERROR_INIT;
	char why[128];

	if (!copy_wanted(r))
		return 0;
	copy = copy_of(r, &failed);
	if (!copy) {
		if (failed.code != ERR_NONE)
			log_info("cycle", "%s: %s", r->d->name, failed.msg);
		return 0;
	}
	if (map_copy_take(copy, &live, &r->rs, why, err) < 0)
		return error_prefix(err, "%s", r->d->name);
	if (why[0]) {
		log_info("cycle", "%s: the copy of its block map is void: %s", r->d->name, why);
		return 0;
	}
	r->no_state = false;
	r->proof = PROOF_NONE; /* what was known here of the source, and of the files of its chain, belongs to an older map */
	r->d->read_why = "its block map came from the copy beside the replica";
	disk_run_warn(r, "goes on from cycle %" PRIu64 " of another host or state, by the copy of its block map", r->rs.last.cycle);
	return 0;
}

static int check_source(const struct disk_run *r, const struct seed_map *s, struct error *err)
{
	const struct blockmap_header *h = blockmap_header(s->map);

	if (h->source_id[0] == '\0' || r->d->source_id[0] == '\0' || strcmp(h->source_id, r->d->source_id) == 0)
		return 0;
	return error_set(err, ERR_CONFLICT, "%s: the seed's is the replica of another disk (id %s; %s has %s)", r->d->name,
			 h->source_id, r->d->source_path, r->d->source_id);
}

/* A state of its own first, which says nothing: until the import is durable the next run begins with the seed again. */
static int create_empty_state(struct disk_run *r, const struct seed_map *s, struct error *err)
{
	struct blockmap_header h = *blockmap_header(s->map);

	h.generation = h.number = h.cycle = 0;
	h.clean = false;
	h.version[0] = '\0';
	memset(h.digest, 0, sizeof(h.digest));
	return replica_state_create(&r->rs, &h, err);
}

static int take_seed(struct disk_run *r, const struct seed_map *s, struct error *err)
{
	const struct seed_live live = { .name = r->d->name, .version = r->version, .number = r->live_number, .size = r->live_size };

	if (check_source(r, s, err) < 0 || seed_check(s, r->replica, &live, &r->stop, err) < 0)
		return -1;
	if (!r->rs.map && create_empty_state(r, s, err) < 0)
		return -1;
	return seed_import(s, &live, &r->rs, err);
}

int disk_run_not_carried(const struct disk_run *r, struct error *err)
{
	return error_set(err, ERR_CONFLICT, "%s: the seed has it, and it is not on the target yet: carry it there, or send it by "
			 "running without --seed", r->d->name);
}

/* A state that was begun and says nothing, as a crash in take_seed() leaves it. */
static bool says_nothing(const struct disk_run *r)
{
	return r->rs.map && !r->rs.has_clean && r->rs.n_own == 0;
}

int disk_run_seed(struct disk_run *r, bool exists, struct error *err)
{
	struct seed_map s;
	int rc;

	if (exists && disk_run_meta(r, "liftfsid")[0])
		return 0; /* it has been ours for longer */
	if (r->rs.kind != STATE_NEW && !says_nothing(r)) {
		r->seeded = exists; /* a run before this one got as far */
		return 0;
	}
	rc = seed_open(r->opt->seed, r->opt->state, r->rs.dirfd, r->d->name, &s, err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	rc = exists ? take_seed(r, &s, err) : disk_run_not_carried(r, err);
	seed_close(&s);
	if (rc < 0)
		return -1;
	r->seeded = true;
	r->proof = PROOF_NONE;
	r->d->read_why = "its block map came from the seed";
	disk_run_warn(r, "taken over as it was carried here, on samples: unverified until liftfs verify has compared it");
	return 0;
}

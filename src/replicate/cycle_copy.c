/* SPDX-License-Identifier: Apache-2.0 */
/* The copy of a disk's block map in its cycle: taken instead of a rebuild, brought up to date after the commit. */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/parse.h"
#include "replicate/cycle_disk.h"
#include "replicate/map_copy.h"

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
	if (r->d->warning[0] == '\0')
		snprintf(r->d->warning, sizeof(r->d->warning), "other hosts cannot go on without its state here: %.180s", why.msg);
	else
		log_warn("cycle", "%s: other hosts cannot go on without its state here: %s", r->d->name, why.msg);
}

/* What is here says nothing about what is live, and nobody has asked for reading. */
static bool copy_wanted(const struct disk_run *r, bool no_state)
{
	if (r->created || r->opt->adopt)
		return false;
	return no_state || r->rs.kind == STATE_DISTRUSTED || !replica_state_owns(&r->rs, r->live_number);
}

int disk_run_take_copy(struct disk_run *r, bool *no_state, struct error *err)
{
	const struct map_copy_live live = { .version = r->version, .liftfs_id = disk_run_meta(r, "liftfsid"),
					    .size = r->live_size };
	struct replica *copy;
	struct error failed = ERROR_INIT;
	char why[128];

	if (!copy_wanted(r, *no_state))
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
	*no_state = false;
	r->unchanged = false; /* what was known here of the source belongs to an older map */
	r->d->read_why = "its block map came from the copy beside the replica";
	snprintf(r->d->warning, sizeof(r->d->warning), "goes on from cycle %" PRIu64 " of another host or state, by the copy of its "
		 "block map", r->rs.last.cycle);
	return 0;
}

bool disk_run_reading_notice(const char *name, uint64_t bytes, char out[256])
{
	char size[FORMAT_TEXT_LEN];

	if (bytes <= READING_NOTICE_BYTES)
		return false;
	format_size(bytes, size);
	snprintf(out, 256, "%.150s: reads %s back (which Azure bills) to know what it holds", name, size);
	return true;
}

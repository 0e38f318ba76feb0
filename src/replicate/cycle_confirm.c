/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <string.h>

#include "replicate/cycle_disk.h"
#include "replicate/seed.h"

void cycle_skip(struct cycle_disk *d, uint64_t cycle)
{
	d->result = CYCLE_SKIPPED;
	d->kind = CYCLE_DELTA;
	d->cycle = cycle;
	d->consistency = CONSISTENCY_PROVEN;
	d->finished_ns = clock_realtime_ns();
	atomic_store_explicit(&d->progress.bytes_done, d->virtual_size, memory_order_relaxed);
}

void cycle_add_requests(struct cycle_disk *d, const struct replica *replica)
{
	const struct target_counters *n = replica ? replica_counters(replica) : NULL;

	if (!n)
		return;
	d->requests.writes += atomic_load(&n->writes);
	d->requests.clears += atomic_load(&n->clears);
	d->requests.reads += atomic_load(&n->reads);
	d->requests.others += atomic_load(&n->others);
	d->retries += atomic_load(&n->retries);
}

static const char *meta(const struct target_look *l, const char *key)
{
	const char *value = target_meta_get(&l->meta, key);

	return value ? value : "";
}

static int glance(struct cycle_disk *d, struct target *target, struct target_glance *out, struct error *err)
{
	int rc = target_glance(target, d->name, out, err);

	d->requests.others += out->requests;
	return rc;
}

int cycle_confirm_by_glance(struct cycle_disk *d, struct target *target, const struct cycle_left *left, bool *same, struct error *err)
{
	struct target_glance g;

	*same = false;
	d->started_ns = clock_realtime_ns();
	if (!*left->glance)
		return 0;
	if (glance(d, target, &g, err) < 0)
		return -1;
	*same = strcmp(g.text, left->glance) == 0;
	if (!*same)
		return 0;
	d->unverified = left->unverified;
	cycle_skip(d, left->cycle);
	return 0;
}

int cycle_confirm_by_look(struct cycle_disk *d, struct target *target, const struct cycle_left *left, struct target_glance *out,
			  bool *same, struct error *err)
{
	CLEANUP(cleanup_replica) struct replica *replica = NULL;
	CLEANUP(cleanup_target_look) struct target_look l = { 0 };

	*same = false;
	if (glance(d, target, out, err) < 0)
		return -1;
	replica = target_replica(target, d->name, err);
	if (!replica || replica_look(replica, &l, err) < 0)
		return -1;
	cycle_add_requests(d, replica);
	/* By its id the replica could be another disk's: that is not decided here. */
	if (!l.exists || strcmp(l.version, left->version) != 0 || strcmp(meta(&l, "sourceid"), d->source_id) != 0)
		return 0;
	d->unverified = meta(&l, SEED_UNVERIFIED)[0] != '\0';
	cycle_skip(d, left->cycle);
	*same = true;
	return 0;
}

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

/* 1: it is the same; 0: a look will tell. */
static int by_glance(struct replica *replica, const char *known, struct error *err)
{
	struct target_glance g;

	if (!*known)
		return 0;
	return replica_glance(replica, &g, err) < 0 ? -1 : strcmp(g.text, known) == 0;
}

static int by_look(struct cycle_disk *d, struct replica *replica, const struct cycle_left *left, struct error *err)
{
	CLEANUP(cleanup_target_look) struct target_look l = { 0 };

	if (replica_look(replica, &l, err) < 0)
		return -1;
	/* By its id the replica could be another disk's: that is not decided here. */
	if (!l.exists || strcmp(l.version, left->version) != 0 || strcmp(meta(&l, "sourceid"), d->source_id) != 0)
		return 0;
	d->unverified = meta(&l, SEED_UNVERIFIED)[0] != '\0';
	return 1;
}

int cycle_confirm(struct cycle_disk *d, struct target *target, const struct cycle_left *left, bool *same, struct error *err)
{
	CLEANUP(cleanup_replica) struct replica *replica = target_replica(target, d->name, err);
	int rc;

	*same = false;
	d->started_ns = clock_realtime_ns();
	if (!replica)
		return -1;
	d->unverified = left->unverified;
	rc = by_glance(replica, left->glance, err);
	if (rc == 0)
		rc = by_look(d, replica, left, err);
	if (rc <= 0)
		return rc;
	cycle_add_requests(d, replica);
	cycle_skip(d, left->cycle);
	*same = true;
	return 0;
}

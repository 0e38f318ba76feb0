/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes to send and how long they take, a machine at a time. */
#include <config.h>

#include "assess/move_private.h"
#include "base/compiler.h"

#define MIB 1048576.0
#define DAY_S 86400.0

const char *move_source_name(enum move_source s)
{
	static const char *const names[MOVE_SOURCES] = {
		[MOVE_MEASURED] = "measured",
		[MOVE_ALLOCATED] = "allocated",
		[MOVE_CAPACITY] = "capacity",
	};

	return names[s];
}

const char *move_limit_name(enum move_limit l)
{
	static const char *const names[MOVE_LIMITS] = {
		[MOVE_BY_LINE] = "line",
		[MOVE_BY_ACCOUNT] = "account",
		[MOVE_BY_BLOB] = "blob",
		[MOVE_BY_DISKS_AT_ONCE] = "disks-at-once",
	};

	return names[l];
}

double move_load_bytes(const struct move_load *l)
{
	return l->bytes[MOVE_MEASURED] + l->bytes[MOVE_ALLOCATED] + l->bytes[MOVE_CAPACITY];
}

enum move_source move_load_source(const struct move_load *l)
{
	if (l->bytes[MOVE_CAPACITY] > 0)
		return MOVE_CAPACITY;
	return l->bytes[MOVE_ALLOCATED] > 0 ? MOVE_ALLOCATED : MOVE_MEASURED;
}

struct move_time move_time_of(const struct move_load *l, const struct move_options *o)
{
	double bytes = move_load_bytes(l);
	struct move_time t = {
		.s = {
			[MOVE_BY_LINE] = bytes / o->line_rate.v,
			[MOVE_BY_ACCOUNT] = bytes / o->account_rate.v,
			[MOVE_BY_BLOB] = l->slowest_s,
			[MOVE_BY_DISKS_AT_ONCE] = l->all_s / o->disks_at_once.v,
		},
	};

	for (int i = 0; i < MOVE_LIMITS; i++)
		if (t.s[i] > t.longest_s) {
			t.longest_s = t.s[i];
			t.limit = (enum move_limit)i;
		}
	return t;
}

/* ---- one disk ---- */

/* A direct upload runs as fast as a standard HDD of the size. */
static double upload_rate(const struct catalogue *c, double capacity_mib)
{
	const struct catalogue_tier *tiers;
	size_t n, i = 0;

	tiers = catalogue_tiers(c, DISK_STANDARD_HDD, &n);
	while (i + 1 < n && tiers[i].size_gib * 1024.0 < capacity_mib)
		i++;
	return tiers[i].mbps * 1e6;
}

static double blob_rate(const struct catalogue *c, const struct move_options *o, double capacity_mib)
{
	if (o->way == MOVE_PAGE_BLOB && capacity_mib < MOVE_PAGE_BLOB_MIB)
		return MOVE_PAGE_BLOB_RATE;
	return upload_rate(c, capacity_mib);
}

/* Changes come in smaller writes, and of these there are only so many a second. */
static double change_rate(const struct move_options *o, double rate)
{
	double by_requests = MOVE_PAGE_BLOB_REQUESTS * o->change_bytes.v;

	return by_requests < rate ? by_requests : rate;
}

static double measured_share(const struct move_measured *m)
{
	double share =
		1 - (m->zero_share.known ? m->zero_share.v : 0) - (m->duplicate_share.known ? m->duplicate_share.v : 0);

	return share > 0 ? share : 0;
}

static bool disk_bytes(const struct machine_disk *d, const struct move_measured *measured, double *bytes_out,
		       enum move_source *source_out)
{
	bool cut;

	if (measured && (measured->zero_share.known || measured->duplicate_share.known) && d->capacity_mib.known) {
		*bytes_out = d->capacity_mib.v * MIB * measured_share(measured);
		*source_out = MOVE_MEASURED;
		return true;
	}
	if (!d->allocated_mib.known && !d->capacity_mib.known)
		return false;
	*source_out = d->allocated_mib.known ? MOVE_ALLOCATED : MOVE_CAPACITY;
	/* an image may take more than its disk has: tables, snapshots */
	cut = d->capacity_mib.known && d->allocated_mib.known && d->allocated_mib.v > d->capacity_mib.v;
	*bytes_out = MIB * (d->allocated_mib.known && !cut ? d->allocated_mib.v : d->capacity_mib.v);
	return true;
}

/* ---- machines ---- */

static void add_disk(const struct catalogue *c, const struct move_options *o, const struct machine_disk *d,
		     const struct move_measured *measured, struct move_vm *v, double *capacity, double *change_s)
{
	double size = d->capacity_mib.known ? d->capacity_mib.v : d->allocated_mib.v;
	enum move_source source;
	double bytes, rate, s;

	v->load.disks++;
	if (!disk_bytes(d, measured, &bytes, &source)) {
		v->load.unknown++;
		return;
	}
	rate = blob_rate(c, o, size);
	s = bytes / rate;
	v->load.bytes[source] += bytes;
	v->load.all_s += s;
	if (s > v->load.slowest_s)
		v->load.slowest_s = s;
	*capacity += size * MIB;
	s = size * MIB / change_rate(o, rate);
	if (s > *change_s)
		*change_s = s;
}

/* A machine's changes are spread over its disks by their size, so that its slowest disk says how fast they are taken.
 */
static void add_machine(const struct catalogue *c, const struct move_options *o, const struct move_measured *measured,
			struct move_vm *v)
{
	const struct machine *m = v->vm->machine;
	double capacity = 0, change_s = 0;

	for (size_t i = 0; i < m->n_disks; i++)
		if (v->vm->disks[i].replicate)
			add_disk(c, o, &m->disks[i], measured, v, &capacity, &change_s);
	v->time = move_time_of(&v->load, o);
	v->churn = (o->churn_bytes.given ? o->churn_bytes.v : o->churn_share.v * capacity) / DAY_S;
	v->change_rate = change_s > 0 ? capacity / change_s : 0;
	v->fixed_s = o->cycle_fixed_s.v + (o->scan_rate.v > 0 ? capacity / o->scan_rate.v : 0);
	if (v->load.disks == v->load.unknown)
		v->churn = 0;
}

int move_find_loads(const struct assessment *a, const struct catalogue *c, const struct move_options *o, struct move *m,
		    struct error *err)
{
	size_t n;

	catalogue_tiers(c, DISK_STANDARD_HDD, &n);
	if (n == 0)
		return error_set(err, ERR_CORRUPT,
				 "%s: azure-managed-disks.csv: no standard-hdd, whose rate an upload has",
				 catalogue_dir(c));
	for (size_t i = 0; i < a->n_vms; i++) {
		m->vms[i].vm = &a->vms[i];
		add_machine(c, o, o->measured ? &o->measured[i] : NULL, &m->vms[i]);
	}
	return 0;
}

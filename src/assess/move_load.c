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
		[MOVE_IN_USE] = "in-use",
		[MOVE_CAPACITY] = "capacity",
	};

	return names[s];
}

const char *move_way_name(enum move_way w)
{
	return w == MOVE_PAGE_BLOB ? "page-blob" : "direct";
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
	double sum = 0;

	for (int i = 0; i < MOVE_SOURCES; i++)
		sum += l->bytes[i];
	return sum;
}

enum move_source move_load_source(const struct move_load *l)
{
	int i = MOVE_SOURCES - 1;

	while (i > 0 && l->from[i] == 0)
		i--;
	return (enum move_source)i;
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

/* A direct upload is as fast as a standard HDD of the size. */
static const struct catalogue_tier *upload_tier(const struct catalogue *c, double capacity_mib)
{
	const struct catalogue_tier *tiers;
	size_t n, i = 0;

	tiers = catalogue_tiers(c, DISK_STANDARD_HDD, &n);
	while (i + 1 < n && tiers[i].size_gib * 1024.0 < capacity_mib)
		i++;
	return &tiers[i];
}

struct target { /* what a disk is sent to */
	enum move_way way;
	double rate, requests; /* bytes, and requests, a second */
};

static struct target target_of(const struct catalogue *c, const struct move_options *o, double capacity_mib)
{
	const struct catalogue_tier *tier;

	if (o->way == MOVE_PAGE_BLOB && capacity_mib < MOVE_PAGE_BLOB_MIB)
		return (struct target){ .way = MOVE_PAGE_BLOB,
					.rate = MOVE_PAGE_BLOB_RATE,
					.requests = MOVE_PAGE_BLOB_REQUESTS };
	tier = upload_tier(c, capacity_mib);
	return (struct target){ .way = MOVE_DIRECT_UPLOAD, .rate = tier->mbps * 1e6, .requests = tier->iops };
}

/* Changes come in smaller writes, and of these there are only so many a second. */
static double change_rate(const struct move_options *o, const struct target *t)
{
	double by_requests = t->requests * o->change_bytes.v;

	return by_requests < t->rate ? by_requests : t->rate;
}

struct machine_known {                        /* of what is in the machine's disks */
	struct machine_number measured_share; /* of a capacity that is left to send */
	struct machine_number in_use_share;   /* of the capacity of disks whose allocation is not known */
};

static void disk_bytes(const struct machine_disk *d, const struct machine_known *k, struct move_disk *out)
{
	double capacity = d->capacity_mib.v * MIB, allocated = d->allocated_mib.v * MIB;

	out->known = true;
	if (k->measured_share.known && d->capacity_mib.known) {
		out->bytes = capacity * k->measured_share.v;
		out->source = MOVE_MEASURED;
	} else if (d->allocated_mib.known) { /* an image may take more than its disk has: tables, snapshots */
		out->bytes = d->capacity_mib.known && allocated > capacity ? capacity : allocated;
		out->source = MOVE_ALLOCATED;
	} else if (d->capacity_mib.known) {
		out->bytes = k->in_use_share.known ? capacity * k->in_use_share.v : capacity;
		out->source = k->in_use_share.known ? MOVE_IN_USE : MOVE_CAPACITY;
	} else {
		out->known = false;
	}
}

/* ---- machines ---- */

static struct machine_number measured_share(const struct move_measured *m)
{
	struct machine_number share = { .known = m && m->zero_share.known };

	if (share.known)
		share.v = m->zero_share.v < 1 ? 1 - m->zero_share.v : 0;
	return share;
}

/* What the machine has in use, swap and logs with it, less what images are known to take, is spread over other disks. */
static struct machine_number in_use_share(const struct assess_vm *vm)
{
	const struct machine *m = vm->machine;
	double left = m->storage_in_use_mib.v, capacity = 0;
	struct machine_number share = { .known = m->storage_in_use_mib.known };

	for (size_t i = 0; i < m->n_disks; i++) {
		if (!vm->disks[i].replicate)
			continue;
		if (m->disks[i].allocated_mib.known)
			left -= m->disks[i].allocated_mib.v;
		else if (m->disks[i].capacity_mib.known)
			capacity += m->disks[i].capacity_mib.v;
	}
	share.v = left <= 0 ? 0 : left < capacity ? left / capacity : 1;
	return share;
}

struct changes {         /* of a machine */
	double capacity; /* bytes */
	double s;        /* in which its slowest disk would be changed all over */
};

static void add_disk(const struct catalogue *c, const struct move_options *o, const struct machine_disk *d,
		     const struct machine_known *k, struct move_disk *out, struct move_load *load,
		     struct changes *changes)
{
	double size = d->capacity_mib.known ? d->capacity_mib.v : d->allocated_mib.v, s;
	struct target t;

	disk_bytes(d, k, out);
	if (out->with) {
		load->elsewhere++;
		out->known = false;
		return;
	}
	load->disks++;
	if (!out->known) {
		load->unknown++;
		return;
	}
	t = target_of(c, o, size);
	out->way = t.way;
	out->rate = t.rate;
	out->s = out->bytes / t.rate;
	load->direct += t.way == MOVE_DIRECT_UPLOAD;
	load->from[out->source]++;
	load->bytes[out->source] += out->bytes;
	load->all_s += out->s;
	if (out->s > load->slowest_s)
		load->slowest_s = out->s;
	changes->capacity += size * MIB;
	s = size * MIB / change_rate(o, &t);
	if (s > changes->s)
		changes->s = s;
}

/* A machine's changes are spread over its disks by their size, so that its slowest disk says how fast they are taken.
 */
static void add_machine(const struct catalogue *c, const struct move_options *o, const struct move_measured *measured,
			struct move_vm *v, struct move_disk *disks)
{
	const struct machine *m = v->vm->machine;
	const struct machine_known known = { .measured_share = measured_share(measured),
					     .in_use_share = in_use_share(v->vm) };
	struct changes changes = { .capacity = 0 };

	for (size_t i = 0; i < m->n_disks; i++)
		if (v->vm->disks[i].replicate)
			add_disk(c, o, &m->disks[i], &known, &disks[i], &v->load, &changes);
	v->time = move_time_of(&v->load, o);
	v->churn = (o->churn_bytes.given ? o->churn_bytes.v : o->churn_share.v * changes.capacity) / DAY_S;
	v->change_rate = changes.s > 0 ? changes.capacity / changes.s : 0;
	v->fixed_s = o->cycle_fixed_s.v + (o->scan_rate.v > 0 ? changes.capacity / o->scan_rate.v : 0);
	if (v->load.disks == v->load.unknown)
		v->churn = 0;
}

int move_find_loads(const struct catalogue *c, const struct move_options *o, struct move *m, struct error *err)
{
	struct move_disk *disks = m->disks;
	size_t n;

	catalogue_tiers(c, DISK_STANDARD_HDD, &n);
	if (n == 0)
		return error_set(err, ERR_CORRUPT,
				 "%s: azure-managed-disks.csv: no standard-hdd, whose rate an upload has",
				 catalogue_dir(c));
	for (size_t i = 0; i < m->n_vms; i++) {
		add_machine(c, o, o->measured ? &o->measured[i] : NULL, &m->vms[i], disks);
		disks += m->vms[i].vm->machine->n_disks;
	}
	return 0;
}

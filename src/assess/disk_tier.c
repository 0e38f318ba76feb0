/* SPDX-License-Identifier: Apache-2.0 */
/* Which managed disk holds a disk, and why none does. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "assess/rules.h"

#define OS_DISK_BIOS_MIB (2048.0 * 1024)
#define OS_DISK_EFI_MIB (4096.0 * 1024)
#define DISK_UPLOAD_MIB (32767.0 * 1024) /* what a direct upload takes */

bool assess_by_performance(const struct machine *m, const struct assess_options *o)
{
	bool any = m->cpu_pct.known || m->memory_pct.known || m->network_out_mbs.known || m->read_ops.known ||
		   m->write_ops.known || m->read_mbs.known || m->write_mbs.known;

	if (o->sizing != SIZING_AUTO)
		return o->sizing == SIZING_PERFORMANCE;
	for (size_t i = 0; i < m->n_disks && !any; i++) {
		const struct machine_disk *d = &m->disks[i];

		any = d->read_ops.known || d->write_ops.known || d->read_mbs.known || d->write_mbs.known;
	}
	return any;
}

/* The smallest of the type that takes the disk; NULL: none does. */
static const struct assess_tier_price *smallest(const struct assess_frame *f, enum disk_type type, double mib,
						const struct assess_disk *d)
{
	for (size_t i = 0; i < f->n_tiers[type]; i++) {
		const struct catalogue_tier *t = f->tiers[type][i].tier;

		if (t->size_gib * 1024.0 >= mib && assess_fits(t->iops, d->need_iops) &&
		    assess_fits(t->mbps, d->need_mbps))
			return &f->tiers[type][i];
	}
	return NULL;
}

/* The types that a disk may have; how many. */
static size_t allowed_types(const struct assess_frame *f, const struct machine_disk *d, bool by_performance,
			    bool with_values, enum disk_type types[2])
{
	switch (f->o->disk_type) {
	case CHOICE_PREMIUM_SSD:
		types[0] = DISK_PREMIUM_SSD;
		return 1;
	case CHOICE_STANDARD_SSD:
		types[0] = DISK_STANDARD_SSD;
		return 1;
	case CHOICE_STANDARD_HDD:
		types[0] = d->os ? DISK_STANDARD_SSD : DISK_STANDARD_HDD;
		return 1;
	case CHOICE_AUTO:
		break;
	}
	types[0] = by_performance ? DISK_STANDARD_SSD : DISK_PREMIUM_SSD;
	types[1] = DISK_PREMIUM_SSD;
	return by_performance && with_values ? 2 : 1;
}

/* The cheaper one; the first where that cannot be said. */
static const struct assess_tier_price *cheaper(const struct assess_tier_price *a, const struct assess_tier_price *b)
{
	if (!a || !b)
		return a ? a : b;
	return a->usd.known && b->usd.known && b->usd.v < a->usd.v ? b : a;
}

/* Is there one that is large enough and does as many operations, whatever its throughput? */
static bool any_has_iops(const struct assess_frame *f, const enum disk_type *types, size_t n, double mib, double iops)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < f->n_tiers[types[i]]; k++) {
			const struct catalogue_tier *t = f->tiers[types[i]][k].tier;

			if (t->size_gib * 1024.0 >= mib && assess_fits(t->iops, iops))
				return true;
		}
	return false;
}

static double sum_of(struct machine_number read, struct machine_number written, double comfort)
{
	return ((read.known ? read.v : 0) + (written.known ? written.v : 0)) * comfort;
}

static const char *choose(const struct assess_frame *f, const struct assess_azure *azure, const struct machine_disk *d,
			  struct assess_disk *out)
{
	bool with_values = d->read_ops.known || d->write_ops.known || d->read_mbs.known || d->write_mbs.known;
	const struct assess_tier_price *chosen;
	enum disk_type types[2];
	double mib = d->capacity_mib.v;
	size_t n;

	if (azure->by_performance) {
		out->need_iops = sum_of(d->read_ops, d->write_ops, f->o->comfort);
		out->need_mbps = sum_of(d->read_mbs, d->write_mbs, f->o->comfort);
	}
	if (!d->capacity_mib.known)
		return "LiftfsDiskUnknown";
	if ((d->os && mib > (azure->gen2 ? OS_DISK_EFI_MIB : OS_DISK_BIOS_MIB)) || mib > DISK_UPLOAD_MIB)
		return "DiskSizeGreaterThanSupported";
	n = allowed_types(f, d, azure->by_performance, with_values, types);
	chosen = smallest(f, types[0], mib, out);
	if (n == 2)
		chosen = cheaper(chosen, smallest(f, types[1], mib, out));
	if (!chosen)
		return any_has_iops(f, types, n, mib, out->need_iops) ? "NoSuitableDiskSizeForThroughput"
								      : "NoSuitableDiskSizeForIops";
	out->tier = chosen->tier;
	out->monthly_usd = chosen->usd;
	return NULL;
}

int assess_disk_tiers(const struct assess_frame *f, const struct machine *m, struct assess_vm *vm, struct error *err)
{
	vm->azure.gen2 = vm->firmware == MACHINE_EFI;
	vm->azure.by_performance = assess_by_performance(m, f->o);
	vm->disks = calloc(m->n_disks + 1, sizeof(*vm->disks));
	if (!vm->disks)
		return error_errno(err, ENOMEM, "disks");
	for (size_t i = 0; i < m->n_disks; i++) {
		struct assess_disk *d = &vm->disks[i];
		enum assess_verdict verdict = VERDICT_READY; /* the machine's follows from it later */
		const char *code;

		d->replicate = !m->disks[i].raw;
		if (!d->replicate)
			continue;
		code = choose(f, &vm->azure, &m->disks[i], d);
		if (code && assess_judge(&d->codes, &verdict, code, VERDICT_NOT_READY, err) < 0)
			return -1;
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The size of the virtual machine: what fits, step by step, and of that the cheapest. */
#include <config.h>

#include <string.h>

#include "assess/rules.h"

bool assess_size_known(const struct machine *m)
{
	return m->vcpus.known && m->vcpus.v > 0 && m->memory_mib.known && m->memory_mib.v > 0;
}

static double share(struct machine_number pct, const struct machine *m, const struct assess_options *o)
{
	return pct.known && assess_by_performance(m, o) ? pct.v / 100 : 1;
}

double assess_need_vcpus(const struct machine *m, const struct assess_options *o)
{
	return m->vcpus.v * share(m->cpu_pct, m, o) * o->comfort;
}

double assess_need_memory_gib(const struct machine *m, const struct assess_options *o)
{
	return m->memory_mib.v / 1024 * share(m->memory_pct, m, o) * o->comfort;
}

/* Values of all disks count where no disk has its own. */
static void total_needs(const struct machine *m, double comfort, struct assess_azure *a)
{
	for (size_t i = 0; i < m->n_disks; i++) {
		const struct machine_disk *d = &m->disks[i];

		if (d->read_ops.known || d->write_ops.known || d->read_mbs.known || d->write_mbs.known)
			return;
	}
	a->need_iops = ((m->read_ops.known ? m->read_ops.v : 0) + (m->write_ops.known ? m->write_ops.v : 0)) * comfort;
	a->need_mbps = ((m->read_mbs.known ? m->read_mbs.v : 0) + (m->write_mbs.known ? m->write_mbs.v : 0)) * comfort;
}

struct wanted {
	const struct assess_azure *needs;
	double nics;
	bool gen2, premium, nvme, windows;
};

static void set_needs(const struct assess_frame *f, const struct machine *m, struct assess_vm *vm, struct wanted *w)
{
	struct assess_azure *a = &vm->azure;
	size_t replicated = 0;

	a->need_vcpus = assess_need_vcpus(m, f->o);
	a->need_memory_gib = assess_need_memory_gib(m, f->o);
	for (size_t i = 0; i < m->n_disks; i++) {
		replicated += vm->disks[i].replicate;
		a->need_iops += vm->disks[i].need_iops;
		a->need_mbps += vm->disks[i].need_mbps;
		w->premium |= vm->disks[i].tier && vm->disks[i].tier->type == DISK_PREMIUM_SSD;
	}
	a->need_data_disks = replicated > 0 ? (double)(replicated - 1) : 0;
	if (a->by_performance) {
		total_needs(m, f->o->comfort, a);
		a->need_network_mbps = m->network_out_mbs.known ? m->network_out_mbs.v * 8 * f->o->comfort : 0;
	}
	w->needs = a;
	w->nics = m->nics.known ? m->nics.v : 1;
	w->gen2 = a->gen2;
	w->nvme = a->gen2 && vm->arch != ARCH_X86 && vm->os->nvme == OS_YES;
	w->windows = vm->os->windows && !f->o->ahb;
}

static struct machine_number price_of(const struct assess_candidate *c, const struct wanted *w)
{
	return w->windows ? c->windows_usd : c->linux_usd;
}

static bool passes(const struct assess_frame *f, const struct assess_candidate *c, const struct wanted *w,
		   enum assess_step step)
{
	const struct catalogue_size *s = c->size;
	const struct assess_azure *a = w->needs;

	switch (step) {
	case STEP_SET:
		return (w->gen2 ? s->gen2 : s->gen1) && (!s->nvme_only || w->nvme);
	case STEP_STORAGE:
		return s->max_data_disks >= a->need_data_disks && (s->premium_io || !w->premium) &&
		       assess_fits(s->uncached_iops, a->need_iops) && assess_fits(s->uncached_mbps, a->need_mbps);
	case STEP_NETWORK:
		return assess_fits(s->max_nics, w->nics) &&
		       (s->max_network_mbps < 0 || assess_fits(s->max_network_mbps, a->need_network_mbps));
	case STEP_COMPUTE:
		return assess_fits(s->vcpus, a->need_vcpus) && assess_fits(s->memory_gib, a->need_memory_gib);
	case STEP_LOCATION:
		return !f->sizes_priced || price_of(c, w).known;
	}
	return false;
}

/* Price where the region has any, then vCPUs, memory, name. */
static bool is_better(const struct assess_candidate *a, const struct assess_candidate *b, const struct wanted *w,
		      bool priced)
{
	double x = price_of(a, w).v, y = price_of(b, w).v;

	if (priced && x != y)
		return x < y;
	if (a->size->vcpus != b->size->vcpus)
		return a->size->vcpus < b->size->vcpus;
	if (a->size->memory_gib != b->size->memory_gib)
		return a->size->memory_gib < b->size->memory_gib;
	return strcmp(a->size->name, b->size->name) < 0;
}

static const struct assess_candidate *choose(const struct assess_frame *f, const struct wanted *w,
					     size_t left[ASSESS_STEPS])
{
	const struct assess_candidate *best = NULL;

	for (size_t i = 0; i < f->n_candidates; i++) {
		const struct assess_candidate *c = &f->candidates[i];
		int step = 0;

		while (step < ASSESS_STEPS && passes(f, c, w, (enum assess_step)step))
			left[step++]++;
		if (step == ASSESS_STEPS && (!best || is_better(c, best, w, f->sizes_priced)))
			best = c;
	}
	return best;
}

static const char *why_none(const size_t left[ASSESS_STEPS])
{
	static const char *const codes[ASSESS_STEPS] = {
		[STEP_SET] = "NoSuitableVmSizeFound", /* the series asked for have none for this firmware and guest */
		[STEP_STORAGE] = "NoVmSizeSupportsStoragePerformance",
		[STEP_NETWORK] = "NoVmSizeSupportsNetworkPerformance",
		[STEP_COMPUTE] = "NoSuitableVmSizeFound",
		[STEP_LOCATION] = "NoVmSizeForSelectedAzureLocation",
	};
	size_t step = 0;

	while (left[step] > 0)
		step++;
	return codes[step];
}

int assess_vm_size(const struct assess_frame *f, const struct machine *m, struct assess_vm *vm, struct error *err)
{
	struct assess_azure *a = &vm->azure;
	const struct assess_candidate *best;
	struct wanted w = { .needs = NULL };

	a->tried = assess_size_known(m) && a->verdict != VERDICT_NOT_READY;
	if (!a->tried)
		return 0;
	set_needs(f, m, vm, &w);
	best = choose(f, &w, a->left);
	if (!best)
		return assess_judge(&a->codes, &a->verdict, why_none(a->left), VERDICT_NOT_READY, err);
	a->size = best->size;
	a->hourly_usd = price_of(best, &w);
	return 0;
}

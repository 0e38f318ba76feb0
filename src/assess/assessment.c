/* SPDX-License-Identifier: Apache-2.0 */
/* All machines, one after the other, and then all together. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assess/rules.h"

/* ---- what is the same for all machines ---- */

static bool is_candidate(const struct catalogue_size *s, const struct assess_options *o)
{
	if (o->n_series == 0)
		return s->default_candidate;
	for (size_t i = 0; i < o->n_series; i++)
		if (strcmp(s->series, o->series[i]) == 0)
			return true;
	return false;
}

static int find_candidates(struct assess_frame *f, struct error *err)
{
	const struct catalogue_size *sizes;
	size_t n;

	sizes = catalogue_sizes(f->c, &n);
	f->candidates = calloc(n + 1, sizeof(*f->candidates));
	if (!f->candidates)
		return error_errno(err, ENOMEM, "sizes");
	for (size_t i = 0; i < n; i++) {
		struct assess_candidate *c = &f->candidates[f->n_candidates];

		if (!is_candidate(&sizes[i], f->o))
			continue;
		c->size = &sizes[i];
		c->linux_usd.known = catalogue_size_price(f->c, f->o->region, sizes[i].name, false, &c->linux_usd.v);
		c->windows_usd.known = catalogue_size_price(f->c, f->o->region, sizes[i].name, true, &c->windows_usd.v);
		f->n_candidates++;
	}
	return 0;
}

static int price_tiers(struct assess_frame *f, enum disk_type type, struct error *err)
{
	const struct catalogue_tier *tiers = catalogue_tiers(f->c, type, &f->n_tiers[type]);

	f->tiers[type] = calloc(f->n_tiers[type] + 1, sizeof(*f->tiers[type]));
	if (!f->tiers[type])
		return error_errno(err, ENOMEM, "disk tiers");
	for (size_t i = 0; i < f->n_tiers[type]; i++) {
		struct assess_tier_price *t = &f->tiers[type][i];

		t->tier = &tiers[i];
		t->usd.known = catalogue_tier_price(f->c, f->o->region, tiers[i].name, &t->usd.v);
	}
	return 0;
}

int assess_frame_init(struct assess_frame *f, const struct catalogue *c, const struct assess_options *o,
		      struct error *err)
{
	*f = (struct assess_frame){ .c = c, .o = o, .sizes_priced = catalogue_prices_sizes(c, o->region) };
	for (int type = 0; type < DISK_TYPES; type++)
		if (price_tiers(f, (enum disk_type)type, err) < 0)
			return -1;
	return find_candidates(f, err);
}

void assess_frame_fini(struct assess_frame *f)
{
	free(f->candidates);
	for (size_t i = 0; i < DISK_TYPES; i++)
		free(f->tiers[i]);
	*f = (struct assess_frame){ .c = NULL };
}

/* ---- the machines ---- */

static int assess_one(const struct assess_frame *f, const struct machine *m, struct assess_vm *vm, struct error *err)
{
	vm->machine = m;
	assess_firmware(m, vm);
	if (assess_guest_os(f, m, vm, err) < 0 || assess_contradictions(f, m, vm, err) < 0 || assess_disk_tiers(f, m, vm, err) < 0 ||
	    assess_readiness(m, vm, err) < 0 || assess_vm_size(f, m, vm, err) < 0 ||
	    assess_avs_readiness(m, vm, err) < 0)
		return -1;
	assess_find_confidence(m, vm);
	assess_cost(f, m, vm);
	return 0;
}

static int assess_all(const struct assess_frame *f, const struct machine_list *machines, struct assessment *out,
		      struct error *err)
{
	out->vms = calloc(machines->n + 1, sizeof(*out->vms));
	out->skipped = calloc(machines->n + 1, sizeof(*out->skipped));
	if (!out->vms || !out->skipped)
		return error_errno(err, ENOMEM, "machines");
	for (size_t i = 0; i < machines->n; i++) {
		const struct machine *m = &machines->v[i];
		const char *reason = machine_left_out(m);

		if (reason)
			out->skipped[out->n_skipped++] = (struct assess_left_out){ .machine = m, .reason = reason };
		else if (assess_one(f, m, &out->vms[out->n_vms++], err) < 0)
			return -1;
	}
	assess_avs_hosts(f, out->vms, out->n_vms, &out->avs);
	return 0;
}

int assess(const struct machine_list *machines, const struct catalogue *c, const struct assess_options *o,
	   struct assessment *out, struct error *err)
{
	CLEANUP(cleanup_assess_frame) struct assess_frame f = { .c = NULL };

	*out = (struct assessment){ .n_vms = 0 };
	if (assess_options_check(o, c, err) < 0)
		return -1;
	if (assess_frame_init(&f, c, o, err) < 0 || assess_all(&f, machines, out, err) < 0) {
		assessment_fini(out);
		return -1;
	}
	return 0;
}

static void vm_fini(struct assess_vm *vm)
{
	for (size_t i = 0; vm->disks && i < vm->machine->n_disks; i++)
		assess_codes_fini(&vm->disks[i].codes);
	free(vm->disks);
	assess_codes_fini(&vm->azure.codes);
	assess_codes_fini(&vm->azure.notes);
	assess_codes_fini(&vm->avs.codes);
	assess_conflicts_fini(vm);
	for (size_t i = 0; i < vm->confidence.reasons.n; i++)
		free(vm->confidence.reasons.v[i]);
	free(vm->confidence.reasons.v);
	free(vm->azure.proposed_name);
}

void assessment_fini(struct assessment *a)
{
	for (size_t i = 0; i < a->n_vms; i++)
		vm_fini(&a->vms[i]);
	free(a->vms);
	free(a->skipped);
	*a = (struct assessment){ .n_vms = 0 };
}

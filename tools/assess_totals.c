/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "assess_totals.h"
#include "base/compiler.h"

unsigned assess_badness(enum assess_verdict v)
{
	static const unsigned order[ASSESS_VERDICTS] = {
		[VERDICT_READY] = 0, [VERDICT_CONDITIONAL] = 1, [VERDICT_UNKNOWN] = 2, [VERDICT_NOT_READY] = 3
	};

	return order[v];
}

double assess_vm_mib(const struct assess_vm *vm)
{
	double mib = 0;

	for (size_t i = 0; i < vm->machine->n_disks; i++)
		if (vm->disks[i].replicate && vm->machine->disks[i].capacity_mib.known)
			mib += vm->machine->disks[i].capacity_mib.v;
	return mib;
}

static int no_memory(struct error *err)
{
	return error_set(err, ERR_NOMEM, "no memory for the sums of an assessment");
}

/* ---- findings ---- */

/* There are some dozens of codes in all: looking for one among them is quick.  A VM counts once. */
static int count_finding(struct assess_totals *t, const struct assess_vm *vm, const char *code, bool note,
			 enum assess_verdict v, struct error *err)
{
	struct assess_finding *f;

	for (size_t i = 0; i < t->n_findings; i++) {
		f = &t->findings[i];
		if (f->note != note || strcmp(f->code, code) != 0)
			continue;
		if (assess_badness(v) > assess_badness(f->severity))
			f->severity = v;
		f->vms += f->last != vm;
		f->last = vm;
		return 0;
	}
	f = reallocarray(t->findings, t->n_findings + 1, sizeof(*f));
	if (!f)
		return no_memory(err);
	t->findings = f;
	f[t->n_findings++] = (struct assess_finding){ .code = code, .severity = v, .note = note, .vms = 1, .last = vm };
	return 0;
}

static int count_codes(struct assess_totals *t, const struct assess_vm *vm, const struct assess_codes *codes, bool note,
		       struct error *err)
{
	for (size_t i = 0; i < codes->n; i++)
		if (count_finding(t, vm, codes->v[i], note, codes->of[i], err) < 0)
			return -1;
	return 0;
}

static int count_findings(struct assess_totals *t, const struct assess_vm *vm, struct error *err)
{
	if (count_codes(t, vm, &vm->azure.codes, false, err) < 0)
		return -1;
	for (size_t i = 0; i < vm->machine->n_disks; i++)
		if (count_codes(t, vm, &vm->disks[i].codes, false, err) < 0)
			return -1;
	if (count_codes(t, vm, &vm->avs.codes, false, err) < 0)
		return -1;
	return count_codes(t, vm, &vm->azure.notes, true, err);
}

static int by_severity(const void *pa, const void *pb)
{
	const struct assess_finding *a = pa, *b = pb;
	unsigned bad_a = assess_badness(a->severity), bad_b = assess_badness(b->severity);

	if (a->note != b->note)
		return a->note ? 1 : -1;
	if (!a->note && bad_a != bad_b)
		return bad_a > bad_b ? -1 : 1;
	if (a->vms != b->vms)
		return a->vms > b->vms ? -1 : 1;
	return strcmp(a->code, b->code);
}

/* ---- cost ---- */

static void count_cost(struct assess_totals *t, const struct assess_azure *a)
{
	if (!a->size) {
		t->unsized++;
	} else if (a->total_usd.known) {
		t->priced++;
		t->compute_usd += a->compute_usd.v;
		t->disks_usd += a->disks_usd.v;
		t->total_usd += a->total_usd.v;
	} else {
		t->unpriced++;
		t->compute_only += a->compute_usd.known;
		t->compute_only_usd += a->compute_usd.known ? a->compute_usd.v : 0;
	}
}

static int count_family(struct assess_totals *t, const struct assess_azure *a, struct error *err)
{
	struct assess_family *f = NULL;

	if (!a->size)
		return 0;
	for (size_t i = 0; i < t->n_families && !f; i++)
		if (strcmp(t->families[i].series, a->size->series) == 0)
			f = &t->families[i];
	if (!f) {
		f = reallocarray(t->families, t->n_families + 1, sizeof(*f));
		if (!f)
			return no_memory(err);
		t->families = f;
		f += t->n_families++;
		*f = (struct assess_family){ .series = a->size->series };
	}
	f->vms++;
	f->unpriced += !a->total_usd.known;
	f->compute_usd += a->total_usd.known ? a->compute_usd.v : 0;
	f->disks_usd += a->total_usd.known ? a->disks_usd.v : 0;
	return 0;
}

static int by_cost(const void *pa, const void *pb)
{
	const struct assess_family *a = pa, *b = pb;
	double cost_a = a->compute_usd + a->disks_usd, cost_b = b->compute_usd + b->disks_usd;

	if (cost_a < cost_b || cost_a > cost_b)
		return cost_a > cost_b ? -1 : 1;
	return strcmp(a->series, b->series);
}

/* ---- the largest ---- */

static void keep_large(struct assess_large *v, size_t *n, struct assess_large one)
{
	size_t at = *n;

	while (at > 0 && v[at - 1].mib < one.mib)
		at--;
	if (one.mib <= 0 || at == ASSESS_LARGEST)
		return;
	if (*n < ASSESS_LARGEST)
		(*n)++;
	memmove(&v[at + 1], &v[at], (*n - at - 1) * sizeof(*v));
	v[at] = one;
}

static void count_bytes(struct assess_totals *t, const struct assess_vm *vm)
{
	double mib = assess_vm_mib(vm);

	t->mib += mib;
	keep_large(t->vms_by_size, &t->n_vms_by_size, (struct assess_large){ .vm = vm, .mib = mib });
	for (size_t i = 0; i < vm->machine->n_disks; i++) {
		const struct machine_disk *d = &vm->machine->disks[i];

		if (!vm->disks[i].replicate)
			continue;
		t->disks++;
		if (d->capacity_mib.known)
			keep_large(t->disks_by_size, &t->n_disks_by_size,
				   (struct assess_large){ .vm = vm, .disk = d, .mib = d->capacity_mib.v });
	}
}

static int count_vm(struct assess_totals *t, const struct assess_vm *vm, struct error *err)
{
	t->azure[vm->azure.verdict]++;
	t->avs[vm->avs.verdict]++;
	count_cost(t, &vm->azure);
	count_bytes(t, vm);
	return count_family(t, &vm->azure, err) < 0 || count_findings(t, vm, err) < 0 ? -1 : 0;
}

int assess_totals(const struct assessment *a, struct assess_totals *out, struct error *err)
{
	CLEANUP(cleanup_assess_totals) struct assess_totals t = { 0 };

	t.vms_by_size = calloc(ASSESS_LARGEST, sizeof(*t.vms_by_size));
	t.disks_by_size = calloc(ASSESS_LARGEST, sizeof(*t.disks_by_size));
	if (!t.vms_by_size || !t.disks_by_size)
		return no_memory(err);
	for (size_t i = 0; i < a->n_vms; i++)
		if (count_vm(&t, &a->vms[i], err) < 0)
			return -1;
	if (t.n_findings > 0)
		qsort(t.findings, t.n_findings, sizeof(*t.findings), by_severity);
	if (t.n_families > 0)
		qsort(t.families, t.n_families, sizeof(*t.families), by_cost);
	*out = t;
	t = (struct assess_totals){ 0 };
	return 0;
}

void assess_totals_fini(struct assess_totals *t)
{
	free(t->findings);
	free(t->families);
	free(t->vms_by_size);
	free(t->disks_by_size);
	*t = (struct assess_totals){ 0 };
}

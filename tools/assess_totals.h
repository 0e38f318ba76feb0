/* SPDX-License-Identifier: Apache-2.0 */
/* What an assessment comes to in all: counts, sums and the longest of lists, for the outputs that begin with them. */
#ifndef LIFTFS_TOOLS_ASSESS_TOTALS_H
#define LIFTFS_TOOLS_ASSESS_TOTALS_H

#include "assess/assessment.h"

/* A code or a note, and how many VMs have it. */
struct assess_finding {
	const char *code;
	enum assess_verdict severity; /* the worst that it makes of one of them */
	bool note;                    /* changes no verdict */
	size_t vms;
	const struct assess_vm *last; /* the last one counted */
};

/* VMs whose size is of one series. */
struct assess_family {
	const char *series;
	size_t vms, unpriced;          /* unpriced: in vms, but not in the sums */
	double compute_usd, disks_usd; /* a month */
};

/* By capacity; ties in the order read. */
struct assess_large {
	const struct assess_vm *vm;
	const struct machine_disk *disk; /* NULL in a list of VMs */
	double mib;
};

struct assess_totals {
	size_t azure[ASSESS_VERDICTS], avs[ASSESS_VERDICTS];
	size_t disks;   /* that replicate */
	double mib;     /* of those whose capacity is known */
	size_t unsized; /* VMs for which no size was chosen */
	size_t priced;  /* VMs whose total is known: the three sums are theirs */
	double compute_usd, disks_usd, total_usd;
	size_t unpriced;     /* VMs that have a size, but some price is missing */
	size_t compute_only; /* of those, the ones whose size has a price */
	double compute_only_usd;

	struct assess_finding *findings; /* the worst first, then the most frequent; notes at the end */
	size_t n_findings;
	struct assess_family *families; /* the most expensive first */
	size_t n_families;
	struct assess_large *vms_by_size, *disks_by_size; /* the largest ASSESS_LARGEST */
	size_t n_vms_by_size, n_disks_by_size;
};
#define ASSESS_LARGEST 10

/* 0 is not bad at all: ready, conditional, unknown, not ready. */
unsigned assess_badness(enum assess_verdict v);

/* The capacity of the disks that replicate, as far as it is known. */
double assess_vm_mib(const struct assess_vm *vm);

int assess_totals(const struct assessment *a, struct assess_totals *out, struct error *err) MUST_CHECK;
void assess_totals_fini(struct assess_totals *t);
static inline void cleanup_assess_totals(struct assess_totals *t)
{
	assess_totals_fini(t);
}

#endif

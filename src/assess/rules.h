/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of an assessment, a room each.  Only src/assess includes this.
 *
 * Each takes what the catalogue and the options make the same for all machines, and one machine; results go into its
 * record in the order of the functions below, since later rules look at what earlier ones found.  They fail for want of
 * memory only.
 */
#ifndef LIFTFS_ASSESS_RULES_H
#define LIFTFS_ASSESS_RULES_H

#include "assess/assessment.h"

#define ASSESS_TOLERANCE 1e-9 /* what need and offer may differ by, since both were computed */

static inline bool assess_fits(double offer, double need)
{
	return offer >= need - ASSESS_TOLERANCE;
}

/* A size as the options see it. */
struct assess_candidate {
	const struct catalogue_size *size;
	struct machine_number linux_usd, windows_usd; /* an hour, in the region */
};

struct assess_tier_price {
	const struct catalogue_tier *tier;
	struct machine_number usd; /* a month, in the region */
};

struct assess_frame {
	const struct catalogue *c;
	const struct assess_options *o;
	bool sizes_priced;                   /* the region has prices of sizes at all */
	struct assess_candidate *candidates; /* those of --series, or the default ones */
	size_t n_candidates;
	struct assess_tier_price *tiers[DISK_TYPES]; /* by ascending size */
	size_t n_tiers[DISK_TYPES];
};

int assess_frame_init(struct assess_frame *f, const struct catalogue *c, const struct assess_options *o,
		      struct error *err) MUST_CHECK;
void assess_frame_fini(struct assess_frame *f);
static inline void cleanup_assess_frame(struct assess_frame *f)
{
	assess_frame_fini(f);
}

/* Keeps them unique and in byte order. */
int assess_codes_add(struct assess_codes *codes, const char *code, struct error *err) MUST_CHECK;
void assess_codes_fini(struct assess_codes *codes);

/* Adds the code, and the verdict if it is worse: not ready, unknown, conditional, ready. */
int assess_judge(struct assess_codes *codes, enum assess_verdict *verdict, const char *code,
		 enum assess_verdict of_code, struct error *err) MUST_CHECK;

/* Is it known how large the machine is?  0 vCPUs or no memory is not a machine. */
bool assess_size_known(const struct machine *m);
/* Is it sized by what it used, or by what it was given? */
bool assess_by_performance(const struct machine *m, const struct assess_options *o);
/* vCPUs and GiB that the machine needs.  Its size is known. */
double assess_need_vcpus(const struct machine *m, const struct assess_options *o);
double assess_need_memory_gib(const struct machine *m, const struct assess_options *o);

/* contradictions.c: facts, firmware, firmware_from. */
void assess_firmware(const struct machine *m, struct assess_vm *vm);
/* The conflicts, after the guest is known. */
int assess_contradictions(const struct assess_frame *f, const struct machine *m, struct assess_vm *vm,
			  struct error *err) MUST_CHECK;
void assess_conflicts_fini(struct assess_vm *vm);

/* confidence.c: after all of the above and below but for cost. */
void assess_find_confidence(const struct machine *m, struct assess_vm *vm);

/* What the sources other than the disk make of a machine: in the order in which they count. */
enum assess_source { SOURCE_TOOLS, SOURCE_CONFIG, SOURCE_GUEST_ID, SOURCE_NAME_VERSION, SOURCE_NAME };
#define ASSESS_SOURCES 5
struct assess_sources {
	const struct catalogue_os *os[ASSESS_SOURCES]; /* NULL: it says nothing */
	enum os_arch arch;                             /* of all of them together; what is usual is not among them */
};
const char *assess_source_name(enum assess_source s); /* "os_tools" */
/* guest_os.c */
int assess_read_sources(const struct assess_frame *f, const struct machine *m, struct assess_sources *out,
			struct error *err) MUST_CHECK;

/* guest_os.c: os, arch, os_from, arch_from; the facts are there. */
int assess_guest_os(const struct assess_frame *f, const struct machine *m, struct assess_vm *vm,
		    struct error *err) MUST_CHECK;

/* disk_tier.c: disks, azure.gen2, azure.by_performance. */
int assess_disk_tiers(const struct assess_frame *f, const struct machine *m, struct assess_vm *vm,
		      struct error *err) MUST_CHECK;

/* readiness.c: azure's codes, notes and verdict (but for the size's), trusted_launch, proposed_name. */
int assess_readiness(const struct machine *m, struct assess_vm *vm, struct error *err) MUST_CHECK;

/* vm_size.c: tried, needs, left, size, hourly_usd; a code and the verdict if none was found. */
int assess_vm_size(const struct assess_frame *f, const struct machine *m, struct assess_vm *vm,
		   struct error *err) MUST_CHECK;

/* cost.c: what the size and the disks cost a month. */
void assess_cost(const struct assess_frame *f, const struct machine *m, struct assess_vm *vm);

/* avs.c: the verdict of one machine; then the hosts for all. */
int assess_avs_readiness(const struct machine *m, struct assess_vm *vm, struct error *err) MUST_CHECK;
void assess_avs_hosts(const struct assess_frame *f, const struct assess_vm *vms, size_t n, struct assess_avs *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which machines will run in Azure or on Azure VMware Solution, as what, at what cost: verdicts, codes, sizes, disks, hosts.
 *
 * Pure: the same machines, catalogue and options give the same result.  A verdict follows from codes; a code is spelt as the
 * Azure Migrate API spells it where that has one, and begins with Liftfs where it does not.  Notes change no verdict.
 * What does not apply or is not known is absent, never 0.
 */
#ifndef LIFTFS_ASSESS_ASSESSMENT_H
#define LIFTFS_ASSESS_ASSESSMENT_H

#include "assess/catalogue.h"
#include "inventory/machine.h"
#include "inventory/machine_look.h"

enum assess_sizing { SIZING_AUTO, SIZING_PERFORMANCE, SIZING_AS_IS };
enum assess_disk_choice { CHOICE_AUTO, CHOICE_PREMIUM_SSD, CHOICE_STANDARD_SSD, CHOICE_STANDARD_HDD };

enum assess_from { ASSESS_ASSUMED, ASSESS_GIVEN, ASSESS_MEASURED };
const char *assess_from_name(enum assess_from f); /* "assumed" */

struct assess_options {
	const char *region;
	enum assess_sizing sizing;
	double comfort;
	enum assess_disk_choice disk_type;
	const char *const *series; /* names; n_series 0: the sizes that are default candidates */
	size_t n_series;
	bool ahb;                  /* Azure Hybrid Benefit */
	double uptime_hours;       /* a month */
	const char *avs_host;
	unsigned avs_ftt, avs_raid, avs_oversubscription, avs_spare_nodes;
	double avs_cpu_limit, avs_memory_overcommit, avs_dedupe, avs_growth, avs_slack;
	double avs_mgmt_vcpu, avs_mgmt_memory_gb, avs_mgmt_storage_gb;
	enum assess_from avs_dedupe_from; /* who says avs_dedupe: for outputs */
};
/* The documented defaults. */
void assess_options_init(struct assess_options *o);
/* Each value in its range, names in the catalogue: ERR_USAGE names the option ("--avs-host") and what is allowed. */
int assess_options_check(const struct assess_options *o, const struct catalogue *c, struct error *err) MUST_CHECK;

enum assess_verdict { VERDICT_READY, VERDICT_CONDITIONAL, VERDICT_NOT_READY, VERDICT_UNKNOWN };
#define ASSESS_VERDICTS 4
const char *assess_azure_verdict(enum assess_verdict v); /* "Ready for Azure" */
const char *assess_avs_verdict(enum assess_verdict v);   /* "Ready for AVS" */

/* Unique, in byte order; the texts are constants or the catalogue's.  of[i] is what v[i] alone makes of the machine: notes nothing. */
struct assess_codes {
	const char **v;
	enum assess_verdict *of;
	size_t n, cap;
};
/* One sentence for people: what it means and what to do about it; "" if there is none. */
const char *assess_code_text(const char *code);

struct assess_disk { /* in step with the machine's disks */
	bool replicate;
	struct assess_codes codes; /* at most one today */
	double need_iops, need_mbps;
	const struct catalogue_tier *tier; /* NULL: raw, or it has a code */
	struct machine_number monthly_usd;
};

/* How many sizes each step of the choice left, in its order. */
enum assess_step { STEP_SET, STEP_STORAGE, STEP_NETWORK, STEP_COMPUTE, STEP_LOCATION };
#define ASSESS_STEPS 5

struct assess_azure {
	enum assess_verdict verdict;
	struct assess_codes codes, notes;
	bool gen2, trusted_launch;
	char *proposed_name; /* where the name must change; or NULL */
	bool by_performance;
	bool tried;          /* sizing; if not, the needs below say nothing */
	double need_vcpus, need_memory_gib, need_data_disks, need_iops, need_mbps, need_network_mbps;
	size_t left[ASSESS_STEPS]; /* 0 after the step that left nothing */
	const struct catalogue_size *size; /* NULL: none chosen */
	struct machine_number hourly_usd, compute_usd, disks_usd, total_usd; /* the last three a month */
};

struct assess_avs_vm {
	enum assess_verdict verdict;
	struct assess_codes codes;
};

/*
 * How much of what the verdicts rest on is known rather than taken on trust, 5 at best and 1 at least.
 *
 *	the system is what	a disk shows: 5		VMware Tools say: 4	is configured, or imported: 3	nobody knows: 2
 *
 * and one less for each of: firmware not known; architecture not known; vCPUs, memory or a disk's size not known; a disk
 * that could not be read or not be looked at completely, where disks were looked at.
 */
struct assess_confidence {
	unsigned level;
	struct machine_notices reasons; /* why it is below 5 */
};

struct assess_vm {
	const struct machine *machine;
	const struct catalogue_os *os;
	enum os_arch arch;
	const char *os_from; /* which value said it: "disk", "os_tools", "os_config", "guest_id", "os_name"; "" if unknown */
	const char *arch_from; /* "disk"; "inventory"; "default": what is usual for the system; "" if unknown */
	enum machine_firmware firmware;
	const char *firmware_from; /* "disk"; "inventory"; "" if unknown */
	struct machine_facts facts; /* what its disks show */
	struct machine_conflict *conflicts; /* what a disk shows, which counts, and the inventory has otherwise */
	size_t n_conflicts;
	struct assess_confidence confidence;
	struct assess_disk *disks;
	struct assess_azure azure;
	struct assess_avs_vm avs;
};

struct assess_left_out {
	const struct machine *machine;
	const char *reason; /* machine_left_out() */
};

enum assess_limit { LIMIT_MINIMUM, LIMIT_CPU, LIMIT_MEMORY, LIMIT_STORAGE };
const char *assess_limit_name(enum assess_limit l); /* "minimum" */

struct assess_avs {
	const struct catalogue_host *host;
	const struct catalogue_ftt *ftt;
	size_t vms; /* counted: those with vcpus and memory */
	double cpu, memory_gib, storage_tb; /* needed, without management */
	uint64_t nodes, n_cpu, n_mem, n_store, clusters, physical_cores;
	enum assess_limit limiting;
	bool several_clusters; /* more than 16 nodes: management and minimum apply again in each, which is not in it */
};

struct assessment { /* points into the machines, the catalogue and the options' texts: they outlive it */
	struct assess_vm *vms; /* in the machines' order */
	size_t n_vms;
	struct assess_left_out *skipped;
	size_t n_skipped;
	struct assess_avs avs;
};

/* The machines' disks are in order (machine_order_disks()) and collapsed where needed. */
int assess(const struct machine_list *machines, const struct catalogue *c, const struct assess_options *o,
	   struct assessment *out, struct error *err) MUST_CHECK;
void assessment_fini(struct assessment *a);
static inline void cleanup_assessment(struct assessment *a)
{
	assessment_fini(a);
}

#endif

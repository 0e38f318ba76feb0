/* SPDX-License-Identifier: Apache-2.0 */
/* Azure VMware Solution: whether a machine runs there, and how many hosts all of them need. */
#include <config.h>

#include "assess/rules.h"
#include "base/compiler.h"

#define TB_OF_MIB 1.048576e-6 /* a TB is 10^12 bytes */
#define CLUSTER_NODES_MAX 16
#define CLUSTER_NODES_MIN 3
#define HOSTS_MAX (UINT64_C(1) << 40) /* of whatever was asked: times their cores it still fits */

int assess_avs_readiness(const struct machine *m, struct assess_vm *vm, struct error *err)
{
	bool raw = false;

	for (size_t i = 0; i < m->n_disks; i++)
		raw |= m->disks[i].raw;
	const struct {
		bool applies;
		const char *code;
		enum assess_verdict verdict;
	} rules[] = {
		{ !assess_size_known(m), "LiftfsSizeUnknown", VERDICT_UNKNOWN },
		{ vm->os->avs_deprecated, "UnsupportedOperatingSystem", VERDICT_CONDITIONAL },
		{ m->ipv6, "IpV6NotSupported", VERDICT_CONDITIONAL },
		{ raw, "LiftfsDiskRawDeviceMapping", VERDICT_CONDITIONAL },
	};

	vm->avs.verdict = VERDICT_READY;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i].applies &&
		    assess_judge(&vm->avs.codes, &vm->avs.verdict, rules[i].code, rules[i].verdict, err) < 0)
			return -1;
	return 0;
}

/* Is what the file systems count all that is in use?  Of what is encrypted none says it. */
static bool shows_used(const struct machine_facts *f)
{
	return f->used_whole && f->whole == f->disks && !f->encrypted_by.disk;
}

static double storage_mib(const struct assess_vm *vm)
{
	const struct machine *m = vm->machine;
	double sum = 0;

	if (vm->azure.by_performance && shows_used(&vm->facts))
		return vm->facts.used_mib;
	if (vm->azure.by_performance && m->storage_in_use_mib.known)
		return m->storage_in_use_mib.v;
	for (size_t i = 0; i < m->n_disks; i++)
		if (vm->disks[i].replicate && m->disks[i].capacity_mib.known)
			sum += m->disks[i].capacity_mib.v;
	return sum;
}

/* The least whole number that is not below x, but for what rounding added to x. */
static uint64_t whole_hosts(double x)
{
	uint64_t n;

	if (!(x > ASSESS_TOLERANCE))
		return 0;
	if (x >= (double)HOSTS_MAX)
		return HOSTS_MAX;
	n = (uint64_t)(x - ASSESS_TOLERANCE);
	return (double)n < x - ASSESS_TOLERANCE ? n + 1 : n;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static enum assess_limit what_limits(const struct assess_avs *a, uint64_t least)
{
	uint64_t most = larger(larger(a->n_cpu, a->n_mem), a->n_store);

	if (least > most)
		return LIMIT_MINIMUM;
	if (a->n_cpu == most)
		return LIMIT_CPU;
	return a->n_mem == most ? LIMIT_MEMORY : LIMIT_STORAGE;
}

void assess_avs_hosts(const struct assess_frame *f, const struct assess_vm *vms, size_t n, struct assess_avs *out)
{
	const struct assess_options *o = f->o;
	const struct catalogue_host *host = catalogue_host(f->c, o->avs_host);
	const struct catalogue_ftt *ftt = catalogue_ftt(f->c, o->avs_ftt, o->avs_raid);
	uint64_t least = larger(ftt->min_hosts, CLUSTER_NODES_MIN);
	double store;

	*out = (struct assess_avs){ .host = host, .ftt = ftt, .limiting = LIMIT_MINIMUM };
	for (size_t i = 0; i < n; i++) {
		if (!assess_size_known(vms[i].machine))
			continue;
		out->vms++;
		out->cpu += assess_need_vcpus(vms[i].machine, o);
		out->memory_gib += assess_need_memory_gib(vms[i].machine, o);
		out->storage_tb += storage_mib(&vms[i]) * TB_OF_MIB;
	}
	if (out->vms == 0)
		return;
	out->n_cpu =
		whole_hosts((out->cpu + o->avs_mgmt_vcpu) / (o->avs_oversubscription * host->cores * o->avs_cpu_limit));
	out->n_mem = whole_hosts((out->memory_gib + o->avs_mgmt_memory_gb) / (o->avs_memory_overcommit * host->ram_gb));
	store = out->storage_tb * o->avs_growth + o->avs_mgmt_storage_gb / 1000;
	out->n_store = whole_hosts(store * ftt->numerator / ftt->denominator / o->avs_dedupe / (1 - o->avs_slack) /
				   host->capacity_tb);
	out->nodes = larger(larger(larger(out->n_cpu, out->n_mem), out->n_store), least) + o->avs_spare_nodes;
	out->clusters = (out->nodes + CLUSTER_NODES_MAX - 1) / CLUSTER_NODES_MAX;
	out->physical_cores = out->nodes * host->cores;
	out->limiting = what_limits(out, least);
	out->several_clusters = out->nodes > CLUSTER_NODES_MAX;
}

const char *assess_limit_name(enum assess_limit l)
{
	static const char *const names[] = {
		[LIMIT_MINIMUM] = "minimum",
		[LIMIT_CPU] = "cpu",
		[LIMIT_MEMORY] = "memory",
		[LIMIT_STORAGE] = "storage",
	};

	return names[l];
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assess-dump CATALOGUE <CASES: assesses the machines of each line, {"options": ..., "machines": [...]}, and prints
 * what came of them, everything that the rules say, a line for a line.  tests/assess/rules.py makes the cases and reads
 * the results.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "assess/assessment.h"
#include "base/compiler.h"

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "assess-dump: %s\n", what);
	exit(1);
}

/* ---- in ---- */

static struct machine_number number(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	if (!v)
		die(key);
	return (struct machine_number){ .known = !json_is_null(v), .v = json_number_value(v) };
}

static double value(const json_t *o, const char *key)
{
	struct machine_number n = number(o, key);

	if (!n.known)
		die(key);
	return n.v;
}

static bool truth(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_boolean(v))
		die(key);
	return json_is_true(v);
}

static const char *text(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	if (!v)
		die(key);
	return json_string_value(v);
}

static void set(char **field, const json_t *o, const char *key)
{
	if (machine_set(field, text(o, key), NULL) < 0)
		die("no memory");
}

static unsigned word(const json_t *o, const char *key, const char *const *words)
{
	const char *t = text(o, key);

	for (unsigned i = 0; t && words[i]; i++)
		if (strcmp(words[i], t) == 0)
			return i;
	die(key);
}

static void read_disk(struct machine *m, const json_t *o)
{
	struct machine_disk *d = machine_add_disk(m, text(o, "label"), NULL);

	if (!d)
		die("disk");
	d->capacity_mib = number(o, "capacity_mib");
	d->read_ops = number(o, "read_ops");
	d->write_ops = number(o, "write_ops");
	d->read_mbs = number(o, "read_mbs");
	d->write_mbs = number(o, "write_mbs");
	d->raw = truth(o, "raw");
	d->shared = truth(o, "shared");
	d->independent = truth(o, "independent");
}

static void read_machine(struct machine_list *l, const json_t *o)
{
	static const char *const powers[] = { "unknown", "on", "off", "suspended", NULL };
	static const char *const firmwares[] = { "unknown", "bios", "efi", NULL };
	struct machine *m = machine_add(l, text(o, "name"), "case", NULL);
	const json_t *d;
	size_t i;

	if (!m)
		die("machine");
	m->power = (enum machine_power)word(o, "power", powers);
	m->firmware = (enum machine_firmware)word(o, "firmware", firmwares);
	m->secure_boot = truth(o, "secure_boot");
	m->template = truth(o, "template");
	m->srm_placeholder = truth(o, "srm_placeholder");
	m->snapshot = truth(o, "snapshot");
	m->consolidation_needed = truth(o, "consolidation_needed");
	m->ipv6 = truth(o, "ipv6");
	m->disks_collapsed = truth(o, "disks_collapsed");
	set(&m->os_tools, o, "os_tools");
	set(&m->os_config, o, "os_config");
	set(&m->guest_id, o, "guest_id");
	set(&m->os_name, o, "os_name");
	set(&m->os_version, o, "os_version");
	set(&m->architecture, o, "architecture");
	m->vcpus = number(o, "vcpus");
	m->memory_mib = number(o, "memory_mib");
	m->nics = number(o, "nics");
	m->cpu_pct = number(o, "cpu_pct");
	m->memory_pct = number(o, "memory_pct");
	m->network_out_mbs = number(o, "network_out_mbs");
	m->storage_in_use_mib = number(o, "storage_in_use_mib");
	m->read_ops = number(o, "read_ops");
	m->write_ops = number(o, "write_ops");
	m->read_mbs = number(o, "read_mbs");
	m->write_mbs = number(o, "write_mbs");
	json_array_foreach(json_object_get(o, "disks"), i, d) read_disk(m, d);
	if (machine_order_disks(m, NULL) < 0)
		die("order");
}

/* series: room for the names, which belong to o. */
static void read_options(struct assess_options *out, const json_t *o, const char **series)
{
	static const char *const sizings[] = { "auto", "performance", "as-is", NULL };
	static const char *const choices[] = { "auto", "premium-ssd", "standard-ssd", "standard-hdd", NULL };
	const json_t *s;
	size_t i;

	assess_options_init(out);
	out->region = text(o, "region");
	out->sizing = (enum assess_sizing)word(o, "sizing", sizings);
	out->comfort = value(o, "comfort");
	out->disk_type = (enum assess_disk_choice)word(o, "disk_type", choices);
	out->series = series;
	json_array_foreach(json_object_get(o, "series"), i, s) series[out->n_series++] = json_string_value(s);
	out->ahb = truth(o, "ahb");
	out->uptime_hours = value(o, "uptime_hours");
	out->avs_host = text(o, "avs_host");
	out->avs_ftt = (unsigned)value(o, "avs_ftt");
	out->avs_raid = (unsigned)value(o, "avs_raid");
	out->avs_oversubscription = (unsigned)value(o, "avs_oversubscription");
	out->avs_spare_nodes = (unsigned)value(o, "avs_spare_nodes");
	out->avs_cpu_limit = value(o, "avs_cpu_limit");
	out->avs_memory_overcommit = value(o, "avs_memory_overcommit");
	out->avs_dedupe = value(o, "avs_dedupe");
	out->avs_growth = value(o, "avs_growth");
	out->avs_slack = value(o, "avs_slack");
	out->avs_mgmt_vcpu = value(o, "avs_mgmt_vcpu");
	out->avs_mgmt_memory_gb = value(o, "avs_mgmt_memory_gb");
	out->avs_mgmt_storage_gb = value(o, "avs_mgmt_storage_gb");
}

/* ---- out ---- */

static json_t *codes_json(const struct assess_codes *codes)
{
	json_t *a = json_array();

	for (size_t i = 0; i < codes->n; i++)
		json_array_append_new(a, json_string(codes->v[i]));
	return a;
}

static json_t *known(struct machine_number n)
{
	return n.known ? json_real(n.v) : json_null();
}

static json_t *disk_json(const struct assess_disk *d, const struct machine_disk *from)
{
	static const char *const types[] = { "premium-ssd", "standard-ssd", "standard-hdd" };

	return json_pack("{sb sb so so so so sf sf}", "replicate", d->replicate, "os", from->os, "codes",
			 codes_json(&d->codes), "tier", d->tier ? json_string(d->tier->name) : json_null(), "type",
			 d->tier ? json_string(types[d->tier->type]) : json_null(), "usd", known(d->monthly_usd),
			 "iops", d->need_iops, "mbps", d->need_mbps);
}

static json_t *azure_json(const struct assess_azure *a)
{
	json_t *needs = json_null(), *left = json_array();

	if (a->tried)
		needs = json_pack("{sf sf sf sf sf sf}", "vcpus", a->need_vcpus, "memory", a->need_memory_gib, "data",
				  a->need_data_disks, "iops", a->need_iops, "mbps", a->need_mbps, "network",
				  a->need_network_mbps);
	for (size_t i = 0; i < ASSESS_STEPS; i++)
		json_array_append_new(left, json_integer((json_int_t)a->left[i]));
	return json_pack("{sb so so so so ss so so so ss sb ss s[ooo]}", "tried", a->tried, "size",
			 a->size ? json_string(a->size->name) : json_null(), "hourly", known(a->hourly_usd), "left",
			 left, "needs", needs, "readiness", assess_azure_verdict(a->verdict), "codes",
			 codes_json(&a->codes), "notes", codes_json(&a->notes), "proposed",
			 a->proposed_name ? json_string(a->proposed_name) : json_null(), "generation",
			 a->gen2 ? "V2" : "V1", "performance", a->by_performance, "security",
			 a->trusted_launch ? "TrustedLaunch" : "Standard", "monthly", known(a->compute_usd),
			 known(a->disks_usd), known(a->total_usd));
}

static json_t *vm_json(const struct assess_vm *vm)
{
	static const char *const archs[] = { "unknown", "x64", "x86", "arm64" };
	json_t *disks = json_array();

	for (size_t i = 0; i < vm->machine->n_disks; i++)
		json_array_append_new(disks, disk_json(&vm->disks[i], &vm->machine->disks[i]));
	return json_pack("{ss ss ss so so s{ss so}}", "name", vm->machine->name, "os_key", vm->os->key, "arch",
			 archs[vm->arch], "disks", disks, "azure", azure_json(&vm->azure), "avs", "readiness",
			 assess_avs_verdict(vm->avs.verdict), "codes", codes_json(&vm->avs.codes));
}

static json_t *result_json(const struct assessment *a)
{
	json_t *vms = json_array(), *skipped = json_array();
	const struct assess_avs *v = &a->avs;

	for (size_t i = 0; i < a->n_vms; i++)
		json_array_append_new(vms, vm_json(&a->vms[i]));
	for (size_t i = 0; i < a->n_skipped; i++)
		json_array_append_new(skipped, json_pack("[ss]", a->skipped[i].machine->name, a->skipped[i].reason));
	return json_pack("{so so s{sI sI sI sI sI sI sI ss}}", "vms", vms, "skipped", skipped, "avs", "vms",
			 (json_int_t)v->vms, "n_cpu", (json_int_t)v->n_cpu, "n_mem", (json_int_t)v->n_mem, "n_store",
			 (json_int_t)v->n_store, "nodes", (json_int_t)v->nodes, "clusters", (json_int_t)v->clusters,
			 "physical_cores", (json_int_t)v->physical_cores, "limiting", assess_limit_name(v->limiting));
}

static void run_case(const struct catalogue *c, const json_t *in)
{
	const json_t *m, *options = json_object_get(in, "options");
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	CLEANUP(cleanup_assessment) struct assessment a = { .n_vms = 0 };
	CLEANUP_FREE const char **series =
		calloc(json_array_size(json_object_get(options, "series")) + 1, sizeof(*series));
	struct error err = ERROR_INIT;
	struct assess_options o;
	json_t *out;
	size_t i;

	if (!series)
		die("no memory");
	read_options(&o, options, series);
	json_array_foreach(json_object_get(in, "machines"), i, m) read_machine(&l, m);
	if (assess(&l, c, &o, &a, &err) < 0)
		die(err.msg);
	out = result_json(&a);
	if (!out || json_dumpf(out, stdout, JSON_COMPACT) < 0 || putchar('\n') == EOF)
		die("output");
	json_decref(out);
}

int main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	CLEANUP(cleanup_catalogue) struct catalogue *c = NULL;
	CLEANUP_FREE char *line = NULL;
	size_t cap = 0;

	if (argc != 2)
		die("usage: assess-dump CATALOGUE <CASES");
	c = catalogue_open(argv[1], &err);
	if (!c)
		die(err.msg);
	while (getline(&line, &cap, stdin) > 0) {
		json_t *in = json_loads(line, 0, NULL);

		if (!in)
			die("a line is not JSON");
		run_case(c, in);
		json_decref(in);
	}
	return fflush(stdout) == 0 ? 0 : 1;
}

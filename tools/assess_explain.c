/* SPDX-License-Identifier: Apache-2.0 */
/* Of one machine, why each number is what it is: what it was made from, by which rule, at which price. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "assess_evidence.h"
#include "assess_explain.h"
#include "base/cleanup.h"
#include "base/escape.h"
#include "inventory/disk_info.h"

struct explain {
	const struct assess_report *r;
	const struct assess_vm *vm;
	const struct machine *m;
};

#define line assess_explain_line
#define name_line assess_explain_name

void assess_explain_line(const char *what, const char *fmt, ...)
{
	char text[2 * OUTPUT_TEXT_MAX], shown[OUTPUT_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("  %-14s %s\n", what, output_visible(text, shown));
}

static void line_if(const char *what, const char *text)
{
	if (text && *text)
		line(what, "%s", text);
}

int assess_explain_name(const char *what, const char *name, struct error *err)
{
	CLEANUP_FREE char *escaped = name ? disk_info_escape(name, err) : NULL;
	CLEANUP_FREE char *shown = escaped ? escape_shown(escaped, err) : NULL;

	if (name && !shown)
		return -1;
	if (shown)
		printf("  %-14s %s\n", what, shown);
	return 0;
}

/* ---- what is known ---- */

static void os_line(const struct explain *e)
{
	static const struct {
		const char *from, *says;
		size_t at; /* of the text in struct machine */
	} sources[] = { { "disk", "its disk shows", offsetof(struct machine, os_tools) },
			{ "os_tools", "VMware Tools say", offsetof(struct machine, os_tools) },
			{ "os_config", "the configuration says", offsetof(struct machine, os_config) },
			{ "guest_id", "the configuration says", offsetof(struct machine, guest_id) },
			{ "os_name", "the inventory says", offsetof(struct machine, os_name) } };
	const struct catalogue_os *os = e->vm->os;

	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		const char *text;

		if (strcmp(e->vm->os_from, sources[i].from) != 0)
			continue;
		memcpy(&text, (const char *)e->m + sources[i].at, sizeof(text));
		if (i == 0)
			text = e->vm->facts.os_text;
		line("OS", "%s (%s): %s \"%s\"", os->name, os->key, sources[i].says, text ? text : "");
		return;
	}
	line("OS", "%s (%s)%s%s", os->name, os->key,
	     *e->vm->os_from ? ": from " : ": nothing that was read names one that is known", e->vm->os_from);
}

static void number_line(const char *what, struct machine_number n, const char *unit)
{
	if (n.known)
		line(what, "%.12g%s", n.v, unit);
	else
		line(what, "not known");
}

/* Values of a history only; what is not known is left out. */
static void load_lines(const struct machine *m)
{
	const struct {
		const char *what, *unit;
		struct machine_number n;
	} loads[] = { { "CPU in use", " %", m->cpu_pct },
		      { "memory in use", " %", m->memory_pct },
		      { "network out", " MB/s", m->network_out_mbs },
		      { "reads, all", " a second", m->read_ops },
		      { "writes, all", " a second", m->write_ops },
		      { "reads, all", " MB/s", m->read_mbs },
		      { "writes, all", " MB/s", m->write_mbs },
		      { "storage in use", " MiB", m->storage_in_use_mib } };

	for (size_t i = 0; i < ARRAY_LEN(loads); i++)
		if (loads[i].n.known)
			number_line(loads[i].what, loads[i].n, loads[i].unit);
}

static int machine_lines(const struct explain *e, struct error *err)
{
	const struct machine *m = e->m;

	if (name_line("read from", m->origin, err) < 0)
		return -1;
	line_if("UUID", m->uuid);
	line_if("BIOS UUID", m->bios_uuid);
	if (name_line("configuration", m->path, err) < 0)
		return -1;
	line("power", "%s", assess_power_name(m->power));
	os_line(e);
	line("architecture", "%s", assess_arch_name(e->vm->arch));
	line("firmware", "%s%s%s", assess_firmware_name(e->vm->firmware),
	     strcmp(e->vm->firmware_from, "disk") == 0 ? ", as its disk shows" : "", m->secure_boot ? ", secure boot" : "");
	number_line("vCPUs", m->vcpus, "");
	number_line("memory", m->memory_mib, " MiB");
	if (m->nics.known)
		number_line("NICs", m->nics, "");
	else
		line("NICs", "not known, taken for 1");
	load_lines(m);
	for (size_t i = 0; i < m->n_conflicts; i++) {
		const struct machine_conflict *c = &m->conflicts[i];

		line("conflict", "%s is \"%s\" in %s, which counts, and \"%s\" in %s", c->field, c->kept, c->kept_from,
		     c->other, c->other_from);
	}
	return 0;
}

/* ---- verdicts ---- */

static void code_lines(const char *what, const struct assess_codes *codes)
{
	for (size_t i = 0; i < codes->n; i++) {
		const char *text = assess_code_text(codes->v[i]);

		printf("  %-14s %s%s%s\n", what, codes->v[i], *text ? ": " : "", text);
	}
}

static void generation_line(const struct explain *e)
{
	const struct assess_azure *a = &e->vm->azure;

	line("generation", "%s: its firmware is %s", a->gen2 ? "V2" : "V1",
	     e->vm->firmware == MACHINE_FIRMWARE_UNKNOWN ? "not known, taken for bios"
							: assess_firmware_name(e->vm->firmware));
	line("security type", "%s",
	     a->trusted_launch ? "TrustedLaunch: efi, and the OS may run as generation 2" : "Standard");
	line_if("name in Azure", a->proposed_name);
}

static void why_sizing(const struct explain *e)
{
	enum assess_sizing s = e->r->options->sizing;

	line("sized", "%s: %s", e->vm->azure.by_performance ? "by performance" : "as-is",
	     s != SIZING_AUTO              ? "as --sizing says"
	     : e->vm->azure.by_performance ? "a value of its load is known"
					   : "no value of its load is known");
	line("samples", "no confidence given: %s",
	     e->vm->azure.by_performance ? "the inventory does not say of how many samples its values are"
					 : "it is sized as-is");
}

/* "4 x 35 % x 1.0 = 1.4" */
static void need_line(const char *what, const struct machine_number *have, double unit,
		      const struct machine_number *pct, const struct explain *e, double need, const char *of)
{
	char share[48] = "";

	if (e->vm->azure.by_performance && pct->known)
		snprintf(share, sizeof(share), " x %.12g %%", pct->v);
	line(what, "%.12g%s%s x comfort %.12g = %.12g%s", have->v / unit, of, share, e->r->options->comfort, need, of);
}

static void need_lines(const struct explain *e)
{
	const struct assess_azure *a = &e->vm->azure;

	need_line("needs vCPUs", &e->m->vcpus, 1, &e->m->cpu_pct, e, a->need_vcpus, "");
	need_line("needs memory", &e->m->memory_mib, 1024, &e->m->memory_pct, e, a->need_memory_gib, " GiB");
	line("needs disks", "%.12g beside that of the OS, %.12g IOPS, %.12g MB/s", a->need_data_disks, a->need_iops,
	     a->need_mbps);
	line("needs network", "%.12g Mbps out", a->need_network_mbps);
}

static void step_lines(const struct explain *e)
{
	static const char *const steps[ASSESS_STEPS] = { [STEP_SET] = "of the series asked for, and of its generation",
							 [STEP_STORAGE] = "with room for its disks and their load",
							 [STEP_NETWORK] = "with its NICs and network",
							 [STEP_COMPUTE] = "with its vCPUs and memory",
							 [STEP_LOCATION] = "with a price in the region" };
	const struct assess_azure *a = &e->vm->azure;

	for (size_t i = 0; i < ASSESS_STEPS; i++) {
		if (i > 0 && a->left[i - 1] == 0)
			break;
		line(i == 0 ? "sizes left" : "", "%5zu %s", a->left[i], steps[i]);
	}
}

static void size_lines(const struct explain *e)
{
	const struct assess_azure *a = &e->vm->azure;
	const struct assess_options *o = e->r->options;
	const struct catalogue_size *s = a->size;

	if (!a->tried) {
		line("size", "not looked for: %s",
		     a->verdict == VERDICT_NOT_READY ? "it is not ready" : "vCPUs or memory are not known");
		return;
	}
	why_sizing(e);
	need_lines(e);
	step_lines(e);
	if (!s) {
		line("size", "none: the last of these steps left nothing");
		return;
	}
	line("size", "%s: %u vCPUs, %.12g GiB, %u data disks, %.12g IOPS, %.12g MB/s%s%s", s->name, s->vcpus,
	     s->memory_gib, s->max_data_disks, s->uncached_iops, s->uncached_mbps, *s->retires ? "; retires " : "",
	     s->retires);
	if (a->hourly_usd.known)
		line("", "the cheapest of these at USD %.12g an hour, %s price of %s%s", a->hourly_usd.v,
		     e->vm->os->windows && !o->ahb ? "Windows" : "Linux", o->region,
		     e->vm->os->windows && o->ahb ? " (Azure Hybrid Benefit)" : "");
	else
		line("", "the smallest of these: there are no prices of sizes for %s", o->region);
}

/* ---- disks ---- */

static bool has_load(const struct machine_disk *d)
{
	return d->read_ops.known || d->write_ops.known || d->read_mbs.known || d->write_mbs.known;
}

static const char *why_tier(const struct explain *e, const struct machine_disk *d)
{
	enum assess_disk_choice choice = e->r->options->disk_type;

	if (choice == CHOICE_STANDARD_HDD && d->os)
		return "smallest standard-ssd that fits: a standard-hdd may not be the OS disk for long";
	if (choice != CHOICE_AUTO)
		return "smallest that fits of the type that --disk-type names";
	if (!e->vm->azure.by_performance)
		return "smallest premium-ssd that fits: the machine is sized as-is";
	if (!has_load(d))
		return "smallest standard-ssd that fits: nothing is known of its load";
	return "the cheaper of the smallest standard-ssd and premium-ssd that fit";
}

static void tier_lines(const struct explain *e, const struct machine_disk *d, const struct assess_disk *a)
{
	const struct catalogue_tier *t = a->tier;

	if (a->need_iops > 0 || a->need_mbps > 0)
		line("", "needs %.12g IOPS, %.12g MB/s: reads and writes x comfort %.12g", a->need_iops, a->need_mbps,
		     e->r->options->comfort);
	code_lines("", &a->codes);
	if (!t)
		return;
	line("", "%s: %s of %u GiB, %.12g IOPS, %.12g MB/s: %s", t->name, assess_disk_type_name(t->type), t->size_gib,
	     t->iops, t->mbps, why_tier(e, d));
	if (a->monthly_usd.known)
		line("", "USD %.2f a month, LRS, %s", assess_cents(a->monthly_usd.v), e->r->options->region);
	else
		line("", "no price for %s in %s", t->name, e->r->options->region);
}

static int disk_lines(const struct explain *e, struct error *err)
{
	for (size_t i = 0; i < e->m->n_disks; i++) {
		const struct machine_disk *d = &e->m->disks[i];
		const struct assess_disk *a = &e->vm->disks[i];
		CLEANUP_FREE char *label = disk_info_escape(d->label, err);
		CLEANUP_FREE char *cut = label ? assess_cut(label, 60, err) : NULL;
		char size[48] = "size not known";

		if (!cut)
			return -1;
		if (d->capacity_mib.known)
			snprintf(size, sizeof(size), "%.12g MiB", d->capacity_mib.v);
		printf("  %-14s %s%s%s%s%s%s%s\n", cut, size, d->os ? ", the OS disk" : "", d->raw ? ", raw" : "",
		       d->shared ? ", shared" : "", d->independent ? ", independent" : "",
		       e->m->disks_collapsed ? ", stands for all disks" : "",
		       a->replicate ? "" : ": is not replicated");
		if (name_line("", d->path, err) < 0)
			return -1;
		line_if("", d->error);
		tier_lines(e, d, a);
	}
	return 0;
}

/* ---- cost ---- */

static void cost_lines(const struct explain *e)
{
	const struct assess_azure *a = &e->vm->azure;
	const char *as_of = assess_prices_as_of(e->r->catalogue);
	char text[ASSESS_MONEY_LEN];

	if (a->compute_usd.known) {
		assess_money(a->compute_usd.v, text);
		line("compute", "USD %.12g x %.12g hours = %s", a->hourly_usd.v, e->r->options->uptime_hours, text);
	} else {
		line("compute", "not known: %s", a->size ? "its size has no price" : "it has no size");
	}
	if (a->disks_usd.known) {
		assess_money(a->disks_usd.v, text);
		line("disks", "USD %s", text);
	} else {
		line("disks", "not known: a disk has no price");
	}
	if (a->total_usd.known) {
		assess_money(a->total_usd.v, text);
		line("total", "USD %s a month", text);
	} else {
		line("total", "not known");
	}
	line("prices", "list prices, pay as you go%s%s; without " ASSESS_NOT_IN_COST, *as_of ? ", to " : "", as_of);
}

/* ---- all of it ---- */

static int explain_vm(const struct explain *e, size_t i, struct error *err)
{
	const struct assess_vm *vm = e->vm;
	CLEANUP_FREE char *name = disk_info_escape(e->m->name, err);
	CLEANUP_FREE char *shown = name ? escape_shown(name, err) : NULL;

	if (!shown)
		return -1;
	printf("%s\n", shown);
	if (machine_lines(e, err) < 0)
		return -1;
	printf("\nAzure: %s\n", assess_azure_verdict(vm->azure.verdict));
	code_lines("because", &vm->azure.codes);
	code_lines("note", &vm->azure.notes);
	generation_line(e);
	size_lines(e);
	printf("\nDisks\n");
	if (disk_lines(e, err) < 0)
		return -1;
	if (assess_explain_evidence(vm, err) < 0)
		return -1;
	printf("\nCost\n");
	cost_lines(e);
	printf("\nAzure VMware Solution: %s\n", assess_avs_verdict(vm->avs.verdict));
	code_lines("because", &vm->avs.codes);
	return assess_explain_move(e->r, i, err);
}

static bool is_called(const struct machine *m, const char *name, int (*compare)(const char *, const char *))
{
	return compare(m->name, name) == 0;
}

static int explain_skipped(const struct assess_report *r, const char *name, struct error *err)
{
	for (size_t i = 0; i < r->result->n_skipped; i++)
		if (is_called(r->result->skipped[i].machine, name, strcasecmp))
			return error_set(err, ERR_USAGE, "--explain: '%s' was left out: %s", name,
					 r->result->skipped[i].reason);
	return error_set(err, ERR_USAGE, "--explain: '%s': no machine of that name", name);
}

int assess_explain(const struct assess_report *r, const char *name, struct error *err)
{
	int (*const compare[])(const char *, const char *) = { strcmp, strcasecmp, NULL };
	size_t found = 0;

	for (size_t how = 0; how < ARRAY_LEN(compare) && found == 0; how++) {
		for (size_t i = 0; i < r->result->n_vms; i++) {
			const struct assess_vm *vm = &r->result->vms[i];
			const struct explain e = { .r = r, .vm = vm, .m = vm->machine };
			bool this = compare[how] ? is_called(vm->machine, name, compare[how])
						 : vm->machine->uuid && strcasecmp(vm->machine->uuid, name) == 0;

			if (!this)
				continue;
			if (found++ > 0)
				printf("\n");
			if (explain_vm(&e, i, err) < 0)
				return -1;
		}
	}
	return found > 0 ? 0 : explain_skipped(r, name, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV files, one row a VM: for spreadsheets, and the import file of Azure Migrate.
 *
 * RFC 4180 with LF; a cell that a spreadsheet would take for a formula begins with an apostrophe.
 */
#include <config.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "assess.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "inventory/disk_info.h"

/* A carriage return is taken as a tab is. */
static bool looks_like_formula(const char *text)
{
	return *text && strchr("=+-@\t\r", *text);
}

static void add_cell(struct strbuf *row, const char *text)
{
	bool quote;

	text = text ? text : "";
	quote = strpbrk(text, ",;\"\r\n\t") != NULL || looks_like_formula(text) || *text == ' ' ||
		(row->len == 0 && !*text); /* an empty line is no row */
	if (row->len > 0)
		strbuf_adds(row, ",");
	if (quote)
		strbuf_adds(row, "\"");
	if (looks_like_formula(text))
		strbuf_adds(row, "'");
	for (const char *p = text; *p; p++) {
		size_t len = strcspn(p, "\"");

		strbuf_add(row, p, len);
		p += len;
		if (!*p)
			break;
		strbuf_adds(row, "\"\"");
	}
	if (quote)
		strbuf_adds(row, "\"");
}

/* Of our own making: digits, no quotes. */
static void add_number(struct strbuf *row, struct machine_number n, int digits)
{
	if (row->len > 0)
		strbuf_adds(row, ",");
	if (n.known)
		strbuf_addf(row, "%.*f", digits, n.v);
}

static struct machine_number number(double v)
{
	return (struct machine_number){ .known = true, .v = v };
}

static int add_name(struct strbuf *row, const char *name, struct error *err)
{
	CLEANUP_FREE char *escaped = disk_info_escape(name, err);

	if (!escaped)
		return -1;
	add_cell(row, escaped);
	return 0;
}

static int add_codes(struct strbuf *row, const struct assess_codes *codes, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf all = { 0 };
	CLEANUP_FREE char *text = NULL;

	for (size_t i = 0; i < codes->n; i++) {
		strbuf_adds(&all, i > 0 ? " " : "");
		strbuf_adds(&all, codes->v[i]);
	}
	text = strbuf_take(&all, err);
	if (!text)
		return -1;
	add_cell(row, text);
	return 0;
}

static int write_row(struct strbuf *row, FILE *f, struct error *err)
{
	CLEANUP_FREE char *text = strbuf_take(row, err);

	if (!text)
		return -1;
	fputs(text, f);
	fputc('\n', f);
	return 0;
}

/* How many disks of each tier: "P10 2 P30". */
static int add_tiers(struct strbuf *row, const struct assess_vm *vm, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf all = { 0 };
	CLEANUP_FREE char *text = NULL;

	for (size_t i = 0; i < vm->machine->n_disks; i++) {
		const struct catalogue_tier *tier = vm->disks[i].tier;

		if (vm->disks[i].replicate)
			strbuf_addf(&all, "%s%s", all.len > 0 ? " " : "", tier ? tier->name : "none");
	}
	text = strbuf_take(&all, err);
	if (!text)
		return -1;
	add_cell(row, text);
	return 0;
}

static const char csv_header[] =
	"Name,UUID,Power,OS,OS key,Architecture,Firmware,vCPUs,Memory MiB,Disks,Replicated disks,Replicated MiB,Azure readiness,"
	"Azure codes,Azure notes,Proposed name,Generation,Security type,Sizing,Needed vCPUs,Needed memory GiB,VM size,Hourly USD,"
	"Disk tiers,Compute USD a month,Disks USD a month,Total USD a month,AVS readiness,AVS codes,Source\n";

static int add_machine(struct strbuf *row, const struct assess_vm *vm, struct error *err)
{
	const struct machine *m = vm->machine;
	size_t replicated = 0;

	for (size_t i = 0; i < m->n_disks; i++)
		replicated += vm->disks[i].replicate;
	if (add_name(row, m->name, err) < 0)
		return -1;
	add_cell(row, m->uuid);
	add_cell(row, assess_power_name(m->power));
	add_cell(row, vm->os->name);
	add_cell(row, vm->os->key);
	add_cell(row, assess_arch_name(vm->arch));
	add_cell(row, assess_firmware_name(m->firmware));
	add_number(row, m->vcpus, 0);
	add_number(row, m->memory_mib, 0);
	add_number(row, number((double)m->n_disks), 0);
	add_number(row, number((double)replicated), 0);
	add_number(row, number(ceil(assess_vm_mib(vm))), 0);
	return 0;
}

static int add_azure(struct strbuf *row, const struct assess_vm *vm, struct error *err)
{
	const struct assess_azure *a = &vm->azure;
	struct machine_number none = { 0 };

	add_cell(row, assess_azure_verdict(a->verdict));
	if (add_codes(row, &a->codes, err) < 0 || add_codes(row, &a->notes, err) < 0)
		return -1;
	add_cell(row, a->proposed_name);
	add_cell(row, a->gen2 ? "V2" : "V1");
	add_cell(row, a->trusted_launch ? "TrustedLaunch" : "Standard");
	add_cell(row, a->by_performance ? "performance" : "as-is");
	add_number(row, a->tried ? number(a->need_vcpus) : none, 2);
	add_number(row, a->tried ? number(a->need_memory_gib) : none, 2);
	add_cell(row, a->size ? a->size->name : "");
	add_number(row, a->hourly_usd, 4);
	if (add_tiers(row, vm, err) < 0)
		return -1;
	add_number(row, a->compute_usd, 2);
	add_number(row, a->disks_usd, 2);
	add_number(row, a->total_usd, 2);
	return 0;
}

int assess_write_csv(const struct assess_report *r, FILE *f, struct error *err)
{
	fputs(csv_header, f);
	for (size_t i = 0; i < r->result->n_vms; i++) {
		const struct assess_vm *vm = &r->result->vms[i];
		CLEANUP(cleanup_strbuf) struct strbuf row = { 0 };

		if (add_machine(&row, vm, err) < 0 || add_azure(&row, vm, err) < 0)
			return -1;
		add_cell(&row, assess_avs_verdict(vm->avs.verdict));
		if (add_codes(&row, &vm->avs.codes, err) < 0 || add_name(&row, vm->machine->origin, err) < 0 ||
		    write_row(&row, f, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- the import file of Azure Migrate ---- */

#define MIGRATE_DISKS 20  /* of one machine, that its template has columns for */
#define MIGRATE_ROWS 20000 /* of one file */

static void write_migrate_header(FILE *f)
{
	fputs("*Server name,IP addresses,*Cores,*Memory (In MB),*OS name,OS version,OS architecture,Server type,Hypervisor,"
	      "CPU utilization percentage,Memory utilization percentage,Network adapters,Network In throughput,"
	      "Network Out throughput,Boot type,Number of disks,Storage in use (In GB)",
	      f);
	for (int i = 1; i <= MIGRATE_DISKS; i++)
		fprintf(f,
			",Disk %d size (In GB),Disk %d read throughput (MB per second),Disk %d write throughput (MB per second),"
			"Disk %d read ops (operations per second),Disk %d write ops (operations per second)",
			i, i, i, i, i);
	fputc('\n', f);
}

/* Its GB are of 1,024 MiB; a number is written as short as it is exact. */
static void add_value(struct strbuf *row, struct machine_number n, double unit)
{
	strbuf_adds(row, ",");
	if (n.known)
		strbuf_addf(row, "%.12g", n.v / unit);
}

/* What the verdict was made of; the catalogue's name where that was an identifier. */
static const char *os_text(const struct assess_vm *vm)
{
	const struct machine *m = vm->machine;

	if (strcmp(vm->os_from, "os_tools") == 0)
		return m->os_tools;
	if (strcmp(vm->os_from, "os_config") == 0)
		return m->os_config;
	if (strcmp(vm->os_from, "os_name") == 0)
		return m->os_name;
	return vm->os->name;
}

static void add_migrate_disks(struct strbuf *row, const struct assess_vm *vm)
{
	size_t n = 0;

	for (size_t i = 0; i < vm->machine->n_disks && n < MIGRATE_DISKS; i++) {
		const struct machine_disk *d = &vm->machine->disks[i];

		if (!vm->disks[i].replicate)
			continue;
		n++;
		add_value(row, d->capacity_mib, 1024);
		add_value(row, d->read_mbs, 1);
		add_value(row, d->write_mbs, 1);
		add_value(row, d->read_ops, 1);
		add_value(row, d->write_ops, 1);
	}
	for (; n < MIGRATE_DISKS; n++)
		strbuf_adds(row, ",,,,,");
}

static void add_migrate_machine(struct strbuf *row, const struct assess_vm *vm, size_t disks)
{
	const struct machine *m = vm->machine;

	add_cell(row, m->name);
	add_cell(row, "");
	add_value(row, m->vcpus, 1);
	add_value(row, m->memory_mib, 1);
	add_cell(row, os_text(vm));
	add_cell(row, strcmp(vm->os_from, "os_name") == 0 ? m->os_version : "");
	add_cell(row, vm->arch == ARCH_X64 || vm->arch == ARCH_X86 ? assess_arch_name(vm->arch) : "");
	add_cell(row, "Virtual");
	add_cell(row, "");
	add_value(row, m->cpu_pct, 1);
	add_value(row, m->memory_pct, 1);
	add_value(row, m->nics, 1);
	add_cell(row, "");
	add_value(row, m->network_out_mbs, 1);
	add_cell(row, m->firmware == MACHINE_BIOS ? "BIOS" : m->firmware == MACHINE_EFI ? "UEFI" : "");
	add_value(row, number((double)disks), 1);
	add_value(row, m->storage_in_use_mib, 1024);
}

static int by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* The name is the key there: of two the later replaces the earlier. */
static int count_repeated(const struct assessment *a, size_t *out, struct error *err)
{
	CLEANUP_FREE const char **names = calloc(a->n_vms + 1, sizeof(*names));

	if (!names)
		return error_set(err, ERR_NOMEM, "no memory for names");
	for (size_t i = 0; i < a->n_vms; i++)
		names[i] = a->vms[i].machine->name;
	qsort(names, a->n_vms, sizeof(*names), by_text);
	*out = 0;
	for (size_t i = 1; i < a->n_vms; i++)
		*out += strcmp(names[i - 1], names[i]) == 0;
	return 0;
}

int assess_write_migrate_csv(const struct assess_report *r, FILE *f, struct error *err)
{
	size_t repeated, cut = 0;

	if (count_repeated(r->result, &repeated, err) < 0)
		return -1;
	write_migrate_header(f);
	for (size_t i = 0; i < r->result->n_vms; i++) {
		const struct assess_vm *vm = &r->result->vms[i];
		CLEANUP(cleanup_strbuf) struct strbuf row = { 0 };
		size_t disks = 0;

		for (size_t k = 0; k < vm->machine->n_disks; k++)
			disks += vm->disks[k].replicate;
		cut += disks > MIGRATE_DISKS;
		add_migrate_machine(&row, vm, disks < MIGRATE_DISKS ? disks : MIGRATE_DISKS);
		add_migrate_disks(&row, vm);
		if (write_row(&row, f, err) < 0)
			return -1;
	}
	if (repeated > 0)
		log_warn("assess", "%zu machines have a name that another has: Azure Migrate keeps the last of each name", repeated);
	if (cut > 0)
		log_warn("assess", "%zu machines have more disks than Azure Migrate's import takes: %d of each are written", cut,
			 MIGRATE_DISKS);
	if (r->result->n_vms > MIGRATE_ROWS)
		log_warn("assess", "%zu machines: Azure Migrate imports at most %d from one file", r->result->n_vms, MIGRATE_ROWS);
	return 0;
}

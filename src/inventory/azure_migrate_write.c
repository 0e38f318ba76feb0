/* SPDX-License-Identifier: Apache-2.0 */
/* Writing (azure_migrate.h). */
#include <config.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/csv.h"
#include "inventory/azure_migrate.h"
#include "inventory/machine_look.h"
#include "inventory/text_index.h"

#define MIB_PER_GB 1024

/* The template's, with its asterisks before what is mandatory; columns of disks follow. */
static const char *const headers[] = {
	"*Server name",
	"IP addresses",
	"*Cores",
	"*Memory (In MB)",
	"*OS name",
	"OS version",
	"OS architecture",
	"Server type",
	"Hypervisor",
	"CPU utilization percentage",
	"Memory utilization percentage",
	"Network adapters",
	"Network In throughput",
	"Network Out throughput",
	"Boot type",
	"Number of disks",
	"Storage in use (In GB)",
};
/* Each after "Disk N ". */
static const char *const disk_headers[] = {
	"size (In GB)",
	"read throughput (MB per second)",
	"write throughput (MB per second)",
	"read ops (operations per second)",
	"write ops (operations per second)",
};

/* Not in the template, but known to the import; written if a machine has such values and none of its disks has. */
static const char *const total_headers[] = {
	"Total disks read ops",
	"Total disks write ops",
	"Total disks read throughput",
	"Total disks write throughput",
};

static bool has_totals(const struct machine *m)
{
	return m->read_ops.known || m->write_ops.known || m->read_mbs.known || m->write_mbs.known;
}

static size_t disks_written(const struct machine *m)
{
	return m->n_disks < AZURE_MIGRATE_DISKS ? m->n_disks : AZURE_MIGRATE_DISKS;
}

static void put(struct csv_writer *w, struct machine_number number, double divisor)
{
	if (number.known)
		csv_put_number(w, number.v / divisor);
	else
		csv_put(w, NULL);
}

static const char *first_of(const char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (texts[i] && *texts[i])
			return texts[i];
	return NULL;
}

static bool shows_os(const struct machine_facts *f)
{
	return *f->os_id && *f->os_text;
}

static const char *os_of(const struct machine *m, const struct machine_facts *f)
{
	const char *const texts[] = { shows_os(f) ? f->os_text : NULL, m->os_name, m->os_tools, m->os_config, m->guest_id };

	return first_of(texts, ARRAY_LEN(texts));
}

/* The template knows x64, x86, amd64, 32-bit and 64-bit. */
static const char *architecture_of(const struct machine *m, const struct machine_facts *f)
{
	static const char *const known[] = { "x64", "x86", "amd64", "32-bit", "64-bit" };
	const char *const texts[] = { m->os_tools, m->os_config };
	size_t len = m->guest_id ? strlen(m->guest_id) : 0;

	if (f->arch != LOOK_ARCH_UNKNOWN)
		return f->arch == LOOK_ARCH_X64 ? "x64" : f->arch == LOOK_ARCH_X86 ? "x86" : NULL;
	for (size_t i = 0; m->architecture && i < ARRAY_LEN(known); i++)
		if (strcasecmp(m->architecture, known[i]) == 0)
			return m->architecture;
	for (size_t i = 0; !m->architecture && i < ARRAY_LEN(texts); i++)
		if (texts[i] && (strstr(texts[i], "64-bit") || strstr(texts[i], "32-bit")))
			return strstr(texts[i], "64-bit") ? "x64" : "x86";
	if (!m->architecture && ((len > 3 && strcmp(m->guest_id + len - 3, "-64") == 0) ||
				 (len > 7 && strcmp(m->guest_id + len - 7, "64Guest") == 0)))
		return "x64";
	return NULL;
}

/* Only VMware's inventories have these. */
static const char *hypervisor_of(const struct machine *m)
{
	bool vmx = m->hardware && strncmp(m->hardware, "vmx-", 4) == 0;

	return vmx || m->vm_id || m->vcenter || (m->path && m->path[0] == '[') ? "VMware" : NULL;
}

static const char *boot_type_of(const struct machine *m, const struct machine_facts *f)
{
	if (f->firmware == LOOK_FIRMWARE_BIOS || f->firmware == LOOK_FIRMWARE_EFI)
		return f->firmware == LOOK_FIRMWARE_BIOS ? "BIOS" : "UEFI";
	switch (m->firmware) {
	case MACHINE_BIOS:
		return "BIOS";
	case MACHINE_EFI:
		return "UEFI";
	default:
		return NULL;
	}
}

static void put_disk(struct csv_writer *w, const struct machine_disk *d)
{
	put(w, d->capacity_mib, MIB_PER_GB);
	put(w, d->read_mbs, 1);
	put(w, d->write_mbs, 1);
	put(w, d->read_ops, 1);
	put(w, d->write_ops, 1);
}

static void put_machine(struct csv_writer *w, const struct machine *m, size_t disks, bool totals)
{
	size_t n = disks_written(m);
	struct machine_facts f;

	machine_facts(m, &f);
	csv_put(w, m->name);
	csv_put(w, NULL);
	put(w, m->vcpus, 1);
	put(w, m->memory_mib, 1);
	csv_put(w, os_of(m, &f));
	csv_put(w, m->os_name && !shows_os(&f) ? m->os_version : NULL);
	csv_put(w, architecture_of(m, &f));
	csv_put(w, "Virtual");
	csv_put(w, hypervisor_of(m));
	put(w, m->cpu_pct, 1);
	put(w, m->memory_pct, 1);
	put(w, m->nics, 1);
	csv_put(w, NULL);
	put(w, m->network_out_mbs, 1);
	csv_put(w, boot_type_of(m, &f));
	csv_put_number(w, (double)n);
	put(w, m->storage_in_use_mib, MIB_PER_GB);
	for (size_t i = 0; i < disks; i++) {
		static const struct machine_disk none;

		put_disk(w, i < n ? &m->disks[i] : &none);
	}
	if (totals) {
		put(w, m->read_ops, 1);
		put(w, m->write_ops, 1);
		put(w, m->read_mbs, 1);
		put(w, m->write_mbs, 1);
	}
	csv_end_row(w);
}

static void put_headers(struct csv_writer *w, size_t disks, bool totals)
{
	char header[64];

	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		csv_put(w, headers[i]);
	for (size_t i = 0; i < disks; i++) {
		for (size_t k = 0; k < ARRAY_LEN(disk_headers); k++) {
			snprintf(header, sizeof(header), "Disk %zu %s", i + 1, disk_headers[k]);
			csv_put(w, header);
		}
	}
	for (size_t i = 0; totals && i < ARRAY_LEN(total_headers); i++)
		csv_put(w, total_headers[i]);
	csv_end_row(w);
}

/* ---- what the file cannot say ---- */

static void notice_machine(const struct machine *m, const struct text_index *names, size_t i,
			   struct machine_notices *notices)
{
	struct machine_facts f;

	machine_facts(m, &f);
	if (m->n_disks > AZURE_MIGRATE_DISKS)
		machine_notice(
			notices,
			"%s: %zu disks, of which the last %zu are left out: Azure Migrate takes %d of one server",
			m->origin, m->n_disks, m->n_disks - AZURE_MIGRATE_DISKS, AZURE_MIGRATE_DISKS);
	if (text_index_first(names, m->name) < i)
		machine_notice(notices,
			       "%s: a server of this name is there before: Azure Migrate keeps only the last one",
			       m->origin);
	if (!*m->name || !m->vcpus.known || !m->memory_mib.known || !os_of(m, &f))
		machine_notice(notices, "%s: without%s%s%s%s, which Azure Migrate wants", m->origin,
			       *m->name ? "" : " a name", m->vcpus.known ? "" : " cores",
			       m->memory_mib.known ? "" : " memory", os_of(m, &f) ? "" : " an operating system");
}

char *azure_migrate_write(const struct machine_list *l, struct machine_notices *notices, struct error *err)
{
	CLEANUP(cleanup_csv_writer) struct csv_writer w = { .begun = false };
	CLEANUP(text_index_fini) struct text_index names = { .n = 0 };
	size_t disks = 1, rows = 0;
	bool totals = false;

	for (size_t i = 0; i < l->n; i++) {
		if (machine_left_out(&l->v[i]))
			continue;
		if (text_index_add(&names, l->v[i].name, i, err) < 0)
			return NULL;
		disks = disks_written(&l->v[i]) > disks ? disks_written(&l->v[i]) : disks;
		totals = totals || has_totals(&l->v[i]);
		rows++;
	}
	text_index_sort(&names);
	put_headers(&w, disks, totals);
	for (size_t i = 0; i < l->n; i++) {
		if (machine_left_out(&l->v[i]))
			continue;
		notice_machine(&l->v[i], &names, i, notices);
		put_machine(&w, &l->v[i], disks, totals);
	}
	if (rows > AZURE_MIGRATE_ROWS)
		machine_notice(notices, "%zu servers: Azure Migrate takes %d of one file", rows, AZURE_MIGRATE_ROWS);
	return strbuf_take(&w.out, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The vInfo tab: which VMs there are. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "inventory/rvtools_tabs.h"

enum {
	POWER = RVTOOLS_KEYS,
	TEMPLATE,
	SRM_PLACEHOLDER,
	CONSOLIDATION,
	CPUS,
	MEMORY,
	NICS,
	DISKS,
	CAPACITY,
	PROVISIONED,
	IN_USE,
	CBT,
	PRIMARY_IP,
	SECURE_BOOT,
	FIRMWARE,
	HARDWARE,
	PATH,
	ANNOTATION,
	DATACENTER,
	CLUSTER,
	HOST,
	FOLDER,
	OS_CONFIG,
	OS_TOOLS,
	SMBIOS_UUID,
	SERVER,
	FIELDS
};

static const struct csv_field fields[FIELDS] = {
	RVTOOLS_KEY_FIELDS,
	[POWER] = { { "powerstate", "vinfopowerstate" } },
	[TEMPLATE] = { { "template", "vinfotemplate" } },
	[SRM_PLACEHOLDER] = { { "srm placeholder", "vinfosrmplaceholder" } },
	[CONSOLIDATION] = { { "consolidation needed" } },
	[CPUS] = { { "cpus", "vinfocpus" } },
	[MEMORY] = { { "memory", "vinfomemory" } },
	[NICS] = { { "nics", "vinfonics" } },
	[DISKS] = { { "disks", "vinfonumvirtualdisks" } },
	[CAPACITY] = { { "total disk capacity" } },
	[PROVISIONED] = { { "provisioned", "vinfoprovisioned" } },
	[IN_USE] = { { "in use", "vinfoinuse" } },
	[CBT] = { { "cbt" } },
	[PRIMARY_IP] = { { "primary ip address", "vinfoprimaryipaddress" } },
	[SECURE_BOOT] = { { "efi secure boot" } },
	[FIRMWARE] = { { "firmware" } },
	[HARDWARE] = { { "hw version" } },
	[PATH] = { { "path" } },
	[ANNOTATION] = { { "annotation" } },
	[DATACENTER] = { { "datacenter" } },
	[CLUSTER] = { { "cluster" } },
	[HOST] = { { "host" } },
	[FOLDER] = { { "folder" } },
	[OS_CONFIG] = { { "os according to the configuration file", "vinfoos" } },
	[OS_TOOLS] = { { "os according to the vmware tools", "vinfoostools" } },
	[SMBIOS_UUID] = { { "smbios uuid" } },
	[SERVER] = { { "vi sdk server" } },
};

static enum machine_power power_of(struct csv_table *t)
{
	const char *text = csv_table_text(t, POWER);

	if (strcasecmp(text, "poweredOn") == 0)
		return MACHINE_ON;
	if (strcasecmp(text, "poweredOff") == 0)
		return MACHINE_OFF;
	if (strcasecmp(text, "suspended") == 0)
		return MACHINE_SUSPENDED;
	if (*text)
		csv_table_refuse(t, POWER, "poweredOn, poweredOff or suspended");
	return MACHINE_POWER_UNKNOWN;
}

static enum machine_firmware firmware_of(struct csv_table *t)
{
	const char *text = csv_table_text(t, FIRMWARE);

	if (strcasecmp(text, "bios") == 0)
		return MACHINE_BIOS;
	if (strcasecmp(text, "efi") == 0)
		return MACHINE_EFI;
	if (*text)
		csv_table_refuse(t, FIRMWARE, "bios or efi");
	return MACHINE_FIRMWARE_UNKNOWN;
}

static int take_uuid(struct csv_table *t, size_t field, char **out, struct error *err)
{
	const char *text = csv_table_text(t, field);

	if (machine_set_uuid(out, text, err) < 0)
		return -1;
	if (*text && !*out)
		csv_table_refuse(t, field, "a UUID");
	return 0;
}

/* RVTools writes 15 for what a .vmx calls vmx-15. */
static int take_hardware(struct csv_table *t, struct machine *m, struct error *err)
{
	const char *text = csv_table_text(t, HARDWARE);
	char hardware[32];

	if (!*text || text[strspn(text, "0123456789")] || strlen(text) > 8)
		return csv_table_set(t, HARDWARE, &m->hardware, err);
	snprintf(hardware, sizeof(hardware), "vmx-%.8s", text);
	return machine_set(&m->hardware, hardware, err);
}

static int take_texts(struct csv_table *t, struct machine *m, struct error *err)
{
	const struct {
		size_t field;
		char **out;
	} texts[] = {
		{ RVTOOLS_ID, &m->vm_id },
		{ PATH, &m->path },
		{ DATACENTER, &m->datacenter },
		{ CLUSTER, &m->cluster },
		{ HOST, &m->host },
		{ FOLDER, &m->folder },
		{ ANNOTATION, &m->annotation },
		{ OS_TOOLS, &m->os_tools },
		{ OS_CONFIG, &m->os_config },
		{ *csv_table_text(t, RVTOOLS_VCENTER) ? (size_t)RVTOOLS_VCENTER : (size_t)SERVER, &m->vcenter },
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (csv_table_set(t, texts[i].field, texts[i].out, err) < 0)
			return -1;
	return take_uuid(t, RVTOOLS_UUID, &m->uuid, err) < 0 || take_uuid(t, SMBIOS_UUID, &m->bios_uuid, err) < 0 ||
			       take_hardware(t, m, err) < 0
		       ? -1
		       : 0;
}

static void take_values(struct csv_table *t, struct machine *m)
{
	m->power = power_of(t);
	m->firmware = firmware_of(t);
	m->template = csv_table_truth(t, TEMPLATE);
	m->srm_placeholder = csv_table_truth(t, SRM_PLACEHOLDER);
	m->consolidation_needed = csv_table_truth(t, CONSOLIDATION);
	m->secure_boot = csv_table_truth(t, SECURE_BOOT);
	m->cbt_known = *csv_table_text(t, CBT) != '\0';
	m->cbt = csv_table_truth(t, CBT);
	m->ipv6 = rvtools_has_ipv6(csv_table_text(t, PRIMARY_IP));
	m->vcpus = csv_table_number(t, CPUS);
	m->memory_mib = csv_table_number(t, MEMORY);
	m->nics = csv_table_number(t, NICS);
	m->storage_in_use_mib = csv_table_number(t, IN_USE);
	m->capacity_mib = csv_table_number(t, CAPACITY);
	if (!m->capacity_mib.known)
		m->capacity_mib = csv_table_number(t, PROVISIONED);
}

static int take_row(struct rvtools *r, struct csv_table *t, size_t *cap, struct error *err)
{
	char place[CSV_TABLE_PLACE_MAX];
	CLEANUP_FREE char *name = NULL;
	struct machine *m;

	csv_table_place(t, place);
	if (!*csv_table_text(t, RVTOOLS_NAME) && !*csv_table_text(t, RVTOOLS_ID) && !*csv_table_text(t, RVTOOLS_UUID)) {
		machine_notice(t->notices, "%s: left out: neither a name nor an ID", place);
		return 0;
	}
	if (r->n == *cap) {
		struct rvtools_count *counts = reallocarray(r->counts, *cap ? 2 * *cap : 64, sizeof(*counts));

		if (!counts)
			return error_errno(err, ENOMEM, "%s", place);
		r->counts = counts;
		*cap = *cap ? 2 * *cap : 64;
	}
	if (csv_table_set(t, RVTOOLS_NAME, &name, err) < 0)
		return -1;
	m = machine_add(r->out, name ? name : "", place, err);
	if (!m)
		return -1;
	r->counts[r->n] = (struct rvtools_count){ .disks = csv_table_number(t, DISKS) };
	if (take_texts(t, m, err) < 0)
		return -1;
	take_values(t, m);
	return rvtools_join_add(&r->join, t, m->uuid, r->n++, err);
}

/* Of the VMs of one UUID the first stays; the others' keys lead to it. */
static int drop_repeated(struct rvtools *r, struct error *err)
{
	CLEANUP_FREE size_t *now = calloc(r->n + 1, sizeof(*now));
	size_t kept = 0;

	if (!now)
		return error_errno(err, ENOMEM, "%zu machines", r->n);
	for (size_t i = 0; i < r->n; i++) {
		struct machine *m = &r->out->v[r->begin + i];
		size_t first = i;

		if (m->uuid && rvtools_join_uuid(&r->join, m->uuid, &first, err) < 0)
			return -1;
		if (first < i) {
			now[i] = now[first];
			machine_notice(&r->out->notices, "%s: left out: VM UUID %s is that of %s", m->origin, m->uuid,
				       r->out->v[r->begin + now[first]].origin);
			machine_fini(m);
			continue;
		}
		now[i] = kept;
		r->counts[kept] = r->counts[i];
		if (kept < i) {
			r->out->v[r->begin + kept] = *m;
			*m = (struct machine){ .name = NULL };
		}
		kept++;
	}
	for (size_t i = 0; i < r->join.keys.n; i++)
		r->join.keys.v[i].value = now[r->join.keys.v[i].value];
	r->n = kept;
	r->out->n = r->begin + kept;
	return 0;
}

int rvtools_read_info(struct rvtools *r, struct csv_table *t, struct error *err)
{
	size_t cap = 0;
	int rc;

	csv_table_bind(t, fields, FIELDS);
	while ((rc = csv_table_next(t, err)) > 0)
		if (cancel_check(r->cancel, err) < 0 || take_row(r, t, &cap, err) < 0)
			return -1;
	if (rc < 0)
		return -1;
	rvtools_join_sort(&r->join);
	return drop_repeated(r, err);
}

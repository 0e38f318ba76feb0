/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that an export of PowerShell's, or a configuration of Hyper-V's, says of its machines.
 *
 * A machine with dynamic memory has its maximum, which is what it may grow to.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/compiler.h"
#include "inventory/hyperv_config.h"
#include "inventory/hyperv_json.h"
#include "inventory/hyperv_json_read.h"
#include "inventory/machine_describe.h"

#define NUMBER_MAX UINT32_MAX

/* ---- PowerShell ---- */

/* A whole number that is not negative; null and what is not there are absent without a word. */
static bool take_integer(struct machine_list *out, const json_t *object, const char *key, uint64_t *v)
{
	const json_t *value = json_object_get(object, key);

	if (!value || json_is_null(value))
		return false;
	if (!json_is_integer(value) || json_integer_value(value) < 0) {
		machine_notice(&out->notices, "%s: not a number of 0 to 2^63", key);
		return false;
	}
	*v = (uint64_t)json_integer_value(value);
	return true;
}

/* By number, or by name with -EnumsAsStrings. */
static bool enum_is(const json_t *object, const char *key, json_int_t number, const char *name)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_string(value))
		return strcasecmp(json_string_value(value), name) == 0;
	return json_is_integer(value) && json_integer_value(value) == number;
}

static enum machine_power power_of(const json_t *vm)
{
	static const struct {
		json_int_t number;
		const char *name;
		enum machine_power power;
	} states[] = {
		{ 2, "Running", MACHINE_ON }, { 3, "Off", MACHINE_OFF }, { 6, "Saved", MACHINE_SUSPENDED },
		{ 9, "Paused", MACHINE_SUSPENDED },
	};

	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (enum_is(vm, "State", states[i].number, states[i].name))
			return states[i].power;
	return MACHINE_POWER_UNKNOWN;
}

static void take_memory(struct machine_list *out, const json_t *vm, struct machine *m)
{
	bool dynamic = json_is_true(json_object_get(vm, "DynamicMemoryEnabled"));
	uint64_t bytes;

	if (take_integer(out, vm, dynamic ? "MemoryMaximum" : "MemoryStartup", &bytes))
		m->memory_mib = machine_mib(bytes);
}

/* Of several adapters a list; one, in PowerShell, is an object. */
static void take_adapters(const json_t *list, struct machine *m)
{
	if (json_is_array(list))
		m->nics = machine_known((double)json_array_size(list));
	else if (json_is_object(list))
		m->nics = machine_known(1);
}

static int take_hardware(struct machine_list *out, const struct hyperv_json_vm *from, struct machine *m, struct error *err)
{
	const json_t *adapters = json_object_get(from->outer, "NetworkAdapters");
	uint64_t v;

	if (take_integer(out, from->vm, "ProcessorCount", &v))
		m->vcpus = machine_known((double)v);
	take_memory(out, from->vm, m);
	if (take_integer(out, from->vm, "Generation", &v))
		m->firmware = v == 1 ? MACHINE_BIOS : v == 2 ? MACHINE_EFI : MACHINE_FIRMWARE_UNKNOWN;
	m->secure_boot = m->firmware == MACHINE_EFI && enum_is(from->outer, "SecureBoot", 0, "On");
	m->power = power_of(from->vm);
	m->snapshot = json_is_string(json_object_get(from->vm, "ParentSnapshotId"));
	take_adapters(hyperv_json_unwrapped(adapters ? adapters : json_object_get(from->vm, "NetworkAdapters")), m);
	if (describe_text(&out->notices, "Notes", hyperv_json_text(from->vm, "Notes"), &m->annotation, err) < 0)
		return -1;
	return describe_text(&out->notices, "ComputerName", hyperv_json_text(from->vm, "ComputerName"), &m->host, err);
}

/* What Get-VHD says of the image at that path; NULL: nothing. */
static const json_t *find_vhd(const json_t *list, const char *path)
{
	size_t n = json_is_array(list) ? json_array_size(list) : 1;

	for (size_t i = 0; i < n; i++) {
		const json_t *vhd = json_is_array(list) ? json_array_get(list, i) : list;
		const char *own = hyperv_json_text(vhd, "Path");

		if (own && strcasecmp(own, path) == 0)
			return vhd;
	}
	return NULL;
}

static int add_drive(struct machine_list *out, const struct hyperv_json_vm *from, const struct hyperv_json_drive *drive,
		     struct machine *m, struct error *err)
{
	static const char *const types[] = { "ide", "scsi", "controller" };
	const json_t *vhd = find_vhd(hyperv_json_unwrapped(json_object_get(from->outer, "Vhd")), drive->path);
	struct machine_disk *d;
	uint64_t bytes;
	char label[64];

	snprintf(label, sizeof(label), "%s%u:%u", types[drive->type < 2 ? drive->type : 2], drive->number, drive->location);
	d = machine_add_disk(m, label, err);
	if (!d)
		return -1;
	d->order = machine_known((double)m->n_disks - 1);
	d->raw = drive->host_disk;
	d->shared = drive->shared;
	if (take_integer(out, vhd, "Size", &bytes))
		d->capacity_mib = machine_mib(bytes);
	return machine_set(&d->path, drive->path, err);
}

static int add_machine(void *ctx, const struct hyperv_json_vm *from, struct error *err)
{
	struct machine_list *out = ctx;
	struct machine *m = describe_machine(out, from->name, err);

	if (!m || machine_set_uuid(&m->uuid, from->id, err) < 0)
		return -1;
	if (from->n_drives > VM_CONFIG_DISKS_MAX)
		return error_set(err, ERR_CORRUPT, "more than %d disks", VM_CONFIG_DISKS_MAX);
	if (take_hardware(out, from, m, err) < 0)
		return -1;
	for (size_t i = 0; i < from->n_drives; i++)
		if (add_drive(out, from, &from->drives[i], m, err) < 0)
			return -1;
	return 0;
}

int hyperv_json_describe(const char *text, size_t len, struct machine_list *out, struct error *err)
{
	return hyperv_json_each(text, len, add_machine, out, err);
}

/* ---- Hyper-V's own ---- */

static int take_facts(const struct hyperv_config *c, struct machine_list *out, struct machine *m, struct error *err)
{
	const char *subtype = hyperv_config_fact(c, HYPERV_SUBTYPE);
	bool dynamic = describe_truth(hyperv_config_fact(c, HYPERV_DYNAMIC));
	struct machine_notices *n = &out->notices;

	m->vcpus = describe_number(n, "processors", hyperv_config_fact(c, HYPERV_PROCESSORS), NUMBER_MAX);
	m->memory_mib = describe_number(n, "memory", hyperv_config_fact(c, dynamic ? HYPERV_LIMIT : HYPERV_MEMORY), NUMBER_MAX);
	if (subtype && strcmp(subtype, "0") == 0)
		m->firmware = MACHINE_BIOS;
	else if (subtype && strcmp(subtype, "1") == 0)
		m->firmware = MACHINE_EFI;
	if (machine_set_uuid(&m->uuid, hyperv_config_fact(c, HYPERV_ID), err) < 0)
		return -1;
	return describe_text(n, "notes", hyperv_config_fact(c, HYPERV_NOTES), &m->annotation, err);
}

int hyperv_config_describe(struct hyperv_config *c, struct machine_list *out, struct error *err)
{
	CLEANUP(cleanup_vm_config_list) struct vm_config_list vms = { 0 };

	if (hyperv_config_finish(c, &vms, err) < 0)
		return -1;
	for (size_t i = 0; i < vms.n; i++) {
		struct machine *m = describe_machine(out, vms.v[i].label, err);

		if (!m || take_facts(c, out, m, err) < 0)
			return -1;
		for (size_t k = 0; k < vms.v[i].n_disks; k++) {
			struct machine_disk *d = machine_add_disk(m, "", err);

			if (!d || machine_set(&d->path, vms.v[i].disks[k], err) < 0)
				return -1;
			d->order = machine_known((double)k);
		}
	}
	return 0;
}

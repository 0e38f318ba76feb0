/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that a .vmx says of its machine.  One that names no number of processors has one; its memory it always names.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/compiler.h"
#include "disk/vmdk_encoding.h"
#include "inventory/machine_describe.h"
#include "inventory/vm_config.h"
#include "inventory/vmx.h"
#include "inventory/vmx_read.h"

#define ADAPTERS 100
#define NUMBER_MAX UINT32_MAX

struct unit {
	struct vmx_device device;
	char *mode;
	bool shared;
};

struct reading {
	struct machine_list *out;
	char *encoding, *name, *annotation, *guest, *memory, *vcpus, *firmware, *hardware, *bios_uuid, *uuid;
	bool secure_boot, cbt_known, cbt, tpm, encrypted;
	bool adapters[ADAPTERS], passthrough[ADAPTERS];
	bool shared_bus[VMX_BUSES][VMX_CONTROLLERS];
	struct unit units[VMX_BUSES][VMX_CONTROLLERS][VMX_UNITS];
};

static void reading_free(struct reading *r)
{
	char *texts[] = { r->encoding, r->name,     r->annotation, r->guest,     r->memory,
			  r->vcpus,    r->firmware, r->hardware,   r->bios_uuid, r->uuid };
	struct unit *u = &r->units[0][0][0];

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(texts[i]);
	for (size_t i = 0; i < sizeof(r->units) / sizeof(*u); i++) {
		free(u[i].device.file);
		free(u[i].mode);
	}
	free(r);
}

DEFINE_CLEANUP(cleanup_reading, struct reading *, reading_free);

/* ---- lines ---- */

static int set_unit(struct unit *u, const char *field, const char *value, struct error *err)
{
	if (strcasecmp(field, "mode") == 0)
		return machine_set(&u->mode, value, err);
	if (strcasecmp(field, "sharing") == 0)
		u->shared = strcasecmp(value, "multi-writer") == 0;
	return vmx_device_set(&u->device, field, value, err);
}

/* "ethernet3.present": the number was read as one of at most two digits. */
static void set_numbered(bool numbered[ADAPTERS], const char *digits, const char *field, const char *value)
{
	unsigned number = 0;

	for (; *digits >= '0' && *digits <= '9'; digits++)
		number = number * 10 + (unsigned)(*digits - '0');
	if (strcasecmp(field, "present") == 0)
		numbered[number] = describe_truth(value);
}

static bool set_flag(struct reading *r, const char *key, const char *value)
{
	const char *field = vmx_numbered(key, "ethernet");

	if (field)
		set_numbered(r->adapters, key + strlen("ethernet"), field, value);
	else if ((field = vmx_numbered(key, "pciPassthru")) != NULL)
		set_numbered(r->passthrough, key + strlen("pciPassthru"), field, value);
	else if (strcasecmp(key, "uefi.secureBoot.enabled") == 0)
		r->secure_boot = describe_truth(value);
	else if (strcasecmp(key, "vtpm.present") == 0)
		r->tpm = describe_truth(value);
	else if (strcasecmp(key, "encryption.keySafe") == 0)
		r->encrypted = *value != '\0';
	else if (strcasecmp(key, "ctkEnabled") == 0) {
		r->cbt_known = true;
		r->cbt = describe_truth(value);
	} else
		return false;
	return true;
}

static int set_text(struct reading *r, const char *key, const char *value, struct error *err)
{
	const struct {
		const char *key;
		char **field;
	} texts[] = {
		{ ".encoding", &r->encoding },      { "displayName", &r->name },   { "annotation", &r->annotation },
		{ "guestOS", &r->guest },           { "memSize", &r->memory },     { "numvcpus", &r->vcpus },
		{ "firmware", &r->firmware },       { "uuid.bios", &r->bios_uuid }, { "vc.uuid", &r->uuid },
		{ "virtualHW.version", &r->hardware },
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (strcasecmp(key, texts[i].key) == 0)
			return machine_set(texts[i].field, value, err);
	return 0;
}

static int take(void *ctx, const char *key, const char *value, struct error *err)
{
	struct reading *r = ctx;
	struct vmx_place at;
	unsigned bus, controller;
	const char *field = vmx_place(key, &at);

	if (field)
		return set_unit(&r->units[at.bus][at.controller][at.unit], field, value, err);
	field = vmx_controller(key, &bus, &controller);
	if (field) {
		if (strcasecmp(field, "sharedBus") == 0)
			r->shared_bus[bus][controller] = strcasecmp(value, "virtual") == 0 || strcasecmp(value, "physical") == 0;
		return 0;
	}
	return set_flag(r, key, value) ? 0 : set_text(r, key, value, err);
}

/* ---- the machine ---- */

/* What its encoding does not know keeps its bytes, which are then made visible. */
static int decode(char **text, const char *encoding, struct error *err)
{
	CLEANUP_FREE char *copy = *text ? strdup(*text) : NULL;
	CLEANUP_FREE char *raw = NULL;
	struct error why = ERROR_INIT;

	if (!*text)
		return 0;
	if (!copy)
		return error_errno(err, ENOMEM, "configuration");
	if (vmdk_name_to_utf8(&copy, &raw, encoding, &why) < 0)
		return why.code == ERR_NOMEM ? error_errno(err, ENOMEM, "configuration") : 0;
	free(*text);
	*text = steal_ptr(&copy);
	return 0;
}

static int add_unit(struct reading *r, struct machine *m, const struct vmx_place *at, struct error *err)
{
	struct unit *u = &r->units[at->bus][at->controller][at->unit];
	struct machine_disk *d;
	char label[32];

	if (!vmx_device_is_disk(&u->device))
		return 0;
	if (m->n_disks == VM_CONFIG_DISKS_MAX)
		return error_set(err, ERR_CORRUPT, "more than %d disks", VM_CONFIG_DISKS_MAX);
	snprintf(label, sizeof(label), "%s%u:%u", vmx_buses[at->bus], at->controller, at->unit);
	d = machine_add_disk(m, label, err);
	if (!d)
		return -1;
	d->order = machine_known((double)m->n_disks - 1);
	d->shared = u->shared || r->shared_bus[at->bus][at->controller];
	d->independent = u->mode && strncasecmp(u->mode, "independent", strlen("independent")) == 0;
	for (char *c = u->mode; c && *c; c++)
		if (*c == '-') /* as vSphere spells it */
			*c = '_';
	if (machine_set(&d->path, u->device.file, err) < 0)
		return -1;
	return describe_text(&r->out->notices, label, u->mode, &d->mode, err);
}

/* An installed system lies on the first disk of the first of these buses that has one. */
static int add_units(struct reading *r, struct machine *m, struct error *err)
{
	static const char *const buses[VMX_BUSES] = { "scsi", "sata", "ide", "nvme" };
	struct vmx_place at;

	for (size_t i = 0; i < VMX_BUSES; i++) {
		for (at.bus = 0; strcmp(vmx_buses[at.bus], buses[i]) != 0;)
			at.bus++;
		for (at.controller = 0; at.controller < VMX_CONTROLLERS; at.controller++)
			for (at.unit = 0; at.unit < VMX_UNITS; at.unit++)
				if (add_unit(r, m, &at, err) < 0)
					return -1;
	}
	return 0;
}

static int fill_texts(struct reading *r, struct machine *m, struct error *err)
{
	struct machine_notices *n = &r->out->notices;

	if (describe_text(n, "annotation", r->annotation, &m->annotation, err) < 0 ||
	    describe_text(n, "guestOS", r->guest, &m->guest_id, err) < 0 || machine_set_uuid(&m->uuid, r->uuid, err) < 0 ||
	    machine_set_uuid(&m->bios_uuid, r->bios_uuid, err) < 0)
		return -1;
	if (describe_number(n, "virtualHW.version", r->hardware, NUMBER_MAX).known &&
	    asprintf(&m->hardware, "vmx-%s", r->hardware) < 0) {
		m->hardware = NULL;
		return error_errno(err, ENOMEM, "configuration");
	}
	return 0;
}

static int fill(struct reading *r, struct machine *m, struct error *err)
{
	struct machine_notices *n = &r->out->notices;
	double nics = 0;

	m->vcpus = r->vcpus ? describe_number(n, "numvcpus", r->vcpus, NUMBER_MAX) : machine_known(1);
	m->memory_mib = describe_number(n, "memSize", r->memory, NUMBER_MAX);
	m->firmware = r->firmware && strcasecmp(r->firmware, "efi") == 0 ? MACHINE_EFI : MACHINE_BIOS;
	m->secure_boot = r->secure_boot;
	m->cbt_known = r->cbt_known;
	m->cbt = r->cbt;
	m->tpm = r->tpm;
	m->encrypted = r->encrypted;
	for (size_t i = 0; i < ADAPTERS; i++) {
		nics += r->adapters[i];
		m->passthrough = m->passthrough || r->passthrough[i];
	}
	m->nics = machine_known(nics);
	if (fill_texts(r, m, err) < 0)
		return -1;
	return add_units(r, m, err);
}

int vmx_describe(const char *text, size_t len, struct machine_list *out, struct error *err)
{
	CLEANUP(cleanup_reading) struct reading *r = calloc(1, sizeof(*r));
	struct machine *m;

	if (!r)
		return error_errno(err, ENOMEM, "configuration");
	r->out = out;
	if (vmx_each(text, len, take, r, err) < 0 || decode(&r->name, r->encoding, err) < 0 ||
	    decode(&r->annotation, r->encoding, err) < 0)
		return -1;
	m = describe_machine(out, r->name, err);
	return m ? fill(r, m, err) : -1;
}

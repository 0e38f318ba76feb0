/* SPDX-License-Identifier: Apache-2.0 */
/* What a vCenter says of a machine, as a record. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "inventory/rvtools_tabs.h"
#include "inventory/vsphere_devices.h"
#include "inventory/vsphere_machines.h"

#define SRM_EXTENSION "com.vmware.vcDr" /* Site Recovery Manager; more of them append "-..." */
#define BYTES_A_MIB 1048576.0

static const char *const paths[] = {
	"name",
	"parent",
	"config.uuid",
	"config.instanceUuid",
	"config.template",
	"config.guestId",
	"config.guestFullName",
	"config.annotation",
	"config.hardware",
	"config.firmware",
	"config.bootOptions",
	"config.version",
	"config.changeTrackingEnabled",
	"config.files.vmPathName",
	"config.managedBy",
	"config.keyId",
	"guest.guestFullName",
	"guest.toolsStatus",
	"guest.toolsRunningStatus",
	"guest.net",
	"runtime.powerState",
	"runtime.connectionState",
	"runtime.consolidationNeeded",
	"runtime.host",
	"snapshot",
	"summary.storage.committed",
	NULL,
};

/* ---- texts ---- */

/* The longest beginning of whole characters that a record takes. */
static size_t cut_at(const char *text)
{
	size_t len = strnlen(text, MACHINE_TEXT_MAX + 1);

	if (len <= MACHINE_TEXT_MAX)
		return len;
	for (len = MACHINE_TEXT_MAX; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
		len--;
	return len;
}

static int set_text(struct machine *m, char **field, const char *text, struct machine_notices *notices,
		    struct error *err)
{
	size_t len = text ? cut_at(text) : 0;

	if (machine_set(field, text, err) < 0)
		return -1;
	if (*field && (*field)[len]) {
		(*field)[len] = '\0';
		machine_notice(notices, "%s: a text was cut at %zu bytes", m->origin, len);
	}
	return 0;
}

static int take_texts(const struct xml_element *o, struct machine *m, struct machine_notices *notices,
		      struct error *err)
{
	const char *tools = vsphere_object_text(o, "guest.toolsStatus");
	const struct {
		const char *text;
		char **field;
	} texts[] = {
		{ vsphere_object_id(o), &m->vm_id },
		{ vsphere_object_text(o, "config.files.vmPathName"), &m->path },
		{ vsphere_object_text(o, "config.annotation"), &m->annotation },
		{ vsphere_object_text(o, "config.guestId"), &m->guest_id },
		{ vsphere_object_text(o, "config.guestFullName"), &m->os_config },
		{ vsphere_object_text(o, "guest.guestFullName"), &m->os_tools },
		{ tools && *tools ? tools : vsphere_object_text(o, "guest.toolsRunningStatus"), &m->tools },
		{ vsphere_object_text(o, "config.version"), &m->hardware },
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (set_text(m, texts[i].field, texts[i].text, notices, err) < 0)
			return -1;
	return machine_set_uuid(&m->uuid, vsphere_object_text(o, "config.instanceUuid"), err) < 0 ||
			       machine_set_uuid(&m->bios_uuid, vsphere_object_text(o, "config.uuid"), err) < 0
		       ? -1
		       : 0;
}

/* ---- values ---- */

static enum machine_power power_of(const char *text)
{
	if (text && strcmp(text, "poweredOn") == 0)
		return MACHINE_ON;
	if (text && strcmp(text, "poweredOff") == 0)
		return MACHINE_OFF;
	return text && strcmp(text, "suspended") == 0 ? MACHINE_SUSPENDED : MACHINE_POWER_UNKNOWN;
}

static enum machine_firmware firmware_of(const char *text)
{
	if (text && strcmp(text, "bios") == 0)
		return MACHINE_BIOS;
	return text && strcmp(text, "efi") == 0 ? MACHINE_EFI : MACHINE_FIRMWARE_UNKNOWN;
}

/* SRM marks the machines that it keeps the place of, and those of its tests, which are machines. */
static bool is_placeholder(const struct xml_element *managed_by)
{
	const char *key = xml_child_text(managed_by, "extensionKey"), *type = xml_child_text(managed_by, "type");
	size_t n = strlen(SRM_EXTENSION);

	if (!key || strncmp(key, SRM_EXTENSION, n) != 0 || (key[n] != '\0' && key[n] != '-'))
		return false;
	return !type || !*type || strcmp(type, "placeholderVm") == 0;
}

static bool has_ipv6(const struct xml_element *net)
{
	for (const struct xml_element *nic = xml_child(net, NULL); nic; nic = xml_next(nic, NULL))
		for (const struct xml_element *a = xml_child(nic, "ipAddress"); a; a = xml_next(a, "ipAddress"))
			if (xml_text(a) && rvtools_has_ipv6(xml_text(a)))
				return true;
	return false;
}

static struct machine_number in_use_of(const struct xml_element *o)
{
	const char *text = vsphere_object_text(o, "summary.storage.committed");
	uint64_t bytes;

	if (!text || parse_u64(text, UINT64_MAX, &bytes, NULL) < 0)
		return (struct machine_number){ .known = false };
	return (struct machine_number){ true, (double)bytes / BYTES_A_MIB };
}

static void take_values(const struct xml_element *o, struct machine *m)
{
	const char *cbt = vsphere_object_text(o, "config.changeTrackingEnabled");

	m->power = power_of(vsphere_object_text(o, "runtime.powerState"));
	m->firmware = firmware_of(vsphere_object_text(o, "config.firmware"));
	m->secure_boot =
		vsphere_truth(xml_child_text(vsphere_object_value(o, "config.bootOptions"), "efiSecureBootEnabled"));
	m->template = vsphere_truth(vsphere_object_text(o, "config.template"));
	m->srm_placeholder = is_placeholder(vsphere_object_value(o, "config.managedBy"));
	m->consolidation_needed = vsphere_truth(vsphere_object_text(o, "runtime.consolidationNeeded"));
	m->snapshot = xml_child(vsphere_object_value(o, "snapshot"), "rootSnapshotList");
	m->encrypted = xml_child(vsphere_object_value(o, "config.keyId"), "keyId");
	m->ipv6 = has_ipv6(vsphere_object_value(o, "guest.net"));
	m->cbt_known = cbt != NULL;
	m->cbt = vsphere_truth(cbt);
	m->storage_in_use_mib = in_use_of(o);
}

/* One that is gone from its host or its datastore has no hardware that anybody could tell. */
static int take_hardware(const struct xml_element *o, struct machine *m, struct machine_notices *notices,
			 struct error *err)
{
	const struct xml_element *hardware = vsphere_object_value(o, "config.hardware");
	const char *state = vsphere_object_text(o, "runtime.connectionState");

	if (!hardware) {
		machine_notice(notices, "%s: its hardware is not known (connection state %.32s)", m->origin,
			       state ? state : "unknown");
		return 0;
	}
	return vsphere_devices_take(hardware, m, notices, err) < 0 || machine_order_disks(m, err) < 0 ? -1 : 0;
}

int vsphere_machine_take(const struct vsphere_session *s, const struct vsphere_places *places,
			 const struct xml_element *object, struct machine_list *out, struct error *err)
{
	const char *name = vsphere_object_text(object, "name");
	CLEANUP_FREE char *origin = NULL;
	struct machine *m;

	vsphere_object_tell_missing(s, object, &out->notices);
	if (asprintf(&origin, "%s %s", s->soap.host, vsphere_object_id(object)) < 0) {
		origin = NULL;
		return error_errno(err, ENOMEM, "machines");
	}
	m = machine_add(out, name ? name : "", origin, err);
	if (!m)
		return -1;
	vsphere_decode_name(m->name);
	if (machine_set(&m->vcenter, s->uuid, err) < 0 || take_texts(object, m, &out->notices, err) < 0)
		return -1;
	take_values(object, m);
	if (take_hardware(object, m, &out->notices, err) < 0)
		return -1;
	return vsphere_places_tell(places, vsphere_object_text(object, "parent"),
				   vsphere_object_text(object, "runtime.host"), m, err);
}

/* ---- all of them ---- */

struct reading {
	struct vsphere_session *s;
	struct vsphere_places places;
	struct machine_list *out;
};

static int take(void *ctx, const struct xml_element *object, struct error *err)
{
	struct reading *r = ctx;

	return vsphere_machine_take(r->s, &r->places, object, r->out, err);
}

static void reading_fini(struct reading *r)
{
	vsphere_places_fini(&r->places);
}

int vsphere_machines_read(struct vsphere_session *s, struct machine_list *out, struct error *err)
{
	static const char *const types[] = { "VirtualMachine", NULL };
	CLEANUP(reading_fini) struct reading r = { .s = s, .out = out };

	if (vsphere_places_read(s, &r.places, &out->notices, err) < 0)
		return -1;
	return vsphere_pages_read(s, &(struct vsphere_question){ types, "VirtualMachine", paths }, take, &r, err);
}

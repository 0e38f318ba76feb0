/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "inventory/vsphere_devices.h"
#include "inventory/vsphere_soap.h"

#define BYTES_A_MIB 1048576.0
#define KIB_A_MIB 1024.0

struct machine_number vsphere_number(const struct xml_element *el, const char *name, const struct machine *m,
				     struct machine_notices *notices)
{
	const char *text = xml_child_text(el, name);
	uint64_t v;

	if (!text)
		return (struct machine_number){ .known = false };
	if (parse_u64(text, UINT64_MAX, &v, NULL) < 0) {
		machine_notice(notices, "%s: %s: '%.32s' is not a number", m->origin, name, text);
		return (struct machine_number){ .known = false };
	}
	return (struct machine_number){ true, (double)v };
}

bool vsphere_truth(const char *text)
{
	return text && (strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
}

static bool is_text(const char *text, const char *is)
{
	return text && strcmp(text, is) == 0;
}

/* ---- disks ---- */

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return len >= n && strcmp(text + len - n, end) == 0;
}

/* VirtualDiskRawDiskMappingVer1BackingInfo is an RDM; RawDisk and PartitionedRawDisk are those of hosted products. */
static bool is_raw(const struct xml_element *backing)
{
	return strstr(vsphere_type(backing), "RawDisk") != NULL;
}

/* A disk on a bus that machines share is shared, whoever else uses it today. */
static bool on_shared_bus(const struct xml_element *hardware, const char *controller)
{
	for (const struct xml_element *d = xml_child(hardware, "device"); controller && d; d = xml_next(d, "device")) {
		const char *bus = xml_child_text(d, "sharedBus");

		if (bus && is_text(xml_child_text(d, "key"), controller))
			return strcmp(bus, "virtualSharing") == 0 || strcmp(bus, "physicalSharing") == 0;
	}
	return false;
}

static struct machine_number capacity_of(const struct xml_element *disk, const struct machine *m,
					 struct machine_notices *notices)
{
	struct machine_number bytes = vsphere_number(disk, "capacityInBytes", m, notices);

	if (bytes.known)
		return (struct machine_number){ true, bytes.v / BYTES_A_MIB };
	bytes = vsphere_number(disk, "capacityInKB", m, notices);
	bytes.v /= KIB_A_MIB;
	return bytes;
}

static unsigned chain_of(const struct xml_element *backing)
{
	unsigned n = 0;

	for (; backing && n < VSPHERE_CHAIN_MAX; backing = xml_child(backing, "parent"))
		n++;
	return n;
}

static int take_disk(const struct xml_element *hardware, const struct xml_element *disk, struct machine *m,
		     struct machine_notices *notices, struct error *err)
{
	const struct xml_element *backing = xml_child(disk, "backing");
	const char *label = xml_child_text(xml_child(disk, "deviceInfo"), "label"),
		   *file = xml_child_text(backing, "fileName"), *mode = xml_child_text(backing, "diskMode");
	struct machine_disk *d = machine_add_disk(m, label && *label ? label : file ? file : "", err);

	if (!d || machine_set(&d->path, file, err) < 0 || machine_set(&d->mode, mode, err) < 0 ||
	    machine_set(&d->raw_mode, xml_child_text(backing, "compatibilityMode"), err) < 0)
		return -1;
	d->order = vsphere_number(disk, "key", m, notices);
	d->capacity_mib = capacity_of(disk, m, notices);
	d->raw = is_raw(backing);
	d->independent = mode && strncasecmp(mode, "independent", strlen("independent")) == 0;
	d->shared = is_text(xml_child_text(backing, "sharing"), "sharingMultiWriter") ||
		    on_shared_bus(hardware, xml_child_text(disk, "controllerKey"));
	d->chain = chain_of(backing);
	return 0;
}

/* ---- devices ---- */

/* VirtualVmxnet3, VirtualE1000e and so on, and what is yet to come: every network card has an address, and nothing
 * else. */
static bool is_network_card(const struct xml_element *device)
{
	return xml_child(device, "macAddress") || ends_with(vsphere_type(device), "EthernetCard");
}

static int take_device(const struct xml_element *hardware, const struct xml_element *device, struct machine *m,
		       struct machine_notices *notices, struct error *err)
{
	const char *type = vsphere_type(device);

	m->nics.v += is_network_card(device);
	m->tpm = m->tpm || strcmp(type, "VirtualTPM") == 0;
	m->passthrough = m->passthrough || strcmp(type, "VirtualPCIPassthrough") == 0 ||
			 strcmp(type, "VirtualSriovEthernetCard") == 0;
	return strcmp(type, "VirtualDisk") == 0 ? take_disk(hardware, device, m, notices, err) : 0;
}

int vsphere_devices_take(const struct xml_element *hardware, struct machine *m, struct machine_notices *notices,
			 struct error *err)
{
	m->vcpus = vsphere_number(hardware, "numCPU", m, notices);
	m->memory_mib = vsphere_number(hardware, "memoryMB", m, notices);
	m->nics = (struct machine_number){ true, 0 };
	for (const struct xml_element *d = xml_child(hardware, "device"); d; d = xml_next(d, "device"))
		if (take_device(hardware, d, m, notices, err) < 0)
			return -1;
	return 0;
}

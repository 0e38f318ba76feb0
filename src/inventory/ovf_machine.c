/* SPDX-License-Identifier: Apache-2.0 */
/* All that an OVF descriptor says of its machines. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/compiler.h"
#include "base/parse.h"
#include "base/xml.h"
#include "disk/ovf.h"
#include "inventory/machine_describe.h"
#include "inventory/ovf_config.h"

#define NUMBER_MAX UINT32_MAX
enum resource { PROCESSOR = 3, MEMORY = 4, ETHERNET = 10 };

struct reading {
	const struct xml_element *root;
	const char *configuration; /* of several, the one that is taken unless another is asked for; or NULL */
	struct ovf ovf;
	size_t n; /* machines so far */
	struct machine_list *out;
};

/* ---- which items count ---- */

static const char *find_configuration(const struct xml_element *root)
{
	const struct xml_element *section = xml_child(root, "DeploymentOptionSection");
	const struct xml_element *first = xml_child(section, "Configuration");

	for (const struct xml_element *el = first; el; el = xml_next(el, "Configuration")) {
		const char *chosen = xml_attribute(el, "default");

		if (chosen && (strcasecmp(chosen, "true") == 0 || strcmp(chosen, "1") == 0))
			return xml_attribute(el, "id");
	}
	return xml_attribute(first, "id");
}

/* An item may be for some configurations only, a list of words. */
static bool counts(const struct reading *r, const struct xml_element *item)
{
	const char *list = xml_attribute(item, "configuration");
	size_t len = r->configuration ? strlen(r->configuration) : 0;

	if (!list || !*list)
		return true;
	for (const char *at = list; *at; at += strspn(at, " \t\r\n")) {
		size_t n = strcspn(at, " \t\r\n");

		if (n > 0 && n == len && strncmp(at, r->configuration, n) == 0)
			return true;
		at += n;
	}
	return false;
}

static bool is_item(const struct reading *r, const struct xml_element *el, enum resource *type)
{
	const char *text = xml_child_text(el, "ResourceType");
	uint64_t v;

	if (!text || parse_u64(text, UINT16_MAX, &v, NULL) < 0 || !counts(r, el))
		return false;
	*type = (enum resource)v;
	return true;
}

/* ---- hardware ---- */

/* "MegaBytes" is how VirtualBox and old descriptors write it. */
static bool memory_units(const char *text, uint64_t *out)
{
	static const struct {
		const char *word;
		unsigned shift;
	} words[] = { { "KiloBytes", 10 }, { "MegaBytes", 20 }, { "GigaBytes", 30 }, { "KB", 10 }, { "MB", 20 }, { "GB", 30 } };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcasecmp(text, words[i].word) == 0) {
			*out = UINT64_C(1) << words[i].shift;
			return true;
		}
	}
	return ovf_units(text, out);
}

static void take_memory(struct reading *r, const struct xml_element *item, struct machine *m)
{
	struct machine_notices *n = &r->out->notices;
	const char *text = xml_child_text(item, "VirtualQuantity"), *units = xml_child_text(item, "AllocationUnits");
	struct machine_number quantity = describe_number(n, "memory", text, UINT64_MAX / 2);
	uint64_t unit = 1, bytes;

	if (!quantity.known)
		return;
	if (units && *units && !memory_units(units, &unit))
		machine_notice(n, "memory: units of '%.64s' are not known", units);
	else if (parse_u64(text, UINT64_MAX / 2, &bytes, NULL) < 0 || !checked_mul(bytes, unit, &bytes))
		machine_notice(n, "memory: '%.64s' times %llu bytes is too much", text, (unsigned long long)unit);
	else
		m->memory_mib = machine_mib(bytes);
}

static void take_firmware(struct machine *m, const struct xml_element *config)
{
	const char *key = xml_attribute(config, "key"), *value = xml_attribute(config, "value");

	if (!key || !value)
		return;
	if (strcmp(key, "firmware") == 0 && strcasecmp(value, "efi") == 0)
		m->firmware = MACHINE_EFI;
	else if (strcmp(key, "firmware") == 0 && strcasecmp(value, "bios") == 0)
		m->firmware = MACHINE_BIOS;
	else if (strcmp(key, "bootOptions.efiSecureBootEnabled") == 0)
		m->secure_boot = describe_truth(value);
}

static int take_hardware(struct reading *r, const struct xml_element *hardware, struct machine *m, struct error *err)
{
	const struct xml_element *system = xml_child(hardware, "System");
	enum resource type;

	for (const struct xml_element *el = xml_child(hardware, NULL); el; el = xml_next(el, NULL)) {
		if (strcmp(xml_name(el), "Config") == 0)
			take_firmware(m, el);
		if (!is_item(r, el, &type))
			continue;
		if (type == PROCESSOR && !m->vcpus.known)
			m->vcpus = describe_number(&r->out->notices, "processors", xml_child_text(el, "VirtualQuantity"),
						   NUMBER_MAX);
		else if (type == MEMORY && !m->memory_mib.known)
			take_memory(r, el, m);
		else if (type == ETHERNET)
			m->nics.v++;
	}
	m->nics.known = true;
	return describe_text(&r->out->notices, "hardware", xml_child_text(system, "VirtualSystemType"), &m->hardware, err);
}

/* ---- the system ---- */

/* Numbers of CIM that decide alone; with them usually comes an identifier of VMware's or a text, which say more. */
static const char *id_of_number(const char *number)
{
	static const char *const ids[][2] = {
		{ "1", "otherGuest" },         { "36", "otherLinuxGuest" }, { "93", "ubuntuGuest" },  { "94", "ubuntu64Guest" },
		{ "101", "otherLinux64Guest" }, { "102", "otherGuest64" },   { "106", "centosGuest" }, { "107", "centos64Guest" },
	};

	for (size_t i = 0; number && i < ARRAY_LEN(ids); i++)
		if (strcmp(number, ids[i][0]) == 0)
			return ids[i][1];
	return NULL;
}

static int take_system(struct reading *r, const struct xml_element *system, struct machine *m, struct error *err)
{
	const struct xml_element *os = xml_child(system, "OperatingSystemSection");
	const char *id = xml_attribute(os, "osType"), *text = xml_child_text(os, "Description");
	struct machine_notices *n = &r->out->notices;

	if (!id || !*id)
		id = text && *text ? NULL : id_of_number(xml_attribute(os, "id"));
	if (describe_text(n, "osType", id, &m->guest_id, err) < 0 ||
	    describe_text(n, "operating system", text, &m->os_config, err) < 0)
		return -1;
	return describe_text(n, "annotation", xml_child_text(xml_child(system, "AnnotationSection"), "Annotation"),
			     &m->annotation, err);
}

/* ---- disks ---- */

static const struct xml_element *disk_element(const struct xml_element *root, const char *id)
{
	const struct xml_element *section = xml_child(root, "DiskSection");

	for (; section; section = xml_next(section, "DiskSection")) {
		for (const struct xml_element *el = xml_child(section, "Disk"); el; el = xml_next(el, "Disk")) {
			const char *own = xml_attribute(el, "diskId");

			if (own && strcmp(own, id) == 0)
				return el;
		}
	}
	return NULL;
}

/* What people call the disk, where an item that names it says so; or its id. */
static const char *disk_label(const struct xml_element *system, const char *id)
{
	const struct xml_element *hardware = xml_child(system, "VirtualHardwareSection");

	for (; hardware; hardware = xml_next(hardware, "VirtualHardwareSection")) {
		for (const struct xml_element *item = xml_child(hardware, NULL); item; item = xml_next(item, NULL)) {
			const char *resource = xml_child_text(item, "HostResource"), *name = xml_child_text(item, "ElementName");
			size_t len = 0;
			const char *of = resource ? ovf_disk_of_resource(resource, &len) : NULL;

			if (of && len == strlen(id) && memcmp(of, id, len) == 0)
				return name && *name ? name : id;
		}
	}
	return id;
}

static int add_disk(struct reading *r, const struct xml_element *system, const struct ovf_disk *from, struct machine *m,
		    struct error *err)
{
	const struct xml_element *el = disk_element(r->root, from->id);
	struct machine_notices *n = &r->out->notices;
	CLEANUP_FREE char *label = NULL;
	struct machine_disk *d;
	uint64_t capacity;

	if (describe_text(n, "disk", disk_label(system, from->id), &label, err) < 0)
		return -1;
	d = machine_add_disk(m, label ? label : "", err);
	if (!d)
		return -1;
	d->order = machine_known((double)m->n_disks - 1);
	if (el && ovf_capacity(el, &capacity, NULL) == 0)
		d->capacity_mib = machine_mib(capacity);
	if (from->err.code != ERR_NONE && describe_text(n, "disk", from->err.msg, &d->error, err) < 0)
		return -1;
	return machine_set(&d->path, from->href ? from->href : from->err.code != ERR_NONE ? from->id : NULL, err);
}

static int add_machine(void *ctx, const struct xml_element *el, struct error *err)
{
	struct reading *r = ctx;
	const struct ovf_system *s = &r->ovf.systems[r->n++];
	struct machine *m = describe_machine(r->out, s->name, err);
	const struct xml_element *hardware = xml_child(el, "VirtualHardwareSection"); /* further ones are alternatives to it */

	if (!m || (hardware && take_hardware(r, hardware, m, err) < 0) || take_system(r, el, m, err) < 0)
		return -1;
	for (size_t i = 0; i < s->n_disks; i++)
		if (add_disk(r, el, &r->ovf.disks[s->disks[i]], m, err) < 0)
			return -1;
	return 0;
}

static void reading_fini(struct reading *r)
{
	ovf_fini(&r->ovf);
}

int ovf_describe(const char *text, size_t len, struct machine_list *out, struct error *err)
{
	CLEANUP(cleanup_xml) struct xml_doc *doc = ovf_document(text, len, err);
	CLEANUP(reading_fini) struct reading r = { .out = out };

	if (!doc || ovf_of_document(doc, &r.ovf, err) < 0)
		return -1;
	r.root = xml_root(doc);
	r.configuration = find_configuration(r.root);
	return ovf_each_system(r.root, add_machine, &r, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "inventory/hyperv_config.h"

#define IDE_CONTROLLER "83f8638b-8dca-4152-9eda-2ca8b33039b4" /* of both kinds: a device's, and of its only instance */
#define NUMBER_MAX 9999 /* of devices, controllers, drives */

struct device {
	unsigned number;
	char *kind, *instance;
};

struct drive {
	char *device; /* "_INSTANCE_" */
	unsigned controller, location;
	char *type, *path;
	unsigned rank;     /* set by finish: 0 IDE, else 1 and the device's number in the manifest */
	size_t met;        /* when the device was met first: orders what nothing else does */
};

struct hyperv_config {
	char *name, *type_id;
	bool want_facts;
	char *facts[HYPERV_FACTS];
	struct device *devices;
	size_t n_devices;
	struct drive *drives;
	size_t n_drives;
};

struct hyperv_config *hyperv_config_new(struct error *err)
{
	struct hyperv_config *c = calloc(1, sizeof(*c));

	if (!c)
		error_errno(err, ENOMEM, "configuration");
	return c;
}

void hyperv_config_free(struct hyperv_config *c)
{
	for (size_t i = 0; i < c->n_devices; i++) {
		free(c->devices[i].kind);
		free(c->devices[i].instance);
	}
	for (size_t i = 0; i < c->n_drives; i++) {
		free(c->drives[i].device);
		free(c->drives[i].type);
		free(c->drives[i].path);
	}
	free(c->devices);
	free(c->drives);
	for (size_t i = 0; i < HYPERV_FACTS; i++)
		free(c->facts[i]);
	free(c->name);
	free(c->type_id);
	free(c);
}

static const char *const fact_paths[HYPERV_FACTS] = {
	[HYPERV_ID] = "configuration/properties/global_id",
	[HYPERV_SUBTYPE] = "configuration/properties/subtype",
	[HYPERV_NOTES] = "configuration/properties/notes",
	[HYPERV_PROCESSORS] = "configuration/settings/processors/count",
	[HYPERV_MEMORY] = "configuration/settings/memory/bank/size",
	[HYPERV_LIMIT] = "configuration/settings/memory/bank/limit",
	[HYPERV_DYNAMIC] = "configuration/settings/memory/bank/dynamic_memory_enabled",
};

void hyperv_config_want_facts(struct hyperv_config *c)
{
	c->want_facts = true;
}

const char *hyperv_config_fact(const struct hyperv_config *c, enum hyperv_fact fact)
{
	return c->facts[fact];
}

bool hyperv_config_wants(const struct hyperv_config *c, const char *last)
{
	static const char *const names[] = { "name", "type_id", "device", "instance", "type", "pathname" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcasecmp(last, names[i]) == 0)
			return true;
	for (size_t i = 0; c->want_facts && i < HYPERV_FACTS; i++)
		if (strcasecmp(last, strrchr(fact_paths[i], '/') + 1) == 0)
			return true;
	return false;
}

int hyperv_config_fact_value(struct hyperv_config *c, const char *path, const char *text, struct error *err)
{
	for (size_t i = 0; c->want_facts && i < HYPERV_FACTS; i++) {
		if (strcasecmp(path, fact_paths[i]) != 0 || c->facts[i])
			continue;
		c->facts[i] = strdup(text);
		if (!c->facts[i])
			return error_errno(err, ENOMEM, "configuration");
	}
	return 0;
}

/* A path cut into its components; n is 0 if they are too many. */
struct parts {
	char *text;
	const char *v[HYPERV_DEPTH_MAX];
	size_t n;
};

static void cleanup_parts(struct parts *p)
{
	free(p->text);
}

static int cut(const char *path, struct parts *p, struct error *err)
{
	p->text = strdup(path);
	if (!p->text)
		return error_errno(err, ENOMEM, "configuration");
	for (char *at = p->text;;) {
		char *slash = strchr(at, '/');

		if (p->n == HYPERV_DEPTH_MAX) {
			p->n = 0;
			return 0;
		}
		p->v[p->n++] = at;
		if (!slash)
			return 0;
		*slash = '\0';
		at = slash + 1;
	}
}

/* "controller1" -> 1. */
static bool numbered(const char *component, const char *word, unsigned *out)
{
	size_t len = strlen(word);
	uint64_t v;

	if (strncasecmp(component, word, len) != 0 || parse_u64(component + len, NUMBER_MAX, &v, NULL) < 0)
		return false;
	*out = (unsigned)v;
	return true;
}

/* A value that comes twice can be read in two ways. */
static int set_once(char **field, const char *path, const char *text, struct error *err)
{
	if (*field)
		return error_set(err, ERR_CORRUPT, "%.200s: is there twice", path);
	*field = strdup(text);
	return *field ? 0 : error_errno(err, ENOMEM, "configuration");
}

static struct device *device_numbered(struct hyperv_config *c, unsigned number, struct error *err)
{
	struct device *v;

	for (size_t i = 0; i < c->n_devices; i++)
		if (c->devices[i].number == number)
			return &c->devices[i];
	if (c->n_devices == HYPERV_DEVICES_MAX) {
		error_set(err, ERR_CORRUPT, "more than %d devices", HYPERV_DEVICES_MAX);
		return NULL;
	}
	v = reallocarray(c->devices, c->n_devices + 1, sizeof(*v));
	if (!v) {
		error_errno(err, ENOMEM, "configuration");
		return NULL;
	}
	c->devices = v;
	v[c->n_devices] = (struct device){ .number = number };
	return &v[c->n_devices++];
}

static struct drive *drive_at(struct hyperv_config *c, const char *device, unsigned controller, unsigned location,
			      struct error *err)
{
	struct drive *v;

	for (size_t i = 0; i < c->n_drives; i++)
		if (c->drives[i].controller == controller && c->drives[i].location == location &&
		    strcasecmp(c->drives[i].device, device) == 0)
			return &c->drives[i];
	if (c->n_drives == HYPERV_DRIVES_MAX) {
		error_set(err, ERR_CORRUPT, "more than %d drives", HYPERV_DRIVES_MAX);
		return NULL;
	}
	v = reallocarray(c->drives, c->n_drives + 1, sizeof(*v));
	if (!v) {
		error_errno(err, ENOMEM, "configuration");
		return NULL;
	}
	c->drives = v;
	v[c->n_drives] = (struct drive){
		.device = strdup(device), .controller = controller, .location = location, .met = c->n_drives
	};
	for (size_t i = 0; i < c->n_drives && v[c->n_drives].met == c->n_drives; i++)
		if (strcasecmp(v[i].device, device) == 0)
			v[c->n_drives].met = i;
	if (!v[c->n_drives].device) {
		error_errno(err, ENOMEM, "configuration");
		return NULL;
	}
	return &v[c->n_drives++];
}

int hyperv_config_value(struct hyperv_config *c, const char *path, const char *text, struct error *err)
{
	CLEANUP(cleanup_parts) struct parts p = { 0 };
	unsigned number, location;

	if (hyperv_config_fact_value(c, path, text, err) < 0 || cut(path, &p, err) < 0)
		return -1;
	if (p.n < 3 || strcasecmp(p.v[0], "configuration") != 0)
		return 0;
	if (p.n == 3 && strcasecmp(p.v[1], "properties") == 0) {
		if (strcasecmp(p.v[2], "name") == 0)
			return set_once(&c->name, path, text, err);
		return strcasecmp(p.v[2], "type_id") == 0 ? set_once(&c->type_id, path, text, err) : 0;
	}
	if (p.n == 4 && strcasecmp(p.v[1], "manifest") == 0 && numbered(p.v[2], "vdev", &number)) {
		bool kind = strcasecmp(p.v[3], "device") == 0;
		struct device *d;

		if (!kind && strcasecmp(p.v[3], "instance") != 0)
			return 0;
		d = device_numbered(c, number, err);
		return d ? set_once(kind ? &d->kind : &d->instance, path, text, err) : -1;
	}
	if (p.n == 5 && numbered(p.v[2], "controller", &number) && numbered(p.v[3], "drive", &location)) {
		bool type = strcasecmp(p.v[4], "type") == 0;
		struct drive *d;

		if (!type && strcasecmp(p.v[4], "pathname") != 0)
			return 0;
		d = drive_at(c, p.v[1], number, location, err);
		return d ? set_once(type ? &d->type : &d->path, path, text, err) : -1;
	}
	return 0;
}

/* Is "_GUID_" this GUID, which may be in braces? */
static bool is_instance(const char *element, const char *guid)
{
	size_t len = strlen(guid), from = guid[0] == '{', n = len - from - (len > 1 && guid[len - 1] == '}');

	return element[0] == '_' && strncasecmp(element + 1, guid + from, n) == 0 && strcmp(element + 1 + n, "_") == 0;
}

static unsigned rank_of(const struct hyperv_config *c, const struct drive *drive)
{
	if (is_instance(drive->device, IDE_CONTROLLER))
		return 0;
	for (size_t i = 0; i < c->n_devices; i++) {
		const struct device *d = &c->devices[i];

		if (!d->instance || !is_instance(drive->device, d->instance))
			continue;
		return d->kind && strcasecmp(d->kind, IDE_CONTROLLER) == 0 ? 0 : 1 + d->number;
	}
	return 2 + NUMBER_MAX;
}

static int drive_order(const void *a, const void *b)
{
	const struct drive *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->met != y->met)
		return x->met < y->met ? -1 : 1;
	if (x->controller != y->controller)
		return x->controller < y->controller ? -1 : 1;
	return x->location < y->location ? -1 : 1;
}

static bool is_disk(const struct drive *d)
{
	if (!d->path || !*d->path)
		return false;
	return !d->type || (strcasecmp(d->type, "ISO") != 0 && strcasecmp(d->type, "VFD") != 0 &&
			    strcasecmp(d->type, "NONE") != 0 && !strcasestr(d->path, "CdRom"));
}

int hyperv_config_finish(struct hyperv_config *c, struct vm_config_list *out, struct error *err)
{
	struct vm_config *vm;

	if (!c->name && c->n_drives == 0)
		return 0;
	if (c->type_id && strcasecmp(c->type_id, "Virtual Machines") != 0)
		return 0; /* a checkpoint's */
	for (size_t i = 0; i < c->n_drives; i++)
		c->drives[i].rank = rank_of(c, &c->drives[i]);
	if (c->n_drives > 0)
		qsort(c->drives, c->n_drives, sizeof(*c->drives), drive_order);
	vm = vm_config_add(out, c->name && *c->name ? c->name : NULL, err);
	if (!vm)
		return -1;
	for (size_t i = 0; i < c->n_drives; i++)
		if (is_disk(&c->drives[i]) && vm_config_add_disk(vm, c->drives[i].path, err) < 0)
			return -1;
	return 0;
}

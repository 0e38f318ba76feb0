/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "inventory/hyperv_json.h"
#include "inventory/hyperv_json_read.h"
#include "inventory/hyperv_text.h"

#define PLACE_MAX 65535            /* of a controller or a location */

DEFINE_CLEANUP(cleanup_json, json_t *, json_decref);

struct drive {
	struct hyperv_json_drive d;
	char *vm, *id; /* NULL while it is a VM's own */
	size_t met;
};

struct drives {
	struct drive *v;
	size_t n, cap;
};

struct export {
	hyperv_json_fn each;
	void *ctx;
	struct drives loose; /* drives that name their VM */
	char **ids;          /* of VMs */
	size_t n_ids;
	size_t n_drives;
};

static void cleanup_drives(struct drives *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->v[i].vm);
		free(d->v[i].id);
		free(d->v[i].d.path);
	}
	free(d->v);
}

static void cleanup_export(struct export *x)
{
	cleanup_drives(&x->loose);
	for (size_t i = 0; i < x->n_ids; i++)
		free(x->ids[i]);
	free(x->ids);
}

static int no_memory(struct error *err)
{
	return error_errno(err, ENOMEM, "configuration");
}

/* ---- drives ---- */

/* A string that is there and not empty. */
const char *hyperv_json_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && *text ? text : NULL;
}

static int take_place(const json_t *drive, const char *key, unsigned *out, struct error *err)
{
	const json_t *value = json_object_get(drive, key);

	*out = 0;
	if (!value || json_is_null(value))
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > PLACE_MAX)
		return error_set(err, ERR_CORRUPT, "%s of a drive is no number from 0 to %d", key, PLACE_MAX);
	*out = (unsigned)json_integer_value(value);
	return 0;
}

/* By number, or by name with -EnumsAsStrings. */
static int take_type(const json_t *drive, unsigned *out, struct error *err)
{
	const char *name = hyperv_json_text(drive, "ControllerType");

	if (!name)
		return take_place(drive, "ControllerType", out, err);
	*out = strcasecmp(name, "IDE") == 0 ? 0 : strcasecmp(name, "SCSI") == 0 ? 1 : 2;
	return 0;
}

/* NULL with err untouched: the drive is empty. */
static int take_path(const json_t *drive, char **out, struct error *err)
{
	const json_t *number = json_object_get(drive, "DiskNumber"), *value = json_object_get(drive, "Path");
	const char *path = hyperv_json_text(drive, "Path");

	*out = NULL;
	if (value && !json_is_null(value) && !json_is_string(value))
		return error_set(err, ERR_CORRUPT, "Path of a drive is no text");
	if (json_is_integer(number) && (!path || strncmp(path, "Disk ", 5) != 0)) {
		if (asprintf(out, "Disk %" JSON_INTEGER_FORMAT, json_integer_value(number)) < 0) {
			*out = NULL;
			return no_memory(err);
		}
		return 0;
	}
	if (!path)
		return 0;
	*out = strdup(path);
	return *out ? 0 : no_memory(err);
}

static struct drive *grow(struct drives *d, struct error *err)
{
	if (d->n == d->cap) {
		size_t cap = d->cap ? 2 * d->cap : 8;
		struct drive *v = reallocarray(d->v, cap, sizeof(*v));

		if (!v) {
			no_memory(err);
			return NULL;
		}
		d->v = v;
		d->cap = cap;
	}
	d->v[d->n] = (struct drive){ .met = d->n };
	return &d->v[d->n++];
}

/* *out NULL: the drive is empty. */
static int take_drive(struct export *x, const json_t *object, struct drives *into, struct drive **out, struct error *err)
{
	CLEANUP_FREE char *path = NULL;
	struct drive *d;

	*out = NULL;
	if (!json_is_object(object))
		return error_set(err, ERR_CORRUPT, "HardDrives holds %s instead of drives: export with ConvertTo-Json -Depth 4",
				 json_is_string(object) ? "text" : "something else");
	if (take_path(object, &path, err) < 0)
		return -1;
	if (!path)
		return 0;
	if (x->n_drives++ == HYPERV_JSON_DRIVES_MAX)
		return error_set(err, ERR_CORRUPT, "more than %d drives", HYPERV_JSON_DRIVES_MAX);
	d = grow(into, err);
	if (!d)
		return -1;
	d->d.path = steal_ptr(&path);
	d->d.host_disk = json_is_integer(json_object_get(object, "DiskNumber"));
	d->d.shared = json_is_true(json_object_get(object, "SupportPersistentReservations"));
	*out = d;
	if (take_type(object, &d->d.type, err) < 0 || take_place(object, "ControllerNumber", &d->d.number, err) < 0)
		return -1;
	return take_place(object, "ControllerLocation", &d->d.location, err);
}

static int order(unsigned a, unsigned b)
{
	return a < b ? -1 : a > b;
}

static int place_order(const struct drive *x, const struct drive *y)
{
	int rc = order(x->d.type, y->d.type);

	if (rc == 0)
		rc = order(x->d.number, y->d.number);
	if (rc == 0)
		rc = order(x->d.location, y->d.location);
	return rc ? rc : x->met < y->met ? -1 : x->met > y->met;
}

static int own_order(const void *a, const void *b)
{
	return place_order(a, b);
}

/* Which VM: by its id, if there is one; names are not unique on a host. */
static int vm_order(const struct drive *x, const struct drive *y)
{
	int rc = strcasecmp(x->id ? x->id : "", y->id ? y->id : "");

	return rc ? rc : strcmp(x->vm, y->vm);
}

static int loose_order(const void *a, const void *b)
{
	int rc = vm_order(a, b);

	return rc ? rc : place_order(a, b);
}

/* ---- VMs ---- */

/* The VM with its drives, sorted; the other members of vm are set. */
static int tell_vm(struct export *x, struct hyperv_json_vm *vm, const struct drive *drives, size_t n, struct error *err)
{
	CLEANUP_FREE struct hyperv_json_drive *v = calloc(n + 1, sizeof(*v));

	if (!v)
		return no_memory(err);
	for (size_t i = 0; i < n; i++) {
		v[i] = drives[i].d;
		if (i > 0 && v[i].type == v[i - 1].type && v[i].number == v[i - 1].number && v[i].location == v[i - 1].location)
			return error_set(err, ERR_CORRUPT, "two drives of '%.64s' are at location %u of controller %u",
					 vm->name, v[i].location, v[i].number);
	}
	vm->drives = v;
	vm->n_drives = n;
	return x->each(x->ctx, vm, err);
}

static int keep_id(struct export *x, const char *id, struct error *err)
{
	char **ids = reallocarray(x->ids, x->n_ids + 1, sizeof(*ids));

	if (!ids)
		return no_memory(err);
	x->ids = ids;
	ids[x->n_ids] = strdup(id);
	if (!ids[x->n_ids])
		return no_memory(err);
	x->n_ids++;
	return 0;
}

static const char *id_of(const json_t *vm)
{
	const char *id = hyperv_json_text(vm, "VMId");

	return id ? id : hyperv_json_text(vm, "Id");
}

const json_t *hyperv_json_unwrapped(const json_t *value)
{
	const json_t *inner = json_object_get(value, "value");

	return json_is_array(inner) && json_object_get(value, "Count") ? inner : value;
}

static int take_vm(struct export *x, const json_t *object, struct error *err)
{
	const json_t *inner = json_object_get(object, "VM"), *vm = json_is_object(inner) ? inner : object;
	const json_t *list = hyperv_json_unwrapped(json_object_get(object, "HardDrives"));
	const char *name = hyperv_json_text(vm, "VMName"), *id = id_of(vm);
	CLEANUP(cleanup_drives) struct drives own = { 0 };
	struct drive *d;

	if (!name)
		name = hyperv_json_text(vm, "Name");
	if (!name)
		return error_set(err, ERR_CORRUPT, "a VM has HardDrives, and neither VMName nor Name");
	if (id && keep_id(x, id, err) < 0)
		return -1;
	if (!json_is_array(list) && !json_is_null(list) && take_drive(x, list, &own, &d, err) < 0)
		return error_prefix(err, "'%.64s'", name);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (take_drive(x, json_array_get(list, i), &own, &d, err) < 0)
			return error_prefix(err, "'%.64s'", name);
	if (own.n > 1)
		qsort(own.v, own.n, sizeof(*own.v), own_order);
	return tell_vm(x, &(struct hyperv_json_vm){ .name = name, .id = id, .outer = object, .vm = vm }, own.v, own.n, err);
}

static int take_loose(struct export *x, const json_t *object, struct error *err)
{
	const char *name = hyperv_json_text(object, "VMName"), *id = hyperv_json_text(object, "VMId");
	CLEANUP_FREE char *vm = NULL;
	CLEANUP_FREE char *vm_id = NULL;
	struct drive *d;

	if (!name)
		return error_set(err, ERR_CORRUPT, "a drive without a VMName");
	vm = strdup(name);
	vm_id = strdup(id ? id : "");
	if (!vm || !vm_id)
		return no_memory(err);
	if (take_drive(x, object, &x->loose, &d, err) < 0)
		return -1;
	if (d) {
		d->vm = steal_ptr(&vm);
		d->id = steal_ptr(&vm_id);
	}
	return 0;
}

static int take_element(struct export *x, const json_t *element, struct error *err)
{
	const json_t *many = hyperv_json_unwrapped(element);

	if (json_is_array(many)) {
		for (size_t i = 0; i < json_array_size(many); i++)
			if (take_element(x, json_array_get(many, i), err) < 0)
				return -1;
		return 0;
	}
	if (json_object_get(element, "HardDrives"))
		return take_vm(x, element, err);
	if (json_object_get(element, "ControllerLocation") && json_object_get(element, "Path"))
		return take_loose(x, element, err);
	return 0;
}

static int id_order(const void *a, const void *b)
{
	return strcasecmp(*(char *const *)a, *(char *const *)b);
}

static int finish(struct export *x, struct error *err)
{
	struct drives *l = &x->loose;

	if (x->n_ids > 1)
		qsort(x->ids, x->n_ids, sizeof(*x->ids), id_order);
	for (size_t i = 1; i < x->n_ids; i++)
		if (strcasecmp(x->ids[i - 1], x->ids[i]) == 0)
			return error_set(err, ERR_CORRUPT, "two VMs with the id %.64s", x->ids[i]);
	if (l->n > 1)
		qsort(l->v, l->n, sizeof(*l->v), loose_order);
	for (size_t from = 0, to; from < l->n; from = to) {
		for (to = from + 1; to < l->n && vm_order(&l->v[from], &l->v[to]) == 0;)
			to++;
		if (tell_vm(x, &(struct hyperv_json_vm){ .name = l->v[from].vm, .id = *l->v[from].id ? l->v[from].id : NULL },
			    l->v + from, to - from, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- the text ---- */

static const char *skip_blank(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
		p++;
	return p;
}

/* The end of the value at p: its brackets are balanced.  Whether it is JSON the parser says. */
static int element_end(const char *p, const char *end, const char **out, struct error *err)
{
	size_t depth = 0, values = 1;
	bool quoted = false;

	for (; p < end; p++) {
		if (quoted) {
			if (*p == '\\')
				p++;
			else if (*p == '"')
				quoted = false;
			continue;
		}
		if (depth == 0 && (*p == ',' || *p == ']' || *p == '}'))
			break;
		quoted = *p == '"';
		values += *p == '{' || *p == '[' || *p == ',';
		depth += *p == '{' || *p == '[';
		if (*p == '}' || *p == ']')
			depth--;
		if (depth > HYPERV_JSON_DEPTH_MAX)
			return error_set(err, ERR_CORRUPT, "JSON: more than %d deep", HYPERV_JSON_DEPTH_MAX);
		if (values > HYPERV_JSON_VALUES_MAX)
			return error_set(err, ERR_CORRUPT, "JSON: more than %zu values in one element", HYPERV_JSON_VALUES_MAX);
	}
	if (quoted || depth > 0)
		return error_set(err, ERR_CORRUPT, "JSON: it ends in the middle");
	*out = p;
	return 0;
}

static int parse_element(struct export *x, const char *text, const char *from, const char *to, struct error *err)
{
	json_error_t why;
	CLEANUP(cleanup_json) json_t *element =
		json_loadb(from, (size_t)(to - from), JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);

	if (!element)
		return error_set(err, ERR_CORRUPT, "JSON at byte %zu: %s", (size_t)(from - text) + (size_t)why.position, why.text);
	return take_element(x, element, err);
}

static int parse_elements(struct export *x, const char *text, const char *end, struct error *err)
{
	const char *p = skip_blank(text, end), *to = p;
	bool array = p < end && *p == '[';

	p = skip_blank(p + array, end);
	for (bool more = !(array && p < end && *p == ']'); more;) {
		if (element_end(p, end, &to, err) < 0 || parse_element(x, text, p, to, err) < 0)
			return -1;
		more = array && to < end && *to == ',';
		p = to + more;
	}
	if (array && (p == end || *p++ != ']'))
		return error_set(err, ERR_CORRUPT, "JSON: it ends in the middle");
	if (skip_blank(p, end) != end)
		return error_set(err, ERR_CORRUPT, "JSON at byte %zu: more behind its end", (size_t)(p - text));
	return 0;
}

int hyperv_json_each(const char *raw, size_t len, hyperv_json_fn each, void *ctx, struct error *err)
{
	CLEANUP(cleanup_export) struct export x = { .each = each, .ctx = ctx };
	CLEANUP_FREE char *text = hyperv_text(raw, len, &len, NULL, err);

	if (!text)
		return -1;
	if (!hyperv_text_has(text, len, "\"HardDrives\"") && !hyperv_text_has(text, len, "\"ControllerLocation\""))
		return 0;
	if (parse_elements(&x, text, text + len, err) < 0)
		return -1;
	return finish(&x, err);
}

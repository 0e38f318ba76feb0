/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "base/parse.h"
#include "base/xml.h"
#include "disk/backing.h"
#include "disk/ovf.h"

static int no_memory(struct error *err)
{
	return error_errno(err, ENOMEM, "OVF");
}

static int check_depth(const struct xml_element *el, unsigned depth, struct error *err)
{
	if (depth > OVF_DEPTH_MAX)
		return error_set(err, ERR_CORRUPT, "OVF: more than %d elements inside each other", OVF_DEPTH_MAX);
	for (el = xml_child(el, NULL); el; el = xml_next(el, NULL))
		if (check_depth(el, depth + 1, err) < 0)
			return -1;
	return 0;
}

/* ---- disks ---- */

/* A number at *p, which moves past it. */
static bool take_number(const char **p, uint64_t *out)
{
	uint64_t v = 0;
	const char *from = *p;

	for (; **p >= '0' && **p <= '9'; (*p)++)
		if (!checked_mul(v, 10, &v) || !checked_add(v, (uint64_t)(**p - '0'), &v))
			return false;
	*out = v;
	return *p > from;
}

static void skip_blanks(const char **p)
{
	*p += strspn(*p, " \t\r\n");
}

bool ovf_units(const char *text, uint64_t *out)
{
	uint64_t unit = 1, factor, exponent;

	skip_blanks(&text);
	if (strncmp(text, "byte", 4) != 0)
		return false;
	for (text += 4, skip_blanks(&text); *text == '*'; skip_blanks(&text)) {
		text++;
		skip_blanks(&text);
		if (!take_number(&text, &factor) || factor == 0)
			return false;
		skip_blanks(&text);
		exponent = 1;
		if (*text == '^') {
			text++;
			skip_blanks(&text);
			if (!take_number(&text, &exponent) || exponent > 63)
				return false;
		}
		for (; exponent > 0; exponent--)
			if (!checked_mul(unit, factor, &unit))
				return false;
	}
	*out = unit;
	return *text == '\0';
}

int ovf_capacity(const struct xml_element *el, uint64_t *out, struct error *err)
{
	const char *text = xml_attribute(el, "capacity"), *units = xml_attribute(el, "capacityAllocationUnits");
	uint64_t n, unit = 1;

	if (!text)
		return error_set(err, ERR_CORRUPT, "no capacity");
	if (strncmp(text, "${", 2) == 0)
		return error_set(err, ERR_UNSUPPORTED, "capacity '%.64s' is chosen when the package is deployed", text);
	if (parse_u64(text, UINT64_MAX, &n, NULL) < 0)
		return error_set(err, ERR_CORRUPT, "capacity '%.64s' is not a number", text);
	if (units && !ovf_units(units, &unit))
		return error_set(err, ERR_UNSUPPORTED, "capacity in units of '%.64s' (as in byte * 2^30)", units);
	if (!checked_mul(n, unit, out) || *out == 0 || *out > INT64_MAX || *out % 512 != 0)
		return error_set(err, ERR_CORRUPT, "capacity %" PRIu64 " times %" PRIu64
				 " bytes: not a multiple of 512 from 512 to 2^63", n, unit);
	return 0;
}

static int check_href(const char *href, struct error *err)
{
	if (strstr(href, "://"))
		return error_set(err, ERR_REFUSED, "its file '%.200s' is a URL", href);
	if (!backing_name_stays(href))
		return error_set(err, ERR_REFUSED, "its file '%.200s' leads out of the package", href);
	return 0;
}

static int use_file(const struct xml_element *file, struct ovf_disk *d, struct error *err)
{
	const char *compression = xml_attribute(file, "compression"), *size = xml_attribute(file, "size");

	if (check_href(d->href, err) < 0)
		return -1;
	if (compression && *compression && strcmp(compression, "identity") != 0)
		return error_set(err, ERR_UNSUPPORTED, "its file '%.200s' is compressed (%.32s)", d->href, compression);
	if (xml_attribute(file, "chunkSize"))
		return error_set(err, ERR_UNSUPPORTED, "its file '%.200s' is cut into chunks (chunkSize)", d->href);
	if (size && parse_u64(size, INT64_MAX, &d->file_size, NULL) < 0)
		return error_set(err, ERR_CORRUPT, "its file '%.200s' has the size '%.32s', not a number", d->href, size);
	d->has_size = size != NULL;
	return 0;
}

static const struct xml_element *find_by(const struct xml_element *section, const char *name, const char *attribute,
					 const char *value)
{
	const char *v;

	for (const struct xml_element *el = xml_child(section, name); el; el = xml_next(el, name)) {
		v = xml_attribute(el, attribute);
		if (v && strcmp(v, value) == 0)
			return el;
	}
	return NULL;
}

static bool is_some_disks(const struct xml_element *root, const char *file_id)
{
	const struct xml_element *section = xml_child(root, "DiskSection");

	for (; section; section = xml_next(section, "DiskSection"))
		if (find_by(section, "Disk", "fileRef", file_id))
			return true;
	return false;
}

/* A disk image that no disk is said to have, or NULL: an "empty" disk beside it has lost its fileRef. */
static const char *image_of_no_disk(const struct xml_element *root)
{
	const struct xml_element *el = xml_child(xml_child(root, "References"), "File");

	for (; el; el = xml_next(el, "File")) {
		const char *id = xml_attribute(el, "id"), *href = xml_attribute(el, "href");
		size_t len = href ? strlen(href) : 0;

		if (len > 5 && strcasecmp(href + len - 5, ".vmdk") == 0 && !(id && is_some_disks(root, id)))
			return href;
	}
	return NULL;
}

static int fill_disk(const struct xml_element *root, const struct xml_element *el, const char *lost, struct ovf_disk *d,
		     struct error *err)
{
	const char *ref = xml_attribute(el, "fileRef"), *href = NULL;
	const struct xml_element *files = xml_child(root, "References"), *file = NULL;

	if (ref) {
		file = find_by(files, "File", "id", ref);
		href = xml_attribute(file, "href");
		if (!href || !*href)
			return error_set(&d->err, ERR_CORRUPT, "its file '%.64s' is not among the References", ref), 0;
		d->href = strdup(href);
		if (!d->href)
			return no_memory(err);
	}
	if (!ref && lost)
		return error_set(&d->err, ERR_CORRUPT, "it has no fileRef, and '%.200s' is no disk's file", lost), 0;
	if (xml_attribute(el, "parentRef"))
		error_set(&d->err, ERR_UNSUPPORTED, "it is a child of another disk (parentRef)");
	else if (!file || use_file(file, d, &d->err) == 0)
		(void)!ovf_capacity(el, &d->capacity, &d->err);
	return 0;
}

/* An empty disk is called by its id. */
static int check_id(const struct ovf *o, const char *id, struct error *err)
{
	if (!id || !*id)
		return error_set(err, ERR_CORRUPT, "OVF: disk %zu has no diskId", o->n_disks + 1);
	if (strchr(id, '/') || strcmp(id, ".") == 0 || strcmp(id, "..") == 0 || strlen(id) > 255)
		return error_set(err, ERR_REFUSED, "OVF: diskId '%.200s' is no name", id);
	for (size_t i = 0; i < o->n_disks; i++)
		if (strcmp(o->disks[i].id, id) == 0)
			return error_set(err, ERR_CORRUPT, "OVF: two disks have the diskId '%.200s'", id);
	return 0;
}

static int check_files(const struct xml_element *files, struct error *err)
{
	size_t n = 0;

	for (const struct xml_element *el = xml_child(files, "File"); el; el = xml_next(el, "File")) {
		const char *id = xml_attribute(el, "id");

		if (++n > OVF_FILES_MAX)
			return error_set(err, ERR_CORRUPT, "OVF: more than %d files", OVF_FILES_MAX);
		if (id && find_by(files, "File", "id", id) != el)
			return error_set(err, ERR_CORRUPT, "OVF: two files have the id '%.200s'", id);
	}
	return 0;
}

static int parse_disks(const struct xml_element *root, struct ovf *o, struct error *err)
{
	const char *id, *lost = image_of_no_disk(root);
	const struct xml_element *section, *el;

	for (section = xml_child(root, "DiskSection"); section; section = xml_next(section, "DiskSection")) {
		for (el = xml_child(section, "Disk"); el; el = xml_next(el, "Disk")) {
			id = xml_attribute(el, "diskId");
			if (o->n_disks == OVF_DISKS_MAX)
				return error_set(err, ERR_CORRUPT, "OVF: more than %d disks", OVF_DISKS_MAX);
			if (check_id(o, id, err) < 0)
				return -1;
			o->disks[o->n_disks].id = strdup(id);
			if (!o->disks[o->n_disks].id)
				return no_memory(err);
			if (fill_disk(root, el, lost, &o->disks[o->n_disks++], err) < 0)
				return -1;
		}
	}
	return 0;
}

/* ---- virtual machines ---- */

const char *ovf_disk_of_resource(const char *text, size_t *len)
{
	static const char *const forms[] = { "ovf:/disk/", "/disk/" };
	const char *end;

	skip_blanks(&text);
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		if (strncmp(text, forms[i], strlen(forms[i])) != 0)
			continue;
		text += strlen(forms[i]);
		for (end = text + strlen(text); end > text && strchr(" \t\r\n", end[-1]);)
			end--;
		*len = (size_t)(end - text);
		return text;
	}
	return NULL;
}

static int add_resource(const struct ovf *o, const char *text, bool is_disk, struct ovf_system *s, struct error *err)
{
	size_t len = 0;
	const char *id = text ? ovf_disk_of_resource(text, &len) : NULL;

	if (!id && is_disk)
		return error_set(err, ERR_UNSUPPORTED, "OVF: '%.64s' has a disk at '%.200s' (as in ovf:/disk/ID)",
				 s->name ? s->name : "", text ? text : "");
	if (!id)
		return 0;
	for (size_t i = 0; i < o->n_disks; i++) {
		if (strlen(o->disks[i].id) != len || memcmp(o->disks[i].id, id, len) != 0)
			continue;
		if (s->n_disks == OVF_DISKS_MAX)
			return error_set(err, ERR_CORRUPT, "OVF: '%.64s' has more than %d disks", s->name ? s->name : "",
					 OVF_DISKS_MAX);
		s->disks[s->n_disks++] = i;
		return 0;
	}
	return error_set(err, ERR_CORRUPT, "OVF: '%.64s' has the disk '%.*s', which no DiskSection has",
			 s->name ? s->name : "", (int)(len < 200 ? len : 200), id);
}

static int parse_hardware(const struct ovf *o, const struct xml_element *hardware, struct ovf_system *s,
			  struct error *err)
{
	const struct xml_element *item, *resource;
	const char *type;

	for (item = xml_child(hardware, NULL); item; item = xml_next(item, NULL)) {
		type = xml_child_text(item, "ResourceType");
		resource = xml_child(item, "HostResource");
		for (; resource; resource = xml_next(resource, "HostResource"))
			if (add_resource(o, xml_text(resource), type && strcmp(type, "17") == 0, s, err) < 0)
				return -1;
	}
	return 0;
}

static int parse_system(void *ctx, const struct xml_element *el, struct error *err)
{
	struct ovf *o = ctx;
	struct ovf_system *v = reallocarray(o->systems, o->n_systems + 1, sizeof(*v)), *s;
	const char *name = xml_child_text(el, "Name");
	const struct xml_element *hardware = xml_child(el, "VirtualHardwareSection");

	if (!v)
		return no_memory(err);
	o->systems = v;
	if (o->n_systems == OVF_SYSTEMS_MAX)
		return error_set(err, ERR_CORRUPT, "OVF: more than %d virtual systems", OVF_SYSTEMS_MAX);
	s = &v[o->n_systems++];
	*s = (struct ovf_system){ 0 };
	if (!name || !*name)
		name = xml_attribute(el, "id");
	if (name && *name) {
		s->name = strdup(name);
		if (!s->name)
			return no_memory(err);
	}
	for (; hardware; hardware = xml_next(hardware, "VirtualHardwareSection"))
		if (parse_hardware(o, hardware, s, err) < 0)
			return -1;
	return 0;
}

/* Depth is bounded by check_depth(). */
int ovf_each_system(const struct xml_element *envelope, ovf_system_fn each, void *ctx, struct error *err)
{
	int rc = 0;

	for (const struct xml_element *el = xml_child(envelope, NULL); el && rc == 0; el = xml_next(el, NULL)) {
		if (strcmp(xml_name(el), "VirtualSystem") == 0)
			rc = each(ctx, el, err);
		else if (strcmp(xml_name(el), "VirtualSystemCollection") == 0)
			rc = ovf_each_system(el, each, ctx, err);
	}
	return rc;
}

/* A lone machine whose items name no disk has all of them. */
static void give_all(struct ovf *o)
{
	struct ovf_system *s = o->systems;

	if (o->n_systems != 1 || s->n_disks > 0)
		return;
	for (; s->n_disks < o->n_disks; s->n_disks++)
		s->disks[s->n_disks] = s->n_disks;
}

struct xml_doc *ovf_document(const char *text, size_t len, struct error *err)
{
	CLEANUP(cleanup_xml) struct xml_doc *doc = NULL;

	if (len > OVF_MAX) {
		error_set(err, ERR_CORRUPT, "OVF: %zu bytes (at most %zu)", len, OVF_MAX);
		return NULL;
	}
	doc = xml_parse(text, len, "Envelope", err);
	if (!doc) {
		error_prefix(err, "OVF");
		return NULL;
	}
	return check_depth(xml_root(doc), 1, err) < 0 ? NULL : steal_ptr(&doc);
}

int ovf_of_document(const struct xml_doc *doc, struct ovf *out, struct error *err)
{
	CLEANUP(cleanup_ovf) struct ovf o = { 0 };
	const struct xml_element *root = xml_root(doc);

	if (check_files(xml_child(root, "References"), err) < 0)
		return -1;
	o.disks = calloc(OVF_DISKS_MAX, sizeof(*o.disks));
	if (!o.disks)
		return no_memory(err);
	if (parse_disks(root, &o, err) < 0 || ovf_each_system(root, parse_system, &o, err) < 0)
		return -1;
	give_all(&o);
	*out = o;
	o = (struct ovf){ 0 };
	return 0;
}

int ovf_parse(const char *text, size_t len, struct ovf *out, struct error *err)
{
	CLEANUP(cleanup_xml) struct xml_doc *doc = ovf_document(text, len, err);

	return doc ? ovf_of_document(doc, out, err) : -1;
}

void ovf_fini(struct ovf *o)
{
	for (size_t i = 0; i < o->n_disks; i++) {
		free(o->disks[i].id);
		free(o->disks[i].href);
	}
	for (size_t i = 0; i < o->n_systems; i++)
		free(o->systems[i].name);
	free(o->disks);
	free(o->systems);
	*o = (struct ovf){ 0 };
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "inventory/vsphere_places.h"

#define DEPTH_MAX 64 /* of folders in folders; then it is a circle */

void vsphere_decode_name(char *name)
{
	char *out = name;

	for (const char *p = name; *p; out++) {
		if (strncasecmp(p, "%2f", 3) == 0)
			*out = '/';
		else if (strncasecmp(p, "%5c", 3) == 0)
			*out = '\\';
		else if (strncmp(p, "%25", 3) == 0)
			*out = '%';
		else {
			*out = *p++;
			continue;
		}
		p += 3;
	}
	*out = '\0';
}

/* ---- reading ---- */

int vsphere_places_add(struct vsphere_places *p, const struct xml_element *object, struct error *err)
{
	const char *name = vsphere_object_text(object, "name"), *parent = vsphere_object_text(object, "parent");
	struct vsphere_place *place;

	if (p->n >= VSPHERE_PLACES_MAX)
		return error_set(err, ERR_UNSUPPORTED, "more than %d folders and hosts", VSPHERE_PLACES_MAX);
	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 64;
		struct vsphere_place *v = reallocarray(p->v, cap, sizeof(*v));

		if (!v)
			return error_errno(err, ENOMEM, "folders and hosts");
		p->v = v;
		p->cap = cap;
	}
	place = &p->v[p->n];
	*place = (struct vsphere_place){ .name = strdup(name ? name : ""),
					 .parent = strdup(parent ? parent : ""),
					 .type = strdup(vsphere_object_type(object)) };
	p->n++;
	if (!place->name || !place->parent || !place->type)
		return error_errno(err, ENOMEM, "folders and hosts");
	vsphere_decode_name(place->name);
	return text_index_add(&p->ids, vsphere_object_id(object), p->n - 1, err);
}

void vsphere_places_sort(struct vsphere_places *p)
{
	text_index_sort(&p->ids);
}

struct reading {
	struct vsphere_session *s;
	struct vsphere_places *out;
	struct machine_notices *notices;
};

static int take(void *ctx, const struct xml_element *object, struct error *err)
{
	struct reading *r = ctx;

	vsphere_object_tell_missing(r->s, object, r->notices);
	return vsphere_places_add(r->out, object, err);
}

int vsphere_places_read(struct vsphere_session *s, struct vsphere_places *out, struct machine_notices *notices,
			struct error *err)
{
	static const char *const types[] = { "Folder",     "Datacenter", "ComputeResource", "ClusterComputeResource",
					     "HostSystem", NULL };
	static const char *const paths[] = { "name", "parent", NULL };
	struct reading r = { s, out, notices };

	if (vsphere_pages_read(s, &(struct vsphere_question){ types, "ManagedEntity", paths }, take, &r, err) < 0)
		return -1;
	vsphere_places_sort(out);
	return 0;
}

/* ---- telling ---- */

static const struct vsphere_place *find(const struct vsphere_places *p, const char *id)
{
	size_t i = id && *id ? text_index_first(&p->ids, id) : TEXT_INDEX_NONE;

	return i == TEXT_INDEX_NONE ? NULL : &p->v[i];
}

/* Up to the datacenter, whose own folder of machines ("vm") has no part in the path. */
static int tell_folder(const struct vsphere_places *p, const char *id, struct machine *m, struct error *err)
{
	const struct vsphere_place *chain[DEPTH_MAX], *at = find(p, id);
	CLEANUP(cleanup_strbuf) struct strbuf path = { .len = 0 };
	size_t n = 0;

	for (; at && strcmp(at->type, "Folder") == 0 && n < DEPTH_MAX; at = find(p, at->parent))
		chain[n++] = at;
	if (at && strcmp(at->type, "Datacenter") == 0) {
		if (machine_set(&m->datacenter, at->name, err) < 0)
			return -1;
		n -= n > 0;
	}
	while (n > 0)
		strbuf_addf(&path, "%s%s", path.len > 0 ? "/" : "", chain[--n]->name);
	if (path.failed)
		return error_errno(err, ENOMEM, "%s", m->origin);
	return machine_set(&m->folder, path.s, err);
}

static int tell_host(const struct vsphere_places *p, const char *id, struct machine *m, struct error *err)
{
	const struct vsphere_place *host = find(p, id), *above = host ? find(p, host->parent) : NULL;

	if (machine_set(&m->host, host ? host->name : NULL, err) < 0)
		return -1;
	if (!above || strcmp(above->type, "ClusterComputeResource") != 0)
		return 0;
	return machine_set(&m->cluster, above->name, err);
}

int vsphere_places_tell(const struct vsphere_places *p, const char *folder, const char *host, struct machine *m,
			struct error *err)
{
	return tell_folder(p, folder, m, err) < 0 || tell_host(p, host, m, err) < 0 ? -1 : 0;
}

void vsphere_places_fini(struct vsphere_places *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].name);
		free(p->v[i].parent);
		free(p->v[i].type);
	}
	free(p->v);
	text_index_fini(&p->ids);
	*p = (struct vsphere_places){ .n = 0 };
}

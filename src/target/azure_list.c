/* SPDX-License-Identifier: Apache-2.0 */
/*
 * List Blobs: the replicas of a place, and their snapshots; Delete Blob, of a snapshot.
 *
 * Lists collect the whole list, page by page, before anybody is called back: a list that breaks off is an error, not a
 * shorter list.
 */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/parse.h"
#include "net/xml_reply.h"
#include "target/azure.h"

int azure_meta_add(struct target_meta *meta, const char *key, const char *value, struct error *err)
{
	CLEANUP_FREE char *plain = NULL;
	char lower[sizeof(meta->v->key)];
	size_t len = strlen(key);

	if (len >= sizeof(lower))
		return 0;
	for (size_t i = 0; i <= len; i++)
		lower[i] = (char)(key[i] >= 'A' && key[i] <= 'Z' ? key[i] - 'A' + 'a' : key[i]);
	if (!azure_meta_key_ok(lower))
		return 0;
	plain = unescape_percent(value, NULL); /* NULL: not our encoding, so it is taken as it stands */
	return target_meta_set(meta, lower, plain ? plain : value, err);
}

/* ---- one blob of a list ---- */

struct item {
	char *name; /* in the container */
	char snapshot[TARGET_POINT_LEN];
	struct target_look look;
};

struct items {
	struct item *v;
	size_t n, cap;
};

static void item_fini(struct item *i)
{
	free(i->name);
	target_look_fini(&i->look);
}

static void items_fini(struct items *list)
{
	for (size_t i = 0; i < list->n; i++)
		item_fini(&list->v[i]);
	free(list->v);
}

/* A list's <Etag> comes without the quotes that the header has. */
static int set_version(struct target_look *look, const char *etag, struct error *err)
{
	size_t len = strlen(etag);
	bool bare = etag[0] != '"' && strncmp(etag, "W/", 2) != 0;

	if (len == 0 || len + 3 > sizeof(look->version))
		return error_set(err, ERR_UNSUPPORTED, "list of blobs: an Etag of %zu characters", len);
	if (bare)
		look->version[0] = '"';
	memcpy(look->version + bare, etag, len + 1);
	if (bare)
		memcpy(look->version + 1 + len, "\"", 2);
	return 0;
}

static int number_of(const struct xml_element *node, const char *name, uint64_t *out, struct error *err)
{
	const char *text = xml_child_text(node, name);

	if (!text || parse_u64(text, INT64_MAX, out, NULL) < 0)
		return error_set(err, ERR_UNSUPPORTED, "list of blobs: %s '%s'", name, text ? text : "");
	return 0;
}

static int read_properties(const struct xml_element *properties, struct item *item, struct error *err)
{
	const char *etag = xml_child_text(properties, "Etag"), *lease = xml_child_text(properties, "LeaseStatus");
	struct target_look *look = &item->look;

	if (number_of(properties, "Content-Length", &look->size, err) < 0 ||
	    set_version(look, etag ? etag : "", err) < 0)
		return -1;
	if (!item->snapshot[0] && number_of(properties, "x-ms-blob-sequence-number", &look->number, err) < 0)
		return -1;
	look->leased = lease && strcmp(lease, "locked") == 0;
	look->exists = true;
	return 0;
}

static int read_meta(const struct xml_element *meta, struct item *item, struct error *err)
{
	for (const struct xml_element *m = xml_child(meta, NULL); m; m = xml_next(m, NULL)) {
		const char *value = xml_text(m);

		if (value && azure_meta_add(&item->look.meta, xml_name(m), value, err) < 0)
			return -1;
	}
	return 0;
}

/* 0 with *skip if it is not a page blob. */
static int read_item(const struct xml_blob *blob, struct item *item, bool *skip, struct error *err)
{
	const char *type = xml_child_text(blob->properties, "BlobType");

	item->name = blob->name_encoded ? unescape_percent(blob->name, err) : strdup(blob->name);
	if (!item->name)
		return blob->name_encoded ? -1 : error_set(err, ERR_NOMEM, "list of blobs");
	if (blob->snapshot && strlen(blob->snapshot) >= sizeof(item->snapshot))
		return error_set(err, ERR_UNSUPPORTED, "%s: snapshot '%s'", item->name, blob->snapshot);
	if (blob->snapshot)
		memcpy(item->snapshot, blob->snapshot, strlen(blob->snapshot) + 1);
	*skip = !type || strcmp(type, "PageBlob") != 0;
	if (*skip)
		return 0;
	if (read_properties(blob->properties, item, err) < 0)
		return error_prefix(err, "%s", item->name);
	return read_meta(blob->metadata, item, err);
}

static int add_item(struct items *list, const struct xml_blob *blob, struct error *err)
{
	struct item item = { 0 };
	bool skip = false;

	if (list->n == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 64;
		struct item *v = reallocarray(list->v, cap, sizeof(*v));

		if (!v)
			return error_set(err, ERR_NOMEM, "list of blobs");
		list->v = v;
		list->cap = cap;
	}
	if (read_item(blob, &item, &skip, err) < 0) {
		item_fini(&item);
		return -1;
	}
	if (skip)
		item_fini(&item);
	else
		list->v[list->n++] = item;
	return 0;
}

/* ---- pages of a list ---- */

/* *marker_out, the next page's, is NULL at the end. */
static int add_page(struct items *list, const struct http_request *req, char **marker_out, struct error *err)
{
	CLEANUP(cleanup_xml)
	struct xml_doc *doc = xml_parse(req->reply ? req->reply : "", req->reply_len, "EnumerationResults", err);
	const struct xml_element *at = NULL;
	const char *marker;
	struct xml_blob blob;
	int more;

	if (!doc)
		return error_prefix(err, "list of blobs");
	for (more = xml_next_blob(doc, &at, &blob, err); more > 0; more = xml_next_blob(doc, &at, &blob, err))
		if (add_item(list, &blob, err) < 0)
			return -1;
	if (more < 0)
		return error_prefix(err, "list of blobs");
	if (xml_next_marker(doc, &marker, err) < 0)
		return error_prefix(err, "list of blobs");
	if (!marker)
		return 0;
	*marker_out = strdup(marker);
	return *marker_out ? 0 : error_set(err, ERR_NOMEM, "list of blobs");
}

static int fetch(struct target *t, struct target_counters *counters, const char *prefix, bool snapshots,
		 struct items *list, struct error *err)
{
	CLEANUP_FREE char *marker = NULL;

	do {
		CLEANUP(cleanup_azure_exchange) struct azure_exchange x = { .expect = 200, .reply_max = XML_MAX };
		CLEANUP_FREE char *last = steal_ptr(&marker);

		x.call = (struct azure_call){ .op = AZURE_LIST,
					      .url = azure_place(t)->container_url,
					      .prefix = prefix,
					      .marker = last,
					      .snapshots = snapshots };
		if (azure_exchange(t, counters, &x, err) < 0 || add_page(list, &x.req, &marker, err) < 0)
			return -1;
		if (marker && last && strcmp(marker, last) == 0)
			return error_set(err, ERR_UNSUPPORTED, "list of blobs: it goes on with the page it ended with");
	} while (marker);
	return 0;
}

/* ---- what is asked for ---- */

static int by_name_and_snapshot(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int names = strcmp(x->name, y->name);

	return names ? names : strcmp(x->snapshot, y->snapshot);
}

/* A blob of the place that says it is a replica; its name there. */
static const char *replica_in(const struct target *t, const struct item *item)
{
	const char *prefix = azure_place(t)->url.prefix;
	size_t len = strlen(prefix);

	if (item->snapshot[0] || strncmp(item->name, prefix, len) != 0 || !target_meta_get(&item->look.meta, "liftfsid"))
		return NULL;
	return item->name + len;
}

int azure_list(struct target *t,
	       int (*each)(void *ctx, const char *name, const struct target_look *look, struct error *err), void *ctx,
	       struct error *err)
{
	CLEANUP(items_fini) struct items list = { 0 };

	if (fetch(t, NULL, azure_place(t)->url.prefix, false, &list, err) < 0)
		return -1;
	if (list.n > 1)
		qsort(list.v, list.n, sizeof(*list.v), by_name_and_snapshot);
	for (size_t i = 0; i < list.n; i++) {
		const char *name = replica_in(t, &list.v[i]);

		if (name && each(ctx, name, &list.v[i].look, err) < 0)
			return -1;
	}
	return 0;
}

/* The snapshots among n items of one blob, oldest first; their metadata move. */
static int take_points(struct item *v, size_t n, struct target_points *out, struct error *err)
{
	out->v = calloc(n + 1, sizeof(*out->v));
	if (!out->v)
		return error_set(err, ERR_NOMEM, "list of recovery points");
	for (size_t i = 0; i < n; i++) {
		struct target_point *point = &out->v[out->n];

		if (!v[i].snapshot[0])
			continue;
		memcpy(point->id, v[i].snapshot, sizeof(point->id));
		point->size = v[i].look.size;
		point->meta = v[i].look.meta;
		memset(&v[i].look.meta, 0, sizeof(v[i].look.meta));
		out->n++;
	}
	return 0;
}

/* Where the items of the blob at `from` end. */
static size_t end_of_blob(const struct items *list, size_t from)
{
	size_t end = from + 1;

	while (end < list->n && strcmp(list->v[end].name, list->v[from].name) == 0)
		end++;
	return end;
}

int azure_points(struct replica *r, struct target_points *out, struct error *err)
{
	CLEANUP(items_fini) struct items list = { 0 };
	const char *blob = azure_replica(r)->blob;
	size_t at = 0;

	if (fetch(r->target, &r->counters, blob, true, &list, err) < 0)
		return -1;
	if (list.n > 1)
		qsort(list.v, list.n, sizeof(*list.v), by_name_and_snapshot);
	while (at < list.n && strcmp(list.v[at].name, blob) != 0)
		at++;
	return take_points(list.v + at, at < list.n ? end_of_blob(&list, at) - at : 0, out, err);
}

int azure_list_points(struct target *t, const char *name, target_each_points *each, void *ctx, struct error *err)
{
	CLEANUP(items_fini) struct items list = { 0 };
	CLEANUP_FREE char *prefix = NULL;

	if (asprintf(&prefix, "%s%s", azure_place(t)->url.prefix, name ? name : "") < 0) {
		prefix = NULL;
		return error_set(err, ERR_NOMEM, "list of recovery points");
	}
	if (fetch(t, NULL, prefix, true, &list, err) < 0)
		return -1;
	if (list.n > 1)
		qsort(list.v, list.n, sizeof(*list.v), by_name_and_snapshot);
	for (size_t at = 0, end; at < list.n; at = end) { /* "" is before any snapshot: the live blob comes first */
		const char *found = replica_in(t, &list.v[at]);
		CLEANUP(cleanup_target_points) struct target_points points = { 0 };

		end = end_of_blob(&list, at);
		if (!found || (name && strcmp(found, name) != 0))
			continue;
		if (take_points(list.v + at, end - at, &points, err) < 0 ||
		    each(ctx, found, &list.v[at].look, &points, err) < 0)
			return -1;
	}
	return 0;
}

/* Without a lease's id: a snapshot has none, and whoever holds the replica need not be asked. */
int azure_delete_point(struct replica *r, const char *point_id, struct error *err)
{
	CLEANUP(cleanup_azure_exchange) struct azure_exchange x = { .expect = 202 };
	struct error failed = ERROR_INIT;
	char lease[GUID_TEXT_LEN];

	azure_call_init(r, AZURE_DELETE_SNAPSHOT, &x.call, lease);
	x.call.lease_id = NULL;
	x.call.snapshot = point_id;
	if (azure_exchange(r->target, &r->counters, &x, &failed) == 0 ||
	    (x.reply.status != 0 && azure_reply_missing(&x.reply)))
		return 0;
	if (err)
		*err = failed;
	return -1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on the account and on containers. */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/parse.h"
#include "support/pageblob_op.h"

#define LIST_MAX 5000

int pageblob_account_info(const struct pageblob_world *w, struct pageblob_request *req, struct pageblob_reply *r)
{
	(void)req;
	pageblob_reply_header(r, "x-ms-sku-name", "Standard_LRS");
	pageblob_reply_header(r, "x-ms-account-kind", "StorageV2");
	pageblob_reply_header(r, "x-ms-is-hns-enabled", "%s", w->hns ? "true" : "false");
	r->status = 200;
	return 0;
}

int pageblob_create_container(const struct pageblob_world *w, struct pageblob_request *req, struct pageblob_reply *r)
{
	struct pageblob_fields metadata = { 0 };
	struct pageblob_container *c;

	if (pageblob_find_container(w, req, r, &c) < 0)
		return -1;
	if (c)
		return pageblob_refuse(r, 409, "ContainerAlreadyExists", "%s", req->container);
	if (pageblob_metadata_headers(req, r, &metadata) < 0)
		return -1;
	c = pageblob_store_add(w->store, req->container);
	c->metadata = metadata;
	pageblob_reply_version(r, c->etag, c->modified_ns);
	r->status = 201;
	return 0;
}

int pageblob_delete_container(const struct pageblob_world *w, struct pageblob_request *req, struct pageblob_reply *r)
{
	struct pageblob_container *c;

	if (pageblob_find_container(w, req, r, &c) < 0)
		return -1;
	pageblob_store_remove(w->store, c);
	r->status = 202;
	return 0;
}

int pageblob_container_properties(const struct pageblob_world *w, struct pageblob_request *req,
				  struct pageblob_reply *r)
{
	struct pageblob_container *c;

	if (pageblob_find_container(w, req, r, &c) < 0)
		return -1;
	pageblob_reply_version(r, c->etag, c->modified_ns);
	pageblob_reply_metadata(r, &c->metadata);
	pageblob_reply_header(r, "x-ms-lease-status", "unlocked");
	pageblob_reply_header(r, "x-ms-lease-state", "available");
	r->status = 200;
	return 0;
}

struct listing {
	char *prefix;
	uint64_t max;
	bool snapshots, metadata;
	size_t first; /* index in the container */
};

static int parse_include(const char *text, struct listing *l, struct pageblob_reply *r)
{
	while (*text) {
		size_t len = strcspn(text, ",");

		if (len == strlen("snapshots") && strncmp(text, "snapshots", len) == 0)
			l->snapshots = true;
		else if (len == strlen("metadata") && strncmp(text, "metadata", len) == 0)
			l->metadata = true;
		else
			return pageblob_refuse(r, 400, "InvalidQueryParameterValue", "include=%s", text);
		text += len + (text[len] == ',');
	}
	return 0;
}

/* A marker is the next entry, "SNAPSHOT/NAME" in percent form: opaque to a client. */
static int parse_marker(const char *text, const struct pageblob_container *c, struct listing *l,
			struct pageblob_reply *r)
{
	CLEANUP_FREE char *plain = unescape_percent(text, NULL);
	char *slash = plain ? strchr(plain, '/') : NULL;

	if (!slash)
		return pageblob_refuse(r, 400, "InvalidQueryParameterValue", "marker=%s", text);
	*slash = '\0';
	l->first = pageblob_container_seek(c, slash + 1, plain);
	return 0;
}

static int parse_listing(const struct pageblob_request *req, const struct pageblob_container *c, struct listing *l,
			 struct pageblob_reply *r)
{
	const char *max = pageblob_query(req, "maxresults"), *marker = pageblob_query(req, "marker");
	const char *include = pageblob_query(req, "include"), *prefix = pageblob_query(req, "prefix");

	*l = (struct listing){ .max = LIST_MAX };
	if (pageblob_query(req, "delimiter"))
		return pageblob_refuse(r, 501, "NotImplemented", "%s", "delimiter");
	if (max && (parse_u64(max, INT32_MAX, &l->max, NULL) < 0 || l->max == 0))
		return pageblob_refuse(r, 400, "OutOfRangeQueryParameterValue", "maxresults=%s", max);
	if (l->max > LIST_MAX)
		l->max = LIST_MAX;
	if (include && parse_include(include, l, r) < 0)
		return -1;
	if (marker && *marker && parse_marker(marker, c, l, r) < 0)
		return -1;
	l->prefix = pageblob_strdup(prefix ? prefix : "");
	return 0;
}

static void element(struct strbuf *out, const char *name, const char *text)
{
	strbuf_addf(out, "<%s>", name);
	pageblob_xml(out, text);
	strbuf_addf(out, "</%s>", name);
}

static void add_name(struct strbuf *out, const char *name)
{
	for (const char *c = name; *c; c++) {
		if ((unsigned char)*c < 0x20) { /* not a character of XML */
			CLEANUP_FREE char *coded = escape_url_component(name, NULL);

			strbuf_addf(out, "<Name Encoded=\"true\">%s</Name>", coded ? coded : "");
			return;
		}
	}
	element(out, "Name", name);
}

static void add_blob(struct strbuf *out, const struct pageblob_world *w, const struct pageblob_blob *b, bool metadata)
{
	enum pageblob_lease_state state = pageblob_lease_state(&b->lease, w->lease_now_ns);
	char date[CLOCK_TEXT_LEN];

	strbuf_adds(out, "<Blob>");
	add_name(out, b->name);
	if (*b->snapshot)
		element(out, "Snapshot", b->snapshot);
	strbuf_adds(out, "<Properties>");
	clock_format_http(b->created_ns, date);
	element(out, "Creation-Time", date);
	clock_format_http(b->modified_ns, date);
	element(out, "Last-Modified", date);
	strbuf_addf(out, "<Etag>%.*s</Etag><Content-Length>%" PRIu64 "</Content-Length>", (int)strlen(b->etag) - 2,
		    b->etag + 1, b->size);
	for (int i = 0; i < PROP_COUNT; i++)
		element(out, pageblob_property_names[i],
			b->property[i]   ? b->property[i]
			: i == PROP_TYPE ? "application/octet-stream"
					 : "");
	strbuf_addf(out,
		    "<x-ms-blob-sequence-number>%" PRIu64 "</x-ms-blob-sequence-number><BlobType>PageBlob</BlobType>",
		    b->sequence);
	if (!*b->snapshot) {
		bool locked = state == LEASE_LEASED || state == LEASE_BREAKING;

		element(out, "LeaseStatus", locked ? "locked" : "unlocked");
		element(out, "LeaseState", pageblob_lease_state_names[state]);
		if (state == LEASE_LEASED)
			element(out, "LeaseDuration",
				b->lease.duration_s == PAGEBLOB_LEASE_INFINITE ? "infinite" : "fixed");
	}
	strbuf_adds(out, "<ServerEncrypted>true</ServerEncrypted></Properties>");
	if (metadata) {
		strbuf_adds(out, "<Metadata>");
		for (size_t i = 0; i < b->metadata.n; i++)
			element(out, b->metadata.v[i].name, b->metadata.v[i].value);
		strbuf_adds(out, "</Metadata>");
	}
	strbuf_adds(out, "</Blob>");
}

static void add_next_marker(struct strbuf *out, const struct pageblob_blob *b)
{
	CLEANUP_FREE char *name = escape_url_component(b->name, NULL);

	strbuf_addf(out, "<NextMarker>%s%%2F%s</NextMarker>", b->snapshot, name ? name : "");
}

int pageblob_list_blobs(const struct pageblob_world *w, struct pageblob_request *req, struct pageblob_reply *r)
{
	struct strbuf out = { 0 };
	struct pageblob_container *c;
	struct listing l = { 0 };
	uint64_t n = 0;
	size_t i;

	if (pageblob_find_container(w, req, r, &c) < 0 || parse_listing(req, c, &l, r) < 0)
		return -1;
	strbuf_adds(&out, "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ContainerName=\"");
	pageblob_xml(&out, c->name);
	strbuf_adds(&out, "\">");
	if (*l.prefix)
		element(&out, "Prefix", l.prefix);
	strbuf_addf(&out, "<MaxResults>%" PRIu64 "</MaxResults><Blobs>", l.max);
	for (i = l.first; i < c->n; i++) {
		const struct pageblob_blob *b = c->v[i];

		if ((*b->snapshot && !l.snapshots) || strncmp(b->name, l.prefix, strlen(l.prefix)) != 0)
			continue;
		if (n++ == l.max)
			break;
		add_blob(&out, w, b, l.metadata);
	}
	strbuf_adds(&out, "</Blobs>");
	if (i < c->n)
		add_next_marker(&out, c->v[i]);
	else
		strbuf_adds(&out, "<NextMarker/>");
	strbuf_adds(&out, "</EnumerationResults>");
	free(l.prefix);
	pageblob_reply_body(r, "application/xml", &out);
	r->status = 200;
	return 0;
}

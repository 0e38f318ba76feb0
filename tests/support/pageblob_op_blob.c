/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that make, change, copy and delete a blob as a whole. */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "support/pageblob_conditions.h"
#include "support/pageblob_op.h"

#define BLOB_SIZE_MAX ((uint64_t)8 << 40)

/* Existence, conditions and lease of a write to the blob itself. */
static int find_for_write(const struct pageblob_world *w, struct pageblob_request *req, struct pageblob_reply *r,
			  struct pageblob_container **c_out, struct pageblob_blob **b_out)
{
	if (pageblob_find_blob(w, req, r, false, c_out, b_out) < 0 ||
	    pageblob_check_conditions(req, (*b_out)->etag, (*b_out)->modified_ns, true, r) < 0)
		return -1;
	return pageblob_check_lease(req, *b_out, true, w->lease_now_ns, r);
}

static int size_header(const struct pageblob_request *req, struct pageblob_reply *r, uint64_t *size)
{
	static const char name[] = "x-ms-blob-content-length";

	if (pageblob_number_header(req, r, name, BLOB_SIZE_MAX, size) < 0)
		return -1;
	return *size % PAGEBLOB_PAGE ? pageblob_refuse_value(r, name, pageblob_header(req, name)) : 0;
}

static void set_properties(const struct pageblob_request *req, struct pageblob_blob *b)
{
	for (int i = 0; i < PROP_COUNT; i++) {
		const char *value = pageblob_header(req, pageblob_property_headers[i]);

		free(b->property[i]);
		b->property[i] = value && *value ? pageblob_strdup(value) : NULL;
	}
}

static int check_put_headers(const struct pageblob_world *w, const struct pageblob_request *req,
			     struct pageblob_reply *r, uint64_t *size, uint64_t *sequence)
{
	const char *type = pageblob_header(req, "x-ms-blob-type");

	if (!type)
		return pageblob_refuse_missing(r, "x-ms-blob-type");
	if (strcmp(type, "PageBlob") != 0)
		return pageblob_refuse_value(r, "x-ms-blob-type", type);
	if (w->hns)
		return pageblob_refuse(r, 409, "FeatureNotSupportedForAccount", "%s",
				       "page blobs need a flat namespace");
	if (req->body_received)
		return pageblob_refuse(r, 400, "InvalidHeaderValue", "%s", "Content-Length of a new page blob is 0");
	if (!pageblob_header(req, "x-ms-blob-content-length"))
		return pageblob_refuse_missing(r, "x-ms-blob-content-length");
	if (size_header(req, r, size) < 0 ||
	    pageblob_number_header(req, r, "x-ms-blob-sequence-number", INT64_MAX, sequence) < 0)
		return -1;
	if (strlen(req->blob) > 1024)
		return pageblob_refuse(r, 400, "InvalidResourceName", "a name of %zu bytes", strlen(req->blob));
	return 0;
}

int pageblob_put_blob(const struct pageblob_world *w, struct pageblob_request *req, struct pageblob_reply *r)
{
	const char *none = pageblob_header(req, "If-None-Match");
	struct pageblob_fields metadata = { 0 };
	struct pageblob_container *c;
	struct pageblob_blob *b;
	uint64_t size = 0, sequence = 0;

	if (pageblob_query(req, "snapshot"))
		return pageblob_refuse(r, 400, "InvalidQueryParameterValue", "%s", "snapshot");
	if (check_put_headers(w, req, r, &size, &sequence) < 0 || pageblob_find_container(w, req, r, &c) < 0)
		return -1;
	b = pageblob_container_find(c, req->blob, NULL);
	if (b && none && strcmp(none, "*") == 0)
		return pageblob_refuse(r, 409, "BlobAlreadyExists", "%s", req->blob);
	if (pageblob_check_conditions(req, b ? b->etag : "", b ? b->modified_ns : 0, true, r) < 0)
		return -1;
	if (b && pageblob_check_lease(req, b, true, w->lease_now_ns, r) < 0)
		return -1;
	if (!b && !req->late && pageblob_header(req, "x-ms-lease-id"))
		return pageblob_refuse(r, 412, "LeaseNotPresentWithBlobOperation", "%s", "");
	if (pageblob_metadata_headers(req, r, &metadata) < 0)
		return -1;
	if (req->check_only) {
		pageblob_fields_fini(&metadata);
		return 0;
	}
	if (b)
		pageblob_blob_reset(w->store, b);
	else
		b = pageblob_container_add(w->store, c, req->blob);
	b->size = size;
	b->sequence = sequence;
	b->metadata = metadata;
	set_properties(req, b);
	pageblob_blob_touch(w->store, b, w->lease_now_ns);
	pageblob_reply_version(r, b->etag, b->modified_ns);
	pageblob_reply_header(r, "x-ms-request-server-encrypted", "true");
	r->status = 201;
	r->changed = true;
	return 0;
}

static size_t count_snapshots(const struct pageblob_container *c, const char *name)
{
	return pageblob_container_seek(c, name, "") - pageblob_container_seek(c, name, NULL);
}

int pageblob_delete_blob(const struct pageblob_world *w, struct pageblob_request *req, struct pageblob_reply *r)
{
	const char *which = pageblob_header(req, "x-ms-delete-snapshots");
	struct pageblob_container *c;
	struct pageblob_blob *b;
	bool only = which && strcmp(which, "only") == 0, include = which && strcmp(which, "include") == 0;
	size_t n;

	if (which && !only && !include)
		return pageblob_refuse_value(r, "x-ms-delete-snapshots", which);
	if (which && pageblob_query(req, "snapshot"))
		return pageblob_refuse(r, 400, "InvalidQueryParameterValue", "%s",
				       "snapshot and x-ms-delete-snapshots");
	if (pageblob_find_blob(w, req, r, true, &c, &b) < 0 ||
	    pageblob_check_conditions(req, b->etag, b->modified_ns, true, r) < 0)
		return -1;
	if (!*b->snapshot && pageblob_check_lease(req, b, true, w->lease_now_ns, r) < 0)
		return -1;
	if (*b->snapshot && pageblob_header(req, "x-ms-lease-id")) /* a lease is never granted for a snapshot */
		return pageblob_refuse(r, 412, "LeaseNotPresentWithBlobOperation", "%s at %s", b->name, b->snapshot);
	n = *b->snapshot ? 0 : count_snapshots(c, b->name);
	if (n > 0 && !which)
		return pageblob_refuse(r, 409, "SnapshotsPresent", "%zu", n);
	if (req->check_only)
		return 0;
	while (n-- > 0)
		pageblob_container_remove(c, c->v[pageblob_container_seek(c, req->blob, NULL)]);
	if (!only)
		pageblob_container_remove(c, b);
	pageblob_reply_header(r, "x-ms-delete-type-permanent", "true");
	r->status = 202;
	r->changed = true;
	return 0;
}

/* What the sequence number becomes. */
static int next_sequence(const struct pageblob_request *req, struct pageblob_reply *r, uint64_t now, uint64_t *out)
{
	const char *action = pageblob_header(req, "x-ms-sequence-number-action");
	bool given = pageblob_header(req, "x-ms-blob-sequence-number") != NULL;
	uint64_t n = 0;

	*out = now;
	if (pageblob_number_header(req, r, "x-ms-blob-sequence-number", INT64_MAX, &n) < 0)
		return -1;
	if (!action)
		return given ? pageblob_refuse_missing(r, "x-ms-sequence-number-action") : 0;
	if (strcasecmp(action, "increment") == 0) {
		if (given)
			return pageblob_refuse(r, 400, "InvalidHeaderValue", "%s", "increment takes no number");
		if (now == INT64_MAX)
			return pageblob_refuse(r, 409, "SequenceNumberIncrementTooLarge", "%s", "");
		*out = now + 1;
		return 0;
	}
	if (strcasecmp(action, "max") != 0 && strcasecmp(action, "update") != 0)
		return pageblob_refuse_value(r, "x-ms-sequence-number-action", action);
	if (!given)
		return pageblob_refuse_missing(r, "x-ms-blob-sequence-number");
	if (strcasecmp(action, "update") == 0 || n > now)
		*out = n;
	return 0;
}

int pageblob_set_properties(const struct pageblob_world *w, struct pageblob_request *req, struct pageblob_reply *r)
{
	struct pageblob_container *c;
	struct pageblob_blob *b;
	uint64_t size, sequence;
	bool any = false;

	if (find_for_write(w, req, r, &c, &b) < 0)
		return -1;
	size = b->size;
	if (size_header(req, r, &size) < 0 || next_sequence(req, r, b->sequence, &sequence) < 0)
		return -1;
	if (req->check_only)
		return 0;
	if (size < b->size)
		pageblob_pages_clear(&b->pages, size, b->size - size);
	b->size = size;
	b->sequence = sequence;
	for (int i = 0; i < PROP_COUNT; i++)
		any = any || pageblob_header(req, pageblob_property_headers[i]);
	if (any)
		set_properties(req, b); /* one that is set clears those that are not sent */
	pageblob_blob_touch(w->store, b, w->lease_now_ns);
	pageblob_reply_version(r, b->etag, b->modified_ns);
	pageblob_reply_header(r, "x-ms-blob-sequence-number", "%" PRIu64, b->sequence);
	r->status = 200;
	r->changed = true;
	return 0;
}

int pageblob_set_metadata(const struct pageblob_world *w, struct pageblob_request *req, struct pageblob_reply *r)
{
	struct pageblob_fields metadata = { 0 };
	struct pageblob_container *c;
	struct pageblob_blob *b;

	if (find_for_write(w, req, r, &c, &b) < 0 || pageblob_metadata_headers(req, r, &metadata) < 0)
		return -1;
	if (req->check_only) {
		pageblob_fields_fini(&metadata);
		return 0;
	}
	pageblob_fields_fini(&b->metadata);
	b->metadata = metadata;
	pageblob_blob_touch(w->store, b, w->lease_now_ns);
	pageblob_reply_version(r, b->etag, b->modified_ns);
	pageblob_reply_header(r, "x-ms-request-server-encrypted", "true");
	r->status = 200;
	r->changed = true;
	return 0;
}

int pageblob_snapshot(const struct pageblob_world *w, struct pageblob_request *req, struct pageblob_reply *r)
{
	struct pageblob_fields metadata = { 0 };
	struct pageblob_container *c;
	struct pageblob_blob *b, *copy;

	/* A lease need not be named; one that is must be the right one. */
	if (pageblob_find_blob(w, req, r, false, &c, &b) < 0 ||
	    pageblob_check_conditions(req, b->etag, b->modified_ns, true, r) < 0 ||
	    pageblob_check_lease(req, b, false, w->lease_now_ns, r) < 0 ||
	    pageblob_metadata_headers(req, r, &metadata) < 0)
		return -1;
	if (!req->check_only) {
		copy = pageblob_container_snapshot(w->store, c, b, metadata.n ? &metadata : NULL);
		pageblob_reply_version(r, copy->etag, copy->modified_ns);
		pageblob_reply_header(r, "x-ms-snapshot", "%s", copy->snapshot);
		pageblob_reply_header(r, "x-ms-request-server-encrypted", "%s", metadata.n ? "true" : "false");
		r->status = 201;
		r->changed = true;
	}
	pageblob_fields_fini(&metadata);
	return 0;
}

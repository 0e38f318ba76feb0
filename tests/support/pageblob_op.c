/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "support/pageblob_auth.h"
#include "support/pageblob_op.h"

static const struct {
	const char *name;
	pageblob_op_fn *run;
	const char *any_of; /* letters of a SAS, of which one is needed */
	char level;         /* service, container, object */
	bool writes;
} ops[PAGEBLOB_OP_COUNT] = {
	[PAGEBLOB_UNKNOWN] = { "Unknown", NULL, "", 's', false },
	[PAGEBLOB_GET_ACCOUNT_INFO] = { "GetAccountInfo", pageblob_account_info, "r", 's', false },
	[PAGEBLOB_CREATE_CONTAINER] = { "CreateContainer", pageblob_create_container, "cw", 'c', false },
	[PAGEBLOB_DELETE_CONTAINER] = { "DeleteContainer", pageblob_delete_container, "d", 'c', false },
	[PAGEBLOB_GET_CONTAINER_PROPERTIES] = { "GetContainerProperties", pageblob_container_properties, "r", 'c',
						false },
	[PAGEBLOB_LIST_BLOBS] = { "ListBlobs", pageblob_list_blobs, "l", 'c', false },
	[PAGEBLOB_PUT_BLOB] = { "PutBlob", pageblob_put_blob, "cw", 'o', true },
	[PAGEBLOB_DELETE_BLOB] = { "DeleteBlob", pageblob_delete_blob, "d", 'o', true },
	[PAGEBLOB_GET_BLOB] = { "GetBlob", pageblob_get_blob, "r", 'o', false },
	[PAGEBLOB_GET_BLOB_PROPERTIES] = { "GetBlobProperties", pageblob_get_blob_properties, "r", 'o', false },
	[PAGEBLOB_GET_BLOB_METADATA] = { "GetBlobMetadata", pageblob_get_blob_properties, "r", 'o', false },
	[PAGEBLOB_GET_PAGE_RANGES] = { "GetPageRanges", pageblob_get_page_ranges, "r", 'o', false },
	[PAGEBLOB_SET_BLOB_PROPERTIES] = { "SetBlobProperties", pageblob_set_properties, "w", 'o', true },
	[PAGEBLOB_SET_BLOB_METADATA] = { "SetBlobMetadata", pageblob_set_metadata, "w", 'o', true },
	[PAGEBLOB_SNAPSHOT_BLOB] = { "SnapshotBlob", pageblob_snapshot, "cw", 'o', true },
	[PAGEBLOB_PUT_PAGE] = { "PutPage", pageblob_put_page, "w", 'o', true },
	[PAGEBLOB_CLEAR_PAGES] = { "ClearPages", pageblob_clear_pages, "w", 'o', true },
	[PAGEBLOB_PUT_PAGE_FROM_URL] = { "PutPageFromURL", pageblob_put_page_from_url, "w", 'o', true },
	[PAGEBLOB_LEASE_ACQUIRE] = { "LeaseAcquire", pageblob_lease_blob, "w", 'o', true },
	[PAGEBLOB_LEASE_RENEW] = { "LeaseRenew", pageblob_lease_blob, "w", 'o', true },
	[PAGEBLOB_LEASE_CHANGE] = { "LeaseChange", pageblob_lease_blob, "w", 'o', true },
	[PAGEBLOB_LEASE_RELEASE] = { "LeaseRelease", pageblob_lease_blob, "w", 'o', true },
	[PAGEBLOB_LEASE_BREAK] = { "LeaseBreak", pageblob_lease_blob, "wd", 'o', true },
};

const char *const pageblob_property_headers[PROP_COUNT] = {
	[PROP_TYPE] = "x-ms-blob-content-type",         [PROP_ENCODING] = "x-ms-blob-content-encoding",
	[PROP_LANGUAGE] = "x-ms-blob-content-language", [PROP_MD5] = "x-ms-blob-content-md5",
	[PROP_CACHE] = "x-ms-blob-cache-control",       [PROP_DISPOSITION] = "x-ms-blob-content-disposition",
};
const char *const pageblob_property_names[PROP_COUNT] = {
	[PROP_TYPE] = "Content-Type", [PROP_ENCODING] = "Content-Encoding", [PROP_LANGUAGE] = "Content-Language",
	[PROP_MD5] = "Content-MD5",   [PROP_CACHE] = "Cache-Control",       [PROP_DISPOSITION] = "Content-Disposition",
};
const char *const pageblob_lease_state_names[] = {
	[LEASE_AVAILABLE] = "available", [LEASE_LEASED] = "leased",   [LEASE_BREAKING] = "breaking",
	[LEASE_BROKEN] = "broken",       [LEASE_EXPIRED] = "expired",
};

const char *pageblob_op_name(enum pageblob_op op)
{
	return ops[op].name;
}

bool pageblob_op_writes(enum pageblob_op op)
{
	return ops[op].writes;
}

int pageblob_op_run(const struct pageblob_world *w, struct pageblob_request *req, struct pageblob_reply *r)
{
	if (req->bad_target)
		return pageblob_refuse(r, 400, "InvalidUri", "%s", req->raw_path);
	if (!req->late && pageblob_authorize(w->account, req, ops[req->op].any_of, ops[req->op].level, r) < 0)
		return -1;
	if (!ops[req->op].run)
		return pageblob_refuse(r, 501, "NotImplemented", "%s %s: not an operation of this server", req->method,
				       req->raw_path);
	return ops[req->op].run(w, req, r);
}

static int check_container_name(const char *name, struct pageblob_reply *r)
{
	size_t len = strlen(name);

	if (len < 3 || len > 63)
		return pageblob_refuse(r, 400, "OutOfRangeInput", "container name of %zu characters", len);
	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != len || name[0] == '-' || name[len - 1] == '-' ||
	    strstr(name, "--"))
		return pageblob_refuse(r, 400, "InvalidResourceName", "container name '%s'", name);
	return 0;
}

int pageblob_find_container(const struct pageblob_world *w, const struct pageblob_request *req,
			    struct pageblob_reply *r, struct pageblob_container **out)
{
	if (check_container_name(req->container, r) < 0)
		return -1;
	*out = pageblob_store_find(w->store, req->container);
	if (!*out && req->op != PAGEBLOB_CREATE_CONTAINER)
		return pageblob_refuse(r, 404, "ContainerNotFound", "%s", req->container);
	return 0;
}

int pageblob_find_blob(const struct pageblob_world *w, const struct pageblob_request *req, struct pageblob_reply *r,
		       bool snapshots, struct pageblob_container **c_out, struct pageblob_blob **b_out)
{
	const char *snapshot = pageblob_query(req, "snapshot");

	if (snapshot && !snapshots)
		return pageblob_refuse(r, 400, "InvalidQueryParameterValue", "snapshot=%s", snapshot);
	if (pageblob_query(req, "versionid"))
		return pageblob_refuse(r, 400, "InvalidQueryParameterValue", "%s", "versions are not kept here");
	if (pageblob_find_container(w, req, r, c_out) < 0)
		return -1;
	*b_out = pageblob_container_find(*c_out, req->blob, snapshot);
	if (!*b_out)
		return pageblob_refuse(r, 404, "BlobNotFound", "%s%s%s", req->blob, snapshot ? " at " : "",
				       snapshot ? snapshot : "");
	return 0;
}

static bool is_identifier(const char *name)
{
	if (!isalpha((unsigned char)*name) && *name != '_')
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && *name != '_')
			return false;
	return true;
}

int pageblob_metadata_headers(const struct pageblob_request *req, struct pageblob_reply *r, struct pageblob_fields *out)
{
	static const char prefix[] = "x-ms-meta-";
	size_t total = 0;
	int rc = 0;

	for (size_t i = 0; i < req->headers.n && rc == 0; i++) {
		const char *name = req->headers.v[i].name, *value = req->headers.v[i].value;

		if (strncasecmp(name, prefix, strlen(prefix)) != 0)
			continue;
		name += strlen(prefix);
		total += strlen(name) + strlen(value);
		if (!*name)
			rc = pageblob_refuse(r, 400, "EmptyMetadataKey", "%s", "");
		else if (!is_identifier(name) || pageblob_fields_get(out, name))
			rc = pageblob_refuse(r, 400, "InvalidMetadata", "%s", name);
		for (const char *c = value; *c && rc == 0; c++)
			if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
				rc = pageblob_refuse(r, 400, "InvalidMetadata", "%s: not ASCII", name);
		pageblob_fields_add(out, name, value);
	}
	if (rc == 0 && total > 8192)
		rc = pageblob_refuse(r, 400, "MetadataTooLarge", "%zu bytes", total);
	if (rc < 0)
		pageblob_fields_fini(out);
	return rc;
}

void pageblob_reply_metadata(struct pageblob_reply *r, const struct pageblob_fields *metadata)
{
	for (size_t i = 0; i < metadata->n; i++) {
		struct strbuf name = { 0 };

		strbuf_addf(&name, "x-ms-meta-%s", metadata->v[i].name);
		pageblob_reply_header(r, name.s, "%s", metadata->v[i].value);
		strbuf_fini(&name);
	}
}

void pageblob_reply_version(struct pageblob_reply *r, const char *etag, uint64_t modified_ns)
{
	char date[CLOCK_TEXT_LEN];

	clock_format_http(modified_ns, date);
	pageblob_reply_header(r, "ETag", "%s", etag);
	pageblob_reply_header(r, "Last-Modified", "%s", date);
}

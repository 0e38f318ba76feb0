/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that read: content, properties, page ranges. */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/parse.h"
#include "support/pageblob_codec.h"
#include "support/pageblob_conditions.h"
#include "support/pageblob_op.h"

#define KEEP_MAX ((uint64_t)4 << 20) /* bodies up to this are built in memory */
#define RANGES_MAX 10000

static int find_for_read(const struct pageblob_world *w, const struct pageblob_request *req, struct pageblob_reply *r,
			 struct pageblob_container **c_out, struct pageblob_blob **b_out)
{
	if (pageblob_find_blob(w, req, r, true, c_out, b_out) < 0)
		return -1;
	if (!*(*b_out)->snapshot && pageblob_check_lease(req, *b_out, false, w->lease_now_ns, r) < 0)
		return -1;
	if (pageblob_check_conditions(req, (*b_out)->etag, (*b_out)->modified_ns, false, r) < 0) {
		if (r->status == 304)
			pageblob_reply_version(r, (*b_out)->etag, (*b_out)->modified_ns);
		return -1;
	}
	return 0;
}

static void describe(const struct pageblob_world *w, const struct pageblob_blob *b, struct pageblob_reply *r,
		     bool partial)
{
	enum pageblob_lease_state state = pageblob_lease_state(&b->lease, w->lease_now_ns);
	char date[CLOCK_TEXT_LEN];

	pageblob_reply_version(r, b->etag, b->modified_ns);
	clock_format_http(b->created_ns, date);
	pageblob_reply_header(r, "x-ms-creation-time", "%s", date);
	pageblob_reply_metadata(r, &b->metadata);
	pageblob_reply_header(r, "x-ms-blob-type", "PageBlob");
	pageblob_reply_header(r, "x-ms-blob-sequence-number", "%" PRIu64, b->sequence);
	pageblob_reply_header(r, "x-ms-server-encrypted", "true");
	pageblob_reply_header(r, "Accept-Ranges", "bytes");
	for (int i = 0; i < PROP_COUNT; i++) {
		const char *name = i == PROP_MD5 && partial ? "x-ms-blob-content-md5" : pageblob_property_names[i];

		if (b->property[i] || i == PROP_TYPE)
			pageblob_reply_header(r, name, "%s",
					      b->property[i] ? b->property[i] : "application/octet-stream");
	}
	if (*b->snapshot)
		return;
	pageblob_reply_header(r, "x-ms-lease-status",
			      state == LEASE_LEASED || state == LEASE_BREAKING ? "locked" : "unlocked");
	pageblob_reply_header(r, "x-ms-lease-state", "%s", pageblob_lease_state_names[state]);
	if (state == LEASE_LEASED)
		pageblob_reply_header(r, "x-ms-lease-duration", "%s",
				      b->lease.duration_s == PAGEBLOB_LEASE_INFINITE ? "infinite" : "fixed");
}

static void give_content(const struct pageblob_blob *b, struct pageblob_reply *r, uint64_t off, uint64_t len)
{
	r->body_len = len;
	if (len > KEEP_MAX) {
		r->from_pages = true;
		r->page_off = off;
		pageblob_pages_copy(&r->pages, &b->pages);
		return;
	}
	r->body = pageblob_alloc(len, 1);
	pageblob_pages_read(&b->pages, off, len, r->body);
}

static bool asked(const struct pageblob_request *req, const char *name)
{
	const char *value = pageblob_header(req, name);

	return value && strcasecmp(value, "true") == 0;
}

int pageblob_get_blob(const struct pageblob_world *w, struct pageblob_request *req, struct pageblob_reply *r)
{
	const char *text = pageblob_range_header(req);
	bool md5 = asked(req, "x-ms-range-get-content-md5"), crc = asked(req, "x-ms-range-get-content-crc64");
	struct pageblob_container *c;
	struct pageblob_blob *b;
	uint64_t start = 0, end = UINT64_MAX;
	char digest[PAGEBLOB_MD5_TEXT];

	if (md5 && crc)
		return pageblob_refuse(r, 400, "InvalidHeaderValue", "%s", "both range-get-content-md5 and -crc64");
	if (text && pageblob_range_parse(text, &start, &end) < 0)
		return pageblob_refuse_value(r, "Range", text);
	if ((md5 || crc) && !text)
		return pageblob_refuse(r, 400, "InvalidHeaderValue", "%s", "range-get-content-... without a range");
	if (find_for_read(w, req, r, &c, &b) < 0)
		return -1;
	if (text && start >= b->size) {
		pageblob_reply_header(r, "Content-Range", "bytes */%" PRIu64, b->size);
		return pageblob_refuse(r, 416, "InvalidRange", "%s of %" PRIu64 " bytes", text, b->size);
	}
	if (end >= b->size)
		end = b->size ? b->size - 1 : 0;
	if ((md5 || crc) && end - start + 1 > PAGEBLOB_WRITE_MAX)
		return pageblob_refuse(r, 400, "InvalidHeaderValue", "%s", "range-get-content-... of more than 4 MiB");
	describe(w, b, r, text != NULL);
	give_content(b, r, start, b->size ? end - start + 1 : 0);
	if (text)
		pageblob_reply_header(r, "Content-Range", "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, start, end,
				      b->size);
	if (md5) {
		pageblob_md5_text(r->body, r->body_len, digest);
		pageblob_reply_header(r, "Content-MD5", "%s", digest);
	} else if (crc) {
		pageblob_crc64_text(r->body, r->body_len, digest);
		pageblob_reply_header(r, "x-ms-content-crc64", "%s", digest);
	}
	r->status = text ? 206 : 200;
	return 0;
}

int pageblob_get_blob_properties(const struct pageblob_world *w, struct pageblob_request *req, struct pageblob_reply *r)
{
	struct pageblob_container *c;
	struct pageblob_blob *b;

	if (find_for_read(w, req, r, &c, &b) < 0)
		return -1;
	if (req->op == PAGEBLOB_GET_BLOB_METADATA) {
		pageblob_reply_version(r, b->etag, b->modified_ns);
		pageblob_reply_metadata(r, &b->metadata);
	} else {
		describe(w, b, r, false);
		r->from_pages = true; /* a length without content */
		r->body_len = b->size;
	}
	r->status = 200;
	return 0;
}

struct window {
	uint64_t from, end;
	uint64_t max;
	const struct pageblob_blob *prev; /* NULL: no difference asked for */
};

static int find_previous(const struct pageblob_request *req, struct pageblob_reply *r, struct pageblob_container *c,
			 const struct pageblob_blob *b, const struct pageblob_blob **out)
{
	const char *name = pageblob_query(req, "prevsnapshot");

	*out = NULL;
	if (pageblob_header(req, "x-ms-previous-snapshot-url"))
		return pageblob_refuse(r, 409, "PreviousSnapshotOperationNotSupported", "%s", "managed disks only");
	if (!name)
		return 0;
	if (*name)
		*out = pageblob_container_find(c, b->name, name);
	if (!*out)
		return pageblob_refuse(r, 409, "PreviousSnapshotNotFound", "%s", name);
	if (*b->snapshot && strcmp(name, b->snapshot) > 0)
		return pageblob_refuse(r, 400, "PreviousSnapshotCannotBeNewer", "%s", name);
	if ((*out)->generation != b->generation)
		return pageblob_refuse(r, 409, "BlobOverwritten", "%s", name);
	return 0;
}

static int parse_window(const struct pageblob_request *req, struct pageblob_reply *r, const struct pageblob_blob *b,
			struct window *win)
{
	const char *max = pageblob_query(req, "maxresults"), *marker = pageblob_query(req, "marker");
	const char *text = pageblob_range_header(req);
	bool paged = strcmp(pageblob_version(req), "2020-10-02") >= 0;
	uint64_t start = 0, end = UINT64_MAX;

	win->from = 0;
	win->end = b->size;
	win->max = paged ? RANGES_MAX : UINT64_MAX;
	if (text) {
		if (pageblob_range_parse(text, &start, &end) < 0)
			return pageblob_refuse_value(r, "x-ms-range", text);
		if (start >= b->size)
			return pageblob_refuse(r, 416, "InvalidRange", "%s of %" PRIu64 " bytes", text, b->size);
		win->from = start / PAGEBLOB_PAGE * PAGEBLOB_PAGE;
		if (end < b->size)
			win->end = (end / PAGEBLOB_PAGE + 1) * PAGEBLOB_PAGE;
	}
	if (!paged && (max || (marker && *marker)))
		return pageblob_refuse(r, 400, "InvalidQueryParameterValue", "%s", "maxresults before 2020-10-02");
	if (max && (parse_u64(max, INT32_MAX, &start, NULL) < 0 || start == 0))
		return pageblob_refuse(r, 400, "OutOfRangeQueryParameterValue", "maxresults=%s", max);
	if (max && start < RANGES_MAX)
		win->max = start;
	if (marker && *marker) {
		if (parse_hex64(marker, &start, NULL) < 0 || start % PAGEBLOB_PAGE)
			return pageblob_refuse(r, 400, "InvalidQueryParameterValue", "marker=%s", marker);
		if (start > win->from)
			win->from = start;
	}
	return 0;
}

int pageblob_get_page_ranges(const struct pageblob_world *w, struct pageblob_request *req, struct pageblob_reply *r)
{
	struct strbuf out = { 0 };
	struct pageblob_container *c;
	struct pageblob_blob *b;
	struct pageblob_range range;
	struct window win;
	bool more;

	if (find_for_read(w, req, r, &c, &b) < 0 || find_previous(req, r, c, b, &win.prev) < 0 ||
	    parse_window(req, r, b, &win) < 0)
		return -1;
	strbuf_adds(&out, "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?><PageList>");
	for (uint64_t n = 0;; n++) {
		more = pageblob_pages_next(&b->pages, win.prev ? &win.prev->pages : NULL,
					   win.prev ? win.prev->stamp : 0, win.from, win.end, &range);
		if (!more || n == win.max)
			break;
		strbuf_addf(&out, "<%s><Start>%" PRIu64 "</Start><End>%" PRIu64 "</End></%s>",
			    range.cleared ? "ClearRange" : "PageRange", range.start, range.end - 1,
			    range.cleared ? "ClearRange" : "PageRange");
		win.from = range.end;
	}
	if (more)
		strbuf_addf(&out, "<NextMarker>%" PRIx64 "</NextMarker>", range.start);
	strbuf_adds(&out, "</PageList>");
	pageblob_reply_version(r, b->etag, b->modified_ns);
	pageblob_reply_header(r, "x-ms-blob-content-length", "%" PRIu64, b->size);
	pageblob_reply_body(r, "application/xml", &out);
	r->status = 200;
	return 0;
}

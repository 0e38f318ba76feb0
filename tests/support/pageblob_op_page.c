/* SPDX-License-Identifier: Apache-2.0 */
/* Put Page: update, clear, from another blob of this server. */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "support/pageblob_codec.h"
#include "support/pageblob_conditions.h"
#include "support/pageblob_op.h"

struct page_range {
	uint64_t off, len;
};

/* x-ms-range wins over Range; both ends given, both aligned. */
static int parse_range(const struct pageblob_request *req, struct pageblob_reply *r, struct page_range *out)
{
	const char *text = pageblob_range_header(req), *action = pageblob_header(req, "x-ms-page-write");
	uint64_t start, end;

	if (!action)
		return pageblob_refuse_missing(r, "x-ms-page-write");
	if (strcasecmp(action, "update") != 0 && strcasecmp(action, "clear") != 0)
		return pageblob_refuse_value(r, "x-ms-page-write", action);
	if (!text)
		return pageblob_refuse_missing(r, "x-ms-range");
	if (pageblob_range_parse(text, &start, &end) < 0 || end == UINT64_MAX)
		return pageblob_refuse_value(r, "x-ms-range", text);
	if (start % PAGEBLOB_PAGE || (end + 1) % PAGEBLOB_PAGE)
		return pageblob_refuse(r, 416, "InvalidPageRange", "%s", text);
	*out = (struct page_range){ .off = start, .len = end - start + 1 };
	return 0;
}

/* Content-MD5 or x-ms-content-crc64 against the bytes that came. */
static int check_digest(const struct pageblob_request *req, struct pageblob_reply *r, const char *md5_name,
			const char *crc_name, const uint8_t *data, size_t len)
{
	const char *md5 = pageblob_header(req, md5_name), *crc = pageblob_header(req, crc_name);
	char md5_text[PAGEBLOB_MD5_TEXT], crc_text[PAGEBLOB_CRC64_TEXT];
	uint8_t raw[16];

	if (md5 && crc)
		return pageblob_refuse(r, 400, "BothCrc64AndMd5HeaderPresent", "%s", "");
	if (md5) {
		if (pageblob_base64_decode(md5, raw, sizeof(raw)) != 16)
			return pageblob_refuse(r, 400, "InvalidMd5", "%s", md5);
		pageblob_md5_text(data, len, md5_text);
		if (strcmp(md5, md5_text) != 0)
			return pageblob_refuse(r, 400, "Md5Mismatch", "%s sent, %s computed", md5, md5_text);
	}
	if (crc) {
		if (pageblob_base64_decode(crc, raw, sizeof(raw)) != 8)
			return pageblob_refuse_value(r, crc_name, crc);
		pageblob_crc64_text(data, len, crc_text);
		if (strcmp(crc, crc_text) != 0)
			return pageblob_refuse(r, 400, "Crc64Mismatch", "%s sent, %s computed", crc, crc_text);
	}
	return 0;
}

/* Existence, conditions, lease, number, end of the blob. */
static int find_for_pages(const struct pageblob_world *w, struct pageblob_request *req, struct pageblob_reply *r,
			  const struct page_range *range, struct pageblob_blob **out)
{
	struct pageblob_container *c;

	if (pageblob_find_blob(w, req, r, false, &c, out) < 0 ||
	    pageblob_check_conditions(req, (*out)->etag, (*out)->modified_ns, true, r) < 0 ||
	    pageblob_check_lease(req, *out, true, w->lease_now_ns, r) < 0 || pageblob_check_sequence(req, *out, r) < 0)
		return -1;
	if (!range_ok(range->off, range->len, (*out)->size))
		return pageblob_refuse(r, 416, "InvalidPageRange", "%" PRIu64 "+%" PRIu64 " of %" PRIu64 " bytes",
				       range->off, range->len, (*out)->size);
	return 0;
}

static void written(const struct pageblob_world *w, struct pageblob_blob *b, struct pageblob_reply *r)
{
	pageblob_blob_touch(w->store, b, w->lease_now_ns);
	pageblob_reply_version(r, b->etag, b->modified_ns);
	pageblob_reply_header(r, "x-ms-blob-sequence-number", "%" PRIu64, b->sequence);
	r->status = 201;
	r->changed = true;
}

static void store_pages(const struct pageblob_world *w, const struct pageblob_request *req, struct pageblob_reply *r,
			struct pageblob_blob *b, const struct page_range *range, const uint8_t *data, bool md5)
{
	char text[PAGEBLOB_MD5_TEXT];

	pageblob_pages_write(&b->pages, range->off, range->len, data, ++b->stamp);
	written(w, b, r);
	pageblob_reply_header(r, "x-ms-request-server-encrypted", "true");
	if (md5) {
		pageblob_md5_text(data, range->len, text);
		pageblob_reply_header(r, "Content-MD5", "%s", text);
	} else if (strcmp(pageblob_version(req), "2019-02-02") >= 0) {
		pageblob_crc64_text(data, range->len, text);
		pageblob_reply_header(r, "x-ms-content-crc64", "%s", text);
	}
}

int pageblob_put_page(const struct pageblob_world *w, struct pageblob_request *req, struct pageblob_reply *r)
{
	struct page_range range;
	struct pageblob_blob *b;

	if (req->body_received > PAGEBLOB_WRITE_MAX)
		return pageblob_refuse(r, 413, "RequestBodyTooLarge", "%" PRIu64 " bytes", req->body_received);
	if (pageblob_header(req, "x-ms-structured-body"))
		return pageblob_refuse(r, 400, "UnsupportedHeader", "%s", "x-ms-structured-body");
	if (parse_range(req, r, &range) < 0)
		return -1;
	if (range.len != req->body_received)
		return pageblob_refuse(r, 400, "InvalidHeaderValue",
				       "Content-Length: %" PRIu64 " for a range of %" PRIu64 " bytes",
				       req->body_received, range.len);
	if (check_digest(req, r, "Content-MD5", "x-ms-content-crc64", req->body, req->body_len) < 0 ||
	    find_for_pages(w, req, r, &range, &b) < 0)
		return -1;
	if (!req->check_only)
		store_pages(w, req, r, b, &range, req->body, pageblob_header(req, "Content-MD5") != NULL);
	return 0;
}

int pageblob_clear_pages(const struct pageblob_world *w, struct pageblob_request *req, struct pageblob_reply *r)
{
	struct page_range range;
	struct pageblob_blob *b;

	if (parse_range(req, r, &range) < 0)
		return -1;
	if (req->body_received)
		return pageblob_refuse(r, 400, "InvalidHeaderValue", "%s", "Content-Length of a clear is 0");
	if (pageblob_header(req, "Content-MD5") || pageblob_header(req, "x-ms-content-crc64"))
		return pageblob_refuse(r, 400, "InvalidHeaderValue", "%s", "a clear has no checksum");
	if (find_for_pages(w, req, r, &range, &b) < 0)
		return -1;
	if (req->check_only)
		return 0;
	pageblob_pages_clear(&b->pages, range.off, range.len);
	written(w, b, r);
	return 0;
}

static int cannot_verify(struct pageblob_reply *r, int status, const char *why)
{
	pageblob_reply_header(r, "x-ms-copy-source-status-code", "%d", status);
	pageblob_reply_header(r, "x-ms-copy-source-error-code", "%s", why);
	return pageblob_refuse(r, status, "CannotVerifyCopySource", "%s", why);
}

/* Reads the source as its own request, which a SAS must allow: the destination's signature says nothing about it. */
static int read_source(const struct pageblob_world *w, const struct pageblob_request *req, struct pageblob_reply *r,
		       const struct page_range *range, uint8_t *out)
{
	const char *url = pageblob_header(req, "x-ms-copy-source"),
		   *match = pageblob_header(req, "x-ms-source-if-match");
	const char *text = pageblob_header(req, "x-ms-source-range"), *scheme = strstr(url, "://");
	const char *path = scheme ? strchr(scheme + 3, '/') : NULL;
	struct pageblob_request *source = pageblob_request_new("GET", path ? path : "/");
	struct pageblob_container *c;
	struct pageblob_blob *b;
	struct pageblob_reply answer;
	uint64_t start, end;
	int rc = 0;

	pageblob_reply_init(&answer);
	pageblob_request_identify(source);
	if (match)
		pageblob_fields_add(&source->headers, "If-Match", match);
	if (!text || pageblob_range_parse(text, &start, &end) < 0 || end - start + 1 != range->len)
		rc = pageblob_refuse_value(r, "x-ms-source-range", text ? text : "");
	else if (source->op != PAGEBLOB_GET_BLOB)
		rc = pageblob_refuse_value(r, "x-ms-copy-source", "not a blob of this server");
	else if (pageblob_authorize(w->account, source, "r", 'o', &answer) < 0 ||
		 pageblob_find_blob(w, source, &answer, true, &c, &b) < 0 ||
		 pageblob_check_conditions(source, b->etag, b->modified_ns, true, &answer) < 0)
		rc = cannot_verify(r, answer.status, answer.code);
	else if (!range_ok(start, range->len, b->size))
		rc = cannot_verify(r, 416, "InvalidRange");
	else
		pageblob_pages_read(&b->pages, start, range->len, out);
	pageblob_reply_fini(&answer);
	pageblob_request_free(source);
	return rc;
}

int pageblob_put_page_from_url(const struct pageblob_world *w, struct pageblob_request *req, struct pageblob_reply *r)
{
	CLEANUP_FREE uint8_t *data = NULL;
	struct page_range range;
	struct pageblob_blob *b;

	if (parse_range(req, r, &range) < 0)
		return -1;
	if (range.len > PAGEBLOB_WRITE_MAX)
		return pageblob_refuse(r, 413, "RequestBodyTooLarge", "%" PRIu64 " bytes", range.len);
	if (req->body_received)
		return pageblob_refuse(r, 400, "InvalidHeaderValue", "%s", "Content-Length of a copy is 0");
	data = pageblob_alloc(range.len, 1);
	if (read_source(w, req, r, &range, data) < 0 ||
	    check_digest(req, r, "x-ms-source-content-md5", "x-ms-source-content-crc64", data, range.len) < 0 ||
	    find_for_pages(w, req, r, &range, &b) < 0)
		return -1;
	if (!req->check_only)
		store_pages(w, req, r, b, &range, data, pageblob_header(req, "x-ms-source-content-md5") != NULL);
	return 0;
}

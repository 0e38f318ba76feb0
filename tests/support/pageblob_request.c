/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "support/pageblob_request.h"

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* In a query '+' is a blank, as the service's own decoder has it: a signature must send it as %2B. */
static char *decode(const char *text, size_t len, bool query, bool *bad)
{
	char *out = pageblob_alloc(len + 1, 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int hi, lo;

		if (text[i] != '%') {
			out[n++] = query && text[i] == '+' ? ' ' : text[i];
			continue;
		}
		hi = i + 2 < len ? hex_digit(text[i + 1]) : -1;
		lo = i + 2 < len ? hex_digit(text[i + 2]) : -1;
		if (hi < 0 || lo < 0 || (hi == 0 && lo == 0)) {
			*bad = true;
			return out;
		}
		out[n++] = (char)(hi << 4 | lo);
		i += 2;
	}
	return out;
}

static void parse_query(struct pageblob_request *req, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "&");
		const char *eq = memchr(text, '=', len);
		size_t name_len = eq ? (size_t)(eq - text) : len;
		CLEANUP_FREE char *name = decode(text, name_len, true, &req->bad_target);
		CLEANUP_FREE char *value =
			decode(text + name_len + (eq != NULL), len - name_len - (eq != NULL), true, &req->bad_target);

		for (char *c = name; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		if (*name)
			pageblob_fields_add(&req->query, name, value);
		text += len + (text[len] == '&');
	}
}

struct pageblob_request *pageblob_request_new(const char *method, const char *target)
{
	struct pageblob_request *req = pageblob_alloc(1, sizeof(*req));
	size_t path_len = strcspn(target, "?");
	char **parts[] = { &req->account, &req->container, &req->blob };
	const char *at;

	req->method = pageblob_strdup(method);
	req->raw_path = pageblob_strndup(target, path_len);
	if (target[path_len])
		parse_query(req, target + path_len + 1);
	at = req->raw_path;
	for (size_t i = 0; i < ARRAY_LEN(parts) && *at == '/' && at[1]; i++) {
		size_t len = i + 1 < ARRAY_LEN(parts) ? strcspn(++at, "/") : strlen(++at);

		if (len > 0)
			*parts[i] = decode(at, len, false, &req->bad_target);
		at += len;
	}
	if (!req->account)
		req->bad_target = true;
	return req;
}

void pageblob_request_free(struct pageblob_request *req)
{
	if (!req)
		return;
	pageblob_fields_fini(&req->query);
	pageblob_fields_fini(&req->headers);
	free(req->method);
	free(req->raw_path);
	free(req->account);
	free(req->container);
	free(req->blob);
	free(req->body);
	free(req);
}

const char *pageblob_header(const struct pageblob_request *req, const char *name)
{
	return pageblob_fields_get(&req->headers, name);
}

const char *pageblob_query(const struct pageblob_request *req, const char *name)
{
	return pageblob_fields_get(&req->query, name);
}

static bool is(const char *text, const char *wanted)
{
	return strcasecmp(text ? text : "", wanted) == 0;
}

static enum pageblob_op put_page_op(const struct pageblob_request *req)
{
	if (pageblob_header(req, "x-ms-copy-source"))
		return PAGEBLOB_PUT_PAGE_FROM_URL;
	return is(pageblob_header(req, "x-ms-page-write"), "clear") ? PAGEBLOB_CLEAR_PAGES : PAGEBLOB_PUT_PAGE;
}

static enum pageblob_op lease_op(const struct pageblob_request *req)
{
	static const struct {
		const char *action;
		enum pageblob_op op;
	} actions[] = {
		{ "acquire", PAGEBLOB_LEASE_ACQUIRE }, { "renew", PAGEBLOB_LEASE_RENEW },
		{ "change", PAGEBLOB_LEASE_CHANGE },   { "release", PAGEBLOB_LEASE_RELEASE },
		{ "break", PAGEBLOB_LEASE_BREAK },
	};

	for (size_t i = 0; i < ARRAY_LEN(actions); i++)
		if (is(pageblob_header(req, "x-ms-lease-action"), actions[i].action))
			return actions[i].op;
	return PAGEBLOB_UNKNOWN;
}

static enum pageblob_op blob_op(const struct pageblob_request *req, const char *comp)
{
	bool get = is(req->method, "GET"), head = is(req->method, "HEAD"), put = is(req->method, "PUT");

	if (is(comp, ""))
		return get                                                ? PAGEBLOB_GET_BLOB
		       : head                                             ? PAGEBLOB_GET_BLOB_PROPERTIES
		       : put && !pageblob_header(req, "x-ms-copy-source") ? PAGEBLOB_PUT_BLOB
		       : is(req->method, "DELETE")                        ? PAGEBLOB_DELETE_BLOB
									  : PAGEBLOB_UNKNOWN;
	if (is(comp, "pagelist") && get)
		return PAGEBLOB_GET_PAGE_RANGES;
	if (is(comp, "metadata") && (get || head))
		return PAGEBLOB_GET_BLOB_METADATA;
	if (!put)
		return PAGEBLOB_UNKNOWN;
	return is(comp, "page")         ? put_page_op(req)
	       : is(comp, "lease")      ? lease_op(req)
	       : is(comp, "properties") ? PAGEBLOB_SET_BLOB_PROPERTIES
	       : is(comp, "metadata")   ? PAGEBLOB_SET_BLOB_METADATA
	       : is(comp, "snapshot")   ? PAGEBLOB_SNAPSHOT_BLOB
					: PAGEBLOB_UNKNOWN;
}

void pageblob_request_identify(struct pageblob_request *req)
{
	const char *comp = pageblob_query(req, "comp"), *restype = pageblob_query(req, "restype");
	bool get = is(req->method, "GET"), head = is(req->method, "HEAD");

	req->op = PAGEBLOB_UNKNOWN;
	if (req->bad_target)
		return;
	if (is(restype, "account")) {
		if (is(comp, "properties") && (get || head))
			req->op = PAGEBLOB_GET_ACCOUNT_INFO;
	} else if (is(restype, "container") && req->container && !req->blob) {
		if (is(comp, "list") && get)
			req->op = PAGEBLOB_LIST_BLOBS;
		else if (is(comp, "") && (get || head))
			req->op = PAGEBLOB_GET_CONTAINER_PROPERTIES;
		else if (is(comp, "") && is(req->method, "PUT"))
			req->op = PAGEBLOB_CREATE_CONTAINER;
		else if (is(comp, "") && is(req->method, "DELETE"))
			req->op = PAGEBLOB_DELETE_CONTAINER;
	} else if (!restype && req->blob) {
		req->op = blob_op(req, comp);
	}
}

void pageblob_xml(struct strbuf *b, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			strbuf_adds(b, "&amp;");
			break;
		case '<':
			strbuf_adds(b, "&lt;");
			break;
		case '>':
			strbuf_adds(b, "&gt;");
			break;
		case '"':
			strbuf_adds(b, "&quot;");
			break;
		case '\'':
			strbuf_adds(b, "&apos;");
			break;
		default:
			strbuf_add(b, text, 1);
		}
	}
}

int pageblob_range_parse(const char *text, uint64_t *start_out, uint64_t *end_out)
{
	CLEANUP_FREE char *copy = pageblob_strdup(text);
	char *dash, *first = copy + strlen("bytes=");
	uint64_t start, end = UINT64_MAX;

	if (strncmp(copy, "bytes=", strlen("bytes=")) != 0)
		return -1;
	dash = strchr(first, '-');
	if (!dash)
		return -1;
	*dash = '\0';
	if (parse_u64(first, INT64_MAX, &start, NULL) < 0 ||
	    (dash[1] && parse_u64(dash + 1, INT64_MAX, &end, NULL) < 0) || end < start)
		return -1;
	*start_out = start;
	*end_out = end;
	return 0;
}

const char *pageblob_range_header(const struct pageblob_request *req)
{
	const char *range = pageblob_header(req, "x-ms-range");

	return range ? range : pageblob_header(req, "Range");
}

int pageblob_number_header(const struct pageblob_request *req, struct pageblob_reply *r, const char *name, uint64_t max,
			   uint64_t *out)
{
	const char *text = pageblob_header(req, name);

	if (text && parse_u64(text, max, out, NULL) < 0)
		return pageblob_refuse_value(r, name, text);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/pageblob_request.h"

void pageblob_reply_init(struct pageblob_reply *r)
{
	*r = (struct pageblob_reply){ .cut_at = UINT64_MAX, .flip_at = UINT64_MAX };
}

void pageblob_reply_fini(struct pageblob_reply *r)
{
	pageblob_fields_fini(&r->headers);
	free(r->detail);
	free(r->body);
	r->detail = NULL;
	r->body = NULL;
}

void pageblob_reply_header(struct pageblob_reply *r, const char *name, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	pageblob_fields_add(&r->headers, name, text);
	free(text);
}

void pageblob_reply_body(struct pageblob_reply *r, const char *type, struct strbuf *text)
{
	r->body_len = text->len;
	r->body = (uint8_t *)strbuf_take(text, NULL);
	if (!r->body)
		abort();
	pageblob_reply_header(r, "Content-Type", "%s", type);
}

int pageblob_refuse(struct pageblob_reply *r, int status, const char *code, const char *detail_fmt, ...)
{
	va_list ap;
	int n;

	r->status = status;
	r->code = code;
	free(r->detail);
	r->detail = NULL;
	va_start(ap, detail_fmt);
	n = vasprintf(&r->detail, detail_fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	return -1;
}

int pageblob_refuse_missing(struct pageblob_reply *r, const char *header)
{
	return pageblob_refuse(r, 400, "MissingRequiredHeader", "%s", header);
}

int pageblob_refuse_value(struct pageblob_reply *r, const char *header, const char *value)
{
	return pageblob_refuse(r, 400, "InvalidHeaderValue", "%s: %s", header, value);
}

void pageblob_reply_finish(struct pageblob_reply *r, const struct pageblob_request *req)
{
	const char *id = pageblob_header(req, "x-ms-client-request-id");
	struct strbuf text = { 0 };

	if (id)
		pageblob_reply_header(r, "x-ms-client-request-id", "%s", id);
	if (!r->code)
		return;
	pageblob_reply_header(r, "x-ms-error-code", "%s", r->code);
	if (r->status == 304)
		return;
	strbuf_adds(&text, "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>");
	pageblob_xml(&text, r->code);
	strbuf_adds(&text, "</Code><Message>The page-blob server refused the request: ");
	pageblob_xml(&text, r->code);
	strbuf_adds(&text, "</Message>");
	if (r->detail && *r->detail) {
		strbuf_adds(&text, "<ExtendedErrorDetail>");
		pageblob_xml(&text, r->detail);
		strbuf_adds(&text, "</ExtendedErrorDetail>");
	}
	strbuf_adds(&text, "</Error>");
	free(r->body);
	pageblob_reply_body(r, "application/xml", &text);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "target/azure_request.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"
#include "net/credentials.h"

/* Points the headers at their texts, which may have moved. */
static void settle(struct azure_text *t)
{
	for (size_t i = 0; i < t->n_headers; i++) {
		t->headers[i].name = t->text.s + t->at[2 * i];
		t->headers[i].value = t->text.s + t->at[2 * i + 1];
	}
}

static int no_memory(struct error *err)
{
	return error_set(err, ERR_NOMEM, "text of a request");
}

static int grow(struct azure_text *t, struct error *err)
{
	size_t cap = t->cap ? 2 * t->cap : 32;
	struct http_header *headers = reallocarray(t->headers, cap, sizeof(*headers));
	size_t *at;

	if (headers)
		t->headers = headers;
	at = headers ? reallocarray(t->at, cap, 2 * sizeof(*at)) : NULL;
	if (!at)
		return no_memory(err);
	t->at = at;
	t->cap = cap;
	return 0;
}

/* "x-ms-" and "x-ms-meta-" are joined here, so that a name needs no buffer of its own. */
static int add(struct azure_text *t, const char *head, const char *name, const char *value, struct error *err)
{
	if (t->n_headers == t->cap && grow(t, err) < 0)
		return -1;
	t->at[2 * t->n_headers] = t->text.len;
	strbuf_adds(&t->text, head);
	strbuf_add(&t->text, name, strlen(name) + 1);
	t->at[2 * t->n_headers + 1] = t->text.len;
	strbuf_add(&t->text, value, strlen(value) + 1);
	if (t->text.failed)
		return no_memory(err);
	t->n_headers++;
	return 0;
}

static int addf(struct azure_text *t, const char *name, struct error *err, const char *fmt, ...) PRINTF_FMT(4, 5);
static int addf(struct azure_text *t, const char *name, struct error *err, const char *fmt, ...)
{
	char value[80];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	assert(n >= 0 && (size_t)n < sizeof(value)); /* two numbers at most */
	(void)n;
	return add(t, "", name, value, err);
}

int azure_text_header(struct azure_text *t, const char *name, const char *value, struct error *err)
{
	if (add(t, "", name, value, err) < 0)
		return -1;
	settle(t);
	return 0;
}

int azure_request_sign(struct azure_text *t, const struct credentials *creds, size_t body_len, struct error *err)
{
	CLEANUP_FREE char *url = NULL;
	CLEANUP_FREE char *authorization = NULL;

	if (credentials_authorize(creds, t->method, t->url.s, t->headers, t->n_headers, body_len, &url, &authorization,
				  &t->generation, err) < 0)
		return -1;
	t->url.len = 0;
	strbuf_adds(&t->url, url);
	if (t->url.failed)
		return no_memory(err);
	return authorization ? azure_text_header(t, "Authorization", authorization, err) : 0;
}

void azure_text_fini(struct azure_text *t)
{
	strbuf_fini(&t->url);
	strbuf_fini(&t->text);
	free(t->headers);
	free(t->at);
	memset(t, 0, sizeof(*t));
}

bool azure_meta_key_ok(const char *key)
{
	size_t len = strlen(key);

	return len > 0 && len < sizeof(((struct target_meta_item *)0)->key) &&
	       strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789") == len;
}

static int add_meta(struct azure_text *t, const struct target_meta *meta, struct error *err)
{
	size_t total = 0;

	for (size_t i = 0; meta && i < meta->n; i++) {
		CLEANUP_FREE char *value = NULL;

		if (!azure_meta_key_ok(meta->v[i].key))
			return error_set(err, ERR_BUG, "metadata key '%s' (letters a to z and digits only)",
					 meta->v[i].key);
		value = escape_url_component(meta->v[i].value, err);
		if (!value)
			return -1;
		total += strlen(meta->v[i].key) + strlen(value);
		if (total > AZURE_META_MAX)
			return error_set(err, ERR_USAGE, "metadata '%s': more than %d bytes of metadata",
					 meta->v[i].key, AZURE_META_MAX);
		if (add(t, "x-ms-meta-", meta->v[i].key, value, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- method and URL ---- */

static int add_query(struct azure_text *t, const char *name, const char *value, struct error *err)
{
	CLEANUP_FREE char *encoded = escape_url_component(value, err);

	if (!encoded)
		return -1;
	strbuf_addf(&t->url, "%c%s=%s", strchr(t->url.s, '?') ? '&' : '?', name, encoded);
	return 0;
}

static const struct {
	const char *method, *query, *noun;
} table[] = {
	[AZURE_ACCOUNT] = { "GET", "?restype=account&comp=properties", "account information" },
	[AZURE_CREATE_CONTAINER] = { "PUT", "?restype=container", "creation of the container" },
	[AZURE_LIST] = { "GET", "?restype=container&comp=list", "list of blobs" },
	[AZURE_LOOK] = { "HEAD", "", "properties" },
	[AZURE_CREATE] = { "PUT", "", "creation" },
	[AZURE_WRITE] = { "PUT", "?comp=page", "write" },
	[AZURE_CLEAR] = { "PUT", "?comp=page", "clear" },
	[AZURE_READ] = { "GET", "", "read" },
	[AZURE_RANGES] = { "GET", "?comp=pagelist", "page ranges" },
	[AZURE_RAISE] = { "PUT", "?comp=properties", "sequence number" },
	[AZURE_RESIZE] = { "PUT", "?comp=properties", "resize" },
	[AZURE_SET_META] = { "PUT", "?comp=metadata", "metadata" },
	[AZURE_SNAPSHOT] = { "PUT", "?comp=snapshot", "snapshot" },
	[AZURE_DELETE_SNAPSHOT] = { "DELETE", "", "removal of a recovery point" },
	[AZURE_LEASE_ACQUIRE] = { "PUT", "?comp=lease", "lease" },
	[AZURE_LEASE_RENEW] = { "PUT", "?comp=lease", "renewal of the lease" },
	[AZURE_LEASE_RELEASE] = { "PUT", "?comp=lease", "release of the lease" },
	[AZURE_LEASE_BREAK] = { "PUT", "?comp=lease", "break of the lease" },
};

static int build_url(const struct azure_call *call, struct azure_text *t, struct error *err)
{
	char number[24];

	strbuf_adds(&t->url, call->url);
	strbuf_adds(&t->url, table[call->op].query);
	if (t->url.failed)
		return no_memory(err);
	/* Without its snapshot this request would delete the replica. */
	if (call->op == AZURE_DELETE_SNAPSHOT && !(call->snapshot && *call->snapshot))
		return error_set(err, ERR_BUG, "%s: of no snapshot", table[call->op].noun);
	if (call->op == AZURE_LIST) {
		strbuf_adds(&t->url, call->snapshots ? "&include=snapshots%2Cmetadata" : "&include=metadata");
		if (call->prefix && *call->prefix && add_query(t, "prefix", call->prefix, err) < 0)
			return -1;
	}
	if (call->op == AZURE_RANGES || (call->op == AZURE_LIST && call->max_results)) {
		snprintf(number, sizeof(number), "%u", call->op == AZURE_LIST ? call->max_results : AZURE_RANGES_MAX);
		if (add_query(t, "maxresults", number, err) < 0)
			return -1;
	}
	if (call->marker && *call->marker && add_query(t, "marker", call->marker, err) < 0)
		return -1;
	if (call->snapshot && add_query(t, "snapshot", call->snapshot, err) < 0)
		return -1;
	return t->url.failed ? no_memory(err) : 0;
}

/* ---- headers ---- */

/* Ranges are always first-last: a suffix range has no use here, and one known emulator dies of it. */
static int add_range(struct azure_text *t, const struct azure_call *call, struct error *err)
{
	assert(call->len > 0 && call->off <= UINT64_MAX - (call->len - 1));
	return addf(t, "x-ms-range", err, "bytes=%" PRIu64 "-%" PRIu64, call->off, call->off + (call->len - 1));
}

static int add_page(struct azure_text *t, const struct azure_call *call, struct error *err)
{
	if (add(t, "", "x-ms-page-write", call->op == AZURE_WRITE ? "update" : "clear", err) < 0 ||
	    add_range(t, call, err) < 0)
		return -1;
	if (call->if_number && addf(t, "x-ms-if-sequence-number-eq", err, "%" PRIu64, call->number) < 0)
		return -1;
	if (call->op == AZURE_CLEAR)
		return 0;
	assert(call->sum);
	return add(t, "", call->checksum == AZURE_MD5 ? "Content-MD5" : "x-ms-content-crc64", call->sum, err);
}

static int add_lease(struct azure_text *t, const struct azure_call *call, struct error *err)
{
	switch (call->op) {
	case AZURE_LEASE_ACQUIRE:
		if (add(t, "", "x-ms-lease-action", "acquire", err) < 0 ||
		    addf(t, "x-ms-lease-duration", err, "%d", TARGET_LEASE_SECONDS) < 0)
			return -1;
		return add(t, "", "x-ms-proposed-lease-id", call->lease_id, err);
	case AZURE_LEASE_BREAK:
		if (add(t, "", "x-ms-lease-action", "break", err) < 0)
			return -1;
		return add(t, "", "x-ms-lease-break-period", "0", err);
	default:
		if (add(t, "", "x-ms-lease-action", call->op == AZURE_LEASE_RENEW ? "renew" : "release", err) < 0)
			return -1;
		return add(t, "", "x-ms-lease-id", call->lease_id, err);
	}
}

static int add_special(struct azure_text *t, const struct azure_call *call, struct error *err)
{
	switch (call->op) {
	case AZURE_CREATE:
		if (add(t, "", "If-None-Match", "*", err) < 0 || add(t, "", "x-ms-blob-type", "PageBlob", err) < 0 ||
		    addf(t, "x-ms-blob-content-length", err, "%" PRIu64, call->size) < 0 ||
		    addf(t, "x-ms-blob-sequence-number", err, "%" PRIu64, call->number) < 0)
			return -1;
		return add_meta(t, call->meta, err);
	case AZURE_WRITE:
	case AZURE_CLEAR:
		return add_page(t, call, err);
	case AZURE_READ:
		if (add_range(t, call, err) < 0)
			return -1;
		return add(t, "",
			   call->checksum == AZURE_MD5 ? "x-ms-range-get-content-md5" : "x-ms-range-get-content-crc64",
			   "true", err);
	case AZURE_RANGES:
		return add_range(t, call, err);
	case AZURE_RAISE:
		if (add(t, "", "x-ms-sequence-number-action", "max", err) < 0)
			return -1;
		return addf(t, "x-ms-blob-sequence-number", err, "%" PRIu64, call->number);
	case AZURE_RESIZE:
		return addf(t, "x-ms-blob-content-length", err, "%" PRIu64, call->size);
	case AZURE_SET_META:
	case AZURE_SNAPSHOT:
		return add_meta(t, call->meta, err);
	default:
		return 0;
	}
}

int azure_request_build(const struct azure_call *call, struct azure_text *out, struct error *err)
{
	bool lease_op = call->op >= AZURE_LEASE_ACQUIRE;
	char date[CLOCK_TEXT_LEN];

	out->method = table[call->op].method;
	out->url.len = 0;
	out->text.len = 0;
	out->url.failed = out->text.failed = false;
	out->n_headers = 0;
	if (build_url(call, out, err) < 0)
		return -1;
	clock_format_http(call->now_ns, date);
	if (add(out, "", "x-ms-version", AZURE_API_VERSION, err) < 0 || add(out, "", "x-ms-date", date, err) < 0 ||
	    add(out, "", "x-ms-client-request-id", call->request_id, err) < 0)
		return -1;
	if (call->if_version && add(out, "", "If-Match", call->if_version, err) < 0)
		return -1;
	if (lease_op && add_lease(out, call, err) < 0)
		return -1;
	if (!lease_op && call->lease_id && add(out, "", "x-ms-lease-id", call->lease_id, err) < 0)
		return -1;
	if (add_special(out, call, err) < 0)
		return -1;
	settle(out);
	return 0;
}

void azure_call_describe(const struct azure_call *call, char *out, size_t len)
{
	switch (call->op) {
	case AZURE_WRITE:
	case AZURE_CLEAR:
	case AZURE_READ:
	case AZURE_RANGES:
		snprintf(out, len, "%s of %" PRIu64 " bytes at %#" PRIx64, table[call->op].noun, call->len, call->off);
		break;
	case AZURE_RESIZE:
		snprintf(out, len, "resize to %" PRIu64 " bytes", call->size);
		break;
	default:
		snprintf(out, len, "%s", table[call->op].noun);
	}
}

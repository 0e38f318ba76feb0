/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <ctype.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "support/pageblob_auth.h"
#include "support/pageblob_codec.h"

#define NS_PER_S UINT64_C(1000000000)
#define SKEW_MAX_NS (15 * 60 * NS_PER_S)

const char *pageblob_version(const struct pageblob_request *req)
{
	const char *version = pageblob_header(req, "x-ms-version");

	if (!version)
		version = pageblob_query(req, "sv");
	return version ? version : "";
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static char *take(struct strbuf *b)
{
	char *text = strbuf_take(b, NULL);

	if (!text)
		abort();
	return text;
}

/*
 * The service sorts by the rules of a culture, not by bytes: a hyphen counts only between names that are equal without
 * it, and an underscore goes before digits and letters.
 */
static int culture_weight(char c)
{
	return c == '_' ? 1 : (unsigned char)c + 2;
}

static int by_culture(const void *va, const void *vb)
{
	const char *whole_a = *(const char *const *)va, *whole_b = *(const char *const *)vb;
	const char *a = whole_a, *b = whole_b;

	for (;; a++, b++) {
		a += strspn(a, "-");
		b += strspn(b, "-");
		if (!*a || !*b || *a != *b)
			break;
	}
	if (*a || *b)
		return !*a ? -1 : !*b ? 1 : culture_weight(*a) - culture_weight(*b);
	return strcmp(whole_a, whole_b);
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Blanks at both ends go; runs of blanks inside are one. */
static void add_folded(struct strbuf *out, const char *value)
{
	bool gap = false, any = false;

	for (; *value; value++) {
		if (isspace((unsigned char)*value)) {
			gap = any;
			continue;
		}
		if (gap)
			strbuf_adds(out, " ");
		strbuf_add(out, value, 1);
		any = true;
		gap = false;
	}
}

static void add_headers(struct strbuf *out, const struct pageblob_request *req)
{
	CLEANUP_FREE char **names = pageblob_alloc(req->headers.n, sizeof(*names));
	size_t n = 0;

	for (size_t i = 0; i < req->headers.n; i++) {
		if (strncasecmp(req->headers.v[i].name, "x-ms-", 5) != 0)
			continue;
		names[n] = pageblob_strdup(req->headers.v[i].name);
		for (char *c = names[n]; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		n++;
	}
	qsort(names, n, sizeof(*names), by_culture);
	for (size_t i = 0; i < n; i++) {
		strbuf_addf(out, "%s:", names[i]);
		add_folded(out, or_empty(pageblob_header(req, names[i])));
		strbuf_adds(out, "\n");
		free(names[i]);
	}
}

static void add_resource(struct strbuf *out, const struct pageblob_request *req, const char *account)
{
	size_t n = req->query.n;
	CLEANUP_FREE const char **lines = pageblob_alloc(n, sizeof(*lines));

	strbuf_addf(out, "/%s%s", account, req->raw_path);
	for (size_t i = 0; i < n; i++) {
		struct strbuf line = { 0 };

		strbuf_addf(&line, "\n%s:%s", req->query.v[i].name, req->query.v[i].value);
		lines[i] = take(&line);
	}
	qsort(lines, n, sizeof(*lines), by_bytes);
	for (size_t i = 0; i < n; i++) {
		size_t name_len = strcspn(lines[i], ":") + 1;

		if (i > 0 && strncmp(lines[i], lines[i - 1], name_len) == 0)
			strbuf_addf(out, ",%s", lines[i] + name_len);
		else
			strbuf_adds(out, lines[i]);
	}
	for (size_t i = 0; i < n; i++)
		free((char *)lines[i]);
}

static char *string_to_sign(const struct pageblob_request *req, const char *account)
{
	static const char *const standard[] = { "Content-Encoding",
						"Content-Language",
						"Content-Length",
						"Content-MD5",
						"Content-Type",
						"Date",
						"If-Modified-Since",
						"If-Match",
						"If-None-Match",
						"If-Unmodified-Since",
						"Range" };
	struct strbuf out = { 0 };

	strbuf_addf(&out, "%s\n", req->method);
	for (size_t i = 0; i < ARRAY_LEN(standard); i++) {
		const char *value = or_empty(pageblob_header(req, standard[i]));

		if (strcmp(standard[i], "Content-Length") == 0 && strcmp(value, "0") == 0)
			value = "";
		if (strcmp(standard[i], "Date") == 0 && pageblob_header(req, "x-ms-date"))
			value = "";
		strbuf_addf(&out, "%s\n", value);
	}
	add_headers(&out, req);
	add_resource(&out, req, account);
	return take(&out);
}

static int failed(struct pageblob_reply *r, const char *why, const char *text)
{
	return pageblob_refuse(r, 403, "AuthenticationFailed", "%s: '%s'", why, text);
}

static bool same_signature(const char *a, const char *b)
{
	return strlen(a) == strlen(b) && CRYPTO_memcmp(a, b, strlen(a)) == 0;
}

static int check_shared_key(const struct pageblob_account *a, const struct pageblob_request *req, const char *given,
			    struct pageblob_reply *r)
{
	const char *date = pageblob_header(req, "x-ms-date"), *colon = strchr(given, ':');
	CLEANUP_FREE char *text = string_to_sign(req, a->name);
	char signature[PAGEBLOB_SHA256_TEXT];
	uint64_t sent, now = clock_realtime_ns();

	if (!*or_empty(pageblob_header(req, "x-ms-version")))
		return pageblob_refuse_missing(r, "x-ms-version");
	if (!date)
		date = pageblob_header(req, "Date");
	if (!date || clock_parse(date, &sent, NULL) < 0)
		return failed(r, "no valid x-ms-date or Date", or_empty(date));
	if (!a->any_date && (sent > now ? sent - now : now - sent) > SKEW_MAX_NS)
		return failed(r, "the request's date is more than 15 minutes off", date);
	if (!colon || strlen(a->name) != (size_t)(colon - given) || strncmp(given, a->name, strlen(a->name)) != 0)
		return failed(r, "the key is of another account", a->name);
	pageblob_hmac_text(a->key, a->key_len, text, signature);
	if (!same_signature(signature, colon + 1))
		return failed(r, "wrong signature; the server signed", text);
	return 0;
}

/* The four forms of a time that a SAS may carry. */
static int sas_time(const char *text, uint64_t *ns_out)
{
	static const char *const forms[] = { "%Y-%m-%d", "%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%SZ" };

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct tm tm = { 0 };
		const char *end = strptime(text, forms[i], &tm);

		if (end && !*end) {
			*ns_out = (uint64_t)timegm(&tm) * NS_PER_S;
			return 0;
		}
	}
	return clock_parse(text, ns_out, NULL);
}

static int check_sas_time(const struct pageblob_request *req, struct pageblob_reply *r)
{
	const char *start = pageblob_query(req, "st"), *expiry = pageblob_query(req, "se");
	uint64_t now = clock_realtime_ns(), at;

	if (start && *start && (sas_time(start, &at) < 0 || at > now))
		return failed(r, "the SAS is not valid yet", start);
	if (!expiry || sas_time(expiry, &at) < 0 || at <= now)
		return failed(r, "the SAS has expired", or_empty(expiry));
	return 0;
}

static char *account_sas_text(const struct pageblob_account *a, const struct pageblob_request *req)
{
	static const char *const fields[] = { "sp", "ss", "srt", "st", "se", "sip", "spr", "sv", "ses" };
	size_t n = strcmp(or_empty(pageblob_query(req, "sv")), "2020-12-06") >= 0 ? ARRAY_LEN(fields)
										  : ARRAY_LEN(fields) - 1;
	struct strbuf out = { 0 };

	strbuf_addf(&out, "%s\n", a->name);
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&out, "%s\n", or_empty(pageblob_query(req, fields[i])));
	return take(&out);
}

static char *service_sas_text(const struct pageblob_account *a, const struct pageblob_request *req, const char *sr)
{
	static const char *const before[] = { "sp", "st", "se" };
	static const char *const between[] = { "si", "sip", "spr", "sv", "sr" };
	static const char *const after[] = { "rscc", "rscd", "rsce", "rscl", "rsct" };
	struct strbuf out = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(before); i++)
		strbuf_addf(&out, "%s\n", or_empty(pageblob_query(req, before[i])));
	strbuf_addf(&out, "/blob/%s/%s", a->name, or_empty(req->container));
	if (*sr == 'b')
		strbuf_addf(&out, "/%s", or_empty(req->blob));
	strbuf_adds(&out, "\n");
	for (size_t i = 0; i < ARRAY_LEN(between); i++)
		strbuf_addf(&out, "%s\n", or_empty(pageblob_query(req, between[i])));
	strbuf_addf(&out, "%s\n", strcmp(sr, "bs") == 0 ? or_empty(pageblob_query(req, "snapshot")) : "");
	if (strcmp(or_empty(pageblob_query(req, "sv")), "2020-12-06") >= 0)
		strbuf_addf(&out, "%s\n", or_empty(pageblob_query(req, "ses")));
	for (size_t i = 0; i < ARRAY_LEN(after); i++)
		strbuf_addf(&out, "%s%s", i ? "\n" : "", or_empty(pageblob_query(req, after[i])));
	return take(&out);
}

static int check_sas(const struct pageblob_account *a, const struct pageblob_request *req, const char *any_of,
		     char level, struct pageblob_reply *r)
{
	const char *sr = pageblob_query(req, "sr"), *ss = or_empty(pageblob_query(req, "ss"));
	const char *srt = or_empty(pageblob_query(req, "srt")), *sp = or_empty(pageblob_query(req, "sp"));
	const char *ip = pageblob_query(req, "sip");
	CLEANUP_FREE char *text = NULL;
	char signature[PAGEBLOB_SHA256_TEXT];

	if (strcmp(or_empty(pageblob_query(req, "sv")), "2018-11-09") < 0)
		return failed(r, "no sv, or one that this server does not know", or_empty(pageblob_query(req, "sv")));
	if (pageblob_query(req, "si") || pageblob_query(req, "skoid"))
		return failed(r, "stored policies and user delegation are not served here", "");
	if (sr && strcmp(sr, "b") != 0 && strcmp(sr, "bs") != 0 && strcmp(sr, "c") != 0)
		return failed(r, "sr", sr);
	text = sr ? service_sas_text(a, req, sr) : account_sas_text(a, req);
	pageblob_hmac_text(a->key, a->key_len, text, signature);
	if (!same_signature(signature, or_empty(pageblob_query(req, "sig"))))
		return failed(r, "wrong signature; the server signed", text);
	if (check_sas_time(req, r) < 0)
		return -1;
	if (!req->secure && strcmp(or_empty(pageblob_query(req, "spr")), "https") == 0)
		return pageblob_refuse(r, 403, "AuthorizationProtocolMismatch", "%s", "https only");
	if (ip && *ip && strcmp(ip, "127.0.0.1") != 0 && strncmp(ip, "127.0.0.", 8) != 0)
		return pageblob_refuse(r, 403, "AuthorizationSourceIPMismatch", "%s", ip);
	if (!sr && !strchr(ss, 'b'))
		return pageblob_refuse(r, 403, "AuthorizationServiceMismatch", "ss=%s", ss);
	if (!sr && !strchr(srt, level))
		return pageblob_refuse(r, 403, "AuthorizationResourceTypeMismatch", "srt=%s lacks %c", srt, level);
	if (sr && level == 'c' && req->op != PAGEBLOB_LIST_BLOBS)
		return pageblob_refuse(r, 403, "AuthorizationPermissionMismatch", "%s",
				       "a service SAS and a container");
	if (!*sp || !strpbrk(sp, any_of))
		return pageblob_refuse(r, 403, "AuthorizationPermissionMismatch", "sp=%s has none of %s", sp, any_of);
	return 0;
}

int pageblob_authorize(const struct pageblob_account *a, const struct pageblob_request *req, const char *any_of,
		       char level, struct pageblob_reply *r)
{
	const char *given = pageblob_header(req, "Authorization"), *version = pageblob_header(req, "x-ms-version");

	if (strcmp(or_empty(req->account), a->name) != 0)
		return failed(r, "no such account", or_empty(req->account));
	if (version && (strlen(version) != 10 || strspn(version, "0123456789-") != 10 ||
			strcmp(version, "2015-02-21") < 0 || strcmp(version, "2026-10-06") > 0))
		return pageblob_refuse_value(r, "x-ms-version", version);
	if (given && strncmp(given, "SharedKey ", 10) == 0)
		return check_shared_key(a, req, given + 10, r);
	if (given && strncmp(given, "Bearer ", 7) == 0) {
		if (!version)
			return pageblob_refuse_missing(r, "x-ms-version");
		if (strcmp(version, "2017-11-09") < 0)
			return pageblob_refuse_value(r, "x-ms-version", version);
		if (a->bearer && strcmp(given + 7, a->bearer) == 0)
			return 0;
		switch (pageblob_tokens_check(a->tokens, given + 7)) {
		case PAGEBLOB_TOKEN_GOOD:
			return 0;
		case PAGEBLOB_TOKEN_ENDED:
			return pageblob_refuse(r, 401, "InvalidAuthenticationInfo", "%s",
					       "Lifetime validation failed. The token is expired.");
		default:
			return pageblob_refuse(r, 401, "InvalidAuthenticationInfo", "%s", "the token is not accepted");
		}
	}
	if (given)
		return pageblob_refuse(r, 400, "InvalidAuthenticationInfo", "%s", "Authorization");
	if (pageblob_query(req, "sig"))
		return check_sas(a, req, any_of, level, r);
	return pageblob_refuse(r, 401, "NoAuthenticationInformation", "%s", "");
}

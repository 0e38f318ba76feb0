/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/strbuf.h"
#include "net/sas.h"

#define SKEW_NS (UINT64_C(900) * 1000000000)

/* Parameters whose text is taken as it is. */
static const struct field {
	const char *name;
	size_t off, size;
} fields[] = {
	{ "sp", offsetof(struct sas, permissions), sizeof(((struct sas *)0)->permissions) },
	{ "sr", offsetof(struct sas, resource), sizeof(((struct sas *)0)->resource) },
	{ "ss", offsetof(struct sas, services), sizeof(((struct sas *)0)->services) },
	{ "spr", offsetof(struct sas, protocol), sizeof(((struct sas *)0)->protocol) },
	{ "sip", offsetof(struct sas, ip), sizeof(((struct sas *)0)->ip) },
	{ "si", offsetof(struct sas, policy), sizeof(((struct sas *)0)->policy) },
};

static bool is_name(const char *parameter, size_t len, const char *name)
{
	size_t n = strlen(name);

	return len > n && memcmp(parameter, name, n) == 0 && parameter[n] == '=';
}

/* se and st: a date, a date with minutes, or with seconds. */
static int parse_time(const char *name, const char *text, uint64_t *out, struct error *err)
{
	size_t len = strlen(text);
	char full[40] = "";

	if (len == 10) /* 2026-11-21 */
		snprintf(full, sizeof(full), "%sT00:00:00Z", text);
	else if (len == 17 && text[16] == 'Z') /* 2026-11-21T22:00Z */
		snprintf(full, sizeof(full), "%.16s:00Z", text);
	else
		snprintf(full, sizeof(full), "%s", text);
	if (clock_parse(full, out, NULL) < 0)
		return error_set(err, ERR_REFUSED, "SAS: %s is '%.32s', not a time", name, text);
	return 0;
}

static int take_parameter(const char *name, const char *value, struct sas *out, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (strcmp(name, fields[i].name) != 0)
			continue;
		if (strlen(value) >= fields[i].size)
			return error_set(err, ERR_REFUSED, "SAS: %s of %zu characters", name, strlen(value));
		memcpy((char *)out + fields[i].off, value, strlen(value) + 1);
		return 0;
	}
	if (strcmp(name, "se") == 0)
		return parse_time(name, value, &out->expiry_ns, err);
	if (strcmp(name, "st") == 0)
		return parse_time(name, value, &out->start_ns, err);
	return 0;
}

static int take(const char *text, size_t len, struct sas *out, struct error *err)
{
	CLEANUP_FREE char *name = strndup(text, len);
	CLEANUP_FREE char *value = NULL;
	char *equals = name ? strchr(name, '=') : NULL;

	if (!name)
		return error_errno(err, ENOMEM, "SAS");
	if (!equals)
		return 0;
	*equals = '\0';
	if (strcmp(name, "sig") == 0) { /* not copied about */
		secret_wipe(equals + 1, strlen(equals + 1));
		return 0;
	}
	value = unescape_percent(equals + 1, NULL);
	if (!value)
		return error_set(err, ERR_REFUSED, "SAS: %.16s is not legible", name);
	return take_parameter(name, value, out, err);
}

int sas_parse(const char *query, struct sas *out, struct error *err)
{
	struct sas sas = { .start_ns = 0 };
	bool is_signed = false;
	size_t len;

	for (const char *p = query + (*query == '?'); *p; p += len + (p[len] == '&')) {
		len = strcspn(p, "&");
		is_signed = is_signed || is_name(p, len, "sig");
		if (take(p, len, &sas, err) < 0)
			return -1;
	}
	if (!is_signed)
		return error_set(err, ERR_REFUSED, "SAS: it has no signature (sig)");
	if (sas.services[0] && !strchr(sas.services, 'b'))
		return error_set(err, ERR_REFUSED, "SAS: for services '%s', not for blobs (b)", sas.services);
	*out = sas;
	return 0;
}

int sas_check_time(const struct sas *sas, uint64_t realtime_ns, struct error *err)
{
	char text[CLOCK_TEXT_LEN];

	if (sas->expiry_ns && realtime_ns > SKEW_NS && sas->expiry_ns < realtime_ns - SKEW_NS) {
		clock_format_iso(sas->expiry_ns, text);
		return error_set(err, ERR_REFUSED, "SAS: ended at %s", text);
	}
	if (sas->start_ns > SKEW_NS && sas->start_ns - SKEW_NS > realtime_ns) {
		clock_format_iso(sas->start_ns, text);
		return error_set(err, ERR_REFUSED, "SAS: begins at %s", text);
	}
	return 0;
}

static bool names_the_blob(const char *parameter, size_t len)
{
	static const char *const names[] = { "snapshot", "versionid", "comp", "restype" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (is_name(parameter, len, names[i]))
			return true;
	return false;
}

static void add_parameter(struct strbuf *b, const char *separator, const char *text, size_t len)
{
	strbuf_adds(b, separator);
	strbuf_add(b, text, len);
}

static struct secret *take_secret(struct strbuf *b, struct error *err)
{
	struct secret *s;

	if (b->failed) {
		error_errno(err, ENOMEM, "SAS");
		return NULL;
	}
	s = secret_new_len(b->s, b->len, err);
	secret_wipe(b->s, b->len);
	return s;
}

static bool has_signature(const char *query)
{
	size_t len;

	for (const char *p = query; *p; p += len + (p[len] == '&')) {
		len = strcspn(p, "&");
		if (is_name(p, len, "sig"))
			return true;
	}
	return false;
}

int sas_split_url(const char *url, char **base_out, struct secret **sas_out, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf base = { .len = 0 }, token = { .len = 0 };
	CLEANUP(cleanup_secret) struct secret *sas = NULL;
	const char *query = strchr(url, '?'), *sep = "?";
	char *base_text;
	size_t len;

	if (!query || !has_signature(query + 1)) {
		strbuf_adds(&base, url);
	} else {
		strbuf_add(&base, url, (size_t)(query - url));
		for (const char *p = query + 1; *p; p += len + (p[len] == '&')) {
			len = strcspn(p, "&");
			if (len == 0)
				continue;
			if (names_the_blob(p, len)) {
				add_parameter(&base, sep, p, len);
				sep = "&";
			} else {
				add_parameter(&token, token.len > 0 ? "&" : "", p, len);
			}
		}
		sas = take_secret(&token, err);
		if (!sas)
			return -1;
	}
	base_text = strbuf_take(&base, err);
	if (!base_text)
		return -1;
	*base_out = base_text;
	*sas_out = steal_ptr(&sas);
	return 0;
}

char *sas_join_url(const char *url, const struct secret *sas, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { .len = 0 };

	strbuf_adds(&b, url);
	strbuf_adds(&b, strchr(url, '?') ? "&" : "?");
	strbuf_adds(&b, secret_reveal(sas));
	return strbuf_take(&b, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/compiler.h"
#include "base/strbuf.h"
#include "net/connection_string.h"

#define EMULATOR_KEY "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

/* A stretch of the text; value NULL: not there. */
struct span {
	const char *value;
	size_t len;
};

struct fields {
	struct span protocol, account, key, suffix, blob, sas, development;
};

static struct span *field_of(struct fields *f, const char *name, size_t len)
{
	const struct {
		const char *name;
		struct span *span;
	} known[] = {
		{ "DefaultEndpointsProtocol", &f->protocol },
		{ "AccountName", &f->account },
		{ "AccountKey", &f->key },
		{ "EndpointSuffix", &f->suffix },
		{ "BlobEndpoint", &f->blob },
		{ "SharedAccessSignature", &f->sas },
		{ "UseDevelopmentStorage", &f->development },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strlen(known[i].name) == len && strncasecmp(known[i].name, name, len) == 0)
			return known[i].span;
	return NULL;
}

/* QueueEndpoint, BlobSecondaryEndpoint and the like: for others than us. */
static bool is_other_endpoint(const char *name, size_t len)
{
	return len > 8 && strncasecmp(name + len - 8, "Endpoint", 8) == 0;
}

static int split(const char *text, struct fields *f, struct error *err)
{
	size_t len;

	for (const char *p = text; *p; p += len + (p[len] == ';')) {
		const char *equals;
		struct span *span;
		size_t name_len;

		while (isspace((unsigned char)*p))
			p++;
		len = strcspn(p, ";");
		if (len == 0)
			continue;
		equals = memchr(p, '=', len); /* the first: keys end with '=' themselves */
		if (!equals)
			return error_set(err, ERR_REFUSED, "connection string: a part without '='");
		name_len = (size_t)(equals - p);
		span = field_of(f, p, name_len);
		if (!span && is_other_endpoint(p, name_len))
			continue;
		if (!span)
			return error_set(err, ERR_REFUSED, "connection string: '%.*s' is not known",
					 name_len < 40 ? (int)name_len : 40, p);
		if (span->value)
			return error_set(err, ERR_REFUSED, "connection string: %.*s twice", (int)name_len, p);
		span->value = equals + 1;
		span->len = len - name_len - 1;
		while (span->len > 0 && isspace((unsigned char)span->value[span->len - 1]))
			span->len--;
	}
	return 0;
}

static bool equals(const struct span *s, const char *text)
{
	return s->value && s->len == strlen(text) && strncasecmp(s->value, text, s->len) == 0;
}

static bool is_host_text(const struct span *s)
{
	for (size_t i = 0; i < s->len; i++)
		if (!isalnum((unsigned char)s->value[i]) && s->value[i] != '.' && s->value[i] != '-')
			return false;
	return s->len > 0;
}

static int make_endpoint(const struct fields *f, char **out, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { .len = 0 };
	struct span suffix = f->suffix.value ? f->suffix : (struct span){ "core.windows.net", 16 };
	bool plain = equals(&f->protocol, "http");

	if (f->blob.value) {
		size_t len = f->blob.len;

		while (len > 0 && f->blob.value[len - 1] == '/')
			len--;
		if (strncasecmp(f->blob.value, "https://", 8) != 0 && strncasecmp(f->blob.value, "http://", 7) != 0)
			return error_set(err, ERR_REFUSED, "connection string: BlobEndpoint is no http or https URL");
		strbuf_add(&b, f->blob.value, len);
	} else {
		if (f->protocol.value && !plain && !equals(&f->protocol, "https"))
			return error_set(err, ERR_REFUSED,
					 "connection string: DefaultEndpointsProtocol is neither https nor http");
		if (!f->account.value)
			return error_set(err, ERR_REFUSED, "connection string: neither AccountName nor BlobEndpoint");
		if (!is_host_text(&f->account) || !is_host_text(&suffix))
			return error_set(
				err, ERR_REFUSED,
				"connection string: AccountName or EndpointSuffix is no part of a host's name");
		strbuf_addf(&b, "%s://%.*s.blob.%.*s", plain ? "http" : "https", (int)f->account.len, f->account.value,
			    (int)suffix.len, suffix.value);
	}
	*out = strbuf_take(&b, err);
	return *out ? 0 : -1;
}

static int fill(const struct fields *f, struct connection_string *out, struct error *err)
{
	struct span sas = f->sas;

	if (f->account.value) {
		out->account = strndup(f->account.value, f->account.len);
		if (!out->account)
			return error_errno(err, ENOMEM, "connection string");
	}
	if (make_endpoint(f, &out->blob_endpoint, err) < 0)
		return -1;
	if (f->key.value && sas.value)
		return error_set(err, ERR_REFUSED, "connection string: both AccountKey and SharedAccessSignature");
	if (f->key.value) {
		if (!f->account.value)
			return error_set(err, ERR_REFUSED, "connection string: AccountKey without AccountName");
		out->key = secret_new_len(f->key.value, f->key.len, err);
		return out->key ? 0 : -1;
	}
	if (!sas.value)
		return error_set(err, ERR_REFUSED, "connection string: neither AccountKey nor SharedAccessSignature");
	if (sas.len > 0 && sas.value[0] == '?') {
		sas.value++;
		sas.len--;
	}
	out->sas = secret_new_len(sas.value, sas.len, err);
	return out->sas ? 0 : -1;
}

static const struct fields emulator = {
	.account = { EMULATOR_ACCOUNT, sizeof(EMULATOR_ACCOUNT) - 1 },
	.key = { EMULATOR_KEY, sizeof(EMULATOR_KEY) - 1 },
	.blob = { EMULATOR_ENDPOINT, sizeof(EMULATOR_ENDPOINT) - 1 },
};

int connection_string_parse(const char *text, struct connection_string *out, struct error *err)
{
	struct fields f = { .key = { NULL, 0 } };

	memset(out, 0, sizeof(*out));
	if (split(text, &f, err) < 0)
		return -1;
	if (fill(equals(&f.development, "true") ? &emulator : &f, out, err) < 0) {
		connection_string_fini(out);
		return -1;
	}
	return 0;
}

void connection_string_fini(struct connection_string *c)
{
	free(c->account);
	free(c->blob_endpoint);
	secret_free(c->key);
	secret_free(c->sas);
	memset(c, 0, sizeof(*c));
}

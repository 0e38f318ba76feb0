/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "net/entra.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/io.h"
#include "base/strbuf.h"
#include "net/credentials.h"
#include "net/jwt.h"
#include "net/proxy.h"
#include "net/token_request.h"

#define PEM_MAX ((size_t)256 << 10)
#define FEDERATED_MAX ((size_t)64 << 10)
#define ASSERTION_TYPE "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"

struct entra {
	char *url; /* of the tenant's token endpoint */
	char *tenant_url, *scope, *client, *path, *file;
	enum entra_proof proof;
	struct secret *secret, *password;
};

static void entra_free(void *ctx)
{
	struct entra *e = ctx;

	if (!e)
		return;
	free(e->url);
	free(e->tenant_url);
	free(e->scope);
	free(e->client);
	free(e->path);
	free(e->file);
	secret_free(e->secret);
	secret_free(e->password);
	free(e);
}

static void cleanup_entra(struct entra **e)
{
	entra_free(*e);
}

/* A file of secrets, whole; the caller wipes it. */
static char *read_whole(const char *path, size_t max, size_t *len_out, struct error *err)
{
	char *text = io_read_file(AT_FDCWD, path, max, len_out, err);

	if (!text && err && err->code == ERR_SYSTEM)
		err->code = ERR_REFUSED; /* a person must act, whatever errno it was */
	return text;
}

static void wipe_free(char *text, size_t len)
{
	if (text)
		secret_wipe(text, len);
	free(text);
}

static struct certificate *open_certificate(const struct entra *e, struct error *err)
{
	size_t len = 0;
	char *pem = read_whole(e->path, PEM_MAX, &len, err);
	struct certificate *c = pem ? certificate_read(pem, len, e->password, err) : NULL;

	wipe_free(pem, len);
	if (!c)
		error_prefix(err, "AZURE_CLIENT_CERTIFICATE_PATH %s", e->path);
	return c;
}

/* What the issuer wrote: one token, maybe with a newline. */
static struct secret *read_federated(const struct entra *e, struct error *err)
{
	struct secret *s = NULL;
	size_t len = 0, used;
	char *text = read_whole(e->path, FEDERATED_MAX, &len, err);

	if (text) {
		used = strcspn(text, " \t\r\n");
		if (used == 0 || used + strspn(text + used, " \t\r\n") != len)
			error_set(err, ERR_REFUSED, "not one token");
		else
			s = secret_new_len(text, used, err);
	}
	wipe_free(text, len);
	if (!s)
		error_prefix(err, "AZURE_FEDERATED_TOKEN_FILE %s", e->path);
	return s;
}

/* The secret as the credentials file has it now, or as it was. */
static struct secret *current_secret(const struct entra *e, struct error *err)
{
	CLEANUP(cleanup_credentials_file)
	struct credentials_file *f = e->file ? credentials_file_open(e->file, NULL) : NULL;
	const char *now = f ? credentials_file_get(f, "AZURE_CLIENT_SECRET") : NULL;

	return secret_new(now && *now ? now : secret_reveal(e->secret), err);
}

static struct secret *make_proof(const struct entra *e, struct error *err)
{
	CLEANUP(cleanup_certificate) struct certificate *c = NULL;

	switch (e->proof) {
	case ENTRA_SECRET:
		return current_secret(e, err);
	case ENTRA_FEDERATED:
		return read_federated(e, err);
	case ENTRA_CERTIFICATE:
		c = open_certificate(e, err);
		return c ? jwt_assertion(c, e->client, e->url, clock_realtime_ns(), err) : NULL;
	}
	error_set(err, ERR_BUG, "kind of proof %d", (int)e->proof);
	return NULL;
}

static struct secret *make_body(const struct entra *e, const struct secret *proof, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	CLEANUP_FREE char *client = escape_url_component(e->client, err), *scope = NULL, *value = NULL;
	struct secret *body = NULL;

	scope = client ? escape_url_component(e->scope, err) : NULL;
	value = scope ? escape_url_component(secret_reveal(proof), err) : NULL;
	if (!value)
		return NULL;
	strbuf_addf(&b, "grant_type=client_credentials&client_id=%s&scope=%s", client, scope);
	if (e->proof == ENTRA_SECRET)
		strbuf_adds(&b, "&client_secret=");
	else
		strbuf_adds(&b, "&client_assertion_type=" ASSERTION_TYPE "&client_assertion=");
	strbuf_adds(&b, value);
	secret_wipe(value, strlen(value));
	if (b.failed)
		error_set(err, ERR_NOMEM, "token request");
	else
		body = secret_new_len(b.s, b.len, err);
	if (b.s)
		secret_wipe(b.s, b.len);
	return body;
}

static int ask(const struct entra *e, const struct token_ask *how, struct token *out, struct error *err)
{
	static const struct http_header headers[] = { { "Content-Type", "application/x-www-form-urlencoded" },
						      { "Accept", "application/json" } };
	CLEANUP(cleanup_secret) struct secret *proof = make_proof(e, err);
	CLEANUP(cleanup_secret) struct secret *body = proof ? make_body(e, proof, err) : NULL;
	struct token_question q = {
		.method = "POST", .url = e->url, .headers = headers, .n_headers = ARRAY_LEN(headers)
	};
	struct token_answer a = { 0 };
	int rc;

	if (!body)
		return -1;
	q.body = secret_reveal(body);
	q.body_len = secret_len(body);
	rc = token_request(how, &q, &a, err);
	if (rc == 0)
		rc = token_answer_read(&a, secret_reveal(proof), out, err);
	token_answer_fini(&a);
	return rc;
}

static int fetch(void *ctx, const struct token_ask *how, struct token *out, struct error *err)
{
	const struct entra *e = ctx;

	if (ask(e, how, out, err) < 0)
		return error_prefix(err, "sign-in at %s as client %s", e->tenant_url, e->client);
	return 0;
}

/* ---- making ---- */

/* GUIDs and domains: nothing that changes the URL that it is put into. */
static int check_id(const char *name, const char *value, struct error *err)
{
	if (*value && strlen(value) <= 128 &&
	    strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			  "0123456789.-_") == strlen(value))
		return 0;
	return error_set(err, ERR_REFUSED, "%s: not an ID of letters, digits, '-' and '.'", name);
}

/* "https://host/", "host" or NULL to what the tenant is put behind. */
static char *authority_url(const char *text, struct error *err)
{
	const char *given = text && *text ? text : ENTRA_AUTHORITY;
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	bool private;

	if (!strstr(given, "://"))
		strbuf_adds(&b, "https://");
	strbuf_adds(&b, given);
	while (b.len > 0 && !b.failed && b.s[b.len - 1] == '/')
		b.s[--b.len] = '\0';
	private = b.failed || strncasecmp(b.s, "https://", 8) == 0;
	if (!private && proxy_is_loopback(b.s, &private, err) < 0)
		return NULL;
	if (!private) {
		error_set(err, ERR_REFUSED, "AZURE_AUTHORITY_HOST %s: https only", given);
		return NULL;
	}
	if (!b.failed && strpbrk(b.s, "?#@ ")) {
		error_set(err, ERR_REFUSED, "AZURE_AUTHORITY_HOST: not the URL of a host");
		return NULL;
	}
	return strbuf_take(&b, err);
}

static int copy_texts(struct entra *e, const struct entra_config *c, struct error *err)
{
	CLEANUP_FREE char *authority = authority_url(c->authority, err);

	if (!authority)
		return -1;
	e->client = strdup(c->client);
	e->path = c->path ? strdup(c->path) : NULL;
	e->file = c->file ? strdup(c->file) : NULL;
	if (asprintf(&e->tenant_url, "%s/%s", authority, c->tenant) < 0)
		e->tenant_url = NULL;
	if (asprintf(&e->scope, "%s.default", c->resource ? c->resource : ENTRA_RESOURCE) < 0)
		e->scope = NULL;
	if (asprintf(&e->url, "%s/%s/oauth2/v2.0/token", authority, c->tenant) < 0)
		e->url = NULL;
	if (!e->client || !e->url || !e->tenant_url || !e->scope || (c->path && !e->path) || (c->file && !e->file))
		return error_errno(err, ENOMEM, "credentials");
	if (c->secret) {
		e->secret = secret_new(c->secret, err);
		if (!e->secret)
			return -1;
	}
	if (c->password) {
		e->password = secret_new(c->password, err);
		if (!e->password)
			return -1;
	}
	return 0;
}

/* Reads the files once: what is wrong with them is said at the start. */
static int try_files(const struct entra *e, uint64_t *end_out, struct error *err)
{
	CLEANUP(cleanup_certificate) struct certificate *c = NULL;
	CLEANUP(cleanup_secret) struct secret *federated = NULL;

	*end_out = 0;
	if (e->proof == ENTRA_FEDERATED) {
		federated = read_federated(e, err);
		return federated ? 0 : -1;
	}
	if (e->proof != ENTRA_CERTIFICATE)
		return 0;
	c = open_certificate(e, err);
	if (!c)
		return -1;
	*end_out = certificate_end(c);
	if (*end_out && *end_out <= clock_realtime_ns())
		return error_set(err, ERR_REFUSED, "AZURE_CLIENT_CERTIFICATE_PATH %s: the certificate has ended",
				 e->path);
	return 0;
}

int entra_source(const struct entra_config *config, struct token_source *out, uint64_t *end_out, struct error *err)
{
	CLEANUP(cleanup_entra) struct entra *e = calloc(1, sizeof(*e));

	if (!e)
		return error_errno(err, ENOMEM, "credentials");
	e->proof = config->proof;
	if (check_id("AZURE_TENANT_ID", config->tenant, err) < 0 ||
	    check_id("AZURE_CLIENT_ID", config->client, err) < 0 || copy_texts(e, config, err) < 0 ||
	    try_files(e, end_out, err) < 0)
		return -1;
	*out = (struct token_source){ .fetch = fetch, .free = entra_free, .ctx = steal_ptr(&e) };
	return 0;
}

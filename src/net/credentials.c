/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "net/connection_string.h"
#include "net/credentials.h"
#include "net/sharedkey.h"

void credentials_free(struct credentials *c)
{
	if (!c)
		return;
	sharedkey_free(c->key);
	secret_free(c->token);
	free(c->account);
	free(c->source);
	free(c->endpoint);
	free(c);
}

static struct credentials *new_of(enum credentials_kind kind, const char *account, const char *source,
				  struct error *err)
{
	CLEANUP(cleanup_credentials) struct credentials *c = calloc(1, sizeof(*c));

	if (c) {
		c->kind = kind;
		c->account = account ? strdup(account) : NULL;
		c->source = strdup(source);
	}
	if (!c || !c->source || (account && !c->account)) {
		error_errno(err, ENOMEM, "credentials");
		return NULL;
	}
	return steal_ptr(&c);
}

struct credentials *credentials_new_sharedkey(const char *account, const struct secret *key, const char *source,
					      struct error *err)
{
	CLEANUP(cleanup_credentials) struct credentials *c = new_of(CREDENTIALS_SHAREDKEY, account, source, err);

	if (!c)
		return NULL;
	c->key = sharedkey_new(account, key, err);
	if (!c->key) {
		error_prefix(err, "%s is wrong", source); /* "NAME: ..." would be cut as a secret */
		return NULL;
	}
	return steal_ptr(&c);
}

static struct credentials *new_sas(const char *account, const char *token, const char *source, struct error *err)
{
	CLEANUP(cleanup_credentials) struct credentials *c = new_of(CREDENTIALS_SAS, account, source, err);

	if (!c)
		return NULL;
	if (*token == '?')
		token++;
	if (sas_parse(token, &c->sas, err) < 0 || sas_check_time(&c->sas, clock_realtime_ns(), err) < 0) {
		error_prefix(err, "%s", source);
		return NULL;
	}
	c->token = secret_new(token, err);
	return c->token ? steal_ptr(&c) : NULL;
}

/* The file, if one is given, stands for the environment. */
static const char *look_up(const struct credentials_request *r, const char *name)
{
	const char *value = r->file ? credentials_file_get(r->file, name) : r->lookup ? r->lookup(r->ctx, name) : NULL;

	return value && value[0] ? value : NULL;
}

static int check_account(const struct credentials_request *r, const char *source, const char *account,
			 struct error *err)
{
	if (!r->account || !account || strcmp(r->account, account) == 0)
		return 0;
	return error_set(err, ERR_REFUSED, "%s: for account %s, not for %s of the URL", source, account, r->account);
}

static struct credentials *from_connection_string(const struct credentials_request *r, const char *text,
						  const char *source, struct error *err)
{
	CLEANUP(cleanup_connection_string) struct connection_string s = { .account = NULL };
	CLEANUP(cleanup_credentials) struct credentials *c = NULL;

	if (connection_string_parse(text, &s, err) < 0) {
		error_prefix(err, "%s", source);
		return NULL;
	}
	if (check_account(r, source, s.account, err) < 0)
		return NULL;
	c = s.key ? credentials_new_sharedkey(s.account, s.key, source, err)
		  : new_sas(s.account ? s.account : r->account, secret_reveal(s.sas), source, err);
	if (!c)
		return NULL;
	c->endpoint = steal_ptr(&s.blob_endpoint);
	return steal_ptr(&c);
}

static struct credentials *from_key(const struct credentials_request *r, const char *text, struct error *err)
{
	CLEANUP(cleanup_secret) struct secret *key = NULL;
	const char *account = look_up(r, "AZURE_STORAGE_ACCOUNT");

	if (!account) {
		error_set(err, ERR_REFUSED, "AZURE_STORAGE_KEY is set, AZURE_STORAGE_ACCOUNT is not");
		return NULL;
	}
	if (check_account(r, "AZURE_STORAGE_ACCOUNT", account, err) < 0)
		return NULL;
	key = secret_new(text, err);
	return key ? credentials_new_sharedkey(account, key, "AZURE_STORAGE_KEY", err) : NULL;
}

#define WHAT_TO_SET                                                                                \
	"set AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_SAS_TOKEN, or AZURE_STORAGE_KEY with " \
	"AZURE_STORAGE_ACCOUNT (in the environment or in the file of --credentials), or use a URL with a SAS"

static struct credentials *none(const struct credentials_request *r, struct error *err)
{
	static const char *const entra[] = { "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH",
					     "AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_ID", "AZURE_TENANT_ID" };

	for (size_t i = 0; i < ARRAY_LEN(entra); i++)
		if (look_up(r, entra[i])) {
			error_set(err, ERR_UNSUPPORTED, "%s is set: sign-in by Entra ID is not there yet; " WHAT_TO_SET,
				  entra[i]);
			return NULL;
		}
	error_set(err, ERR_REFUSED, "%s; " WHAT_TO_SET,
		  r->file ? "no credentials in the credentials file" : "no credentials");
	return NULL;
}

struct credentials *credentials_choose(const struct credentials_request *r, struct error *err)
{
	const char *value;

	if (r->url_sas)
		return new_sas(r->account, secret_reveal(r->url_sas), "the URL", err);
	value = look_up(r, "AZURE_STORAGE_CONNECTION_STRING");
	if (value)
		return from_connection_string(r, value, "AZURE_STORAGE_CONNECTION_STRING", err);
	value = look_up(r, "AZURE_STORAGE_SAS_TOKEN");
	if (value) {
		const char *account = look_up(r, "AZURE_STORAGE_ACCOUNT");

		if (check_account(r, "AZURE_STORAGE_ACCOUNT", account, err) < 0)
			return NULL;
		return new_sas(account ? account : r->account, value, "AZURE_STORAGE_SAS_TOKEN", err);
	}
	value = look_up(r, "AZURE_STORAGE_KEY");
	return value ? from_key(r, value, err) : none(r, err);
}

int credentials_authorize(const struct credentials *c, const char *method, const char *url,
			  const struct http_header *headers, size_t n_headers, size_t content_length, char **url_out,
			  char **authorization_out, struct error *err)
{
	CLEANUP_FREE char *authorization = NULL;
	char *complete;

	if (c->kind == CREDENTIALS_SHAREDKEY) {
		authorization = sharedkey_authorization(c->key, method, url, headers, n_headers, content_length, err);
		if (!authorization)
			return -1;
		complete = strdup(url);
		if (!complete)
			return error_errno(err, ENOMEM, "URL");
	} else {
		complete = sas_join_url(url, c->token, err);
		if (!complete)
			return -1;
	}
	*url_out = complete;
	*authorization_out = steal_ptr(&authorization);
	return 0;
}

static const char *resource_name(const struct sas *sas)
{
	if (!sas->resource[0])
		return sas->services[0] ? "the account" : "what its policy says";
	switch (sas->resource[0]) {
	case 'c':
		return "a container";
	case 'd':
		return "a directory";
	default:
		return strcmp(sas->resource, "bs") == 0 ? "a snapshot" : "a blob";
	}
}

void credentials_describe(const struct credentials *c, char out[CREDENTIALS_TEXT_LEN])
{
	char end[CLOCK_TEXT_LEN] = "as its policy says";

	if (c->kind == CREDENTIALS_SHAREDKEY) {
		snprintf(out, CREDENTIALS_TEXT_LEN, "key of account %s from %s, all rights, no end", c->account,
			 c->source);
		return;
	}
	if (c->sas.expiry_ns)
		clock_format_iso(c->sas.expiry_ns, end);
	snprintf(out, CREDENTIALS_TEXT_LEN, "SAS from %s, rights %s on %s, until %s", c->source,
		 c->sas.permissions[0] ? c->sas.permissions : "of its policy", resource_name(&c->sas), end);
}

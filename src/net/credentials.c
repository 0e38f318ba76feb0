/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/parse.h"
#include "net/credentials_private.h"
#include "net/proxy.h"
#include "net/sharedkey.h"

#define NS_PER_MS UINT64_C(1000000)
#define SOON_MS (UINT64_C(24) * 3600 * 1000) /* an end that a person has to know of */
#define WAIT_MS 100                          /* how soon a cancel is noticed */

void credentials_free(struct credentials *c)
{
	if (!c)
		return;
	token_keeper_free(c->keeper);
	sharedkey_free(c->key);
	secret_free(c->token);
	free(c->account);
	free(c->source);
	free(c->endpoint);
	free(c->file);
	free(c->identity);
	free(c);
}

struct credentials *credentials_new_of(enum credentials_kind kind, const char *account, const char *source,
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
	CLEANUP(cleanup_credentials)
	struct credentials *c = credentials_new_of(CREDENTIALS_SHAREDKEY, account, source, err);

	if (!c)
		return NULL;
	c->key = sharedkey_new(account, key, err);
	if (!c->key) {
		error_prefix(err, "%s is wrong", source); /* "NAME: ..." would be cut as a secret */
		return NULL;
	}
	return steal_ptr(&c);
}

struct credentials *credentials_new_bearer(const char *account, const char *identity, const char *from,
					   const struct token_source *source, struct error *err)
{
	CLEANUP(cleanup_credentials) struct credentials *c = NULL;
	struct token_keeper *keeper = token_keeper_new(source, err);

	if (!keeper)
		return NULL;
	c = credentials_new_of(CREDENTIALS_BEARER, account, from, err);
	if (!c) {
		token_keeper_free(keeper);
		return NULL;
	}
	c->keeper = keeper;
	c->identity = strdup(identity);
	if (!c->identity) {
		error_errno(err, ENOMEM, "credentials");
		return NULL;
	}
	return steal_ptr(&c);
}

/* ---- renewing ---- */

int credentials_start(struct credentials *c, struct http *http, struct cancel *cancel, struct error *err)
{
	if (!c->keeper)
		return 0;
	if (token_keeper_start(c->keeper, http, NULL, err) < 0)
		return -1;
	for (;;) {
		enum token_state state = token_keeper_wait(c->keeper, WAIT_MS, err);

		if (state != TOKEN_COMING)
			return state == TOKEN_READY ? 0 : -1;
		if (cancel_check(cancel, err) < 0)
			return -1;
	}
}

void credentials_stop(struct credentials *c)
{
	if (c->keeper)
		token_keeper_stop(c->keeper);
}

void credentials_reload(struct credentials *c)
{
	if (c->keeper)
		token_keeper_renew(c->keeper);
}

enum token_state credentials_ready(const struct credentials *c, unsigned ms, struct error *err)
{
	if (!c->keeper)
		return TOKEN_READY;
	return ms ? token_keeper_wait(c->keeper, ms, err) : token_keeper_poll(c->keeper, err);
}

bool credentials_renewable(const struct credentials *c, uint64_t generation, long status)
{
	return c->keeper && status == (c->kind == CREDENTIALS_BEARER ? 401 : 403) &&
	       token_keeper_may_refuse(c->keeper, generation);
}

bool credentials_refused(const struct credentials *c, uint64_t generation, const char *said)
{
	return !c->keeper || token_keeper_refuse(c->keeper, generation, said);
}

/* ---- requests ---- */

static int authorize_key(const struct credentials *c, const char *method, const char *url,
			 const struct http_header *headers, size_t n_headers, size_t content_length, char **url_out,
			 char **authorization_out, struct error *err)
{
	CLEANUP_FREE char *authorization =
		sharedkey_authorization(c->key, method, url, headers, n_headers, content_length, err);
	char *complete;

	if (!authorization)
		return -1;
	complete = strdup(url);
	if (!complete)
		return error_errno(err, ENOMEM, "URL");
	*url_out = complete;
	*authorization_out = steal_ptr(&authorization);
	return 0;
}

static int authorize_bearer(const struct secret *token, const char *url, char **url_out, char **authorization_out,
			    struct error *err)
{
	CLEANUP_FREE char *complete = NULL;
	char *authorization = NULL;
	bool private = strncasecmp(url, "https://", 8) == 0;

	if (!private && proxy_is_loopback(url, &private, err) < 0)
		return -1;
	if (!private)
		return error_set(err, ERR_REFUSED, "a token is not sent over plain HTTP: use https");
	complete = strdup(url);
	if (!complete || asprintf(&authorization, "Bearer %s", secret_reveal(token)) < 0)
		return error_errno(err, ENOMEM, "Authorization header");
	*url_out = steal_ptr(&complete);
	*authorization_out = authorization;
	return 0;
}

int credentials_authorize(const struct credentials *c, const char *method, const char *url,
			  const struct http_header *headers, size_t n_headers, size_t content_length, char **url_out,
			  char **authorization_out, uint64_t *generation_out, struct error *err)
{
	CLEANUP(cleanup_secret) struct secret *kept = NULL;
	char *complete;

	*generation_out = 0;
	if (c->kind == CREDENTIALS_SHAREDKEY)
		return authorize_key(c, method, url, headers, n_headers, content_length, url_out, authorization_out,
				     err);
	if (c->keeper) {
		kept = token_keeper_get(c->keeper, generation_out, err);
		if (!kept)
			return -1;
	}
	if (c->kind == CREDENTIALS_BEARER)
		return authorize_bearer(kept, url, url_out, authorization_out, err);
	complete = sas_join_url(url, kept ? kept : c->token, err);
	if (!complete)
		return -1;
	*url_out = complete;
	*authorization_out = NULL;
	return 0;
}

/* ---- for people ---- */

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

static void describe_sas(const struct credentials *c, char out[CREDENTIALS_TEXT_LEN])
{
	uint64_t now = clock_realtime_ns(), end_ns = c->sas.expiry_ns;
	char end[CLOCK_TEXT_LEN] = "as its policy says", left[FORMAT_TEXT_LEN] = "";
	bool soon = end_ns && (end_ns <= now || (end_ns - now) / NS_PER_MS < SOON_MS);

	if (end_ns)
		clock_format_iso(end_ns, end);
	if (soon && end_ns > now)
		format_duration((end_ns - now) / NS_PER_MS, left);
	snprintf(out, CREDENTIALS_TEXT_LEN, "SAS from %s, rights %s on %s, until %s%s%s%s", c->source,
		 c->sas.permissions[0] ? c->sas.permissions : "of its policy", resource_name(&c->sas), end,
		 soon && left[0] ? ", which is in " : "", left, soon ? ": renew it" : "");
}

void credentials_who(const struct credentials *c, char out[CREDENTIALS_TEXT_LEN])
{
	switch (c->kind) {
	case CREDENTIALS_SHAREDKEY:
		snprintf(out, CREDENTIALS_TEXT_LEN, "key of account %s from %s, all rights, no end", c->account,
			 c->source);
		return;
	case CREDENTIALS_BEARER:
		snprintf(out, CREDENTIALS_TEXT_LEN, "%s, from %s", c->identity, c->source);
		return;
	case CREDENTIALS_SAS:
		describe_sas(c, out);
	}
}

void credentials_describe(const struct credentials *c, char out[CREDENTIALS_TEXT_LEN])
{
	char end[CLOCK_TEXT_LEN];
	uint64_t end_ns;
	size_t len;

	credentials_who(c, out);
	len = strlen(out);
	if (c->kind != CREDENTIALS_BEARER)
		return;
	if (c->proof_end_ns) {
		clock_format_iso(c->proof_end_ns, end);
		len += (size_t)snprintf(out + len, CREDENTIALS_TEXT_LEN - len, ", certificate until %s", end);
	}
	end_ns = token_keeper_end(c->keeper);
	if (!end_ns || len >= CREDENTIALS_TEXT_LEN)
		return;
	clock_format_iso(end_ns, end);
	snprintf(out + len, CREDENTIALS_TEXT_LEN - len, ", token until %s, then renewed", end);
}

void credentials_doubt(const struct credentials *c, char out[CREDENTIALS_TEXT_LEN])
{
	char end[CLOCK_TEXT_LEN];

	out[0] = '\0';
	if (c->kind != CREDENTIALS_SAS || !c->sas.expiry_ns || c->sas.expiry_ns > clock_realtime_ns())
		return;
	clock_format_iso(c->sas.expiry_ns, end);
	snprintf(out, CREDENTIALS_TEXT_LEN,
		 "the SAS from %s ended at %s: set a new one (a file of --credentials is read again while a run lasts)",
		 c->source, end);
}

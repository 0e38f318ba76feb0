/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SAS, and where it came from.  One from a credentials file is read again: a minute apart from an hour before its end
 * on, when the service refused it, and on demand.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "net/connection_string.h"
#include "net/credentials_private.h"

#define NS_PER_MS UINT64_C(1000000)

enum {
	AHEAD_MS = 3600 * 1000,
	LOOK_MS = 60 * 1000,
	GRACE_MS = 15 * 60 * 1000, /* past its end: the service's clock decides, as in sas_check_time() */
};

struct sas_file {
	char *path, *account;
	bool connection_string;
};

static void sas_file_free(void *ctx)
{
	struct sas_file *f = ctx;

	free(f->path);
	free(f->account);
	free(f);
}

static const char *name_of(const struct sas_file *f)
{
	return f->connection_string ? "AZURE_STORAGE_CONNECTION_STRING" : "AZURE_STORAGE_SAS_TOKEN";
}

/* The SAS as the file has it now. */
static struct secret *read_sas(const struct sas_file *f, struct error *err)
{
	CLEANUP(cleanup_credentials_file) struct credentials_file *file = credentials_file_open(f->path, err);
	CLEANUP(cleanup_connection_string) struct connection_string s = { .account = NULL };
	const char *value = file ? credentials_file_get(file, name_of(f)) : NULL;

	if (!file)
		return NULL;
	if (!value || !*value) {
		error_set(err, ERR_REFUSED, "%s has no %s any more", f->path, name_of(f));
		return NULL;
	}
	if (!f->connection_string)
		return secret_new(*value == '?' ? value + 1 : value, err);
	if (connection_string_parse(value, &s, err) < 0)
		return NULL;
	if (!s.sas || (s.account && f->account && strcmp(s.account, f->account) != 0)) {
		error_set(err, ERR_REFUSED, "%s has no SAS of account %s any more", f->path,
			  f->account ? f->account : "(any)");
		return NULL;
	}
	return steal_ptr(&s.sas);
}

static void set_times(const struct sas *sas, uint64_t now_ns, struct token *out)
{
	uint64_t left_ms;

	if (!sas->expiry_ns)
		return;
	left_ms = sas->expiry_ns > now_ns ? (sas->expiry_ns - now_ns) / NS_PER_MS : 0;
	out->renew_ms = left_ms > AHEAD_MS + LOOK_MS ? left_ms - AHEAD_MS : LOOK_MS;
	/* Inside the grace a fixed time is left to the same text, so that the service is asked and not the clock. */
	out->life_ms = left_ms + GRACE_MS;
}

static int fetch(void *ctx, const struct token_ask *ask, struct token *out, struct error *err)
{
	const struct sas_file *f = ctx;
	CLEANUP(cleanup_secret) struct secret *s = read_sas(f, err);
	uint64_t now = clock_realtime_ns();
	struct sas said;

	if (!s) {
		if (err && err->code == ERR_SYSTEM)
			err->code = ERR_REFUSED;
		return -1;
	}
	if (ask->refused && strcmp(secret_reveal(ask->refused), secret_reveal(s)) == 0)
		return error_set(err, ERR_REFUSED,
				 "the SAS in %s was refused (%s), and the file has no newer one: "
				 "put a new SAS into it",
				 f->path, ask->refusal);
	if (sas_parse(secret_reveal(s), &said, err) < 0)
		return error_prefix(err, "the SAS in %s", f->path);
	if (sas_check_time(&said, now, err) < 0)
		return error_prefix(err, "put a new SAS into %s", f->path);
	*out = (struct token){ .text = steal_ptr(&s) };
	set_times(&said, now, out);
	return 0;
}

/* Makes the credentials renewable from the file. */
static int watch_file(struct credentials *c, const char *path, const char *source, struct error *err)
{
	struct sas_file *f = calloc(1, sizeof(*f));
	struct token_source s = { .fetch = fetch, .free = sas_file_free, .ctx = f };

	if (!f)
		return error_errno(err, ENOMEM, "credentials");
	f->connection_string = strcmp(source, "AZURE_STORAGE_CONNECTION_STRING") == 0;
	f->path = strdup(path);
	f->account = c->account ? strdup(c->account) : NULL;
	c->file = strdup(path);
	if (!f->path || !c->file || (c->account && !f->account)) {
		sas_file_free(f);
		return error_errno(err, ENOMEM, "credentials");
	}
	c->keeper = token_keeper_new(&s, err);
	return c->keeper ? 0 : -1;
}

struct credentials *credentials_new_sas(const char *account, const char *token, const char *source,
					const struct credentials_file *file, struct error *err)
{
	CLEANUP(cleanup_credentials)
	struct credentials *c = credentials_new_of(CREDENTIALS_SAS, account, source, err);

	if (!c)
		return NULL;
	if (*token == '?')
		token++;
	if (sas_parse(token, &c->sas, err) < 0 || sas_check_time(&c->sas, clock_realtime_ns(), err) < 0) {
		error_prefix(err, "%s", source);
		return NULL;
	}
	c->token = secret_new(token, err);
	if (!c->token ||
	    (file && credentials_file_path(file) && watch_file(c, credentials_file_path(file), source, err) < 0))
		return NULL;
	return steal_ptr(&c);
}

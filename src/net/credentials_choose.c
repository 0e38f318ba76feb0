/* SPDX-License-Identifier: Apache-2.0 */
/* Which credentials are there, in the order that net/credentials.h names. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net/connection_string.h"
#include "net/credentials_private.h"
#include "net/entra.h"
#include "net/managed.h"

/* The file, if one is given, stands for the environment. */
static const char *look_up(const struct credentials_request *r, const char *name)
{
	const char *value = r->file ? credentials_file_get(r->file, name) : r->lookup ? r->lookup(r->ctx, name) : NULL;

	return value && value[0] ? value : NULL;
}

/* What describes the machine and not who we are: the environment counts besides a file. */
static const char *look_up_machine(const struct credentials_request *r, const char *name)
{
	const char *value = look_up(r, name);

	if (!value && r->file && r->lookup)
		value = r->lookup(r->ctx, name);
	return value && value[0] ? value : NULL;
}

static int check_account(const struct credentials_request *r, const char *source, const char *account,
			 struct error *err)
{
	if (!r->account || !account || strcmp(r->account, account) == 0)
		return 0;
	return error_set(err, ERR_REFUSED, "%s: for account %s, not for %s of the URL", source, account, r->account);
}

/* ---- of the storage account ---- */

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
		  : credentials_new_sas(s.account ? s.account : r->account, secret_reveal(s.sas), source, r->file, err);
	if (!c)
		return NULL;
	c->endpoint = steal_ptr(&s.blob_endpoint);
	return steal_ptr(&c);
}

static struct credentials *from_sas(const struct credentials_request *r, const char *text, struct error *err)
{
	const char *account = look_up(r, "AZURE_STORAGE_ACCOUNT");

	if (check_account(r, "AZURE_STORAGE_ACCOUNT", account, err) < 0)
		return NULL;
	return credentials_new_sas(account ? account : r->account, text, "AZURE_STORAGE_SAS_TOKEN", r->file, err);
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

/* ---- of Entra ID ---- */

static const struct {
	const char *name, *by;
	enum entra_proof proof;
} proofs[] = {
	{ "AZURE_CLIENT_SECRET", "client secret", ENTRA_SECRET },
	{ "AZURE_CLIENT_CERTIFICATE_PATH", "certificate", ENTRA_CERTIFICATE },
	{ "AZURE_FEDERATED_TOKEN_FILE", "federated token", ENTRA_FEDERATED },
};

static struct credentials *from_entra(const struct credentials_request *r, size_t i, const char *value,
				      struct error *err)
{
	const char *tenant = look_up(r, "AZURE_TENANT_ID"), *client = look_up(r, "AZURE_CLIENT_ID");
	struct entra_config config = {
		.authority = look_up(r, "AZURE_AUTHORITY_HOST"),
		.resource = r->resource,
		.tenant = tenant,
		.client = client,
		.proof = proofs[i].proof,
		.password = look_up(r, "AZURE_CLIENT_CERTIFICATE_PASSWORD"),
		.file = r->file ? credentials_file_path(r->file) : NULL,
	};
	struct token_source source;
	struct credentials *c;
	char identity[CREDENTIALS_TEXT_LEN];
	uint64_t end_ns;

	if (!tenant || !client) {
		error_set(err, ERR_REFUSED, "%s is set, %s is not", proofs[i].name,
			  !tenant ? "AZURE_TENANT_ID" : "AZURE_CLIENT_ID");
		return NULL;
	}
	*(proofs[i].proof == ENTRA_SECRET ? &config.secret : &config.path) = value;
	if (entra_source(&config, &source, &end_ns, err) < 0)
		return NULL;
	snprintf(identity, sizeof(identity), "Entra ID client %s of tenant %s by its %s", client, tenant, proofs[i].by);
	c = credentials_new_bearer(r->account, identity, proofs[i].name, &source, err);
	if (c)
		c->proof_end_ns = end_ns;
	return c;
}

/* Where it says that this machine has an identity; NULL: nowhere. */
static const char *managed_sign(const struct credentials_request *r)
{
	if (look_up(r, "LIFTFS_AUTH"))
		return "LIFTFS_AUTH";
	if (look_up(r, "AZURE_CLIENT_ID"))
		return "AZURE_CLIENT_ID";
	if (look_up(r, "AZURE_POD_IDENTITY_AUTHORITY_HOST"))
		return "AZURE_POD_IDENTITY_AUTHORITY_HOST";
	return look_up(r, "IDENTITY_ENDPOINT") && look_up(r, "IMDS_ENDPOINT") ? "IDENTITY_ENDPOINT" : NULL;
}

/* The agent's own variables, or that it is installed; never where an address for IMDS is given. */
static bool is_arc(const struct credentials_request *r)
{
	if (look_up_machine(r, "AZURE_POD_IDENTITY_AUTHORITY_HOST"))
		return false;
	return (look_up_machine(r, "IDENTITY_ENDPOINT") && look_up_machine(r, "IMDS_ENDPOINT")) ||
	       access(r->arc_agent ? r->arc_agent : MANAGED_ARC_AGENT, F_OK) == 0;
}

static int check_auth(const struct credentials_request *r, struct error *err)
{
	const char *auth = look_up(r, "LIFTFS_AUTH");

	if (auth && strcmp(auth, "managed") != 0)
		return error_set(err, ERR_REFUSED, "LIFTFS_AUTH=%.32s: the only word that it knows is managed", auth);
	if (!auth && look_up(r, "AZURE_CLIENT_ID") && look_up(r, "AZURE_TENANT_ID"))
		return error_set(err, ERR_REFUSED,
				 "AZURE_TENANT_ID and AZURE_CLIENT_ID are set; AZURE_CLIENT_SECRET, "
				 "AZURE_CLIENT_CERTIFICATE_PATH and AZURE_FEDERATED_TOKEN_FILE are not (for a "
				 "managed identity set LIFTFS_AUTH=managed)");
	return 0;
}

static struct credentials *from_machine(const struct credentials_request *r, const char *sign, struct error *err)
{
	struct managed_config config = { .arc = is_arc(r), .client = look_up(r, "AZURE_CLIENT_ID"),
					 .resource = r->resource };
	struct token_source source;
	char identity[CREDENTIALS_TEXT_LEN];

	if (check_auth(r, err) < 0)
		return NULL;
	config.endpoint = look_up_machine(r, config.arc ? "IDENTITY_ENDPOINT" : "AZURE_POD_IDENTITY_AUTHORITY_HOST");
	if (managed_source(&config, &source, err) < 0)
		return NULL;
	snprintf(identity, sizeof(identity), "%s managed identity%s%.64s of this %s",
		 config.client ? "user-assigned" : "system-assigned", config.client ? " " : "",
		 config.client ? config.client : "", config.arc ? "Azure Arc server" : "machine in Azure");
	return credentials_new_bearer(r->account, identity, sign, &source, err);
}

#define SET_FOR_TOKENS                                                                                      \
	"AZURE_TENANT_ID and AZURE_CLIENT_ID with AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH or " \
	"AZURE_FEDERATED_TOKEN_FILE, or LIFTFS_AUTH=managed (in the environment or in the file of --credentials)"
#define SET_FOR_STORAGE                                                                                                \
	"AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_SAS_TOKEN, AZURE_STORAGE_KEY with AZURE_STORAGE_ACCOUNT, or "  \
	SET_FOR_TOKENS ", or use a URL with a SAS"

static struct credentials *from_storage(const struct credentials_request *r, struct error *err)
{
	const char *value = look_up(r, "AZURE_STORAGE_CONNECTION_STRING");

	if (value)
		return from_connection_string(r, value, "AZURE_STORAGE_CONNECTION_STRING", err);
	value = look_up(r, "AZURE_STORAGE_SAS_TOKEN");
	return value ? from_sas(r, value, err) : from_key(r, look_up(r, "AZURE_STORAGE_KEY"), err);
}

static bool names_storage(const struct credentials_request *r)
{
	return !r->resource &&
	       (look_up(r, "AZURE_STORAGE_CONNECTION_STRING") || look_up(r, "AZURE_STORAGE_SAS_TOKEN") ||
		look_up(r, "AZURE_STORAGE_KEY"));
}

struct credentials *credentials_choose(const struct credentials_request *r, struct error *err)
{
	const char *value;

	if (r->url_sas)
		return credentials_new_sas(r->account, secret_reveal(r->url_sas), "the URL", NULL, err);
	if (names_storage(r))
		return from_storage(r, err);
	for (size_t i = 0; i < ARRAY_LEN(proofs); i++) {
		value = look_up(r, proofs[i].name);
		if (value)
			return from_entra(r, i, value, err);
	}
	value = managed_sign(r);
	if (value)
		return from_machine(r, value, err);
	error_set(err, ERR_REFUSED, "%s; set %s", r->file ? "no credentials in the credentials file" : "no credentials",
		  r->resource ? SET_FOR_TOKENS : SET_FOR_STORAGE);
	return NULL;
}

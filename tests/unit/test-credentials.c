/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "net/credentials.h"
#include "net/redact.h"

#define KEY "QUJDREVGR0g="
#define SAS "sv=2021-12-02&sr=c&sp=rcwl&se=2030-01-01T00%3A00%3A00Z&sig=SECRET"
#define WHAT_TO_SET                                                                                                    \
	"set AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_SAS_TOKEN, AZURE_STORAGE_KEY with AZURE_STORAGE_ACCOUNT, " \
	"or AZURE_TENANT_ID and AZURE_CLIENT_ID with AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH or "           \
	"AZURE_FEDERATED_TOKEN_FILE, or LIFTFS_AUTH=managed (in the environment or in the file of --credentials), or " \
	"use a URL with a SAS"

static uint64_t fixed_time(int which)
{
	(void)which;
	return UINT64_C(1795298400) * 1000000000; /* 2026-11-21T22:00:00Z */
}

/* An environment: names and values, one after the other. */
static const char *look_up(void *ctx, const char *name)
{
	for (const char *const *p = ctx; *p; p += 2)
		if (strcmp(p[0], name) == 0)
			return p[1];
	return NULL;
}

static struct credentials *choose(const char **env, const char *account, struct error *err)
{
	const struct credentials_request r = {
		.account = account, .lookup = look_up, .ctx = env, .arc_agent = "/nonexistent"
	};

	return credentials_choose(&r, err);
}

static FILE *file_with(const char *text, unsigned mode)
{
	FILE *f = tmpfile();

	assert_non_null(f);
	fputs(text, f);
	fflush(f);
	assert_int_equal(fchmod(fileno(f), mode), 0);
	return f;
}

static void the_first_that_is_there_wins(void **state)
{
	const char *env[] = { "AZURE_STORAGE_CONNECTION_STRING",
			      "AccountName=acct;AccountKey=" KEY,
			      "AZURE_STORAGE_SAS_TOKEN",
			      "?" SAS,
			      "AZURE_STORAGE_KEY",
			      KEY,
			      "AZURE_STORAGE_ACCOUNT",
			      "acct",
			      "AZURE_CLIENT_ID",
			      "id",
			      NULL };
	static const struct {
		const char *source, *description;
	} want[] = {
		{ "AZURE_STORAGE_CONNECTION_STRING",
		  "key of account acct from AZURE_STORAGE_CONNECTION_STRING, all rights, no end" },
		{ "AZURE_STORAGE_SAS_TOKEN",
		  "SAS from AZURE_STORAGE_SAS_TOKEN, rights rcwl on a container, until 2030-01-01T00:00:00Z" },
		{ "AZURE_STORAGE_KEY", "key of account acct from AZURE_STORAGE_KEY, all rights, no end" },
	};
	char text[CREDENTIALS_TEXT_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		CLEANUP(cleanup_credentials) struct credentials *c = choose(env, "acct", NULL);

		assert_non_null(c);
		assert_string_equal(c->source, want[i].source);
		credentials_describe(c, text);
		assert_string_equal(text, want[i].description);
		env[2 * i + 1] = ""; /* set, but to nothing: as if it were not */
	}
}

static void a_sas_in_the_url_comes_before_all(void **state)
{
	const char *env[] = { "AZURE_STORAGE_KEY", KEY, "AZURE_STORAGE_ACCOUNT", "other", NULL };
	CLEANUP(cleanup_secret) struct secret *sas = secret_new(SAS, NULL);
	const struct credentials_request r = { .account = "acct", .url_sas = sas, .lookup = look_up, .ctx = env };
	CLEANUP(cleanup_credentials) struct credentials *c = credentials_choose(&r, NULL);

	(void)state;
	assert_non_null(c);
	assert_string_equal(c->source, "the URL");
	assert_string_equal(c->account, "acct");
}

static void a_file_stands_for_the_environment(void **state)
{
	const char *env[] = { "AZURE_STORAGE_CONNECTION_STRING", "AccountName=acct;AccountKey=" KEY, NULL };
	CLEANUP_FILE FILE *f = file_with("# ours\n\nAZURE_STORAGE_ACCOUNT=acct\r\nAZURE_STORAGE_KEY=" KEY, 0600);
	CLEANUP_FILE FILE *empty = file_with("", 0400);
	CLEANUP(cleanup_credentials_file)
	struct credentials_file *file = credentials_file_read(fileno(f), "cred", NULL);
	CLEANUP(cleanup_credentials_file)
	struct credentials_file *none = credentials_file_read(fileno(empty), "cred", NULL);
	struct credentials_request r = { .account = "acct", .file = file, .lookup = look_up, .ctx = env };
	CLEANUP(cleanup_credentials) struct credentials *c = NULL;
	struct error e = ERROR_INIT;

	(void)state;
	assert_non_null(file);
	assert_non_null(none);
	assert_string_equal(credentials_file_get(file, "AZURE_STORAGE_ACCOUNT"), "acct");
	assert_string_equal(credentials_file_get(file, "AZURE_STORAGE_KEY"), KEY);
	c = credentials_choose(&r, NULL);
	assert_non_null(c);
	assert_string_equal(c->source, "AZURE_STORAGE_KEY");
	r.file = none;
	assert_null(credentials_choose(&r, &e));
	assert_error(&e, ERR_REFUSED, "no credentials in the credentials file; " WHAT_TO_SET);
}

static void a_file_that_others_can_read_or_that_is_wrong_is_refused(void **state)
{
	static const struct {
		const char *text;
		unsigned mode;
		const char *msg;
	} rows[] = {
		{ "", 0640, "cred: mode 640: others than its owner may use it (chmod 600)" },
		{ "", 0604, "cred: mode 604: others than its owner may use it (chmod 600)" },
		{ "AZURE_STORAGE_ACCOUNT=a\nSECRET\n", 0600, "cred: line 2: not NAME=VALUE" },
		{ "AZURE_STORAGE_KEYS=SECRET\n", 0600, "cred: line 1: a name that is not known" },
		{ "AZURE_STORAGE_KEY=SECRET\nAZURE_STORAGE_KEY=T\n", 0600,
		  "cred: line 2: AZURE_STORAGE_KEY for the second time" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP_FILE FILE *f = file_with(rows[i].text, rows[i].mode);
		struct error e = ERROR_INIT;

		assert_null(credentials_file_read(fileno(f), "cred", &e));
		assert_error(&e, ERR_REFUSED, rows[i].msg);
	}
}

static void what_cannot_be_used_is_refused_with_a_reason(void **state)
{
	static const struct {
		const char *env[7];
		enum error_code code;
		const char *msg;
	} rows[] = {
		{ { NULL }, ERR_REFUSED, "no credentials; " WHAT_TO_SET },
		{ { "AZURE_TENANT_ID", "t", "AZURE_CLIENT_ID", "c", NULL },
		  ERR_REFUSED,
		  "AZURE_TENANT_ID and AZURE_CLIENT_ID are set; AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH and "
		  "AZURE_FEDERATED_TOKEN_FILE are not (for a managed identity set LIFTFS_AUTH=managed)" },
		{ { "AZURE_CLIENT_SECRET", "SECRET", "AZURE_CLIENT_ID", "c", NULL },
		  ERR_REFUSED,
		  "AZURE_CLIENT_SECRET is set, AZURE_TENANT_ID is not" },
		{ { "AZURE_FEDERATED_TOKEN_FILE", "/nonexistent/token", "AZURE_TENANT_ID", "t", NULL },
		  ERR_REFUSED,
		  "AZURE_FEDERATED_TOKEN_FILE is set, AZURE_CLIENT_ID is not" },
		{ { "LIFTFS_AUTH", "browser", NULL },
		  ERR_REFUSED,
		  "LIFTFS_AUTH=browser: the only word that it knows is managed" },
		{ { "AZURE_STORAGE_KEY", KEY, NULL },
		  ERR_REFUSED,
		  "AZURE_STORAGE_KEY is set, AZURE_STORAGE_ACCOUNT is not" },
		{ { "AZURE_STORAGE_KEY", KEY, "AZURE_STORAGE_ACCOUNT", "other", NULL },
		  ERR_REFUSED,
		  "AZURE_STORAGE_ACCOUNT: for account other, not for acct of the URL" },
		{ { "AZURE_STORAGE_SAS_TOKEN", SAS, "AZURE_STORAGE_ACCOUNT", "other", NULL },
		  ERR_REFUSED,
		  "AZURE_STORAGE_ACCOUNT: for account other, not for acct of the URL" },
		{ { "AZURE_STORAGE_CONNECTION_STRING", "AccountName=other;AccountKey=" KEY, NULL },
		  ERR_REFUSED,
		  "AZURE_STORAGE_CONNECTION_STRING: for account other, not for acct of the URL" },
		{ { "AZURE_STORAGE_CONNECTION_STRING", "AccountName=acct", NULL },
		  ERR_REFUSED,
		  "AZURE_STORAGE_CONNECTION_STRING: connection string: neither AccountKey nor SharedAccessSignature" },
		{ { "AZURE_STORAGE_KEY", "SECRET!", "AZURE_STORAGE_ACCOUNT", "acct", NULL },
		  ERR_REFUSED,
		  "AZURE_STORAGE_KEY is wrong: key of account acct: not base64" },
		{ { "AZURE_STORAGE_SAS_TOKEN", "se=2026-11-21T21:00:00Z&sig=SECRET", NULL },
		  ERR_REFUSED,
		  "AZURE_STORAGE_SAS_TOKEN: SAS: ended at 2026-11-21T21:00:00Z" },
		{ { "AZURE_STORAGE_SAS_TOKEN", "SECRET", NULL },
		  ERR_REFUSED,
		  "AZURE_STORAGE_SAS_TOKEN: SAS: it has no signature (sig)" },
	};

	(void)state;
	clock_set_for_test(fixed_time);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *env[7];
		struct error e = ERROR_INIT;

		memcpy(env, rows[i].env, sizeof(env));
		assert_null(choose(env, "acct", &e));
		assert_error(&e, rows[i].code, rows[i].msg);
		redact_text(e.msg);
		assert_string_equal(e.msg, rows[i].msg); /* whole when it is shown, too */
	}
	clock_set_for_test(NULL);
}

static void another_service_lets_only_tokens_in(void **state)
{
	const char *env[] = { "AZURE_STORAGE_KEY", KEY, "AZURE_STORAGE_ACCOUNT", "acct", "AZURE_STORAGE_SAS_TOKEN",
			      "sig=SECRET",        "AZURE_STORAGE_CONNECTION_STRING",    "AccountName=acct;AccountKey=" KEY,
			      NULL,                NULL,                                 NULL };
	const struct credentials_request r = { .lookup = look_up,
					       .ctx = env,
					       .arc_agent = "/nonexistent",
					       .resource = "https://management.azure.com/" };
	CLEANUP(cleanup_credentials) struct credentials *c = NULL;
	struct error e = ERROR_INIT;

	(void)state;
	assert_null(credentials_choose(&r, &e));
	assert_error(&e, ERR_REFUSED,
		     "no credentials; set AZURE_TENANT_ID and AZURE_CLIENT_ID with AZURE_CLIENT_SECRET, "
		     "AZURE_CLIENT_CERTIFICATE_PATH or AZURE_FEDERATED_TOKEN_FILE, or LIFTFS_AUTH=managed (in the "
		     "environment or in the file of --credentials)");
	env[8] = "LIFTFS_AUTH";
	env[9] = "managed";
	e = (struct error)ERROR_INIT;
	c = credentials_choose(&r, &e);
	assert_non_null(c);
	assert_int_equal(c->kind, CREDENTIALS_BEARER);
}

static void requests_are_signed_or_given_the_token(void **state)
{
	const char *by_key[] = { "AZURE_STORAGE_KEY", KEY, "AZURE_STORAGE_ACCOUNT", "acct", NULL };
	const char *by_sas[] = { "AZURE_STORAGE_SAS_TOKEN", "?" SAS, NULL };
	CLEANUP(cleanup_credentials)
	struct credentials *key = choose(by_key, NULL, NULL), *sas = choose(by_sas, NULL, NULL);
	CLEANUP_FREE char *url = NULL, *authorization = NULL, *url2 = NULL, *authorization2 = NULL;
	uint64_t generation;

	(void)state;
	assert_non_null(key);
	assert_non_null(sas);
	assert_int_equal(credentials_authorize(key, "GET", "https://a/c?comp=list", NULL, 0, 0, &url, &authorization,
					       &generation, NULL),
			 0);
	assert_string_equal(url, "https://a/c?comp=list");
	assert_ptr_equal(strstr(authorization, "SharedKey acct:"), authorization);
	assert_int_equal(credentials_authorize(sas, "GET", "https://a/c?comp=list", NULL, 0, 0, &url2, &authorization2,
					       &generation, NULL),
			 0);
	assert_string_equal(url2, "https://a/c?comp=list&" SAS);
	assert_null(authorization2);
}

static void what_entra_needs_is_chosen_in_order_and_described(void **state)
{
	const char *env[] = { "AZURE_TENANT_ID", "t",           "AZURE_CLIENT_ID", "c", "AZURE_CLIENT_SECRET",
			      "SECRET",          "LIFTFS_AUTH", "managed",         NULL };
	CLEANUP(cleanup_credentials) struct credentials *c = choose(env, "acct", NULL), *m = NULL;
	char text[CREDENTIALS_TEXT_LEN];

	(void)state;
	assert_non_null(c);
	credentials_describe(c, text);
	assert_string_equal(text, "Entra ID client c of tenant t by its client secret, from AZURE_CLIENT_SECRET");
	assert_string_equal(c->account, "acct");
	env[5] = "";
	m = choose(env, "acct", NULL);
	assert_non_null(m);
	credentials_describe(m, text);
	assert_string_equal(text, "user-assigned managed identity c of this machine in Azure, from LIFTFS_AUTH");
}

static void a_managed_identity_is_chosen_only_where_something_says_that_there_is_one(void **state)
{
	static const struct {
		const char *env[7], *agent, *text;
	} rows[] = {
		{ { "AZURE_CLIENT_ID", "c", NULL },
		  "/nonexistent",
		  "user-assigned managed identity c of this machine in Azure, from AZURE_CLIENT_ID" },
		{ { "AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1", NULL },
		  "/",
		  "system-assigned managed identity of this machine in Azure, from AZURE_POD_IDENTITY_AUTHORITY_HOST" },
		{ { "IDENTITY_ENDPOINT", "http://localhost:40342/x", "IMDS_ENDPOINT", "http://localhost:40342", NULL },
		  "/nonexistent",
		  "system-assigned managed identity of this Azure Arc server, from IDENTITY_ENDPOINT" },
		{ { "LIFTFS_AUTH", "managed", NULL },
		  "/",
		  "system-assigned managed identity of this Azure Arc server, from LIFTFS_AUTH" },
		{ { "IDENTITY_ENDPOINT", "http://localhost:40342/x", NULL }, "/nonexistent", NULL },
		{ { "AZURE_TENANT_ID", "t", NULL }, "/", NULL },
		{ { NULL }, "/", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *env[7];
		struct credentials_request r = { .lookup = look_up, .ctx = env, .arc_agent = rows[i].agent };
		CLEANUP(cleanup_credentials) struct credentials *c = NULL;
		char text[CREDENTIALS_TEXT_LEN];
		struct error e = ERROR_INIT;

		memcpy(env, rows[i].env, sizeof(env));
		c = credentials_choose(&r, &e);
		if (!rows[i].text) {
			assert_null(c);
			assert_error(&e, ERR_REFUSED, "no credentials; " WHAT_TO_SET);
			continue;
		}
		if (!c)
			fail_msg("row %zu: %s", i, e.msg);
		credentials_describe(c, text);
		assert_string_equal(text, rows[i].text);
	}
}

static int give_token(void *ctx, const struct token_ask *ask, struct token *out, struct error *err)
{
	(void)ctx;
	(void)ask;
	*out = (struct token){ .text = secret_new("eyJ.a.b", err), .life_ms = 3600000 };
	return out->text ? 0 : -1;
}

static void a_token_is_sent_as_a_header_and_never_in_the_clear(void **state)
{
	const struct token_source source = { .fetch = give_token };
	CLEANUP(cleanup_credentials)
	struct credentials *c = credentials_new_bearer("acct", "somebody", "the test", &source, NULL);
	static const char *const clear[] = { "http://acct.example/c", "http://127.0.0.1.example/c",
					     "http://169.254.169.254/c" };
	CLEANUP_FREE char *url = NULL, *authorization = NULL, *url2 = NULL, *authorization2 = NULL;
	struct error e = ERROR_INIT;
	uint64_t generation;

	(void)state;
	assert_non_null(c);
	assert_int_equal(credentials_start(c, NULL, NULL, NULL), 0);
	assert_int_equal(credentials_authorize(c, "GET", "https://a/c?comp=list", NULL, 0, 0, &url, &authorization,
					       &generation, NULL),
			 0);
	assert_string_equal(url, "https://a/c?comp=list");
	assert_string_equal(authorization, "Bearer eyJ.a.b");
	assert_int_equal(generation, 1);
	for (size_t i = 0; i < ARRAY_LEN(clear); i++) {
		e = (struct error)ERROR_INIT;
		assert_int_equal(
			credentials_authorize(c, "GET", clear[i], NULL, 0, 0, &url2, &authorization2, &generation, &e),
			-1);
		assert_error(&e, ERR_REFUSED, "a token is not sent over plain HTTP: use https");
	}
	assert_int_equal(credentials_authorize(c, "GET", "http://127.0.0.1:10000/acct/c", NULL, 0, 0, &url2,
					       &authorization2, &generation, NULL),
			 0);
	assert_true(credentials_renewable(c, generation, 401));
	assert_false(credentials_renewable(c, generation, 403));
}

static void a_sas_that_ends_within_a_day_says_so(void **state)
{
	const char *env[] = { "AZURE_STORAGE_SAS_TOKEN", "sv=2021-12-02&sr=c&sp=rcwl&se=2026-11-22T03%3A00%3A00Z&sig=S",
			      NULL };
	CLEANUP(cleanup_credentials) struct credentials *c = NULL;
	char text[CREDENTIALS_TEXT_LEN];

	(void)state;
	clock_set_for_test(fixed_time);
	c = choose(env, "acct", NULL);
	assert_non_null(c);
	credentials_describe(c, text);
	clock_set_for_test(NULL);
	assert_string_equal(text, "SAS from AZURE_STORAGE_SAS_TOKEN, rights rcwl on a container, until "
				  "2026-11-22T03:00:00Z, which is in 5 h 00 min: renew it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_entra_needs_is_chosen_in_order_and_described),
		cmocka_unit_test(another_service_lets_only_tokens_in),
		cmocka_unit_test(a_managed_identity_is_chosen_only_where_something_says_that_there_is_one),
		cmocka_unit_test(a_token_is_sent_as_a_header_and_never_in_the_clear),
		cmocka_unit_test(a_sas_that_ends_within_a_day_says_so),
		cmocka_unit_test(the_first_that_is_there_wins),
		cmocka_unit_test(a_sas_in_the_url_comes_before_all),
		cmocka_unit_test(a_file_stands_for_the_environment),
		cmocka_unit_test(a_file_that_others_can_read_or_that_is_wrong_is_refused),
		cmocka_unit_test(what_cannot_be_used_is_refused_with_a_reason),
		cmocka_unit_test(requests_are_signed_or_given_the_token),
	};

	return cmocka_run_group_tests_name("credentials", tests, NULL, NULL);
}

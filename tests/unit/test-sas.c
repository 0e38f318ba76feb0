/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/sas.h"

#define NS UINT64_C(1000000000)

static void what_a_sas_says_of_itself(void **state)
{
	struct sas sas;

	(void)state;
	assert_int_equal(sas_parse("?sv=2021-12-02&st=2026-11-21T22%3A00Z&se=2030-01-01T00%3A00%3A00Z&sr=c&sp=rcwl&"
				   "sip=10.0.0.1-10.0.0.9&spr=https&si=policy%201&sig=abc%3D",
				   &sas, NULL),
			 0);
	assert_string_equal(sas.permissions, "rcwl");
	assert_string_equal(sas.resource, "c");
	assert_string_equal(sas.protocol, "https");
	assert_string_equal(sas.ip, "10.0.0.1-10.0.0.9");
	assert_string_equal(sas.policy, "policy 1");
	assert_string_equal(sas.services, "");
	assert_true(sas.start_ns == UINT64_C(1795298400) * NS);
	assert_true(sas.expiry_ns == UINT64_C(1893456000) * NS);
	assert_int_equal(sas_parse("ss=bf&srt=sco&sp=rl&se=2030-01-01&sig=x", &sas, NULL), 0);
	assert_string_equal(sas.services, "bf");
	assert_string_equal(sas.resource, "");
	assert_true(sas.start_ns == 0);
	assert_true(sas.expiry_ns == UINT64_C(1893456000) * NS);
}

static void what_is_no_sas_is_refused(void **state)
{
	static const struct {
		const char *query, *msg;
	} rows[] = {
		{ "", "SAS: it has no signature (sig)" },
		{ "sv=1&design=x", "SAS: it has no signature (sig)" },
		{ "sig=x&se=tomorrow", "SAS: se is 'tomorrow', not a time" },
		{ "sig=x&st=2026-13-01", "SAS: st is '2026-13-01', not a time" },
		{ "sig=x&sr=%zz", "SAS: sr is not legible" },
		{ "sig=x&sr=12345678", "SAS: sr of 8 characters" },
		{ "sig=x&ss=fq", "SAS: for services 'fq', not for blobs (b)" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e = ERROR_INIT;
		struct sas sas;

		assert_int_equal(sas_parse(rows[i].query, &sas, &e), -1);
		assert_error(&e, ERR_REFUSED, rows[i].msg);
	}
}

static void a_sas_that_has_ended_is_refused_early_but_for_clocks_that_differ(void **state)
{
	const uint64_t now = UINT64_C(1795298400) * NS, minute = 60 * NS;
	struct sas sas = { .expiry_ns = now - 14 * minute, .start_ns = now + 14 * minute };
	struct error e = ERROR_INIT, e2 = ERROR_INIT;

	(void)state;
	assert_int_equal(sas_check_time(&sas, now, NULL), 0);
	sas.expiry_ns = now - 16 * minute;
	assert_int_equal(sas_check_time(&sas, now, &e), -1);
	assert_error(&e, ERR_REFUSED, "SAS: ended at 2026-11-21T21:44:00Z");
	sas.expiry_ns = 0;
	sas.start_ns = now + 16 * minute;
	assert_int_equal(sas_check_time(&sas, now, &e2), -1);
	assert_error(&e2, ERR_REFUSED, "SAS: begins at 2026-11-21T22:16:00Z");
	sas.start_ns = 0;
	assert_int_equal(sas_check_time(&sas, now, NULL), 0);
}

static void a_url_splits_and_joins(void **state)
{
	static const struct {
		const char *url, *base, *token;
	} rows[] = {
		{ "https://a/c/b", "https://a/c/b", NULL },
		{ "https://a/c/b?snapshot=T", "https://a/c/b?snapshot=T", NULL },
		{ "https://a/c/b?design=x", "https://a/c/b?design=x", NULL },
		{ "https://a/c/b?sv=1&sr=b&sig=x%3D", "https://a/c/b", "sv=1&sr=b&sig=x%3D" },
		{ "https://a/c/b?sv=1&snapshot=T&&sig=x&versionid=V", "https://a/c/b?snapshot=T&versionid=V",
		  "sv=1&sig=x" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_secret) struct secret *token = NULL;
		CLEANUP_FREE char *base = NULL;

		assert_int_equal(sas_split_url(rows[i].url, &base, &token, NULL), 0);
		assert_string_equal(base, rows[i].base);
		if (!rows[i].token)
			assert_null(token);
		else
			assert_string_equal(secret_reveal(token), rows[i].token);
	}
	{
		CLEANUP(cleanup_secret) struct secret *token = secret_new("sig=x", NULL);
		CLEANUP_FREE char *a = sas_join_url("https://a/c", token, NULL),
				  *b = sas_join_url("https://a/c?comp=page", token, NULL);

		assert_string_equal(a, "https://a/c?sig=x");
		assert_string_equal(b, "https://a/c?comp=page&sig=x");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_sas_says_of_itself),
		cmocka_unit_test(what_is_no_sas_is_refused),
		cmocka_unit_test(a_sas_that_has_ended_is_refused_early_but_for_clocks_that_differ),
		cmocka_unit_test(a_url_splits_and_joins),
	};

	return cmocka_run_group_tests_name("sas", tests, NULL, NULL);
}

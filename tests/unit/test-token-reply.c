/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "net/token_reply.h"

#define NOW_S UINT64_C(1795298400)
#define NOW_NS (NOW_S * 1000000000)
#define FOLDER "/var/opt/azcmagent/tokens"

static void a_reply_gives_token_and_life(void **state)
{
	static const struct {
		const char *body;
		uint64_t life_ms, not_before_ns;
	} rows[] = {
		{ "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"ext_expires_in\":9999,\"access_token\":\"aa.b-_c~+/"
		  "=\"}",
		  3599000, 0 },
		/* Metadata services write numbers as text; expires_in wins, since it needs no clock. */
		{ "{\"access_token\":\"aa.b-_c~+/"
		  "=\",\"expires_in\":\"60\",\"expires_on\":\"1795298401\",\"not_before\":"
		  "\"1795298300\"}",
		  60000, UINT64_C(1795298300000000000) },
		{ "{\"access_token\":\"aa.b-_c~+/=\",\"expires_on\":\"1795298460\",\"token_type\":\"bearer\"}", 60000,
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct token t = { 0 };

		assert_int_equal(token_reply_parse(rows[i].body, strlen(rows[i].body), NOW_NS, &t, NULL), 0);
		assert_string_equal(secret_reveal(t.text), "aa.b-_c~+/=");
		assert_int_equal(t.life_ms, rows[i].life_ms);
		assert_int_equal(t.not_before_ns, rows[i].not_before_ns);
		token_fini(&t);
	}
}

static void what_is_no_token_is_refused_without_showing_it(void **state)
{
	static const struct {
		const char *body, *msg;
	} rows[] = {
		{ "<html>SECRET</html>", "the answer is no JSON object" },
		{ "[\"SECRET\"]", "the answer is no JSON object" },
		{ "", "the answer is no JSON object" },
		{ "{\"expires_in\":3600}", "the answer holds no usable token" },
		{ "{\"access_token\":\"\",\"expires_in\":3600}", "the answer holds no usable token" },
		{ "{\"access_token\":\"SECRET\\r\\nx-ms-version: 1\",\"expires_in\":3600}",
		  "the answer holds no usable token" },
		{ "{\"access_token\":\"SECRET\",\"token_type\":\"pop\",\"expires_in\":3600}",
		  "the answer holds no usable token" },
		{ "{\"access_token\":\"SECRET\"}", "the answer does not say how long its token is valid" },
		{ "{\"access_token\":\"SECRET\",\"expires_in\":0}",
		  "the answer does not say how long its token is valid" },
		{ "{\"access_token\":\"SECRET\",\"expires_in\":-5}",
		  "the answer does not say how long its token is valid" },
		{ "{\"access_token\":\"SECRET\",\"expires_on\":\"1795298400\"}",
		  "the answer does not say how long its token is valid" },
	};
	struct error e = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct token t = { 0 };

		e = (struct error)ERROR_INIT;
		assert_int_equal(token_reply_parse(rows[i].body, strlen(rows[i].body), NOW_NS, &t, &e), -1);
		assert_error(&e, ERR_NETWORK, rows[i].msg);
		assert_null(t.text);
	}
}

static void a_refusal_is_its_code_and_first_sentence(void **state)
{
	static const char body[] =
		"{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: Invalid client "
		"secret provided. Ensure the secret being sent is right. Trace ID: 1\\r\\nTimestamp: "
		"2\"}";
	struct token_refusal r;

	(void)state;
	token_refusal_parse(body, sizeof(body) - 1, &r);
	assert_string_equal(r.error, "invalid_client");
	assert_string_equal(r.code, "AADSTS7000215");
	assert_string_equal(r.message, "Invalid client secret provided");
	assert_string_equal(token_refusal_remedy(&r), "AZURE_CLIENT_SECRET must be the secret's value, not its ID");
	token_refusal_parse("{\"error\":\"a\\u001b\",\"error_description\":\"x\\u0007y Trace ID: 1\"}",
			    strlen("{\"error\":\"a\\u001b\",\"error_description\":\"x\\u0007y Trace ID: 1\"}"), &r);
	assert_string_equal(r.error, "a\\x1B");
	assert_string_equal(r.message, "x\\x07y");
	assert_string_equal(r.code, "");
	assert_null(token_refusal_remedy(&r));
	token_refusal_parse(NULL, 0, &r);
	assert_string_equal(r.error, "");
}

static void a_challenge_names_a_file_of_the_agents_folder(void **state)
{
	char name[ARC_NAME_LEN];

	(void)state;
	assert_int_equal(arc_challenge_parse("Basic realm=" FOLDER "/1f-2.key", FOLDER, name, NULL), 0);
	assert_string_equal(name, "1f-2.key");
	assert_int_equal(arc_challenge_parse("basic realm=\"" FOLDER "/a.key\"", FOLDER, name, NULL), 0);
	assert_string_equal(name, "a.key");
}

static void a_challenge_that_names_another_file_is_refused(void **state)
{
	static const struct {
		const char *header, *msg;
	} rows[] = {
		{ NULL, "the challenge names no file (Basic realm=...)" },
		{ "Bearer realm=" FOLDER "/a.key", "the challenge names no file (Basic realm=...)" },
		{ "Basic realm=/etc/shadow.key", "the challenge names a file that is not in " FOLDER },
		{ "Basic realm=" FOLDER "/../../../../etc/a.key", "the challenge names a file that is not in " FOLDER },
		{ "Basic realm=" FOLDER "/sub/a.key", "the challenge names a file that is not in " FOLDER },
		{ "Basic realm=" FOLDER "x/a.key", "the challenge names a file that is not in " FOLDER },
		{ "Basic realm=" FOLDER "/", "the challenge names a file that is not in " FOLDER },
		{ "Basic realm=a.key", "the challenge names a file that is not in " FOLDER },
		{ "Basic realm=" FOLDER "/a.key.txt", "the challenge names a file that does not end in .key" },
		{ "Basic realm=" FOLDER "/.key", "the challenge names a file that does not end in .key" },
		{ "Basic realm=" FOLDER "/a b.key", "the challenge names a file with an odd name" },
	};
	char name[ARC_NAME_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e = ERROR_INIT;

		assert_int_equal(arc_challenge_parse(rows[i].header, FOLDER, name, &e), -1);
		assert_error(&e, ERR_REFUSED, rows[i].msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reply_gives_token_and_life),
		cmocka_unit_test(what_is_no_token_is_refused_without_showing_it),
		cmocka_unit_test(a_refusal_is_its_code_and_first_sentence),
		cmocka_unit_test(a_challenge_names_a_file_of_the_agents_folder),
		cmocka_unit_test(a_challenge_that_names_another_file_is_refused),
	};

	return cmocka_run_group_tests_name("token-reply", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer means; how often is asked is seen in test-managed.c and test-entra.c. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "net/token_request.h"

#define NOW_NS (UINT64_C(1795298400) * 1000000000) /* 2026-11-21T22:00:00Z */

static int read_answer(long status, const char *body, const char *date, const char *never, struct error *err)
{
	struct token_answer a = {
		.status = status, .body = strdup(body), .body_len = strlen(body), .realtime_ns = NOW_NS
	};
	struct token t = { 0 };
	int rc;

	snprintf(a.date, sizeof(a.date), "%s", date);
	*err = (struct error)ERROR_INIT;
	rc = token_answer_read(&a, never, &t, err);
	token_fini(&t);
	token_answer_fini(&a);
	return rc;
}

static void a_message_that_repeats_the_secret_is_not_shown(void **state)
{
	static const char body[] = "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: Wrong secret "
				   "hunter2 for the application. More.\"}";
	struct error e;

	(void)state;
	assert_int_equal(read_answer(401, body, "", "hunter2", &e), -1);
	assert_error(&e, ERR_REFUSED,
		     "HTTP status 401 AADSTS7000215; AZURE_CLIENT_SECRET must be the secret's value, not its ID");
	assert_int_equal(read_answer(401, body, "", "another", &e), -1);
	assert_error(
		&e, ERR_REFUSED,
		"HTTP status 401 AADSTS7000215: Wrong secret hunter2 for the application; AZURE_CLIENT_SECRET must be "
		"the secret's value, not its ID");
}

static void a_refusal_without_words_is_its_status_and_the_clock(void **state)
{
	struct error e;

	(void)state;
	assert_int_equal(read_answer(403, "<html>", "Sat, 21 Nov 2026 22:17:00 GMT", NULL, &e), -1);
	assert_error(&e, ERR_REFUSED, "HTTP status 403; this host's clock is 17 min 00 s behind the service's");
	assert_int_equal(e.detail, 403);
}

static void a_success_that_is_no_token_may_work_later(void **state)
{
	struct error e;

	(void)state;
	assert_int_equal(read_answer(200, "<html>please log in</html>", "", NULL, &e), -1);
	assert_error(&e, ERR_NETWORK, "the answer is no JSON object");
}

static void keep_warning(void *ctx, enum log_level level, const char *module, const char *line)
{
	(void)module;
	if (level == LOG_WARN)
		snprintf(ctx, 256, "%s", line);
}

static void a_token_that_is_not_valid_yet_is_told_with_the_clock(void **state)
{
	char warning[256] = "";
	struct error e;

	(void)state;
	log_set_sink(keep_warning, warning);
	assert_int_equal(read_answer(200, "{\"access_token\":\"a\",\"expires_in\":3600,\"not_before\":1795299420}",
				     "Sat, 21 Nov 2026 22:17:00 GMT", NULL, &e),
			 0);
	log_set_sink(NULL, NULL);
	assert_string_equal(warning,
			    "the token is not valid yet: this host's clock is 17 min 00 s behind the service's");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_that_repeats_the_secret_is_not_shown),
		cmocka_unit_test(a_refusal_without_words_is_its_status_and_the_clock),
		cmocka_unit_test(a_success_that_is_no_token_may_work_later),
		cmocka_unit_test(a_token_that_is_not_valid_yet_is_told_with_the_clock),
	};

	return cmocka_run_group_tests_name("token-request", tests, NULL, NULL);
}

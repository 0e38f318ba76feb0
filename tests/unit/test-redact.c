/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "net/redact.h"

static void secrets_are_cut_and_the_rest_stays(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "", "" },
		{ "nothing to see", "nothing to see" },
		{ "GET /c/b?sv=2021&sig=abc%2Bdef%3D&se=2030", "GET /c/b?sv=2021&sig=***&se=2030" },
		{ "sig=abcdef", "sig=***" },
		{ "SIG=abcdef rest", "SIG=*** rest" },
		{ "url%3Fsv%3D1%26sig%3Dabc%252B%26se%3D2", "url%3Fsv%3D1%26sig%3D***%26se%3D2" },
		{ "design=oak signal=red", "design=oak signal=red" },
		{ "AccountName=a;AccountKey=QUJD+/==;EndpointSuffix=x",
		  "AccountName=a;AccountKey=***;EndpointSuffix=x" },
		{ "SharedAccessSignature=sv=1&sig=abc;x", "SharedAccessSignature=***" },
		{ "Authorization: SharedKey acct:QUJD=\r\nHost: h", "Authorization: ***\r\nHost: h" },
		{ "authorization=Bearer eyJ.abc", "authorization=***" },
		{ "got Bearer eyJhbGciOi.abc-d_e, then", "got Bearer ***, then" },
		{ "SharedKey acct:QUJDREVG= sent", "SharedKey *** sent" },
		{ "grant=x&client_secret=hunter2&scope=y", "grant=x&client_secret=***&scope=y" },
		{ "{\"access_token\":\"eyJ0\",\"expires_in\":1}", "{\"access_token\":\"***\",\"expires_in\":1}" },
		{ "{\"client_secret\" : \"hunter2\"}", "{\"client_secret\" : \"***\"}" },
		{ "AZURE_STORAGE_KEY=QUJDREVG", "AZURE_STORAGE_KEY=***" },
		{ "http://user:pass@proxy:3128/ down", "http://***@proxy:3128/ down" },
		{ "sig=a&sig=bc", "sig=*&sig=**" },
		{ "sig=", "sig=" },
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(text, sizeof(text), "%s", rows[i].in);
		redact_text(text);
		assert_string_equal(text, rows[i].out);
	}
}

static void a_url_keeps_what_says_what_was_asked(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "https://a.blob.core.windows.net/c/b", "https://a.blob.core.windows.net/c/b" },
		{ "https://a/c/b?comp=page&sv=1&sig=S", "https://a/c/b?comp=page" },
		{ "https://a/c?restype=container&sig=S&comp=list&prefix=x", "https://a/c?restype=container&comp=list" },
		{ "https://a/c/b?sig=S&comp=page#frag", "https://a/c/b?comp=page" },
		{ "https://u:p@a/c/b?x=1", "https://a/c/b" },
		{ "no scheme?sig=S", "no scheme" },
		{ "https://a/c/b&sig=S", "https://a/c/b&sig=*" },
		{ "https://a/c/user@b?sig=S", "https://a/c/user@b" },
	};
	char text[REDACT_URL_LEN], small[12];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		redact_url(rows[i].in, text, sizeof(text));
		assert_string_equal(text, rows[i].out);
	}
	redact_url("https://a.blob.core.windows.net/c/b?comp=page", small, sizeof(small));
	assert_string_equal(small, "https://a.b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets_are_cut_and_the_rest_stays),
		cmocka_unit_test(a_url_keeps_what_says_what_was_asked),
	};

	return cmocka_run_group_tests_name("redact", tests, NULL, NULL);
}

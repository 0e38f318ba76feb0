/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "net/connection_string.h"

static void the_usual_kinds(void **state)
{
	static const struct {
		const char *text, *account, *endpoint, *key, *sas;
	} rows[] = {
		{ "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=QUJD==;EndpointSuffix=core.windows.net",
		  "acct", "https://acct.blob.core.windows.net", "QUJD==", NULL },
		{ "AccountName=acct;AccountKey=QUJD", "acct", "https://acct.blob.core.windows.net", "QUJD", NULL },
		{ " accountname=acct "
		  ";ACCOUNTKEY=QUJD;DefaultEndpointsProtocol=http;EndpointSuffix=core.chinacloudapi.cn;\n",
		  "acct", "http://acct.blob.core.chinacloudapi.cn", "QUJD", NULL },
		{ "BlobEndpoint=http://127.0.0.1:9/acct/;QueueEndpoint=http://x;AccountName=acct;AccountKey=QUJD",
		  "acct", "http://127.0.0.1:9/acct", "QUJD", NULL },
		{ "BlobEndpoint=https://acct.z1.blob.storage.azure.net;SharedAccessSignature=?sv=1&sig=x%3D", NULL,
		  "https://acct.z1.blob.storage.azure.net", NULL, "sv=1&sig=x%3D" },
		{ "AccountName=acct;SharedAccessSignature=sv=1&sig=x", "acct", "https://acct.blob.core.windows.net",
		  NULL, "sv=1&sig=x" },
		{ "UseDevelopmentStorage=true", "devstoreaccount1", "http://127.0.0.1:10000/devstoreaccount1",
		  "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_connection_string) struct connection_string c = { .account = NULL };

		assert_int_equal(connection_string_parse(rows[i].text, &c, NULL), 0);
		assert_string_equal(c.blob_endpoint, rows[i].endpoint);
		assert_int_equal(c.account != NULL, rows[i].account != NULL);
		if (c.account)
			assert_string_equal(c.account, rows[i].account);
		assert_int_equal(c.key != NULL, rows[i].key != NULL);
		if (c.key)
			assert_string_equal(secret_reveal(c.key), rows[i].key);
		assert_int_equal(c.sas != NULL, rows[i].sas != NULL);
		if (c.sas)
			assert_string_equal(secret_reveal(c.sas), rows[i].sas);
	}
}

static void mistakes_are_named_and_values_are_not(void **state)
{
	static const struct {
		const char *text, *msg;
	} rows[] = {
		{ "", "connection string: neither AccountName nor BlobEndpoint" },
		{ "AccountName=a", "connection string: neither AccountKey nor SharedAccessSignature" },
		{ "AccountKey=SECRET", "connection string: neither AccountName nor BlobEndpoint" },
		{ "BlobEndpoint=http://x;AccountKey=SECRET", "connection string: AccountKey without AccountName" },
		{ "AccountName=a;AccountKey=SECRET;SharedAccessSignature=s",
		  "connection string: both AccountKey and SharedAccessSignature" },
		{ "AccountName=a;AcountKey=SECRET", "connection string: 'AcountKey' is not known" },
		{ "AccountName=a;AccountKey=SECRET;AccountKey=T", "connection string: AccountKey twice" },
		{ "AccountName=a;SECRET", "connection string: a part without '='" },
		{ "AccountName=a/b;AccountKey=SECRET",
		  "connection string: AccountName or EndpointSuffix is no part of a host's name" },
		{ "AccountName=a;AccountKey=SECRET;DefaultEndpointsProtocol=ftp",
		  "connection string: DefaultEndpointsProtocol is neither https nor http" },
		{ "BlobEndpoint=file:///x;AccountName=a;AccountKey=SECRET",
		  "connection string: BlobEndpoint is no http or https URL" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct connection_string c;
		struct error e = ERROR_INIT;

		assert_int_equal(connection_string_parse(rows[i].text, &c, &e), -1);
		assert_error(&e, ERR_REFUSED, rows[i].msg);
		assert_null(c.key);
		assert_null(c.account);
		assert_null(c.blob_endpoint);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_usual_kinds),
		cmocka_unit_test(mistakes_are_named_and_values_are_not),
	};

	return cmocka_run_group_tests_name("connection-string", tests, NULL, NULL);
}

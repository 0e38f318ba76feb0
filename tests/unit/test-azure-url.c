/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "target/azure_url.h"

static void expect(const char *text, const char *hint, const char *endpoint, const char *account, const char *container,
		   const char *prefix, const char *name)
{
	struct azure_url u;
	struct error err = ERROR_INIT;

	if (azure_url_parse(text, hint, false, &u, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	assert_string_equal(u.endpoint, endpoint);
	assert_string_equal(u.account, account);
	assert_string_equal(u.container, container);
	assert_string_equal(u.prefix, prefix);
	assert_string_equal(u.name, name);
	azure_url_fini(&u);
}

static void refuse(const char *text, const char *msg)
{
	struct azure_url u = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(azure_url_parse(text, NULL, false, &u, &err), -1);
	assert_error(&err, ERR_USAGE, msg);
	assert_null(u.endpoint);
}

static void account_is_the_first_label_of_any_https_host(void **state)
{
	(void)state;
	expect("https://acct.blob.core.windows.net/disks", NULL, "https://acct.blob.core.windows.net", "acct", "disks",
	       "", "https://acct.blob.core.windows.net/disks");
	expect("https://acct.z28.blob.storage.azure.net/disks/a", NULL, "https://acct.z28.blob.storage.azure.net",
	       "acct", "disks", "a/", "https://acct.z28.blob.storage.azure.net/disks/a");
}

static void account_is_the_first_segment_for_addresses_and_localhost(void **state)
{
	(void)state;
	expect("http://127.0.0.1:10000/devstoreaccount1/disks/p", NULL, "http://127.0.0.1:10000/devstoreaccount1",
	       "devstoreaccount1", "disks", "p/", "http://127.0.0.1:10000/devstoreaccount1/disks/p");
	expect("http://localhost/acct/disks", NULL, "http://localhost/acct", "acct", "disks", "",
	       "http://localhost/acct/disks");
	expect("http://[::1]:1234/acct/disks", NULL, "http://[::1]:1234/acct", "acct", "disks", "",
	       "http://[::1]:1234/acct/disks");
}

static void account_hint_makes_path_style(void **state)
{
	(void)state;
	expect("https://proxy.example/acct/disks", "acct", "https://proxy.example/acct", "acct", "disks", "",
	       "https://proxy.example/acct/disks");
	expect("https://proxy.example/disks/x", "acct", "https://proxy.example", "proxy", "disks", "x/",
	       "https://proxy.example/disks/x");
	expect("https://acct.blob.core.windows.net/disks", "acct", "https://acct.blob.core.windows.net", "acct",
	       "disks", "", "https://acct.blob.core.windows.net/disks");
}

static void spellings_of_one_place_have_one_name(void **state)
{
	(void)state;
	expect("HTTPS://Acct.Blob.Core.Windows.Net:443/disks/a%20b//", NULL, "https://acct.blob.core.windows.net",
	       "acct", "disks", "a b/", "https://acct.blob.core.windows.net/disks/a%20b");
	expect("https://acct.example/disks/a b", NULL, "https://acct.example", "acct", "disks", "a b/",
	       "https://acct.example/disks/a%20b");
}

static void http_is_for_loopback_unless_insisted(void **state)
{
	struct azure_url u;
	struct error err = ERROR_INIT;

	(void)state;
	refuse("http://acct.example/disks",
	       "http://acct.example/disks: http only to loopback; use https, or --insecure-http");
	refuse("http://10.0.0.1/acct/disks",
	       "http://10.0.0.1/acct/disks: http only to loopback; use https, or --insecure-http");
	assert_int_equal(azure_url_parse("http://acct.example/disks", NULL, true, &u, &err), 0);
	assert_string_equal(u.endpoint, "http://acct.example");
	azure_url_fini(&u);
}

static void bad_urls_are_refused_with_the_reason(void **state)
{
	(void)state;
	refuse("ftp://x/y", "ftp://x/y: not an http or https URL");
	refuse("https:///disks", "https:///disks: no host name");
	refuse("https://acct.example", "https://acct.example: names no container (https://HOST/CONTAINER[/PREFIX])");
	refuse("https://acct.example/", "https://acct.example/: names no container (https://HOST/CONTAINER[/PREFIX])");
	refuse("http://127.0.0.1/", "http://127.0.0.1/: names no account (http://HOST/ACCOUNT/CONTAINER[/PREFIX])");
	refuse("https://acct.example/Disks",
	       "https://acct.example/Disks: container 'Disks' (3 to 63 lower-case letters, digits and single dashes)");
	refuse("https://acct.example/ab",
	       "https://acct.example/ab: container 'ab' (3 to 63 lower-case letters, digits and single dashes)");
	refuse("https://acct.example/a--b",
	       "https://acct.example/a--b: container 'a--b' (3 to 63 lower-case letters, digits and single dashes)");
	refuse("https://acct.example:0/disks",
	       "https://acct.example:0/disks: port '0' is not a number from 1 to 65535");
	refuse("https://acct.example:x/disks",
	       "https://acct.example:x/disks: port 'x' is not a number from 1 to 65535");
	refuse("https://ac_ct/disks", "https://ac_ct/disks: 'ac_ct' is not a host name");
	refuse("https://[::1/disks", "https://[::1/disks: '[::1' is not an IPv6 address");
	refuse("https://acct.example/disks/a//b", "a//b/x: an empty segment in a blob's name");
	refuse("https://acct.example/disks/a./b", "a./b/x: a segment of a blob's name ends in a dot");
}

/* A signature, or a password, must not come back in a message. */
static void secrets_in_a_url_are_refused_unseen(void **state)
{
	(void)state;
	refuse("https://acct.example/disks?sig=hush",
	       "the target's URL has a query or fragment: https://HOST/CONTAINER[/PREFIX]");
	refuse("https://me:hush@acct.example/disks",
	       "a user name in the target's URL: credentials come from the environment or a file");
}

static void blob_urls_are_percent_encoded(void **state)
{
	struct azure_url u;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(azure_url_parse("http://127.0.0.1:1/acct/disks/my%20vms", NULL, false, &u, &err), 0);
	{
		CLEANUP_FREE char *blob = azure_url_blob(&u, "web 01/w%C3.vhd", &err);
		CLEANUP_FREE char *container = azure_url_container(&u, &err);

		assert_string_equal(blob, "http://127.0.0.1:1/acct/disks/my%20vms/web%2001/w%25C3.vhd");
		assert_string_equal(container, "http://127.0.0.1:1/acct/disks");
	}
	azure_url_fini(&u);
}

static void names_obey_the_service_limits(void **state)
{
	struct azure_url u;
	struct error err = ERROR_INIT;
	char name[2200];

	(void)state;
	assert_int_equal(azure_url_parse("https://acct.example/disks", NULL, false, &u, &err), 0);
	memset(name, 'a', sizeof(name));
	name[1024] = '\0';
	assert_int_equal(azure_url_check_name(&u, name, &err), 0);
	name[1024] = 'a';
	name[1025] = '\0';
	assert_int_equal(azure_url_check_name(&u, name, &err), -1);
	assert_error(&err, ERR_USAGE,
		     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...: "
		     "1025 characters in a blob's name (at most 1024)");
	for (size_t i = 0; i < 1024; i++)
		memcpy(name + 2 * i, "\xc3\xa9", 2); /* characters, not bytes */
	name[2048] = '\0';
	err = (struct error)ERROR_INIT;
	assert_int_equal(azure_url_check_name(&u, name, &err), 0);
	for (size_t i = 0; i < 254; i++)
		memcpy(name + 2 * i, "s/", 2);
	memcpy(name + 506, "s", 2);
	assert_int_equal(azure_url_check_name(&u, name, &err), 0);
	memcpy(name + 506, "s/s", 4);
	assert_int_equal(azure_url_check_name(&u, name, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	err = (struct error)ERROR_INIT;
	assert_int_equal(azure_url_check_name(&u, "a/b.", &err), -1);
	assert_error(&err, ERR_USAGE, "a/b.: a segment of a blob's name ends in a dot");
	err = (struct error)ERROR_INIT;
	assert_int_equal(azure_url_check_name(&u, "a/", &err), -1);
	assert_error(&err, ERR_USAGE, "a/: an empty segment in a blob's name");
	azure_url_fini(&u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(account_is_the_first_label_of_any_https_host),
		cmocka_unit_test(account_is_the_first_segment_for_addresses_and_localhost),
		cmocka_unit_test(account_hint_makes_path_style),
		cmocka_unit_test(spellings_of_one_place_have_one_name),
		cmocka_unit_test(http_is_for_loopback_unless_insisted),
		cmocka_unit_test(bad_urls_are_refused_with_the_reason),
		cmocka_unit_test(secrets_in_a_url_are_refused_unseen),
		cmocka_unit_test(blob_urls_are_percent_encoded),
		cmocka_unit_test(names_obey_the_service_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

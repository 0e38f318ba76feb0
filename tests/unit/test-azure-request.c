/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "net/credentials.h"
#include "net/sharedkey.h"
#include "target/azure_request.h"

#define BLOB "http://127.0.0.1:10000/devstoreaccount1/disks/disk.vhd"
#define KEY "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

static uint64_t moment(void)
{
	uint64_t ns = 0;

	assert_int_equal(clock_parse("Sat, 21 Nov 2026 22:36:13 GMT", &ns, NULL), 0);
	return ns;
}

static const char *header(const struct azure_text *t, const char *name)
{
	const char *found = NULL;

	for (size_t i = 0; i < t->n_headers; i++)
		if (strcasecmp(t->headers[i].name, name) == 0) {
			assert_null(found); /* twice */
			found = t->headers[i].value;
		}
	return found;
}

#define assert_header(t, name, value)                     \
	do {                                              \
		const char *found_ = header((t), (name)); \
		if (!found_)                              \
			fail_msg("no header %s", (name)); \
		assert_string_equal(found_, (value));     \
	} while (0)

static void build(const struct azure_call *call, struct azure_text *t)
{
	struct azure_call copy = *call;
	struct error err = ERROR_INIT;

	copy.url = copy.url ? copy.url : BLOB;
	copy.now_ns = moment();
	copy.request_id = "id-1";
	if (azure_request_build(&copy, t, &err) < 0)
		fail_msg("%s", err.msg);
	assert_header(t, "x-ms-version", "2021-12-02");
	assert_header(t, "x-ms-date", "Sat, 21 Nov 2026 22:36:13 GMT");
	assert_header(t, "x-ms-client-request-id", "id-1");
}

static void put_page_is_signed_as_the_service_wants_it(void **state)
{
	static const char want[] =
		"PUT\n\n\n512\n\n\n\n\n\n\n\n\nx-ms-client-request-id:id-1\nx-ms-content-crc64:6YKnaCgO5h0=\n"
		"x-ms-date:Sat, 21 Nov 2026 22:36:13 GMT\nx-ms-if-sequence-number-eq:7\nx-ms-lease-id:L\n"
		"x-ms-page-write:update\nx-ms-range:bytes=0-511\nx-ms-version:2021-12-02\n"
		"/devstoreaccount1/devstoreaccount1/disks/disk.vhd\ncomp:page";
	struct azure_text t = { 0 };
	struct error err = ERROR_INIT;
	char *text;

	(void)state;
	build(&(struct azure_call){ .op = AZURE_WRITE,
				    .len = 512,
				    .if_number = true,
				    .number = 7,
				    .lease_id = "L",
				    .sum = "6YKnaCgO5h0=" },
	      &t);
	text = sharedkey_string_to_sign("devstoreaccount1", t.method, t.url.s, t.headers, t.n_headers, 512, &err);
	assert_string_equal(text, want);
	free(text);
	azure_text_fini(&t);
}

static void a_key_signs_in_a_header_and_leaves_the_url(void **state)
{
	struct azure_text t = { 0 };
	struct error err = ERROR_INIT;
	struct secret *key = secret_new(KEY, &err);
	struct credentials *creds = credentials_new_sharedkey("devstoreaccount1", key, "test", &err);

	(void)state;
	build(&(struct azure_call){ .op = AZURE_LOOK }, &t);
	assert_int_equal(azure_request_sign(&t, creds, 0, &err), 0);
	assert_string_equal(t.url.s, BLOB);
	assert_int_equal(strncmp(header(&t, "Authorization"), "SharedKey devstoreaccount1:", 27), 0);
	credentials_free(creds);
	secret_free(key);
	azure_text_fini(&t);
}

static const char *lookup_sas(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "AZURE_STORAGE_SAS_TOKEN") == 0
		       ? "?sv=2021-12-02&sr=c&sp=rcwl&se=2099-01-01T00%3A00%3A00Z&sig=c2ln"
		       : NULL;
}

static void a_sas_is_joined_to_the_query_without_a_header(void **state)
{
	struct credentials_request request = { .account = "acct", .lookup = lookup_sas };
	struct azure_text t = { 0 };
	struct error err = ERROR_INIT;
	struct credentials *creds = credentials_choose(&request, &err);

	(void)state;
	if (!creds)
		fail_msg("%s", err.msg);
	build(&(struct azure_call){ .op = AZURE_CLEAR, .len = 512 }, &t);
	assert_int_equal(azure_request_sign(&t, creds, 0, &err), 0);
	assert_string_equal(t.url.s, BLOB "?comp=page&sv=2021-12-02&sr=c&sp=rcwl&se=2099-01-01T00%3A00%3A00Z&sig=c2ln");
	assert_null(header(&t, "Authorization"));
	credentials_free(creds);
	azure_text_fini(&t);
}

static void writes_carry_range_sum_number_and_lease(void **state)
{
	struct azure_text t = { 0 };

	(void)state;
	build(&(struct azure_call){ .op = AZURE_WRITE,
				    .off = 4096,
				    .len = 1024,
				    .if_number = true,
				    .number = 9,
				    .lease_id = "L",
				    .sum = "S",
				    .checksum = AZURE_CRC64 },
	      &t);
	assert_string_equal(t.method, "PUT");
	assert_string_equal(t.url.s, BLOB "?comp=page");
	assert_header(&t, "x-ms-page-write", "update");
	assert_header(&t, "x-ms-range", "bytes=4096-5119");
	assert_header(&t, "x-ms-content-crc64", "S");
	assert_header(&t, "x-ms-if-sequence-number-eq", "9");
	assert_header(&t, "x-ms-lease-id", "L");
	assert_null(header(&t, "Content-MD5"));
	build(&(struct azure_call){ .op = AZURE_WRITE, .len = 512, .sum = "S", .checksum = AZURE_MD5 }, &t);
	assert_header(&t, "Content-MD5", "S");
	assert_null(header(&t, "x-ms-content-crc64"));
	assert_null(header(&t, "x-ms-if-sequence-number-eq"));
	assert_null(header(&t, "x-ms-lease-id"));
	azure_text_fini(&t);
}

static void a_clear_has_no_sum(void **state)
{
	struct azure_text t = { 0 };

	(void)state;
	build(&(struct azure_call){ .op = AZURE_CLEAR, .off = 512, .len = UINT64_C(1) << 40, .if_number = true }, &t);
	assert_header(&t, "x-ms-page-write", "clear");
	assert_header(&t, "x-ms-range", "bytes=512-1099511628287");
	assert_header(&t, "x-ms-if-sequence-number-eq", "0");
	assert_null(header(&t, "Content-MD5"));
	assert_null(header(&t, "x-ms-content-crc64"));
	azure_text_fini(&t);
}

static void creation_never_replaces(void **state)
{
	struct target_meta meta = { 0 };
	struct azure_text t = { 0 };

	(void)state;
	assert_int_equal(target_meta_set(&meta, "liftfsid", "a b\xc3\xa9%/", NULL), 0);
	build(&(struct azure_call){ .op = AZURE_CREATE, .size = 1 << 20, .number = 77, .meta = &meta }, &t);
	assert_string_equal(t.url.s, BLOB);
	assert_header(&t, "If-None-Match", "*");
	assert_header(&t, "x-ms-blob-type", "PageBlob");
	assert_header(&t, "x-ms-blob-content-length", "1048576");
	assert_header(&t, "x-ms-blob-sequence-number", "77");
	assert_header(&t, "x-ms-meta-liftfsid", "a%20b%C3%A9%25%2F");
	target_meta_fini(&meta);
	azure_text_fini(&t);
}

static void conditional_requests_name_the_version(void **state)
{
	static const enum azure_operation ops[] = { AZURE_RAISE,    AZURE_RESIZE, AZURE_SET_META,
						    AZURE_SNAPSHOT, AZURE_READ,   AZURE_RANGES };
	static const char *const urls[] = { BLOB "?comp=properties",
					    BLOB "?comp=properties",
					    BLOB "?comp=metadata",
					    BLOB "?comp=snapshot",
					    BLOB,
					    BLOB "?comp=pagelist&maxresults=10000" };
	struct azure_text t = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		build(&(struct azure_call){ .op = ops[i],
					    .len = 512,
					    .size = 1024,
					    .number = 3,
					    .if_version = "\"0x8\"",
					    .lease_id = "L" },
		      &t);
		assert_header(&t, "If-Match", "\"0x8\"");
		assert_header(&t, "x-ms-lease-id", "L");
		assert_string_equal(t.url.s, urls[i]);
	}
	build(&(struct azure_call){ .op = AZURE_RAISE, .number = 3, .if_version = "v" }, &t);
	assert_header(&t, "x-ms-sequence-number-action", "max");
	assert_header(&t, "x-ms-blob-sequence-number", "3");
	build(&(struct azure_call){ .op = AZURE_RESIZE, .size = 1024, .if_version = "v" }, &t);
	assert_header(&t, "x-ms-blob-content-length", "1024");
	azure_text_fini(&t);
}

static void reads_ask_for_the_sum_and_name_both_ends(void **state)
{
	struct azure_text t = { 0 };

	(void)state;
	build(&(struct azure_call){ .op = AZURE_READ, .off = 7, .len = 3, .snapshot = "2026-11-21T22:00:03.1234567Z" },
	      &t);
	assert_string_equal(t.method, "GET");
	assert_string_equal(t.url.s, BLOB "?snapshot=2026-11-21T22%3A00%3A03.1234567Z");
	assert_header(&t, "x-ms-range", "bytes=7-9");
	assert_header(&t, "x-ms-range-get-content-crc64", "true");
	build(&(struct azure_call){ .op = AZURE_READ, .len = 3, .checksum = AZURE_MD5 }, &t);
	assert_header(&t, "x-ms-range-get-content-md5", "true");
	assert_null(header(&t, "x-ms-range-get-content-crc64"));
	azure_text_fini(&t);
}

static void lists_say_what_they_include(void **state)
{
	struct azure_text t = { 0 };

	(void)state;
	build(&(struct azure_call){ .op = AZURE_LIST,
				    .url = "https://a.example/disks",
				    .prefix = "a b/",
				    .marker = "m+1",
				    .max_results = 1 },
	      &t);
	assert_string_equal(t.url.s,
			    "https://a.example/disks?restype=container&comp=list&include=metadata&prefix=a%20b%2F&"
			    "maxresults=1&marker=m%2B1");
	build(&(struct azure_call){ .op = AZURE_LIST, .url = "https://a.example/disks", .snapshots = true }, &t);
	assert_string_equal(t.url.s,
			    "https://a.example/disks?restype=container&comp=list&include=snapshots%2Cmetadata");
	azure_text_fini(&t);
}

static void a_deletion_is_of_a_snapshot_or_none(void **state)
{
	struct azure_call call = { .op = AZURE_DELETE_SNAPSHOT, .url = BLOB, .request_id = "i" };
	struct azure_text t = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	build(&(struct azure_call){ .op = AZURE_DELETE_SNAPSHOT, .snapshot = "2026-11-21T22:00:03.1234567Z" }, &t);
	assert_string_equal(t.method, "DELETE");
	assert_string_equal(t.url.s, BLOB "?snapshot=2026-11-21T22%3A00%3A03.1234567Z");
	assert_null(header(&t, "x-ms-delete-snapshots"));
	/* This one would delete the replica. */
	assert_int_equal(azure_request_build(&call, &t, &err), -1);
	assert_error(&err, ERR_BUG, "removal of a recovery point: of no snapshot");
	call.snapshot = "";
	assert_int_equal(azure_request_build(&call, &t, NULL), -1);
	azure_text_fini(&t);
}

static void lease_requests_propose_our_own_id(void **state)
{
	struct azure_text t = { 0 };

	(void)state;
	build(&(struct azure_call){ .op = AZURE_LEASE_ACQUIRE, .lease_id = "L" }, &t);
	assert_string_equal(t.url.s, BLOB "?comp=lease");
	assert_header(&t, "x-ms-lease-action", "acquire");
	assert_header(&t, "x-ms-lease-duration", "60");
	assert_header(&t, "x-ms-proposed-lease-id", "L");
	assert_null(header(&t, "x-ms-lease-id"));
	build(&(struct azure_call){ .op = AZURE_LEASE_RENEW, .lease_id = "L" }, &t);
	assert_header(&t, "x-ms-lease-action", "renew");
	assert_header(&t, "x-ms-lease-id", "L");
	build(&(struct azure_call){ .op = AZURE_LEASE_RELEASE, .lease_id = "L" }, &t);
	assert_header(&t, "x-ms-lease-action", "release");
	build(&(struct azure_call){ .op = AZURE_LEASE_BREAK }, &t);
	assert_header(&t, "x-ms-lease-action", "break");
	assert_header(&t, "x-ms-lease-break-period", "0");
	azure_text_fini(&t);
}

static void metadata_has_a_limit_and_plain_keys(void **state)
{
	struct target_meta meta = { 0 };
	struct azure_text t = { 0 };
	struct azure_call call = { .op = AZURE_SET_META, .url = BLOB, .request_id = "i", .meta = &meta };
	struct error err = ERROR_INIT;
	char *value = calloc(1, 8200);

	(void)state;
	memset(value, 'x', 8190);
	assert_int_equal(target_meta_set(&meta, "k1", value, NULL), 0);
	assert_int_equal(azure_request_build(&call, &t, &err), 0); /* 8,192 bytes */
	assert_int_equal(target_meta_set(&meta, "k2", "", NULL), 0);
	assert_int_equal(azure_request_build(&call, &t, &err), -1);
	assert_error(&err, ERR_USAGE, "metadata 'k2': more than 8192 bytes of metadata");
	target_meta_fini(&meta);
	assert_true(azure_meta_key_ok("liftfsid2"));
	assert_false(azure_meta_key_ok("a-b"));
	assert_false(azure_meta_key_ok("a_b"));
	assert_false(azure_meta_key_ok("A"));
	assert_false(azure_meta_key_ok(""));
	free(value);
	azure_text_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(put_page_is_signed_as_the_service_wants_it),
		cmocka_unit_test(a_key_signs_in_a_header_and_leaves_the_url),
		cmocka_unit_test(a_sas_is_joined_to_the_query_without_a_header),
		cmocka_unit_test(writes_carry_range_sum_number_and_lease),
		cmocka_unit_test(a_clear_has_no_sum),
		cmocka_unit_test(creation_never_replaces),
		cmocka_unit_test(conditional_requests_name_the_version),
		cmocka_unit_test(reads_ask_for_the_sum_and_name_both_ends),
		cmocka_unit_test(lists_say_what_they_include),
		cmocka_unit_test(a_deletion_is_of_a_snapshot_or_none),
		cmocka_unit_test(lease_requests_propose_our_own_id),
		cmocka_unit_test(metadata_has_a_limit_and_plain_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

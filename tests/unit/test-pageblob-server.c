/* SPDX-License-Identifier: Apache-2.0 */
/* The server over HTTP, through libcurl: signatures, refusals, faults and what it records. */
#include "unit.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "support/pageblob_codec.h"
#include "support/pageblob_server.h"

/* An account SAS for the emulator's account, all rights, until 2030. */
#define SAS                                                                     \
	"sv=2021-12-02&ss=b&srt=sco&sp=rwdlac&se=2030-01-01T00%3A00%3A00Z&sig=" \
	"ZLaJezJkcugVs63%2BahxsX%2F5r9XQ%2FrAoLCgRMXn4jSrM%3D"
#define LEASE "x-ms-lease-id: 11111111-2222-3333-4444-555555555555"
#define UPDATE "x-ms-page-write: update"
#define END ((const char *)NULL)

struct answer {
	CURLcode rc;
	long status;
	struct strbuf headers, body;
	char code[64], etag[64];
};

struct fixture {
	struct pageblob_server *s;
	CURL *curl;
	struct answer a; /* of the last call */
};

static size_t collect(char *data, size_t size, size_t n, void *ctx)
{
	strbuf_add(ctx, data, size * n);
	return size * n;
}

static void header_value(const struct strbuf *headers, const char *name, char *out, size_t cap)
{
	const char *at = headers->s ? strcasestr(headers->s, name) : NULL;

	out[0] = '\0';
	if (at) {
		at += strlen(name) + 2;
		snprintf(out, cap, "%.*s", (int)strcspn(at, "\r"), at);
	}
}

/* Headers as "Name: value", END at the end. The target is used as it is. */
static long send_raw(struct fixture *f, const char *method, const char *url, const void *body, size_t len, va_list ap)
{
	struct curl_slist *headers = NULL;

	strbuf_fini(&f->a.headers);
	strbuf_fini(&f->a.body);
	memset(&f->a, 0, sizeof(f->a));
	curl_easy_reset(f->curl);
	for (const char *h = va_arg(ap, const char *); h; h = va_arg(ap, const char *))
		headers = curl_slist_append(headers, h);
	headers = curl_slist_append(headers, "Expect:");
	headers = curl_slist_append(headers, "Content-Type:");
	curl_easy_setopt(f->curl, CURLOPT_URL, url);
	curl_easy_setopt(f->curl, CURLOPT_CUSTOMREQUEST, method);
	if (strcmp(method, "HEAD") == 0)
		curl_easy_setopt(f->curl, CURLOPT_NOBODY, 1L);
	if (strcmp(method, "PUT") == 0) {
		curl_easy_setopt(f->curl, CURLOPT_POSTFIELDSIZE, (long)len);
		curl_easy_setopt(f->curl, CURLOPT_POSTFIELDS, body ? body : "");
	}
	curl_easy_setopt(f->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(f->curl, CURLOPT_WRITEFUNCTION, collect);
	curl_easy_setopt(f->curl, CURLOPT_WRITEDATA, &f->a.body);
	curl_easy_setopt(f->curl, CURLOPT_HEADERFUNCTION, collect);
	curl_easy_setopt(f->curl, CURLOPT_HEADERDATA, &f->a.headers);
	curl_easy_setopt(f->curl, CURLOPT_TIMEOUT, 20L);
	/* On a connection that was used before, libcurl would send again by itself when it ends without an answer. */
	curl_easy_setopt(f->curl, CURLOPT_FRESH_CONNECT, 1L);
	f->a.rc = curl_easy_perform(f->curl);
	curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &f->a.status);
	curl_slist_free_all(headers);
	header_value(&f->a.headers, "x-ms-error-code", f->a.code, sizeof(f->a.code));
	header_value(&f->a.headers, "ETag", f->a.etag, sizeof(f->a.etag));
	return f->a.status;
}

/* With the SAS; path is below the account, query "" or "comp=...&". */
static long call(struct fixture *f, const char *method, const char *path, const char *query, const void *body,
		 size_t len, ...)
{
	char url[600];
	va_list ap;
	long status;

	snprintf(url, sizeof(url), "%s%s?%s%s", pageblob_server_endpoint(f->s), path, query, SAS);
	va_start(ap, len);
	status = send_raw(f, method, url, body, len, ap);
	va_end(ap);
	return status;
}

/* Without one. */
static long call_plain(struct fixture *f, const char *method, const char *target, const void *body, size_t len, ...)
{
	char url[600];
	va_list ap;
	long status;

	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", pageblob_server_port(f->s), target);
	va_start(ap, len);
	status = send_raw(f, method, url, body, len, ap);
	va_end(ap);
	return status;
}

static const char DISK[] = "/disks/disk.vhd";
static uint8_t page[512];

static long put_page(struct fixture *f, uint64_t off, uint8_t fill, const char *condition)
{
	char range[80];

	memset(page, fill, sizeof(page));
	snprintf(range, sizeof(range), "x-ms-range: bytes=%" PRIu64 "-%" PRIu64, off, off + 511);
	return call(f, "PUT", DISK, "comp=page&", page, sizeof(page), UPDATE, range, condition, END);
}

static uint8_t stored(struct fixture *f, uint64_t off)
{
	uint8_t byte;

	assert_int_equal(pageblob_server_read(f->s, "disks", "disk.vhd", NULL, off, &byte, 1, NULL), 0);
	return byte;
}

static int start_with(void **state, const struct pageblob_config *config)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error e = ERROR_INIT;

	f->s = pageblob_server_start(config, &e);
	if (!f->s)
		fail_msg("%s", e.msg);
	f->curl = curl_easy_init();
	assert_int_equal(pageblob_server_create_container(f->s, "disks", NULL), 0);
	assert_int_equal(call(f, "PUT", DISK, "", NULL, 0, "x-ms-blob-type: PageBlob",
			      "x-ms-blob-content-length: 1048576", "x-ms-blob-sequence-number: 5", END),
			 201);
	*state = f;
	return 0;
}

static int start(void **state)
{
	const struct pageblob_config config = { .any_date = true };

	return start_with(state, &config);
}

static int start_strict_date(void **state)
{
	const struct pageblob_config config = { .any_date = false };

	return start_with(state, &config);
}

static int stop(void **state)
{
	struct fixture *f = *state;

	curl_easy_cleanup(f->curl);
	pageblob_server_stop(f->s);
	strbuf_fini(&f->a.headers);
	strbuf_fini(&f->a.body);
	free(f);
	return 0;
}

#define VECTOR "Authorization: SharedKey devstoreaccount1:NtfrXcwPH4GED1//AlZ4u2N0KryflA6PWvc/6n7rpog="
#define VECTOR_TARGET "/devstoreaccount1/disks/disk.vhd?comp=page"

static void a_shared_key_signature_covers_what_was_sent(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(call_plain(f, "PUT", VECTOR_TARGET, page, 512, "x-ms-date: Sat, 21 Nov 2026 22:36:13 GMT",
				    UPDATE, "x-ms-range: bytes=0-511", "x-ms-version: 2021-12-02", VECTOR, END),
			 201);
	assert_int_equal(call_plain(f, "PUT", VECTOR_TARGET, page, 512, "x-ms-date: Sat, 21 Nov 2026 22:36:13 GMT",
				    UPDATE, "x-ms-range: bytes=512-1023", "x-ms-version: 2021-12-02", VECTOR, END),
			 403);
	assert_string_equal(f->a.code, "AuthenticationFailed");
	assert_non_null(strstr(f->a.body.s, "/devstoreaccount1/devstoreaccount1/disks/disk.vhd\ncomp:page"));
	assert_int_equal(
		call_plain(f, "PUT", VECTOR_TARGET, page, 512, "x-ms-date: Sat, 21 Nov 2026 22:36:13 GMT", VECTOR, END),
		400);
	assert_string_equal(f->a.code, "MissingRequiredHeader");
	assert_int_equal(call_plain(f, "PUT", VECTOR_TARGET, page, 512, "x-ms-version: 2021-12-02", END), 401);
}

static void an_old_date_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(call_plain(f, "PUT", VECTOR_TARGET, page, 512, "x-ms-date: Sat, 21 Nov 2020 22:36:13 GMT",
				    UPDATE, "x-ms-range: bytes=0-511", "x-ms-version: 2021-12-02", VECTOR, END),
			 403);
	assert_non_null(strstr(f->a.body.s, "15 minutes"));
}

static void a_sas_that_was_changed_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(call_plain(f, "GET",
				    "/devstoreaccount1/disks/disk.vhd?sv=2021-12-02&ss=b&srt=sco&sp=rwdlacx"
				    "&se=2030-01-01T00%3A00%3A00Z"
				    "&sig=ZLaJezJkcugVs63%2BahxsX%2F5r9XQ%2FrAoLCgRMXn4jSrM%3D",
				    NULL, 0, END),
			 403);
	/* A service SAS, sp=rw on this blob alone: it reads, and may not delete. */
#define SERVICE_SAS \
	"?sp=rw&se=2030-01-01T00%3A00%3A00Z&sv=2021-12-02&sr=b&sig=9Im5bNswNJUi75mDpqGMASzQIcS%2FMdVy6DNrrkWNe6o%3D"
	assert_int_equal(call_plain(f, "HEAD", "/devstoreaccount1/disks/disk.vhd" SERVICE_SAS, NULL, 0, END), 200);
	assert_int_equal(call_plain(f, "HEAD", "/devstoreaccount1/disks/other.vhd" SERVICE_SAS, NULL, 0, END), 403);
	assert_string_equal(f->a.code, "AuthenticationFailed");
	assert_int_equal(call_plain(f, "DELETE", "/devstoreaccount1/disks/disk.vhd" SERVICE_SAS, NULL, 0, END), 403);
	assert_string_equal(f->a.code, "AuthorizationPermissionMismatch");
}

static void wrong_bytes_are_refused_and_right_ones_are_proved(void **state)
{
	struct fixture *f = *state;
	char crc[32 + PAGEBLOB_CRC64_TEXT];

	memset(page, 9, sizeof(page));
	assert_int_equal(call(f, "PUT", DISK, "comp=page&", page, 512, UPDATE, "x-ms-range: bytes=0-511",
			      "x-ms-content-crc64: AAAAAAAAAAA=", END),
			 400);
	assert_string_equal(f->a.code, "Crc64Mismatch");
	assert_int_equal(call(f, "PUT", DISK, "comp=page&", page, 512, UPDATE, "x-ms-range: bytes=0-511",
			      "Content-MD5: 1B2M2Y8AsgTpgAmY7PhCfg==", END),
			 400);
	assert_string_equal(f->a.code, "Md5Mismatch");
	assert_int_equal(stored(f, 0), 0);
	memcpy(crc, "x-ms-content-crc64: ", 20);
	pageblob_crc64_text(page, 512, crc + 20);
	assert_int_equal(call(f, "PUT", DISK, "comp=page&", page, 512, UPDATE, "x-ms-range: bytes=0-511", crc, END),
			 201);
	assert_non_null(strstr(f->a.headers.s, crc));
	assert_int_equal(stored(f, 0), 9);
	assert_int_equal(call(f, "PUT", DISK, "comp=page&", NULL, 0, "x-ms-page-write: clear",
			      "x-ms-range: bytes=0-511", "Content-MD5: 1B2M2Y8AsgTpgAmY7PhCfg==", END),
			 400);
}

static void the_lease_and_its_clock(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(call(f, "PUT", DISK, "comp=lease&", NULL, 0, "x-ms-lease-action: acquire",
			      "x-ms-lease-duration: 14", END),
			 400);
	assert_int_equal(call(f, "PUT", DISK, "comp=lease&", NULL, 0, "x-ms-lease-action: acquire",
			      "x-ms-lease-duration: 60", "x-ms-proposed-lease-id: 11111111-2222-3333-4444-555555555555",
			      END),
			 201);
	assert_int_equal(put_page(f, 0, 1, END), 412);
	assert_string_equal(f->a.code, "LeaseIdMissing");
	assert_int_equal(put_page(f, 0, 1, LEASE), 201);
	pageblob_server_advance(f->s, 60000);
	assert_int_equal(put_page(f, 0, 2, LEASE), 412);
	assert_string_equal(f->a.code, "LeaseLost");
	assert_int_equal(call(f, "PUT", DISK, "comp=lease&", NULL, 0, "x-ms-lease-action: renew", LEASE, END), 200);
	pageblob_server_advance(f->s, 60000);
	assert_int_equal(put_page(f, 0, 3, END), 201);
	assert_int_equal(call(f, "PUT", DISK, "comp=lease&", NULL, 0, "x-ms-lease-action: renew", LEASE, END), 409);
}

static void the_etag_changes_on_writes_and_not_on_leases_or_snapshots(void **state)
{
	struct fixture *f = *state;
	char before[64], match[96];

	put_page(f, 0, 1, END);
	memcpy(before, f->a.etag, sizeof(before));
	snprintf(match, sizeof(match), "If-Match: %s", before);
	assert_int_equal(call(f, "PUT", DISK, "comp=snapshot&", NULL, 0, match, "x-ms-meta-token: t", END), 201);
	assert_int_equal(call(f, "PUT", DISK, "comp=lease&", NULL, 0, "x-ms-lease-action: acquire",
			      "x-ms-lease-duration: -1", "x-ms-proposed-lease-id: 11111111-2222-3333-4444-555555555555",
			      END),
			 201);
	assert_string_equal(f->a.etag, before);
	assert_int_equal(put_page(f, 0, 1, LEASE), 201);
	assert_string_not_equal(f->a.etag, before);
	assert_int_equal(call(f, "PUT", DISK, "comp=snapshot&", NULL, 0, match, END), 412);
	assert_string_equal(f->a.code, "ConditionNotMet");
	assert_int_equal(call(f, "PUT", DISK, "comp=properties&", NULL, 0, LEASE, "x-ms-sequence-number-action: max",
			      "x-ms-blob-sequence-number: 4", END),
			 200);
	assert_non_null(strstr(f->a.headers.s, "x-ms-blob-sequence-number: 5\r"));
	assert_int_equal(call(f, "GET", DISK, "", NULL, 0, "Range: bytes=-512", END), 400);
	assert_int_equal(call(f, "GET", DISK, "", NULL, 0, "x-ms-range: bytes=1048576-", END), 416);
}

static void faults_before_and_after_applying(void **state)
{
	struct fixture *f = *state;
	struct pageblob_stats st;
	struct error e = ERROR_INIT;
	char right[PAGEBLOB_CRC64_TEXT], crc[64];

	assert_int_equal(
		pageblob_server_faults(f->s,
				       "PutPage fail n=1 retry-after=7\nPutPage lost n=2\n"
				       "PutPage drop n=3 # nothing\nPutPage lost n=4 close=1\nPutPage badcrc n=5",
				       NULL),
		0);
	assert_int_equal(put_page(f, 0, 1, END), 503);
	assert_string_equal(f->a.code, "ServerBusy");
	assert_non_null(strstr(f->a.headers.s, "Retry-After: 7"));
	assert_int_equal(stored(f, 0), 0);
	assert_int_equal(put_page(f, 0, 2, END), 500);
	assert_string_equal(f->a.code, "OperationTimedOut");
	assert_int_equal(stored(f, 0), 2);
	put_page(f, 0, 3, END);
	assert_int_equal(f->a.rc, CURLE_GOT_NOTHING);
	assert_int_equal(stored(f, 0), 2);
	put_page(f, 0, 4, END);
	assert_int_equal(f->a.rc, CURLE_GOT_NOTHING);
	assert_int_equal(stored(f, 0), 4);
	assert_int_equal(put_page(f, 0, 0, END), 201);
	pageblob_crc64_text(page, sizeof(page), right);
	header_value(&f->a.headers, "x-ms-content-crc64", crc, sizeof(crc));
	assert_int_equal(strlen(crc), strlen(right));
	assert_string_not_equal(crc, right);
	pageblob_server_stats(f->s, &st);
	assert_int_equal(st.faults, 5);
	assert_int_equal(st.requests[PAGEBLOB_PUT_PAGE], 5);
	assert_int_equal(st.refused[PAGEBLOB_PUT_PAGE], 4);
	assert_int_equal(st.bytes_written, 3 * 512);
	assert_int_equal(pageblob_server_faults(f->s, "\nPutPage lost often=1", &e), -1);
	assert_error(&e, ERR_USAGE, "fault rules, line 2: 'often=1': not an option, or not its value");
}

static void a_late_write_lands_after_newer_ones_unless_it_is_fenced(void **state)
{
	struct fixture *f = *state;
	struct pageblob_stats st;
	struct pageblob_record rec[3];

	assert_int_equal(pageblob_server_faults(f->s, "PutPage late n=1 after=1\nPutPage late n=3", NULL), 0);
	assert_int_equal(put_page(f, 0, 1, "x-ms-if-sequence-number-eq: 5"), 500);
	assert_int_equal(stored(f, 0), 0);
	assert_int_equal(put_page(f, 0, 2, "x-ms-if-sequence-number-eq: 5"), 201);
	assert_int_equal(stored(f, 0), 1); /* the older content */
	assert_int_equal(pageblob_server_requests(f->s, rec, 3), 3);
	assert_false(rec[1].late);
	assert_true(rec[2].late);
	assert_int_equal(rec[2].status, 201);
	assert_string_equal(rec[2].sequence_eq, "5");
	assert_int_equal(put_page(f, 0, 3, "x-ms-if-sequence-number-eq: 5"), 500);
	assert_int_equal(call(f, "PUT", DISK, "comp=properties&", NULL, 0, "x-ms-sequence-number-action: max",
			      "x-ms-blob-sequence-number: 6", END),
			 200);
	assert_int_equal(put_page(f, 0, 4, "x-ms-if-sequence-number-eq: 6"), 201);
	pageblob_server_stats(f->s, &st);
	assert_int_equal(st.late_waiting, 1);
	assert_int_equal(pageblob_server_release_late(f->s), 1);
	assert_int_equal(stored(f, 0), 4);
	pageblob_server_stats(f->s, &st);
	assert_int_equal(st.late_applied, 1);
	assert_int_equal(st.late_refused, 1);
	/* What would have been refused at once is refused, not held back. */
	assert_int_equal(pageblob_server_faults(f->s, "PutPage late", NULL), 0);
	assert_int_equal(put_page(f, 0, 5, "x-ms-if-sequence-number-eq: 5"), 412);
	pageblob_server_stats(f->s, &st);
	assert_int_equal(st.late_waiting, 0);
}

static void answers_are_cut_delayed_and_spoilt(void **state)
{
	struct fixture *f = *state;
	uint64_t before = clock_monotonic_ns();

	put_page(f, 0, 1, END);
	assert_int_equal(
		pageblob_server_faults(
			f->s, "GetBlob delay ms=60 n=1\nGetBlob cut n=1 after=100\nGetBlob flip n=2 at=3", NULL),
		0);
	call(f, "GET", DISK, "", NULL, 0, "x-ms-range: bytes=0-511", END);
	assert_int_equal(f->a.rc, CURLE_PARTIAL_FILE);
	assert_int_equal(f->a.body.len, 100);
	assert_true(clock_monotonic_ns() - before >= 60000000);
	assert_int_equal(call(f, "GET", DISK, "", NULL, 0, "x-ms-range: bytes=0-511", END), 206);
	assert_memory_equal(f->a.body.s, "\1\1\1\0\1", 5);
	assert_int_equal(pageblob_server_faults(f->s, "GetBlob drip after=64 ms=10", NULL), 0);
	before = clock_monotonic_ns();
	assert_int_equal(call(f, "GET", DISK, "", NULL, 0, "x-ms-range: bytes=0-511", END), 206);
	assert_int_equal(f->a.body.len, 512);
	assert_true(clock_monotonic_ns() - before >= 8 * 10000000);
}

static void chance_comes_from_the_seed(void **state)
{
	struct fixture *f = *state;
	char runs[2][41] = { "" };
	unsigned failed = 0;

	for (int run = 0; run < 2; run++) {
		assert_int_equal(pageblob_server_faults(f->s, "seed 42\nGetBlobProperties fail p=0.5", NULL), 0);
		for (int i = 0; i < 40; i++)
			runs[run][i] = call(f, "HEAD", DISK, "", NULL, 0, END) == 503 ? 'x' : '.';
	}
	assert_string_equal(runs[0], runs[1]);
	for (int i = 0; i < 40; i++)
		failed += runs[0][i] == 'x';
	assert_in_range(failed, 10, 30);
}

static void scripts_switch_faults_while_it_runs(void **state)
{
	struct fixture *f = *state;
	static const char rules[] = "PutPage fail status=500 code=InternalError\n";

	assert_int_equal(call_plain(f, "PUT", "/_admin/faults", rules, strlen(rules), END), 200);
	assert_int_equal(put_page(f, 0, 1, END), 500);
	assert_string_equal(f->a.code, "InternalError");
	assert_int_equal(call_plain(f, "PUT", "/_admin/faults", "nonsense", 8, END), 400);
	assert_string_equal(f->a.body.s, "fault rules, line 1: 'nonsense': not an operation\n");
	assert_int_equal(call_plain(f, "GET", "/_admin/stats", NULL, 0, END), 200);
	assert_non_null(strstr(f->a.body.s, "\"refused\":{\"PutPage\":1}"));
	assert_int_equal(call_plain(f, "PUT", "/_admin/reset", NULL, 0, END), 200);
	assert_int_equal(put_page(f, 0, 1, END), 201);
	assert_int_equal(pageblob_server_count(f->s, PAGEBLOB_PUT_PAGE), 1);
}

static void the_largest_blob_takes_pages_at_its_end(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		call(f, "PUT", DISK, "comp=properties&", NULL, 0, "x-ms-blob-content-length: 8796093022208", END), 200);
	assert_int_equal(put_page(f, UINT64_C(8796093022208) - 512, 7, END), 201);
	assert_int_equal(put_page(f, UINT64_C(8796093022208), 7, END), 416);
	assert_string_equal(f->a.code, "InvalidPageRange");
	assert_int_equal(call(f, "GET", DISK, "comp=pagelist&", NULL, 0, END), 200);
	assert_non_null(strstr(f->a.body.s, "<PageList><PageRange><Start>8796093021696</Start><End>8796093022207</End>"
					    "</PageRange></PageList>"));
	assert_int_equal(
		call(f, "PUT", DISK, "comp=properties&", NULL, 0, "x-ms-blob-content-length: 8796093022720", END), 400);
}

#define SERVER_TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(a_shared_key_signature_covers_what_was_sent),
		cmocka_unit_test_setup_teardown(an_old_date_is_refused, start_strict_date, stop),
		SERVER_TEST(a_sas_that_was_changed_is_refused),
		SERVER_TEST(wrong_bytes_are_refused_and_right_ones_are_proved),
		SERVER_TEST(the_lease_and_its_clock),
		SERVER_TEST(the_etag_changes_on_writes_and_not_on_leases_or_snapshots),
		SERVER_TEST(faults_before_and_after_applying),
		SERVER_TEST(a_late_write_lands_after_newer_ones_unless_it_is_fenced),
		SERVER_TEST(answers_are_cut_delayed_and_spoilt),
		SERVER_TEST(chance_comes_from_the_seed),
		SERVER_TEST(scripts_switch_faults_while_it_runs),
		SERVER_TEST(the_largest_blob_takes_pages_at_its_end),
	};
	int rc;

	curl_global_init(CURL_GLOBAL_DEFAULT);
	rc = cmocka_run_group_tests_name("pageblob-server", tests, NULL, NULL);
	curl_global_cleanup();
	return rc;
}

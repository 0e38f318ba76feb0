/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that no strict service gives: from a lenient double of it, or from something between here and there. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "net/credentials.h"
#include "net/http.h"
#include "support/loopback_http.h"
#include "support/op_wait.h"
#include "target/target.h"

#define MIB (UINT64_C(1) << 20)
#define LOOK_HEADERS                                                                                          \
	"Content-Length: 1048576\r\nETag: \"0x1\"\r\nx-ms-blob-type: PageBlob\r\nx-ms-blob-sequence-number: " \
	"7\r\n\r\n"

/* What answers HEAD, and what answers all else, one after the other; the last one for all that follow. */
struct world {
	struct loopback_answer looks[4], others[2];
	size_t n_looks, n_others, looked, asked;
	char seen[2048]; /* the headers of the last that was not a HEAD */
	struct loopback *server;
	struct http *http;
	struct credentials *creds;
	struct target *t;
	struct replica *r;
	unsigned warnings, outages, recoveries;
	struct error err;
};

static void answer(void *ctx, const struct loopback_request *req, struct loopback_answer *out)
{
	struct world *w = ctx;

	if (strcmp(req->method, "HEAD") == 0) {
		*out = w->looks[w->looked < w->n_looks ? w->looked : w->n_looks - 1];
		w->looked++;
		return;
	}
	snprintf(w->seen, sizeof(w->seen), "\r\n%s", req->headers);
	*out = w->others[w->asked < w->n_others ? w->asked : w->n_others - 1];
	w->asked++;
}

static void note(void *ctx, enum log_level level, const char *module, const char *line)
{
	(void)module;
	if (level == LOG_WARN)
		((struct world *)ctx)->warnings++;
	else if (level == LOG_NOTICE && strstr(line, "; trying again for a while"))
		((struct world *)ctx)->outages++;
	else if (level == LOG_NOTICE && strstr(line, "/acct/disks: answers again, after "))
		((struct world *)ctx)->recoveries++;
}

static void start(struct world *w)
{
	const struct http_config http = { .user_agent = "liftfs-test" };
	struct target_config config = { .host = "testhost" };
	struct secret *key = secret_new("a2V5", NULL);
	char url[64];

	if (w->n_looks == 0) {
		w->looks[0].raw = "HTTP/1.1 200 OK\r\n" LOOK_HEADERS;
		w->n_looks = 1;
	}
	log_set_sink(note, w);
	assert_non_null(key);
	w->server = loopback_start(answer, w);
	w->http = http_new(&http, NULL);
	w->creds = credentials_new_sharedkey("acct", key, "the test", NULL);
	secret_free(key);
	assert_non_null(w->http);
	assert_non_null(w->creds);
	config.http = w->http;
	config.creds = w->creds;
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/acct/disks", loopback_port(w->server));
	w->t = target_open(url, &config, &w->err);
	assert_non_null(w->t);
	w->r = target_replica(w->t, "a.vhd", &w->err);
	assert_non_null(w->r);
}

static void stop(struct world *w)
{
	replica_close(w->r);
	target_close(w->t);
	http_free(w->http);
	credentials_free(w->creds);
	loopback_stop(w->server);
	log_set_sink(NULL, NULL);
}

static void a_look_that_is_cut_off_is_repeated(void **state)
{
	struct world w = {
		.looks = { { .raw = "HTTP/1.1 404 Not Found\r\nx-ms", .close_after = true },
			   { .raw = "HTTP/1.1 200 OK\r\n" LOOK_HEADERS } },
		.n_looks = 2,
	};
	struct target_look look = { 0 };

	(void)state;
	start(&w);
	assert_int_equal(replica_look(w.r, &look, &w.err), 0);
	assert_true(look.exists);
	assert_int_equal(look.number, 7);
	assert_int_equal(w.looked, 2);
	target_look_fini(&look);
	stop(&w);
}

#define LIST(ranges) "<?xml version=\"1.0\"?><PageList>" ranges "</PageList>"
#define RANGE(start, end) "<PageRange><Start>" start "</Start><End>" end "</End></PageRange>"

static void page_list(struct loopback_answer *a, char *raw, size_t len, const char *xml)
{
	snprintf(raw, len, "HTTP/1.1 200 OK\r\nETag: \"0x1\"\r\nContent-Length: %zu\r\n\r\n%s", strlen(xml), xml);
	*a = (struct loopback_answer){ .raw = raw };
}

/* Data that is taken for zeros would be missing from a map made of it. */
static void an_outage_is_said_once_and_so_is_its_end(void **state)
{
	const struct loopback_answer cut = { .raw = "", .close_after = true },
				     ok = { .raw = "HTTP/1.1 200 OK\r\n" LOOK_HEADERS };
	struct world w = { .looks = { cut, cut, cut, ok }, .n_looks = 4 };
	struct target_look look = { 0 };

	(void)state;
	start(&w);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(replica_look(w.r, &look, &w.err), 0);
		target_look_fini(&look);
		assert_int_equal(w.outages, 1);
		assert_int_equal(w.recoveries, 1);
	}
	assert_int_equal(w.warnings, 0);
	stop(&w);
}

static void page_ranges_out_of_order_are_an_error(void **state)
{
	struct world w = { .n_others = 2 };
	struct extent_list list = { 0 };
	char raw[2][512];

	(void)state;
	page_list(&w.others[0], raw[0], sizeof(raw[0]), LIST(RANGE("4096", "8191") RANGE("0", "511")));
	page_list(&w.others[1], raw[1], sizeof(raw[1]), LIST(RANGE("512", "1535") RANGE("1024", "2047")));
	start(&w);
	assert_int_equal(replica_extents(w.r, MIB, 0, NULL, &list, &w.err), -1);
	assert_error(&w.err, ERR_UNSUPPORTED, "page ranges: one at 0 after one at 0x1000");
	w.err = (struct error)ERROR_INIT;
	assert_int_equal(replica_extents(w.r, MIB, 0, NULL, &list, &w.err), 0); /* to overlap does no harm */
	assert_int_equal(list.n, 3);
	assert_int_equal(list.v[1].off, 512);
	assert_int_equal(list.v[1].len, 1536);
	extent_list_fini(&list);
	stop(&w);
}

static void page_ranges_with_a_next_page_that_has_no_name_are_an_error(void **state)
{
	struct world w = { .n_others = 1 };
	struct extent_list list = { 0 };
	char raw[512];

	(void)state;
	page_list(&w.others[0], raw, sizeof(raw), LIST(RANGE("0", "511") "<NextMarker><x/>2</NextMarker>"));
	start(&w);
	assert_int_equal(replica_extents(w.r, MIB, 0, NULL, &list, &w.err), -1);
	assert_error(&w.err, ERR_CORRUPT, "page ranges: XML: <NextMarker> is not a text");
	extent_list_fini(&list);
	stop(&w);
}

static void a_service_that_says_no_crc64_is_sent_md5(void **state)
{
	struct world w = {
		.others = { { .raw = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n" } },
		.n_others = 1,
	};
	struct target_look look = { 0 };
	uint8_t data[512] = "x";

	(void)state;
	start(&w);
	assert_int_equal(replica_look(w.r, &look, &w.err), 0);
	target_look_fini(&look);
	assert_int_equal(op_wait(w.r, data, 512, 0, &w.err), 0);
	assert_int_equal(w.asked, 2);
	assert_int_equal(w.warnings, 1);
	assert_non_null(strstr(w.seen, "\r\nContent-MD5: "));
	assert_null(strstr(w.seen, "\r\nx-ms-content-crc64: "));
	assert_int_equal(op_wait(w.r, NULL, 512, 512, &w.err), 0); /* what has no bytes has no checksum */
	assert_int_equal(w.asked, 3);
	stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_look_that_is_cut_off_is_repeated),
		cmocka_unit_test(an_outage_is_said_once_and_so_is_its_end),
		cmocka_unit_test(page_ranges_out_of_order_are_an_error),
		cmocka_unit_test(page_ranges_with_a_next_page_that_has_no_name_are_an_error),
		cmocka_unit_test(a_service_that_says_no_crc64_is_sent_md5),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

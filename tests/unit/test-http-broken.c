/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that end, stall, or never come to be. */
#include "unit.h"

#include <string.h>
#include <unistd.h>

#include "support/http_fixture.h"

static void a_connection_that_was_closed_meanwhile_is_replaced_once(void **state)
{
	const struct loopback_answer answers[] = {
		{ .close_after = true }, { .raw = NULL }, { .drop = true }, { .raw = CREATED }
	};
	struct script script = { .answers = answers, .n = 4 };
	CLEANUP(cleanup_server) struct loopback *s = script_start(&script);
	CLEANUP(cleanup_http) struct http *h = http_engine(0);
	CLEANUP_FREE char *body = http_body(100000);
	const long want[] = { 200, 200, 201 };
	char url[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		struct http_request req = http_request_of("PUT", url_of(s, url));

		req.body = body;
		req.body_len = 100000;
		assert_int_equal(http_perform(h, &req, NULL), 0);
		assert_int_equal(req.status, want[i]);
		http_request_fini(&req);
		usleep(20000); /* the server's close arrives */
	}
	assert_int_equal(loopback_requests(s), 4);
	assert_int_equal(loopback_connections(s), 3);
}

static void a_fresh_connection_that_is_dropped_is_an_error(void **state)
{
	const struct loopback_answer drop = { .drop = true };
	struct script script = { .answers = &drop, .n = 1 };
	CLEANUP(cleanup_server) struct loopback *s = script_start(&script);
	CLEANUP(cleanup_http) struct http *h = http_engine(0);
	struct error e = ERROR_INIT;
	char url[64];
	struct http_request req = http_request_of("GET", url_of(s, url));

	(void)state;
	assert_int_equal(http_perform(h, &req, &e), -1);
	assert_get_failed(s, &e, ERR_NETWORK, "Empty reply from server");
	assert_int_equal(e.detail, 52); /* CURLE_GOT_NOTHING */
	assert_true(req.reached);
	assert_false(req.timed_out);
	assert_int_equal(loopback_requests(s), 1);
	http_request_fini(&req);
}

static void a_reset_in_the_reply_is_an_error_unless_it_said_no(void **state)
{
	const struct loopback_answer answers[] = {
		{ .raw = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", .cut = 42 },
		{ .raw = "HTTP/1.1 412 No\r\nx-ms-error-code: LeaseLost\r\nContent-Length: 100\r\n\r\nabc", .cut = 71 },
	};
	struct script script = { .answers = answers, .n = 2 };
	CLEANUP(cleanup_server) struct loopback *s = script_start(&script);
	CLEANUP(cleanup_http) struct http *h = http_engine(0);
	char url[64], buf[100];
	struct http_request req = http_request_of("GET", url_of(s, url));

	(void)state;
	req.reply_buf = buf;
	req.reply_cap = sizeof(buf);
	assert_int_equal(http_perform(h, &req, NULL), -1);
	assert_int_equal(req.err.code, ERR_NETWORK);
	assert_int_equal(req.status, 200);
	http_request_fini(&req);
	assert_int_equal(http_perform(h, &req, NULL), 0);
	assert_int_equal(req.status, 412);
	assert_string_equal(http_reply_header(&req, "X-MS-Error-Code"), "LeaseLost");
	http_request_fini(&req);
}

/* Without them a 412 does not say which condition failed, and a 201 not what was stored. */
static void an_answer_whose_headers_are_cut_off_is_none(void **state)
{
	const struct loopback_answer answers[] = {
		{ .raw = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\nETa", .close_after = true },
		{ .raw = "HTTP/1.1 412 No\r\nContent-Length: 0\r\nx-ms-err", .close_after = true },
		{ .raw = "HTTP/1.1 412 No\r\nContent-Length: 0\r\nx-ms-error-code: LeaseLost\r\n", .cut = 36 },
		{ .raw = "HTTP/1.1 404 No\r\n", .close_after = true },
	};
	const char *const methods[] = { "PUT", "PUT", "PUT", "HEAD" };
	struct script script = { .answers = answers, .n = 4 };
	CLEANUP(cleanup_server) struct loopback *s = script_start(&script);
	CLEANUP(cleanup_http) struct http *h = http_engine(0);
	char url[64];

	(void)state;
	url_of(s, url);
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		struct http_request req = http_request_of(methods[i], url);
		struct error e = ERROR_INIT;

		assert_int_equal(http_perform(h, &req, &e), -1);
		assert_int_equal(e.code, ERR_NETWORK);
		assert_int_equal(req.status, 0);
		assert_true(req.reached);
		if (i != 2)
			assert_non_null(strstr(e.msg, "/c/b?comp=page: the answer's headers were cut off"));
		http_request_fini(&req);
	}
	assert_int_equal(loopback_requests(s), 4);
}

static void what_takes_too_long_is_timed_out(void **state)
{
	const struct loopback_answer answers[] = { { .delay_ms = 5000 }, { .drip_ms = 20 } };
	struct script script = { .answers = answers, .n = 2 };
	CLEANUP(cleanup_server) struct loopback *s = script_start(&script);
	CLEANUP(cleanup_http) struct http *h = http_engine(0);
	char url[64];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct http_request req = http_request_of("GET", url_of(s, url));

		req.timeout_ms = 150;
		assert_int_equal(http_perform(h, &req, NULL), -1);
		assert_int_equal(req.err.code, ERR_NETWORK);
		assert_int_equal(req.err.detail, 28); /* CURLE_OPERATION_TIMEDOUT */
		assert_true(req.timed_out);
		assert_true(req.reached);
		assert_in_range(req.elapsed_us, 140000, 3000000);
		http_request_fini(&req);
	}
}

static void nobody_there_means_not_reached(void **state)
{
	struct loopback *s = loopback_start(NULL, NULL);
	CLEANUP(cleanup_http) struct http *h = http_engine(0);
	char url[64];
	struct http_request req = http_request_of("PUT", url_of(s, url));

	(void)state;
	loopback_stop(s);
	assert_int_equal(http_perform(h, &req, NULL), -1);
	assert_int_equal(req.err.code, ERR_NETWORK);
	assert_int_equal(req.err.detail, 7); /* CURLE_COULDNT_CONNECT */
	assert_false(req.reached);
	assert_int_equal(req.status, 0);
	assert_null(strstr(req.err.msg, "SECRET"));
	http_request_fini(&req);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_that_was_closed_meanwhile_is_replaced_once),
		cmocka_unit_test(a_fresh_connection_that_is_dropped_is_an_error),
		cmocka_unit_test(a_reset_in_the_reply_is_an_error_unless_it_said_no),
		cmocka_unit_test(an_answer_whose_headers_are_cut_off_is_none),
		cmocka_unit_test(what_takes_too_long_is_timed_out),
		cmocka_unit_test(nobody_there_means_not_reached),
	};

	return cmocka_run_group_tests_name("http-broken", tests, NULL, NULL);
}

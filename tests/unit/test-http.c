/* SPDX-License-Identifier: Apache-2.0 */
/* Single requests: what is sent, and what their answers become. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "support/http_fixture.h"

static void a_body_arrives_whole_and_headers_are_as_given(void **state)
{
	const struct loopback_answer created = { .raw = CREATED };
	struct script script = { .answers = &created, .n = 1 };
	CLEANUP(cleanup_server) struct loopback *s = script_start(&script);
	CLEANUP(cleanup_http) struct http *h = http_engine(0);
	const struct http_header headers[] = { { "x-ms-page-write", "update" }, { "x-ms-meta-a", "" } };
	const size_t len = 4 << 20;
	CLEANUP_FREE char *body = http_body(len);
	CLEANUP_FREE void *got = NULL;
	struct error e = ERROR_INIT;
	char url[64];
	struct http_request req = http_request_of("PUT", url_of(s, url));
	size_t got_len;

	(void)state;
	req.headers = headers;
	req.n_headers = 2;
	req.body = body;
	req.body_len = len;
	assert_int_equal(http_perform(h, &req, &e), 0);
	assert_int_equal(req.status, 201);
	assert_true(req.reached);
	assert_int_equal(req.reply_len, 0);
	assert_string_equal(http_reply_header(&req, "etag"), "\"0x1\"");
	assert_string_equal(http_reply_header(&req, "x-ms-request-id"), "abc");
	assert_string_equal(http_reply_header(&req, "empty"), "");
	assert_null(http_reply_header(&req, "absent"));
	got = loopback_last_body(s, &got_len);
	assert_int_equal(got_len, len);
	assert_memory_equal(got, body, len);
	assert_non_null(strstr(script.seen, "PUT /c/b?comp=page&sig=SECRET\r\n"));
	assert_non_null(strstr(script.seen, "\r\nx-ms-page-write: update\r\n"));
	assert_non_null(strstr(script.seen, "\r\nx-ms-meta-a:\r\n"));
	assert_non_null(strstr(script.seen, "\r\nContent-Length: 4194304\r\n"));
	assert_non_null(strstr(script.seen, "\r\nUser-Agent: liftfs-test\r\n"));
	assert_null(strcasestr(script.seen, "\r\nExpect"));
	assert_null(strcasestr(script.seen, "\r\nContent-Type"));
	assert_null(strcasestr(script.seen, "\r\nTransfer-Encoding"));
	http_request_fini(&req);
}

static void a_put_and_a_post_without_a_body_say_so(void **state)
{
	struct script script = { .n = 0 };
	CLEANUP(cleanup_server) struct loopback *s = script_start(&script);
	CLEANUP(cleanup_http) struct http *h = http_engine(0);
	const char *const methods[] = { "PUT", "POST", "DELETE", "GET", "HEAD" };
	char url[64], line[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		struct http_request req = http_request_of(methods[i], url_of(s, url));

		assert_int_equal(http_perform(h, &req, NULL), 0);
		assert_int_equal(req.status, 200);
		snprintf(line, sizeof(line), "%s /c/b?", methods[i]);
		assert_ptr_equal(strstr(script.seen, line), script.seen);
		if (i < 2)
			assert_non_null(strstr(script.seen, "\r\nContent-Length: 0\r\n"));
		else
			assert_null(strstr(script.seen, "\r\nContent-Length"));
		http_request_fini(&req);
	}
	assert_int_equal(loopback_connections(s), 1); /* kept alive, also after a HEAD */
}

static void a_head_has_headers_and_no_body(void **state)
{
	const struct loopback_answer a = { .raw = "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\nETag: x\r\n\r\n" };
	struct script script = { .answers = &a, .n = 1 };
	CLEANUP(cleanup_server) struct loopback *s = script_start(&script);
	CLEANUP(cleanup_http) struct http *h = http_engine(0);
	char url[64];
	struct http_request req = http_request_of("HEAD", url_of(s, url));

	(void)state;
	assert_int_equal(http_perform(h, &req, NULL), 0);
	assert_string_equal(http_reply_header(&req, "Content-Length"), "1048576");
	assert_null(req.reply);
	http_request_fini(&req);
}

static void a_reply_goes_into_the_buffer_and_an_error_body_beside_it(void **state)
{
	const struct loopback_answer answers[] = {
		{ .raw = "HTTP/1.1 206 Partial\r\nContent-Length: 5\r\n\r\nhello" },
		{ .raw = "HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\ngone" },
		{ .raw = "HTTP/1.1 206 Partial\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nworlds\r\n0\r\n\r\n" },
	};
	struct script script = { .answers = answers, .n = 3 };
	CLEANUP(cleanup_server) struct loopback *s = script_start(&script);
	CLEANUP(cleanup_http) struct http *h = http_engine(0);
	struct error e = ERROR_INIT;
	char url[64], buf[6] = "-----";
	struct http_request req = http_request_of("GET", url_of(s, url));

	(void)state;
	req.reply_buf = buf;
	req.reply_cap = 5;
	assert_int_equal(http_perform(h, &req, NULL), 0);
	assert_string_equal(buf, "hello");
	assert_int_equal(req.reply_len, 5);
	assert_null(req.reply);
	http_request_fini(&req);
	assert_int_equal(http_perform(h, &req, NULL), 0);
	assert_int_equal(req.status, 404);
	assert_string_equal(buf, "hello");
	assert_string_equal(req.reply, "gone");
	http_request_fini(&req);
	assert_int_equal(http_perform(h, &req, &e), -1); /* six bytes for five */
	assert_get_failed(s, &e, ERR_NETWORK, "reply of more than 5 bytes");
	http_request_fini(&req);
}

static void a_long_reply_fails_and_a_long_error_page_is_cut(void **state)
{
	const struct loopback_answer answers[] = {
		{ .raw = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789" },
		{ .raw = "HTTP/1.1 502 Bad\r\nx-ms-error-code: Z\r\nContent-Length: 9\r\n\r\n123456789" },
	};
	struct script script = { .answers = answers, .n = 2 };
	CLEANUP(cleanup_server) struct loopback *s = script_start(&script);
	CLEANUP(cleanup_http) struct http *h = http_engine(0);
	struct error e = ERROR_INIT;
	char url[64];
	struct http_request req = http_request_of("GET", url_of(s, url));

	(void)state;
	req.reply_max = 8;
	assert_int_equal(http_perform(h, &req, &e), -1);
	assert_get_failed(s, &e, ERR_NETWORK, "reply of more than 8 bytes");
	http_request_fini(&req);
	assert_int_equal(http_perform(h, &req, NULL), 0);
	assert_int_equal(req.status, 502);
	assert_string_equal(http_reply_header(&req, "x-ms-error-code"), "Z");
	http_request_fini(&req);
}

static void too_many_or_too_long_headers_fail(void **state)
{
	CLEANUP(cleanup_strbuf) struct strbuf many = { .len = 0 }, longer = { .len = 0 };
	struct loopback_answer answers[2] = { { .raw = NULL }, { .raw = NULL } };
	struct script script = { .answers = answers, .n = 2 };
	CLEANUP(cleanup_server) struct loopback *s = script_start(&script);
	CLEANUP(cleanup_http) struct http *h = http_engine(0);
	char url[64];

	(void)state;
	strbuf_adds(&many, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
	for (int i = 0; i < HTTP_REPLY_HEADERS_MAX; i++)
		strbuf_addf(&many, "h%d: x\r\n", i);
	strbuf_adds(&many, "\r\n");
	strbuf_adds(&longer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
	for (int i = 0; i < 10; i++)
		strbuf_addf(&longer, "h%d: %08000d\r\n", i, i);
	strbuf_adds(&longer, "\r\n");
	answers[0].raw = many.s;
	answers[1].raw = longer.s;
	for (int i = 0; i < 2; i++) {
		struct http_request req = http_request_of("GET", url_of(s, url));
		struct error e = ERROR_INIT;

		assert_int_equal(http_perform(h, &req, &e), -1);
		assert_get_failed(s, &e, ERR_NETWORK, "reply headers: more than 64 or 65536 bytes, or a NUL");
		http_request_fini(&req);
	}
}

static void only_http_is_spoken_and_bad_headers_are_refused(void **state)
{
	CLEANUP(cleanup_http) struct http *h = http_engine(0);
	const struct http_header bad = { "x-ms-meta-a", "b\r\nx-ms-meta-c: d" };
	struct http_request file = http_request_of("GET", "file:///dev/null"),
			    split = http_request_of("GET", "http://127.0.0.1:1/a");
	struct error e = ERROR_INIT, e2 = ERROR_INIT;

	(void)state;
	split.headers = &bad;
	split.n_headers = 1;
	assert_int_equal(http_perform(h, &file, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	assert_int_equal(http_perform(h, &split, &e2), -1);
	assert_error(&e2, ERR_USAGE, "GET http://127.0.0.1:1/a: header 0: a character that headers cannot hold");
	http_request_fini(&file);
	http_request_fini(&split);
}

static void a_proxy_is_used_as_configured_and_never_from_the_environment(void **state)
{
	struct script script = { .n = 0 };
	CLEANUP(cleanup_server) struct loopback *s = script_start(&script);
	char proxy[64], url[64];
	const struct http_config by_list = { .proxy = "", .http_proxy = proxy, .no_proxy = "spared.invalid" };
	CLEANUP(cleanup_http) struct http *with = NULL, *without = http_engine(0);
	struct http_request far = http_request_of("GET", "http://far.invalid/c"),
			    spared = http_request_of("GET", "http://spared.invalid/c");
	struct http_request near = http_request_of("GET", url_of(s, url)),
			    direct = http_request_of("GET", "http://far.invalid/c");

	(void)state;
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", loopback_port(s));
	with = http_new(&by_list, NULL);
	assert_non_null(with);
	assert_int_equal(http_perform(with, &far, NULL), 0);
	assert_ptr_equal(strstr(script.seen, "GET http://far.invalid/c\r\n"), script.seen);
	assert_int_equal(http_perform(with, &near, NULL), 0);
	assert_ptr_equal(strstr(script.seen, "GET /c/b?"), script.seen);
	assert_int_equal(http_perform(with, &spared, NULL), -1);
	assert_false(spared.reached);
	setenv("http_proxy", proxy, 1);
	setenv("ALL_PROXY", proxy, 1);
	assert_int_equal(http_perform(without, &direct, NULL), -1);
	assert_false(direct.reached);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	assert_int_equal(loopback_requests(s), 2);
	http_request_fini(&far);
	http_request_fini(&near);
	http_request_fini(&spared);
	http_request_fini(&direct);
}

static void the_same_request_can_be_sent_again(void **state)
{
	const struct loopback_answer answers[] = { { .raw = BUSY }, { .raw = CREATED } };
	struct script script = { .answers = answers, .n = 2 };
	CLEANUP(cleanup_server) struct loopback *s = script_start(&script);
	CLEANUP(cleanup_http) struct http *h = http_engine(0);
	char url[64];
	struct http_request req = http_request_of("GET", url_of(s, url));

	(void)state;
	assert_int_equal(http_perform(h, &req, NULL), 0);
	assert_int_equal(req.status, 503);
	assert_string_equal(http_reply_header(&req, "retry-after"), "7");
	assert_string_equal(req.reply, "busy");
	http_request_fini(&req);
	assert_null(req.reply);
	assert_int_equal(http_perform(h, &req, NULL), 0);
	assert_int_equal(req.status, 201);
	assert_null(http_reply_header(&req, "retry-after"));
	http_request_fini(&req);
}

static void an_answer_that_comes_while_the_body_is_sent_is_read(void **state)
{
	const struct loopback_answer answers[] = {
		{ .raw = BUSY, .early = true },
		{ .raw = BUSY, .early = true, .early_after = 300000 },
		{ .raw = "HTTP/1.1 413 Too large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", .early = true },
	};
	const size_t len = 8 << 20;
	CLEANUP_FREE char *body = http_body(len);
	unsigned answered = 0, rounds = 60;

	(void)state;
	for (size_t a = 0; a < ARRAY_LEN(answers); a++) {
		struct script script = { .answers = &answers[a], .n = 1 };
		CLEANUP(cleanup_server) struct loopback *s = script_start(&script);
		CLEANUP(cleanup_http) struct http *h = http_engine(0);
		char url[64];

		for (unsigned i = 0; i < rounds / 3; i++) {
			struct http_request req = http_request_of("PUT", url_of(s, url));

			req.body = body;
			req.body_len = len;
			if (http_perform(h, &req, NULL) == 0) {
				assert_int_equal(req.status, a == 2 ? 413 : 503);
				answered++;
			}
			assert_true(req.reached);
			http_request_fini(&req);
		}
	}
	assert_int_equal(answered, rounds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_arrives_whole_and_headers_are_as_given),
		cmocka_unit_test(a_put_and_a_post_without_a_body_say_so),
		cmocka_unit_test(a_head_has_headers_and_no_body),
		cmocka_unit_test(a_reply_goes_into_the_buffer_and_an_error_body_beside_it),
		cmocka_unit_test(a_long_reply_fails_and_a_long_error_page_is_cut),
		cmocka_unit_test(too_many_or_too_long_headers_fail),
		cmocka_unit_test(only_http_is_spoken_and_bad_headers_are_refused),
		cmocka_unit_test(a_proxy_is_used_as_configured_and_never_from_the_environment),
		cmocka_unit_test(the_same_request_can_be_sent_again),
		cmocka_unit_test(an_answer_that_comes_while_the_body_is_sent_is_read),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}

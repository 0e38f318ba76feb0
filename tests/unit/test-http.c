/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "net/http.h"
#include "tests/support/loopback_http.h"

#define CREATED "HTTP/1.1 201 Created\r\nETag: \"0x1\"\r\nX-Ms-Request-Id:  abc \r\nEmpty:\r\nContent-Length: 0\r\n\r\n"
#define BUSY "HTTP/1.1 503 Busy\r\nx-ms-error-code: ServerBusy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy"

DEFINE_CLEANUP(cleanup_server, struct loopback *, loopback_stop);

/* A server whose n-th request gets the n-th answer; the last one for all that follow. */
struct script {
	const struct loopback_answer *answers;
	size_t n;
	char seen[2048]; /* the last request: method, target, headers */
};

static void follow_script(void *ctx, const struct loopback_request *req, struct loopback_answer *out)
{
	struct script *s = ctx;

	snprintf(s->seen, sizeof(s->seen), "%s %s\r\n%s", req->method, req->target, req->headers);
	if (s->n > 0)
		*out = s->answers[req->number < s->n ? req->number : s->n - 1];
}

static struct http *engine(unsigned connections)
{
	const struct http_config config = { .connections = connections, .user_agent = "liftfs-test" };
	struct http *h = http_new(&config, NULL);

	assert_non_null(h);
	return h;
}

static const char *url_of(struct loopback *s, char url[64])
{
	snprintf(url, 64, "http://127.0.0.1:%u/c/b?comp=page&sig=SECRET", loopback_port(s));
	return url;
}

static void never(struct http_request *req)
{
	(void)req;
}

/* A request with the fields that every test wants. */
static struct http_request request(const char *method, const char *url)
{
	return (struct http_request){ .method = method, .url = url, .done = never };
}

static char *pattern(size_t len)
{
	char *body = malloc(len);

	assert_non_null(body);
	for (size_t i = 0; i < len; i++)
		body[i] = (char)(i * 2654435761u >> 13);
	return body;
}

static void a_body_arrives_whole_and_headers_are_as_given(void **state)
{
	const struct loopback_answer created = { .raw = CREATED };
	struct script script = { .answers = &created, .n = 1 };
	CLEANUP(cleanup_server) struct loopback *s = loopback_start(follow_script, &script);
	CLEANUP(cleanup_http) struct http *h = engine(0);
	const struct http_header headers[] = { { "x-ms-page-write", "update" }, { "x-ms-meta-a", "" } };
	const size_t len = 4 << 20;
	CLEANUP_FREE char *body = pattern(len);
	CLEANUP_FREE void *got = NULL;
	struct error e = ERROR_INIT;
	char url[64];
	struct http_request req = request("PUT", url_of(s, url));
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
	CLEANUP(cleanup_server) struct loopback *s = loopback_start(follow_script, &script);
	CLEANUP(cleanup_http) struct http *h = engine(0);
	const char *const methods[] = { "PUT", "POST", "DELETE", "GET", "HEAD" };
	char url[64], line[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		struct http_request req = request(methods[i], url_of(s, url));

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
	CLEANUP(cleanup_server) struct loopback *s = loopback_start(follow_script, &script);
	CLEANUP(cleanup_http) struct http *h = engine(0);
	char url[64];
	struct http_request req = request("HEAD", url_of(s, url));

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
	CLEANUP(cleanup_server) struct loopback *s = loopback_start(follow_script, &script);
	CLEANUP(cleanup_http) struct http *h = engine(0);
	struct error e = ERROR_INIT;
	char url[64], buf[6] = "-----", want[128];
	struct http_request req = request("GET", url_of(s, url));

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
	snprintf(want, sizeof(want), "GET http://127.0.0.1:%u/c/b?comp=page: reply of more than 5 bytes",
		 loopback_port(s));
	assert_error(&e, ERR_NETWORK, want);
	http_request_fini(&req);
}

static void a_long_reply_fails_and_a_long_error_page_is_cut(void **state)
{
	const struct loopback_answer answers[] = {
		{ .raw = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789" },
		{ .raw = "HTTP/1.1 502 Bad\r\nx-ms-error-code: Z\r\nContent-Length: 9\r\n\r\n123456789" },
	};
	struct script script = { .answers = answers, .n = 2 };
	CLEANUP(cleanup_server) struct loopback *s = loopback_start(follow_script, &script);
	CLEANUP(cleanup_http) struct http *h = engine(0);
	struct error e = ERROR_INIT;
	char url[64], want[128];
	struct http_request req = request("GET", url_of(s, url));

	(void)state;
	req.reply_max = 8;
	assert_int_equal(http_perform(h, &req, &e), -1);
	snprintf(want, sizeof(want), "GET http://127.0.0.1:%u/c/b?comp=page: reply of more than 8 bytes",
		 loopback_port(s));
	assert_error(&e, ERR_NETWORK, want);
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
	CLEANUP(cleanup_server) struct loopback *s = loopback_start(follow_script, &script);
	CLEANUP(cleanup_http) struct http *h = engine(0);
	char url[64], want[160];

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
		struct http_request req = request("GET", url_of(s, url));
		struct error e = ERROR_INIT;

		assert_int_equal(http_perform(h, &req, &e), -1);
		snprintf(want, sizeof(want),
			 "GET http://127.0.0.1:%u/c/b?comp=page: reply headers: more than 64 or 65536 bytes, or a NUL",
			 loopback_port(s));
		assert_error(&e, ERR_NETWORK, want);
		http_request_fini(&req);
	}
}

static void a_connection_that_was_closed_meanwhile_is_replaced_once(void **state)
{
	const struct loopback_answer answers[] = {
		{ .close_after = true }, { .raw = NULL }, { .drop = true }, { .raw = CREATED }
	};
	struct script script = { .answers = answers, .n = 4 };
	CLEANUP(cleanup_server) struct loopback *s = loopback_start(follow_script, &script);
	CLEANUP(cleanup_http) struct http *h = engine(0);
	CLEANUP_FREE char *body = pattern(100000);
	const long want[] = { 200, 200, 201 };
	char url[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		struct http_request req = request("PUT", url_of(s, url));

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
	CLEANUP(cleanup_server) struct loopback *s = loopback_start(follow_script, &script);
	CLEANUP(cleanup_http) struct http *h = engine(0);
	struct error e = ERROR_INIT;
	char url[64], want[128];
	struct http_request req = request("GET", url_of(s, url));

	(void)state;
	assert_int_equal(http_perform(h, &req, &e), -1);
	snprintf(want, sizeof(want), "GET http://127.0.0.1:%u/c/b?comp=page: Empty reply from server",
		 loopback_port(s));
	assert_error(&e, ERR_NETWORK, want);
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
	CLEANUP(cleanup_server) struct loopback *s = loopback_start(follow_script, &script);
	CLEANUP(cleanup_http) struct http *h = engine(0);
	char url[64], buf[100];
	struct http_request req = request("GET", url_of(s, url));

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
	CLEANUP(cleanup_server) struct loopback *s = loopback_start(follow_script, &script);
	CLEANUP(cleanup_http) struct http *h = engine(0);
	char url[64];

	(void)state;
	url_of(s, url);
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		struct http_request req = request(methods[i], url);
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
	CLEANUP(cleanup_server) struct loopback *s = loopback_start(follow_script, &script);
	CLEANUP(cleanup_http) struct http *h = engine(0);
	char url[64];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct http_request req = request("GET", url_of(s, url));

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
	CLEANUP(cleanup_http) struct http *h = engine(0);
	char url[64];
	struct http_request req = request("PUT", url_of(s, url));

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

static void only_http_is_spoken_and_bad_headers_are_refused(void **state)
{
	CLEANUP(cleanup_http) struct http *h = engine(0);
	const struct http_header bad = { "x-ms-meta-a", "b\r\nx-ms-meta-c: d" };
	struct http_request file = request("GET", "file:///dev/null"), split = request("GET", "http://127.0.0.1:1/a");
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
	CLEANUP(cleanup_server) struct loopback *s = loopback_start(follow_script, &script);
	char proxy[64], url[64];
	const struct http_config by_list = { .proxy = "", .http_proxy = proxy, .no_proxy = "spared.invalid" };
	CLEANUP(cleanup_http) struct http *with = NULL, *without = engine(0);
	struct http_request far = request("GET", "http://far.invalid/c"),
			    spared = request("GET", "http://spared.invalid/c");
	struct http_request near = request("GET", url_of(s, url)), direct = request("GET", "http://far.invalid/c");

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

struct counted {
	struct http *http;
	atomic_uint done, cancelled, wrong_thread;
};

static void count(struct http_request *req)
{
	struct counted *c = req->ctx;

	if (req->err.code == ERR_CANCELLED)
		atomic_fetch_add(&c->cancelled, 1);
	if (!http_on_thread(c->http))
		atomic_fetch_add(&c->wrong_thread, 1);
	atomic_fetch_add(&c->done, 1);
}

static void wait_until(atomic_uint *counter, unsigned want)
{
	for (int i = 0; i < 5000 && atomic_load(counter) < want; i++)
		usleep(1000);
	assert_int_equal(atomic_load(counter), want);
}

static void no_more_than_the_connections_allowed_and_all_done_once(void **state)
{
	const struct loopback_answer slow = { .delay_ms = 10 };
	struct script script = { .answers = &slow, .n = 1 };
	CLEANUP(cleanup_server) struct loopback *s = loopback_start(follow_script, &script);
	CLEANUP(cleanup_http) struct http *h = engine(3);
	struct counted c = { .http = h };
	struct http_request reqs[7];
	char url[64];

	(void)state;
	url_of(s, url);
	for (size_t i = 0; i < ARRAY_LEN(reqs); i++) {
		reqs[i] = request("GET", url);
		reqs[i].done = count;
		reqs[i].ctx = &c;
		http_submit(h, &reqs[i]);
	}
	wait_until(&c.done, ARRAY_LEN(reqs));
	assert_int_equal(c.wrong_thread, 0);
	assert_int_equal(loopback_requests(s), ARRAY_LEN(reqs));
	assert_in_range(loopback_connections(s), 1, 3);
	assert_int_equal(loopback_peak(s), 3);
	for (size_t i = 0; i < ARRAY_LEN(reqs); i++) {
		assert_int_equal(reqs[i].status, 200);
		http_request_fini(&reqs[i]);
	}
}

static void cancelled_requests_end_soon_waiting_or_in_flight(void **state)
{
	const struct loopback_answer slow = { .delay_ms = 4000 };
	struct script script = { .answers = &slow, .n = 1 };
	CLEANUP(cleanup_server) struct loopback *s = loopback_start(follow_script, &script);
	CLEANUP(cleanup_http) struct http *h = engine(1);
	struct counted c = { .http = h };
	struct http_request reqs[2];
	uint64_t before = clock_monotonic_ns();
	char url[64], want[128];

	(void)state;
	url_of(s, url);
	snprintf(want, sizeof(want), "GET http://127.0.0.1:%u/c/b?comp=page: stopped", loopback_port(s));
	for (size_t i = 0; i < 2; i++) {
		reqs[i] = request("GET", url);
		reqs[i].done = count;
		reqs[i].ctx = &c;
		http_submit(h, &reqs[i]);
	}
	while (loopback_requests(s) == 0)
		usleep(1000);
	http_cancel(h, &reqs[1]);
	wait_until(&c.done, 1);
	assert_error(&reqs[1].err, ERR_CANCELLED, want);
	assert_false(reqs[1].reached);
	http_cancel(h, &reqs[0]);
	wait_until(&c.done, 2);
	assert_error(&reqs[0].err, ERR_CANCELLED, want);
	assert_true(reqs[0].reached);
	http_cancel(h, &reqs[0]); /* too late: nothing happens */
	assert_true(clock_monotonic_ns() - before < UINT64_C(3000000000));
	http_request_fini(&reqs[0]);
	http_request_fini(&reqs[1]);
}

struct told {
	struct http *http;
	struct http_timer timer;
	atomic_uint calls;
	bool ending;
};

static void tell(void *ctx)
{
	struct told *t = ctx;

	t->ending = http_is_ending(t->http);
	atomic_fetch_add(&t->calls, 1);
}

static void the_end_cancels_what_is_left_and_calls_the_timers(void **state)
{
	const struct loopback_answer slow = { .delay_ms = 4000 };
	struct script script = { .answers = &slow, .n = 1 };
	CLEANUP(cleanup_server) struct loopback *s = loopback_start(follow_script, &script);
	struct http *h = engine(2);
	struct counted c = { .http = h };
	struct told t = { .http = h };
	struct http_request reqs[5];
	char url[64];

	(void)state;
	url_of(s, url);
	t.timer = (struct http_timer){ .fn = tell, .ctx = &t };
	http_after(h, &t.timer, 100000);
	for (size_t i = 0; i < ARRAY_LEN(reqs); i++) {
		reqs[i] = request("GET", url);
		reqs[i].done = count;
		reqs[i].ctx = &c;
		http_submit(h, &reqs[i]);
	}
	http_free(h);
	assert_int_equal(c.done, ARRAY_LEN(reqs));
	assert_int_equal(c.cancelled, ARRAY_LEN(reqs));
	assert_int_equal(t.calls, 1);
	assert_true(t.ending);
	for (size_t i = 0; i < ARRAY_LEN(reqs); i++)
		http_request_fini(&reqs[i]);
}

struct order {
	struct http *http;
	struct http_timer timers[4];
	struct order_item {
		struct order *all;
		unsigned number;
	} items[4];
	unsigned seen[4];
	atomic_uint n;
};

static void note_order(void *ctx)
{
	struct order_item *item = ctx;
	unsigned n = atomic_load(&item->all->n);

	item->all->seen[n] = item->number;
	atomic_store(&item->all->n, n + 1);
}

static void timers_come_in_the_order_in_which_they_are_due(void **state)
{
	CLEANUP(cleanup_http) struct http *h = engine(0);
	const unsigned ms[4] = { 60, 20, 40, 50 };
	struct order o = { .http = h };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		o.items[i] = (struct order_item){ .all = &o, .number = i };
		o.timers[i] = (struct http_timer){ .fn = note_order, .ctx = &o.items[i] };
		http_after(h, &o.timers[i], ms[i]);
	}
	assert_true(http_timer_cancel(h, &o.timers[3]));
	assert_false(http_timer_cancel(h, &o.timers[3]));
	wait_until(&o.n, 3);
	assert_int_equal(o.seen[0], 1);
	assert_int_equal(o.seen[1], 2);
	assert_int_equal(o.seen[2], 0);
}

static void the_same_request_can_be_sent_again(void **state)
{
	const struct loopback_answer answers[] = { { .raw = BUSY }, { .raw = CREATED } };
	struct script script = { .answers = answers, .n = 2 };
	CLEANUP(cleanup_server) struct loopback *s = loopback_start(follow_script, &script);
	CLEANUP(cleanup_http) struct http *h = engine(0);
	char url[64];
	struct http_request req = request("GET", url_of(s, url));

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
	CLEANUP_FREE char *body = pattern(len);
	unsigned answered = 0, rounds = 60;

	(void)state;
	for (size_t a = 0; a < ARRAY_LEN(answers); a++) {
		struct script script = { .answers = &answers[a], .n = 1 };
		CLEANUP(cleanup_server) struct loopback *s = loopback_start(follow_script, &script);
		CLEANUP(cleanup_http) struct http *h = engine(0);
		char url[64];

		for (unsigned i = 0; i < rounds / 3; i++) {
			struct http_request req = request("PUT", url_of(s, url));

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
		cmocka_unit_test(a_connection_that_was_closed_meanwhile_is_replaced_once),
		cmocka_unit_test(a_fresh_connection_that_is_dropped_is_an_error),
		cmocka_unit_test(a_reset_in_the_reply_is_an_error_unless_it_said_no),
		cmocka_unit_test(an_answer_whose_headers_are_cut_off_is_none),
		cmocka_unit_test(what_takes_too_long_is_timed_out),
		cmocka_unit_test(nobody_there_means_not_reached),
		cmocka_unit_test(only_http_is_spoken_and_bad_headers_are_refused),
		cmocka_unit_test(a_proxy_is_used_as_configured_and_never_from_the_environment),
		cmocka_unit_test(no_more_than_the_connections_allowed_and_all_done_once),
		cmocka_unit_test(cancelled_requests_end_soon_waiting_or_in_flight),
		cmocka_unit_test(the_end_cancels_what_is_left_and_calls_the_timers),
		cmocka_unit_test(timers_come_in_the_order_in_which_they_are_due),
		cmocka_unit_test(the_same_request_can_be_sent_again),
		cmocka_unit_test(an_answer_that_comes_while_the_body_is_sent_is_read),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}

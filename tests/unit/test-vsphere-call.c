/* SPDX-License-Identifier: Apache-2.0 */
/* Which calls are made again, and how often. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "inventory/vsphere_soap.h"
#include "support/http_fixture.h"

#define REPLY "HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n<Envelope><Body><AskResponse>yes</AskResponse></Body></Envelope>\n"
#define FAULT                                                                                                          \
	"HTTP/1.1 500 Error\r\nContent-Length: 101\r\n\r\n<Envelope><Body><Fault><detail><NotAuthenticatedFault/>" \
	"</detail></Fault></Body></Envelope>              \n"
#define NOW_BUSY "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"

static const struct loopback_answer good = { .raw = REPLY }, busy = { .raw = NOW_BUSY }, cut = { .raw = REPLY, .cut = 40 },
				    gone = { .drop = true }, fault = { .raw = FAULT };

static uint64_t at_once(uint64_t n)
{
	(void)n;
	return 0;
}

struct outcome {
	int rc;
	unsigned requests;
	bool signed_out;
	struct error err;
};

static struct outcome ask(const struct loopback_answer *answers, size_t n, bool once)
{
	struct script script = { .answers = answers, .n = n };
	CLEANUP(cleanup_server) struct loopback *server = script_start(&script);
	CLEANUP(cleanup_http) struct http *http = http_engine(1);
	CLEANUP(cleanup_vsphere_reply) struct vsphere_reply reply = { .doc = NULL };
	struct outcome out = { .err = ERROR_INIT };
	char url[64];
	struct vsphere_soap s = { .http = http, .url = url_of(server, url), .host = "vc", .version = "8.0", .below = at_once };

	out.rc = vsphere_soap_call(&s, &(struct vsphere_call){ "Ask", "T", "t-1", "", once }, &reply, &out.err);
	out.requests = loopback_requests(server);
	out.signed_out = s.signed_out;
	if (out.rc == 0)
		assert_string_equal(xml_text(reply.response), "yes");
	return out;
}

#define ASK(once, ...) \
	ask((const struct loopback_answer[]){ __VA_ARGS__ }, ARRAY_LEN(((struct loopback_answer[]){ __VA_ARGS__ })), once)

static void a_busy_server_and_a_cut_line_are_asked_again(void **state)
{
	struct outcome o;

	(void)state;
	o = ASK(false, busy, cut, gone, good);
	assert_int_equal(o.rc, 0);
	assert_int_equal(o.requests, 4);
	o = ASK(true, busy, good);
	assert_int_equal(o.rc, 0);
	assert_int_equal(o.requests, 2);
}

static void it_ends_after_four_tries(void **state)
{
	struct outcome o = ASK(false, busy);

	(void)state;
	assert_int_equal(o.rc, -1);
	assert_int_equal(o.requests, VSPHERE_TRIES);
	assert_error(&o.err, ERR_NETWORK, "vc: Ask: gave up after 4 tries: HTTP status 503");
}

static void what_may_have_been_done_is_not_done_twice(void **state)
{
	struct outcome o = ASK(true, cut, good);

	(void)state;
	assert_int_equal(o.rc, -1);
	assert_int_equal(o.requests, 1);
	assert_int_equal(o.err.code, ERR_NETWORK);
	o = ASK(true, gone, good);
	assert_int_equal(o.rc, -1);
	assert_int_equal(o.requests, 1);
}

static void a_fault_is_an_answer(void **state)
{
	struct outcome o = ASK(false, fault, good);

	(void)state;
	assert_int_equal(o.rc, -1);
	assert_int_equal(o.requests, 1);
	assert_error(&o.err, ERR_REFUSED, "vc: Ask: NotAuthenticated");
	assert_true(o.signed_out);
	o = ASK(false, busy, fault);
	assert_error(&o.err, ERR_REFUSED, "vc: Ask: NotAuthenticated");
	o = ASK(false, busy);
	assert_false(o.signed_out);
}

static void a_server_that_was_never_reached_is_told_at_once(void **state)
{
	CLEANUP(cleanup_http) struct http *http = http_engine(1);
	CLEANUP(cleanup_vsphere_reply) struct vsphere_reply reply = { .doc = NULL };
	struct error err = ERROR_INIT;
	struct vsphere_soap s = { .http = http, .url = "http://127.0.0.1:1/sdk", .host = "vc", .below = at_once };
	const struct vsphere_call call = { "Ask", "T", "t-1", "", false };

	(void)state;
	assert_int_equal(vsphere_soap_call(&s, &call, &reply, &err), -1);
	assert_null(strstr(err.msg, "gave up after"));
	s.answered = true;
	assert_int_equal(vsphere_soap_call(&s, &call, &reply, &err), -1);
	assert_non_null(strstr(err.msg, "vc: Ask: gave up after 4 tries: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_busy_server_and_a_cut_line_are_asked_again),
		cmocka_unit_test(it_ends_after_four_tries),
		cmocka_unit_test(what_may_have_been_done_is_not_done_twice),
		cmocka_unit_test(a_fault_is_an_answer),
		cmocka_unit_test(a_server_that_was_never_reached_is_told_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

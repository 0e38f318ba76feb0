/* SPDX-License-Identifier: Apache-2.0 */
/* Many requests at once, what is called off, and timers. */
#include "unit.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/http_fixture.h"

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

static void submit_all(struct counted *c, struct http_request *reqs, size_t n, const char *url)
{
	for (size_t i = 0; i < n; i++) {
		reqs[i] = http_request_of("GET", url);
		reqs[i].done = count;
		reqs[i].ctx = c;
		http_submit(c->http, &reqs[i]);
	}
}

static void wait_until(atomic_uint *counter, unsigned want)
{
	for (int i = 0; i < 5000 && atomic_load(counter) < want; i++)
		usleep(1000);
	assert_int_equal(atomic_load(counter), want);
}

static void no_more_than_the_connections_allowed_and_all_done_once(void **state)
{
	const struct loopback_answer slow = { .delay_ms = 150 };
	struct script script = { .answers = &slow, .n = 1 };
	CLEANUP(cleanup_server) struct loopback *s = script_start(&script);
	CLEANUP(cleanup_http) struct http *h = http_engine(3);
	struct counted c = { .http = h };
	struct http_request reqs[7];
	char url[64];

	(void)state;
	url_of(s, url);
	submit_all(&c, reqs, ARRAY_LEN(reqs), url);
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
	CLEANUP(cleanup_server) struct loopback *s = script_start(&script);
	CLEANUP(cleanup_http) struct http *h = http_engine(1);
	struct counted c = { .http = h };
	struct http_request reqs[2];
	uint64_t before = clock_monotonic_ns();
	char url[64];

	(void)state;
	url_of(s, url);
	submit_all(&c, reqs, 2, url);
	while (loopback_requests(s) == 0)
		usleep(1000);
	http_cancel(h, &reqs[1]);
	wait_until(&c.done, 1);
	assert_get_failed(s, &reqs[1].err, ERR_CANCELLED, "stopped");
	assert_false(reqs[1].reached);
	http_cancel(h, &reqs[0]);
	wait_until(&c.done, 2);
	assert_get_failed(s, &reqs[0].err, ERR_CANCELLED, "stopped");
	assert_true(reqs[0].reached);
	http_cancel(h, &reqs[0]); /* too late: nothing happens */
	assert_true(clock_monotonic_ns() - before < UINT64_C(3000000000));
	http_request_fini(&reqs[0]);
	http_request_fini(&reqs[1]);
}

static bool from_the_second_time_on(void *ctx)
{
	unsigned *asked = ctx;

	return ++*asked >= 2;
}

static void who_waits_for_an_answer_can_be_stopped(void **state)
{
	const struct loopback_answer slow = { .delay_ms = 4000 };
	struct script script = { .answers = &slow, .n = 1 };
	CLEANUP(cleanup_server) struct loopback *s = script_start(&script);
	CLEANUP(cleanup_http) struct http *h = http_engine(0);
	struct error e = ERROR_INIT;
	unsigned asked = 0;
	char url[64];
	struct http_request req = http_request_of("GET", url_of(s, url));

	(void)state;
	assert_int_equal(http_perform_unless(h, &req, from_the_second_time_on, &asked, &e), -1);
	assert_get_failed(s, &e, ERR_CANCELLED, "stopped");
	assert_int_equal(req.err.code, ERR_CANCELLED);
	assert_true(asked >= 2);
	http_request_fini(&req);
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
	CLEANUP(cleanup_server) struct loopback *s = script_start(&script);
	struct http *h = http_engine(2);
	struct counted c = { .http = h };
	struct told t = { .http = h };
	struct http_request reqs[5];
	char url[64];

	(void)state;
	url_of(s, url);
	t.timer = (struct http_timer){ .fn = tell, .ctx = &t };
	http_after(h, &t.timer, 100000);
	submit_all(&c, reqs, ARRAY_LEN(reqs), url);
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
	CLEANUP(cleanup_http) struct http *h = http_engine(0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_more_than_the_connections_allowed_and_all_done_once),
		cmocka_unit_test(cancelled_requests_end_soon_waiting_or_in_flight),
		cmocka_unit_test(who_waits_for_an_answer_can_be_stopped),
		cmocka_unit_test(the_end_cancels_what_is_left_and_calls_the_timers),
		cmocka_unit_test(timers_come_in_the_order_in_which_they_are_due),
	};

	return cmocka_run_group_tests_name("http-queue", tests, NULL, NULL);
}

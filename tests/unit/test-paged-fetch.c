/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assess/paged_fetch.h"
#include "base/compiler.h"
#include "support/http_fixture.h"

#define OK(len, body) "HTTP/1.1 200 OK\r\nContent-Length: " len "\r\n\r\n" body
#define EMPTY(status, more) "HTTP/1.1 " status " X\r\n" more "Content-Length: 0\r\n\r\n"

static uint64_t no_wait(uint64_t n)
{
	(void)n;
	return 0;
}

/* The body is the link to the next page, "-" for none; what came is put together. */
struct reader {
	char seen[512];
};

static int read_link(void *ctx, const char *body, size_t len, char **next_out, struct error *err)
{
	struct reader *r = ctx;

	(void)err;
	snprintf(r->seen + strlen(r->seen), sizeof(r->seen) - strlen(r->seen), "%s|", body);
	assert_int_equal(strlen(body), len);
	if (strcmp(body, "-") != 0)
		*next_out = strdup(body);
	return 0;
}

struct outcome {
	int rc;
	struct error err;
	struct reader reader;
	unsigned requests;
	char last[2048];
};

static int authorize(void *ctx, const char *url, char **value_out, struct error *err)
{
	(void)url;
	(void)err;
	*value_out = strdup(ctx);
	return 0;
}

static void fetch(const struct loopback_answer *answers, size_t n, const char *token, struct outcome *o)
{
	struct script script = { .answers = answers, .n = n };
	CLEANUP(cleanup_server) struct loopback *s = script_start(&script);
	CLEANUP(cleanup_http) struct http *h = http_engine(1);
	const struct paged_fetch f = { .http = h, .below = no_wait, .authorize = token ? authorize : NULL, .ctx = (void *)token };
	char url[64];

	*o = (struct outcome){ .err = ERROR_INIT };
	o->rc = paged_fetch(&f, url_of(s, url), read_link, &o->reader, &o->err);
	o->requests = loopback_requests(s);
	memcpy(o->last, script.seen, sizeof(o->last));
}

static void a_link_leads_to_where_the_question_went(void **state)
{
	static const char from[] = "https://prices.example/api?x=1";
	static const char *const good[][2] = {
		{ "https://prices.example/api?$skip=1", "https://prices.example/api?$skip=1" },
		{ "https://prices.example:443/api?$filter=a eq 'b'", "https://prices.example:443/api?$filter=a%20eq%20'b'" },
		{ "HTTPS://Prices.Example/", "HTTPS://Prices.Example/" },
	};
	static const char *const bad[] = {
		"https://elsewhere.example/api", "http://prices.example/api",          "https://prices.example:444/api",
		"https://prices.example.evil/",  "https://prices.example@evil.example/", "https://evil.example\\@prices.example/",
		"//prices.example/api",          "/api?$skip=1",                       "file:///etc/passwd",
		"",                              "https://",                           "https:///api",
	};
	struct error e = ERROR_INIT;
	char *url;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(paged_link(from, good[i][0], &url, &e), 0);
		assert_string_equal(url, good[i][1]);
		free(url);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		e = (struct error)ERROR_INIT;
		if (paged_link(from, bad[i], &url, &e) == 0)
			fail_msg("'%s' is followed", bad[i]);
		assert_int_equal(e.code, ERR_CORRUPT);
		assert_non_null(strstr(e.msg, "the link to the next page leads elsewhere: "));
	}
	e = (struct error)ERROR_INIT;
	assert_int_equal(paged_link("https://[::1]:8080/x", "https://[::1]:8080/y", &url, &e), 0);
	free(url);
	assert_int_equal(paged_link("https://[::1]:8080/x", "https://[::1]:8081/y", &url, &e), -1);
	e = (struct error)ERROR_INIT;
	assert_int_equal(paged_link(from, "https://prices.example/\033[31m", &url, &e), -1);
	assert_error(&e, ERR_CORRUPT, "the link to the next page, 'https://prices.example/\\x1B[31m', is no URL");
}

static void a_link_has_a_limit(void **state)
{
	static const char from[] = "https://h/";
	char link[PAGED_LINK_MAX + 2];
	struct error e = ERROR_INIT;
	char *url;

	(void)state;
	memset(link, 'x', sizeof(link));
	memcpy(link, from, strlen(from));
	link[PAGED_LINK_MAX + 1] = '\0';
	assert_int_equal(paged_link(from, link, &url, &e), -1);
	assert_error(&e, ERR_CORRUPT, "the link to the next page has more than 8192 bytes");
	link[PAGED_LINK_MAX] = '\0';
	e = (struct error)ERROR_INIT;
	assert_int_equal(paged_link(from, link, &url, &e), 0);
	free(url);
}

static void what_passes_is_asked_again(void **state)
{
	static const struct loopback_answer answers[] = { { .raw = EMPTY("429", "Retry-After: 0\r\n") },
							  { .raw = EMPTY("500", "") },
							  { .raw = OK("100", "{"), .cut = 41 },
							  { .raw = EMPTY("408", "") },
							  { .raw = OK("1", "-") } };
	struct outcome o;

	(void)state;
	fetch(answers, ARRAY_LEN(answers), NULL, &o);
	assert_int_equal(o.rc, 0);
	assert_string_equal(o.reader.seen, "-|");
	assert_int_equal(o.requests, 5);
	assert_null(strstr(o.last, "Authorization"));
}

static void what_does_not_pass_is_given_up(void **state)
{
	static const struct loopback_answer down = { .raw = "HTTP/1.1 503 X\r\nContent-Length: 57\r\n\r\n"
							    "{\"error\":{\"code\":\"Busy\",\"message\":\"a\\u001bb sig=SECRET\"}}" };
	struct outcome o;

	(void)state;
	fetch(&down, 1, NULL, &o);
	assert_int_equal(o.rc, -1);
	assert_int_equal(o.err.code, ERR_NETWORK);
	assert_int_equal(o.requests, PAGED_TRIES);
	if (!strstr(o.err.msg, "gave up after 6 tries: HTTP status 503 Busy: a\\x1Bb sig=***"))
		fail_msg("%s", o.err.msg);
}

static void a_refusal_is_not_asked_again(void **state)
{
	static const struct {
		struct loopback_answer answer;
		enum error_code code;
		const char *says;
	} refusals[] = {
		{ { .raw = "HTTP/1.1 403 X\r\nContent-Length: 61\r\n\r\n"
			   "{\"error\":{\"code\":\"AuthorizationFailed\",\"message\":\"no right\"}}" }, ERR_REFUSED,
		  ": HTTP status 403 AuthorizationFailed: no right" },
		{ { .raw = EMPTY("401", "") }, ERR_REFUSED, ": HTTP status 401" },
		{ { .raw = EMPTY("404", "") }, ERR_UNSUPPORTED, ": HTTP status 404" },
		{ { .raw = EMPTY("400", "") }, ERR_UNSUPPORTED, ": HTTP status 400" },
		{ { .raw = EMPTY("302", "Location: http://127.0.0.1:1/\r\n") }, ERR_UNSUPPORTED,
		  ": HTTP status 302: redirections are not followed" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		struct outcome o;

		fetch(&refusals[i].answer, 1, NULL, &o);
		assert_int_equal(o.rc, -1);
		assert_int_equal(o.err.code, refusals[i].code);
		assert_int_equal(o.requests, 1);
		if (!strstr(o.err.msg, refusals[i].says))
			fail_msg("'%s', not '%s'", o.err.msg, refusals[i].says);
	}
}

/* A server whose pages lead on, by their number. */
struct chain {
	char answer[256];
	unsigned port, back_from; /* this page leads back to the first; 0: none does */
	unsigned last;            /* this one leads nowhere */
};

static void chain_answer(void *ctx, const struct loopback_request *req, struct loopback_answer *out)
{
	struct chain *c = ctx;
	char body[128] = "-";
	unsigned page = req->number + 1;

	if (page != c->last)
		snprintf(body, sizeof(body), "http://127.0.0.1:%u/p?%u", c->port, page == c->back_from ? 0 : page);
	snprintf(c->answer, sizeof(c->answer), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
	out->raw = c->answer;
}

static unsigned follow(struct chain *c, const char *token, struct error *err, int *rc)
{
	CLEANUP(cleanup_server) struct loopback *s = loopback_start(chain_answer, c);
	CLEANUP(cleanup_http) struct http *h = http_engine(1);
	const struct paged_fetch f = { .http = h, .below = no_wait, .authorize = token ? authorize : NULL, .ctx = (void *)token };
	struct reader r = { .seen = "" };
	char url[64];

	c->port = loopback_port(s);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/p?0", c->port);
	*rc = paged_fetch(&f, url, read_link, &r, err);
	return loopback_requests(s);
}

static void pages_are_followed_to_the_last(void **state)
{
	struct chain c = { .last = 3 };
	struct error e = ERROR_INIT;
	int rc;

	(void)state;
	assert_int_equal(follow(&c, NULL, &e, &rc), 3);
	assert_int_equal(rc, 0);
}

static void a_circle_ends_where_it_closes(void **state)
{
	struct chain c = { .back_from = 3 };
	struct error e = ERROR_INIT;
	int rc;

	(void)state;
	assert_int_equal(follow(&c, NULL, &e, &rc), 3);
	assert_int_equal(rc, -1);
	assert_int_equal(e.code, ERR_CORRUPT);
	assert_non_null(strstr(e.msg, "/p: page 3 leads back to page 1"));
}

static void pages_without_end_do_not_go_on_for_ever(void **state)
{
	struct chain c = { .last = 0 };
	struct error e = ERROR_INIT;
	int rc;

	(void)state;
	assert_int_equal(follow(&c, NULL, &e, &rc), PAGED_PAGES_MAX);
	assert_int_equal(rc, -1);
	assert_non_null(strstr(e.msg, "more than 1000 pages"));
}

static void who_asks_is_said_with_each_page_and_nowhere_else(void **state)
{
	static const struct loopback_answer last = { .raw = OK("1", "-") };
	static const struct loopback_answer away = { .raw = OK("26", "http://evil.example:80/api") };
	struct outcome o;

	(void)state;
	fetch(&last, 1, "Bearer T", &o);
	assert_int_equal(o.rc, 0);
	assert_non_null(strstr(o.last, "Authorization: Bearer T\r\n"));
	fetch(&away, 1, "Bearer T", &o);
	assert_int_equal(o.rc, -1);
	assert_int_equal(o.requests, 1);
	assert_non_null(strstr(o.err.msg, "the link to the next page leads elsewhere: 'http://evil.example:80/api'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_link_leads_to_where_the_question_went),
		cmocka_unit_test(a_link_has_a_limit),
		cmocka_unit_test(what_passes_is_asked_again),
		cmocka_unit_test(what_does_not_pass_is_given_up),
		cmocka_unit_test(a_refusal_is_not_asked_again),
		cmocka_unit_test(pages_are_followed_to_the_last),
		cmocka_unit_test(a_circle_ends_where_it_closes),
		cmocka_unit_test(pages_without_end_do_not_go_on_for_ever),
		cmocka_unit_test(who_asks_is_said_with_each_page_and_nowhere_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

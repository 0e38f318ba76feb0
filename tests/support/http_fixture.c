/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "support/http_fixture.h"

static void follow_script(void *ctx, const struct loopback_request *req, struct loopback_answer *out)
{
	struct script *s = ctx;

	snprintf(s->seen, sizeof(s->seen), "%s %s\r\n%s", req->method, req->target, req->headers);
	if (s->n > 0)
		*out = s->answers[req->number < s->n ? req->number : s->n - 1];
}

struct loopback *script_start(struct script *script)
{
	return loopback_start(follow_script, script);
}

struct http *http_engine(unsigned connections)
{
	const struct http_config config = { .connections = connections, .user_agent = "liftfs-test" };
	struct http *h = http_new(&config, NULL);

	assert_non_null(h);
	return h;
}

const char *url_of(struct loopback *s, char url[64])
{
	snprintf(url, 64, "http://127.0.0.1:%u/c/b?comp=page&sig=SECRET", loopback_port(s));
	return url;
}

static void never(struct http_request *req)
{
	(void)req;
}

struct http_request http_request_of(const char *method, const char *url)
{
	return (struct http_request){ .method = method, .url = url, .done = never };
}

char *http_body(size_t len)
{
	char *body = malloc(len);

	assert_non_null(body);
	for (size_t i = 0; i < len; i++)
		body[i] = (char)(i * 2654435761u >> 13);
	return body;
}

void assert_get_failed(struct loopback *s, const struct error *e, enum error_code code, const char *why)
{
	char want[256];

	snprintf(want, sizeof(want), "GET http://127.0.0.1:%u/c/b?comp=page: %s", loopback_port(s), why);
	assert_error(e, code, want);
}

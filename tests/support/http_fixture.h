/* SPDX-License-Identifier: Apache-2.0 */
/* A loopback server that answers by a script, and requests to it.  Everything asserts.  Include "unit.h" first. */
#ifndef LIFTFS_TESTS_HTTP_FIXTURE_H
#define LIFTFS_TESTS_HTTP_FIXTURE_H

#include "net/http.h"
#include "support/loopback_http.h"

#define CREATED "HTTP/1.1 201 Created\r\nETag: \"0x1\"\r\nX-Ms-Request-Id:  abc \r\nEmpty:\r\nContent-Length: 0\r\n\r\n"
#define BUSY "HTTP/1.1 503 Busy\r\nx-ms-error-code: ServerBusy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy"

DEFINE_CLEANUP(cleanup_server, struct loopback *, loopback_stop);

/* A server whose n-th request gets the n-th answer; the last one for all that follow. */
struct script {
	const struct loopback_answer *answers;
	size_t n;
	char seen[2048]; /* the last request: method, target, headers */
};

struct loopback *script_start(struct script *script);

/* An engine of so many connections (0: as many as it has by itself). */
struct http *http_engine(unsigned connections);

/* "http://127.0.0.1:PORT/c/b?comp=page&sig=SECRET" */
const char *url_of(struct loopback *s, char url[64]);

/* A request with the fields that every test wants. */
struct http_request http_request_of(const char *method, const char *url);

/* A body of so many bytes, to be freed. */
char *http_body(size_t len);

/* The error of a GET of url_of() is that code, and says this behind the URL, whose secret it does not show. */
void assert_get_failed(struct loopback *s, const struct error *e, enum error_code code, const char *why);

#endif

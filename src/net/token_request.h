/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to a token endpoint, asked again while that may help: no answer, 408, 429 and 5xx, and for metadata
 * services, which restart and are not there yet when a host boots, 404 and 410.  On the keeper's thread; waits.
 */
#ifndef LIFTFS_NET_TOKEN_REQUEST_H
#define LIFTFS_NET_TOKEN_REQUEST_H

#include "net/token.h"

struct token_question {
	const char *method, *url;
	const struct http_header *headers;
	size_t n_headers;
	const char *body; /* NULL: none */
	size_t body_len;
	bool metadata; /* a metadata service: see above */
};

/*
 * The body of an answer is secret: token_answer_fini() wipes it.  challenge and date are what its headers
 * WWW-Authenticate and Date said, "" where absent.
 */
struct token_answer {
	long status;
	char *body;
	size_t body_len;
	char challenge[512], date[64];
	uint64_t realtime_ns; /* when it came */
};
void token_answer_fini(struct token_answer *a);

/* 0 with an answer of whatever status.  ERR_NETWORK: none came, or none but 5xx and the like, for a minute or more. */
int token_request(const struct token_ask *ask, const struct token_question *q, struct token_answer *out,
		  struct error *err) MUST_CHECK;

/*
 * The token of a 200; else the error of a refusal: ERR_REFUSED, and what the endpoint said, our clock if it is off, and
 * what to do.  `never`: a secret that was sent; a message that repeats it is not shown.  NULL: none.
 */
int token_answer_read(const struct token_answer *a, const char *never, struct token *out, struct error *err) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sign-in of the page-blob server: a token endpoint as Entra ID and a metadata service have it, under /_token of
 * the same port.  It refuses what they refuse, and the server accepts what it issued until its end.
 *
 *   POST /_token/TENANT/oauth2/v2.0/token            client secret, client assertion (a JWT, verified) or federated
 * token GET  /_token/metadata/identity/oauth2/token      IMDS
 */
#ifndef LIFTFS_TESTS_PAGEBLOB_TOKEN_H
#define LIFTFS_TESTS_PAGEBLOB_TOKEN_H

#include "support/pageblob_request.h"
#include "support/pageblob_server.h"

struct pageblob_token {
	char text[64];
	uint64_t end_ns; /* monotonic */
	struct pageblob_token *next;
};

struct pageblob_tokens {                                       /* under the server's lock */
	char *tenant, *client, *secret, *federated, *cert_pem; /* set once; NULL: that way of signing in is refused */
	unsigned life_s;
	unsigned down; /* so many requests get 503 first */
	uint64_t asked, issued;
	char last_form[4096]; /* the last body, as it came: for a second look at it */
	struct pageblob_token *list;
};

void pageblob_tokens_init(struct pageblob_tokens *t, const struct pageblob_config *config);
void pageblob_tokens_fini(struct pageblob_tokens *t);
/* `base`: "http://127.0.0.1:PORT", as an assertion's audience has it. */
void pageblob_tokens_answer(struct pageblob_tokens *t, const struct pageblob_request *req, const char *base,
			    struct pageblob_reply *r);
enum pageblob_token_state { PAGEBLOB_TOKEN_UNKNOWN, PAGEBLOB_TOKEN_GOOD, PAGEBLOB_TOKEN_ENDED };
enum pageblob_token_state pageblob_tokens_check(const struct pageblob_tokens *t, const char *text);
void pageblob_tokens_revoke(struct pageblob_tokens *t);

#endif

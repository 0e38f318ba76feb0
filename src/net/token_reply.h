/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a token endpoint says: a token, a refusal, or (Azure Arc) a challenge.  Pure text; nothing in it is trusted: a
 * token is of the characters that a header may carry, a challenge names one file of the agent's folder.
 */
#ifndef LIFTFS_NET_TOKEN_REPLY_H
#define LIFTFS_NET_TOKEN_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/secret.h"

/* What a source of tokens brings. */
struct token {
	struct secret *text;
	uint64_t life_ms;       /* from when it was asked for; 0: no end */
	uint64_t renew_ms;      /* likewise: when to ask for the next; 0: the keeper's rule */
	uint64_t not_before_ns; /* realtime; 0: not said */
};
void token_fini(struct token *t);

#define TOKEN_LEN_MAX 16384 /* what a service takes as a header; the longest seen has about 4,000 */

/*
 * {"access_token": "...", "expires_in": 3599 | "3599", "expires_on": "1795298400", "not_before": ..., "token_type":
 * "Bearer"}.  expires_in wins over expires_on, since it needs no clock to be right.  ERR_NETWORK if it is no such reply
 * (something between here and the endpoint answered).  No part of it is in the message.
 */
int token_reply_parse(const char *body, size_t len, uint64_t realtime_ns, struct token *out,
		      struct error *err) MUST_CHECK;

/* Why an endpoint refused.  Texts are visible characters, "" where it was silent. */
struct token_refusal {
	char error[48];    /* "invalid_client" */
	char code[24];     /* "AADSTS7000215" */
	char message[176]; /* the first sentence */
};
void token_refusal_parse(const char *body, size_t len, struct token_refusal *out);
/* What a person may do about it; NULL: nothing is known. */
const char *token_refusal_remedy(const struct token_refusal *r);

/*
 * "Basic realm=/var/opt/azcmagent/tokens/NAME.key" to NAME.key, if `folder` is what it names: the answer is not to be
 * able to make us read, and send, another file.  ERR_REFUSED.
 */
#define ARC_NAME_LEN 160
int arc_challenge_parse(const char *header, const char *folder, char name_out[ARC_NAME_LEN],
			struct error *err) MUST_CHECK;

#endif

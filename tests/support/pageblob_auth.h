/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what: Shared Key, account and service SAS, a bearer token.  Pure functions of the request, the account and
 * the time.  Refusals carry the string that was signed, as the service's do, so that a wrong client sees its mistake.
 */
#ifndef LIFTFS_TESTS_PAGEBLOB_AUTH_H
#define LIFTFS_TESTS_PAGEBLOB_AUTH_H

#include "support/pageblob_request.h"
#include "support/pageblob_token.h"

struct pageblob_account {
	char *name;
	uint8_t key[256];
	size_t key_len;
	char *bearer; /* or NULL */
	const struct pageblob_tokens *tokens; /* the server's */
	bool any_date;
};

/*
 * May this request run?  `any_of`: letters of which a SAS needs one; `level`: 's', 'c' or 'o', what an account SAS must
 * be good for.  0, or -1 with the refusal in r.
 */
int pageblob_authorize(const struct pageblob_account *a, const struct pageblob_request *req, const char *any_of,
		       char level, struct pageblob_reply *r);

/* x-ms-version, or the SAS's; "" if neither. */
const char *pageblob_version(const struct pageblob_request *req);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of the blob service: what they mean for whoever asked, and the error that says so.
 *
 * The service's own error code decides, and the status only where there is none: one condition comes under different
 * statuses (a lease mismatch as 409 and as 412).  Pure text.
 */
#ifndef LIFTFS_TARGET_AZURE_REPLY_H
#define LIFTFS_TARGET_AZURE_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "target/azure_request.h"

struct azure_reply {
	long status;         /* 0: none came */
	char code[64];       /* "" if the service gave none */
	char message[160];   /* without what only repeats headers */
	char request_id[48]; /* the service's */
};

/*
 * Fills it from an answer: `code` and `request_id` are the values of x-ms-error-code and x-ms-request-id or NULL,
 * `body` an error body (NULL: none).  What does not fit is cut.
 */
void azure_reply_read(long status, const char *code, const char *request_id, const char *body, size_t len,
		      struct azure_reply *out);

/* No such blob (or snapshot), or no container to hold it. */
bool azure_reply_missing(const struct azure_reply *r);
bool azure_reply_no_container(const struct azure_reply *r);

/*
 * The error of an answer that ends an operation; `doing` is azure_call_describe()'s text; `who` says who asked and `sp`
 * which letters a SAS needs for it (for 403). Codes and details are those of target.h.  Returns -1.
 */
int azure_reply_error(const struct azure_reply *r, const char *doing, const char *who, const char *sp, struct error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions of a request against the blob it names: If-..., sequence number, lease.  0, or -1 with a refusal in r. */
#ifndef LIFTFS_TESTS_PAGEBLOB_CONDITIONS_H
#define LIFTFS_TESTS_PAGEBLOB_CONDITIONS_H

#include "support/pageblob_request.h"
#include "support/pageblob_store.h"

/* If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since; b NULL: no such blob (Put Blob only). */
int pageblob_check_conditions(const struct pageblob_request *req, const char *etag, uint64_t modified_ns, bool write,
			      struct pageblob_reply *r);
/* x-ms-if-sequence-number-le, -lt, -eq. */
int pageblob_check_sequence(const struct pageblob_request *req, const struct pageblob_blob *b,
			    struct pageblob_reply *r);
/* x-ms-lease-id for a write or a read. */
int pageblob_check_lease(const struct pageblob_request *req, const struct pageblob_blob *b, bool write,
			 uint64_t lease_now_ns, struct pageblob_reply *r);

#endif

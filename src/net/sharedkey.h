/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests signed with the storage account's key (Shared Key, service versions from 2016-05-31 on).
 *
 * Headers are given as they are sent, x-ms-date or Date and x-ms-version among them, in any order; names of one request
 * differ.  Metadata names should be of letters and digits only: the service sorts others in an order of its own.
 */
#ifndef LIFTFS_NET_SHAREDKEY_H
#define LIFTFS_NET_SHAREDKEY_H

#include <stddef.h>

#include "base/error.h"
#include "base/secret.h"
#include "net/http.h"

struct sharedkey; /* constant once made: any number of threads may sign with it */

/* The key as the service shows it, in base64.  ERR_REFUSED if it is not. */
struct sharedkey *sharedkey_new(const char *account, const struct secret *key, struct error *err) MUST_CHECK;
void sharedkey_free(struct sharedkey *k);
DEFINE_CLEANUP(cleanup_sharedkey, struct sharedkey *, sharedkey_free);
const char *sharedkey_account(const struct sharedkey *k);

/* What is signed; the caller frees it. */
char *sharedkey_string_to_sign(const char *account, const char *method, const char *url,
			       const struct http_header *headers, size_t n_headers, size_t content_length,
			       struct error *err) MUST_CHECK;

/* The value of the Authorization header, "SharedKey account:signature"; the caller frees it. */
char *sharedkey_authorization(const struct sharedkey *k, const char *method, const char *url,
			      const struct http_header *headers, size_t n_headers, size_t content_length,
			      struct error *err) MUST_CHECK;

#endif

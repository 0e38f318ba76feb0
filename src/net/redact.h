/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cuts secrets out of text that is to be shown or logged.  Pure, thread-safe, never fails, allocates nothing.
 *
 * What is taken for a secret is the value of sig=, sharedaccesssignature=, accountkey=, client_secret=,
 * client_assertion=, access_token, refresh_token (also with %3D for '=', and as JSON), of an Authorization header, and
 * what follows Bearer, SharedKey or SharedKeyLite; and a password in a URL (user:password@).
 */
#ifndef LIFTFS_NET_REDACT_H
#define LIFTFS_NET_REDACT_H

#include <stddef.h>

/* In place; each secret becomes "***" or shorter, so that text never grows.  Fits the log's redactor. */
void redact_text(char *text);

/*
 * A URL for logs and messages: without user, password, fragment and query, of which only comp= and restype= remain; what
 * looks like a secret in the rest is cut as redact_text() does.
 * Cut to fit len, of which REDACT_URL_LEN is a good one (a prefix of an error has less room than that).
 */
#define REDACT_URL_LEN 176
void redact_url(const char *url, char *out, size_t len);

#endif

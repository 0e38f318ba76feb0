/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate that a TLS server shows, whoever signed it: for those who know its thumbprint and no CA of it.
 *
 * It is looked at over a connection of its own, on which nothing is sent.  What is sent afterwards goes to who has its
 * private key: struct http_config has pinned_key for that.
 */
#ifndef LIFTFS_NET_SERVER_CERTIFICATE_H
#define LIFTFS_NET_SERVER_CERTIFICATE_H

#include "base/cancel.h"
#include "net/digest.h"
#include "net/http.h"

#define THUMBPRINT_LEN (3 * SHA256_LEN) /* with the NUL */
#define PINNED_KEY_LEN (sizeof("sha256//") + BASE64_LEN(SHA256_LEN))

struct server_certificate {
	char thumbprint[THUMBPRINT_LEN]; /* SHA-256 of the certificate: "3F:0A:..." */
	char pinned_key[PINNED_KEY_LEN];
};

/* Of an https URL; of config only the proxies and the time limit count.  ERR_NETWORK: nobody there, or no TLS. */
int server_certificate_get(const struct http_config *config, const char *url, struct cancel *cancel,
			   struct server_certificate *out, struct error *err) MUST_CHECK;

/* A certificate as PEM text. */
int server_certificate_of_pem(const char *pem, struct server_certificate *out, struct error *err) MUST_CHECK;

/* What people write (64 hexadecimal digits in any case, with colons or blanks between them) as above.  ERR_USAGE. */
int server_certificate_thumbprint(const char *text, char out[THUMBPRINT_LEN], struct error *err) MUST_CHECK;

#endif

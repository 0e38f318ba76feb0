/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof of who we are by a certificate's key: a JSON Web Token (RFC 7519), signed with PS256, that names the
 * certificate by its SHA-256 (x5t#S256) and says to whom (aud) and for how long (10 minutes) it is meant.
 */
#ifndef LIFTFS_NET_JWT_H
#define LIFTFS_NET_JWT_H

#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/secret.h"

struct certificate; /* and its private key; constant */

/*
 * From PEM text that holds both, in any order, and maybe a chain: the certificate is the one that the key fits.
 * password: NULL if the key is not encrypted.  ERR_REFUSED if one is missing, they do not fit, or the key is not RSA.
 */
struct certificate *certificate_read(const char *pem, size_t len, const struct secret *password,
				     struct error *err) MUST_CHECK;
void certificate_free(struct certificate *c);
DEFINE_CLEANUP(cleanup_certificate, struct certificate *, certificate_free);
/* realtime; 0 if it does not say. */
uint64_t certificate_end(const struct certificate *c);

/* An assertion of `client` for `audience`. */
struct secret *jwt_assertion(const struct certificate *c, const char *client, const char *audience,
			     uint64_t realtime_ns, struct error *err) MUST_CHECK;

#endif

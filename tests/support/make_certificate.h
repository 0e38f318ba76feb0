/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and self-signed certificates as PEM text, for tests of who signs. */
#ifndef LIFTFS_TESTS_MAKE_CERTIFICATE_H
#define LIFTFS_TESTS_MAKE_CERTIFICATE_H

struct made_certificate {
	char *key, *locked_key, *cert; /* PEM; locked_key opens with "password" */
};

/* RSA of 2,048 bits, or P-256; valid for `days` from now (negative: ended). */
void make_certificate(struct made_certificate *out, int ec, int days);
void made_certificate_fini(struct made_certificate *c);

#endif

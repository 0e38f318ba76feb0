/* SPDX-License-Identifier: Apache-2.0 */
/* Base64, MD5 and SHA-256 as HTTP headers want them.  Thread-safe. */
#ifndef LIFTFS_NET_DIGEST_H
#define LIFTFS_NET_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define BASE64_LEN(bytes) (((bytes) + 2) / 3 * 4 + 1) /* with the NUL */

/* out has room for BASE64_LEN(len). */
void base64_encode(const void *buf, size_t len, char *out);
/* Strict: whole quads, padding at the end only, no blanks.  ERR_CORRUPT; the text itself is not in the message. */
int base64_decode(const char *text, uint8_t *out, size_t cap, size_t *len_out, struct error *err) MUST_CHECK;

#define MD5_LEN 16
#define SHA256_LEN 32
int digest_md5(const void *buf, size_t len, uint8_t out[MD5_LEN], struct error *err) MUST_CHECK;
int digest_sha256(const void *buf, size_t len, uint8_t out[SHA256_LEN], struct error *err) MUST_CHECK;
/* The value of Content-MD5. */
int digest_md5_header(const void *buf, size_t len, char out[BASE64_LEN(MD5_LEN)], struct error *err) MUST_CHECK;

#endif

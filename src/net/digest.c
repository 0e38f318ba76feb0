/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <openssl/evp.h>
#include <string.h>

#include "net/digest.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *buf, size_t len, char *out)
{
	const uint8_t *p = buf;

	for (; len > 0; out += 4) {
		size_t n = len < 3 ? len : 3;
		uint32_t v = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0) | (n > 2 ? p[2] : 0);

		out[0] = alphabet[v >> 18];
		out[1] = alphabet[v >> 12 & 63];
		out[2] = alphabet[v >> 6 & 63];
		out[3] = alphabet[v & 63];
		memset(out + 1 + n, '=', 3 - n);
		p += n;
		len -= n;
	}
	*out = '\0';
}

static int value_of(char c)
{
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

int base64_decode(const char *text, uint8_t *out, size_t cap, size_t *len_out, struct error *err)
{
	size_t len = strlen(text), pad = 0, used = 0, bytes;

	if (len % 4 != 0)
		return error_set(err, ERR_CORRUPT, "base64: %zu characters, not a multiple of 4", len);
	while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
		pad++;
	bytes = len / 4 * 3 - pad;
	if (bytes > cap)
		return error_set(err, ERR_CORRUPT, "base64: %zu bytes, more than %zu", bytes, cap);
	for (size_t i = 0; i < len; i += 4) {
		size_t n = i + 4 < len ? 4 : 4 - pad;
		uint32_t v = 0;

		for (size_t k = 0; k < 4; k++) {
			int d = k < n ? value_of(text[i + k]) : 0;

			if (d < 0)
				return error_set(err, ERR_CORRUPT, "base64: not of its alphabet at %zu", i + k);
			v = v << 6 | (uint32_t)d;
		}
		if ((n == 3 && v & 0xff) || (n == 2 && v & 0xffff))
			return error_set(err, ERR_CORRUPT, "base64: bits left over at its end");
		for (size_t k = 0; k < n - 1; k++)
			out[used++] = (uint8_t)(v >> (16 - 8 * k));
	}
	*len_out = used;
	return 0;
}

static int digest(const EVP_MD *kind, const char *name, const void *buf, size_t len, uint8_t *out, struct error *err)
{
	if (!EVP_Digest(buf, len, out, NULL, kind, NULL))
		return error_set(err, ERR_UNSUPPORTED, "%s: the system's OpenSSL does not offer it", name);
	return 0;
}

int digest_md5(const void *buf, size_t len, uint8_t out[MD5_LEN], struct error *err)
{
	return digest(EVP_md5(), "MD5", buf, len, out, err);
}

int digest_sha256(const void *buf, size_t len, uint8_t out[SHA256_LEN], struct error *err)
{
	return digest(EVP_sha256(), "SHA-256", buf, len, out, err);
}

int digest_md5_header(const void *buf, size_t len, char out[BASE64_LEN(MD5_LEN)], struct error *err)
{
	uint8_t md5[MD5_LEN];

	if (digest_md5(buf, len, md5, err) < 0)
		return -1;
	base64_encode(md5, sizeof(md5), out);
	return 0;
}

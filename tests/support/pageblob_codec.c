/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "support/pageblob_codec.h"
#include "support/pageblob_fields.h"

#define CRC64_POLY UINT64_C(0x9a6c9329ac4bc9b5)

static uint64_t crc_table[8][256]; /* [k]: the byte with k bytes of zeros behind it */
static pthread_once_t crc_once = PTHREAD_ONCE_INIT;

static void make_table(void)
{
	for (unsigned i = 0; i < 256; i++) {
		uint64_t v = i;

		for (int bit = 0; bit < 8; bit++)
			v = v & 1 ? v >> 1 ^ CRC64_POLY : v >> 1;
		crc_table[0][i] = v;
	}
	for (unsigned k = 1; k < 8; k++)
		for (unsigned i = 0; i < 256; i++)
			crc_table[k][i] = crc_table[k - 1][i] >> 8 ^ crc_table[0][(uint8_t)crc_table[k - 1][i]];
}

uint64_t pageblob_crc64(const void *buf, size_t len)
{
	const uint8_t *p = buf;
	uint64_t crc = ~UINT64_C(0);

	pthread_once(&crc_once, make_table);
	for (; len >= 8; p += 8, len -= 8) {
		uint64_t v = crc ^ get_le64(p);

		crc = crc_table[7][(uint8_t)v] ^ crc_table[6][(uint8_t)(v >> 8)] ^ crc_table[5][(uint8_t)(v >> 16)] ^
		      crc_table[4][(uint8_t)(v >> 24)] ^ crc_table[3][(uint8_t)(v >> 32)] ^ crc_table[2][(uint8_t)(v >> 40)] ^
		      crc_table[1][(uint8_t)(v >> 48)] ^ crc_table[0][v >> 56];
	}
	for (size_t i = 0; i < len; i++)
		crc = crc >> 8 ^ crc_table[0][(uint8_t)(crc ^ p[i])];
	return ~crc;
}

static void encode(const uint8_t *raw, size_t len, char *out)
{
	EVP_EncodeBlock((unsigned char *)out, raw, (int)len);
}

void pageblob_crc64_text(const void *buf, size_t len, char out[PAGEBLOB_CRC64_TEXT])
{
	uint8_t raw[8];

	put_le64(raw, pageblob_crc64(buf, len));
	encode(raw, sizeof(raw), out);
}

void pageblob_md5_text(const void *buf, size_t len, char out[PAGEBLOB_MD5_TEXT])
{
	uint8_t raw[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	int ok = EVP_Digest(buf, len, raw, &n, EVP_md5(), NULL);

	if (!ok || n != 16)
		abort(); /* a host whose policy forbids MD5 cannot play this service */
	encode(raw, n, out);
}

void pageblob_hmac_text(const uint8_t *key, size_t key_len, const char *text, char out[PAGEBLOB_SHA256_TEXT])
{
	uint8_t raw[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (!HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text, strlen(text), raw, &n) || n != 32)
		abort();
	encode(raw, n, out);
}

int pageblob_base64_decode(const char *text, uint8_t *out, size_t cap)
{
	size_t len = strlen(text), pad = 0;
	CLEANUP_FREE uint8_t *raw = pageblob_alloc(len + 4, 1);
	int n;

	if (len == 0)
		return 0;
	if (len % 4 != 0 || len > 4096 ||
	    strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") +
			    (pad = text[len - 1] == '=' ? 1 + (text[len - 2] == '=') : 0) !=
		    len)
		return -1;
	n = EVP_DecodeBlock(raw, (const unsigned char *)text, (int)len);
	if (n < 0 || (size_t)n - pad > cap)
		return -1;
	memcpy(out, raw, (size_t)n - pad);
	return n - (int)pad;
}

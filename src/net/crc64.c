/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words are reflected: bit i is the coefficient of x^(63-i).
 *
 * Carry-less multiplication folds: a 128-bit register holds H (low half, first in memory, higher powers) and L.  Moved
 * on by D bits it is H*x^(D+64) + L*x^D; the product of two reflected words comes out one power too high, hence the
 * constants x^(D+63) and x^(D-1) mod P, which the test computes again.
 */
#include <config.h>

#include <pthread.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/bytes.h"
#include "net/crc64.h"

#define POLY UINT64_C(0x9A6C9329AC4BC9B5)

static uint64_t table[16][256]; /* [k][b]: the byte b, followed by k zero bytes */
static uint64_t (*fastest)(uint64_t crc, const void *buf, size_t len);
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void choose(void)
{
	for (unsigned i = 0; i < 256; i++) {
		uint64_t c = i;

		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ POLY : c >> 1;
		table[0][i] = c;
	}
	for (int k = 1; k < 16; k++)
		for (unsigned i = 0; i < 256; i++)
			table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 0xff];
	fastest = crc64_portable;
#if defined(__x86_64__)
	if (__builtin_cpu_supports("vpclmulqdq") && __builtin_cpu_supports("avx512f"))
		fastest = crc64_vpclmul;
	else if (__builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1"))
		fastest = crc64_pclmul;
#endif
}

/* On the bare register, without the inversions at both ends. */
static uint64_t bytewise(uint64_t c, const uint8_t *p, size_t len)
{
	while (len--)
		c = c >> 8 ^ table[0][(c ^ *p++) & 0xff];
	return c;
}

uint64_t crc64_portable(uint64_t crc, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	uint64_t c = ~crc;

	pthread_once(&once, choose);
	for (; len >= 16; p += 16, len -= 16) {
		uint64_t a = get_le64(p) ^ c, b = get_le64(p + 8);

		c = table[15][a & 0xff] ^ table[14][a >> 8 & 0xff] ^ table[13][a >> 16 & 0xff] ^
		    table[12][a >> 24 & 0xff] ^ table[11][a >> 32 & 0xff] ^ table[10][a >> 40 & 0xff] ^
		    table[9][a >> 48 & 0xff] ^ table[8][a >> 56] ^ table[7][b & 0xff] ^ table[6][b >> 8 & 0xff] ^
		    table[5][b >> 16 & 0xff] ^ table[4][b >> 24 & 0xff] ^ table[3][b >> 32 & 0xff] ^
		    table[2][b >> 40 & 0xff] ^ table[1][b >> 48 & 0xff] ^ table[0][b >> 56];
	}
	return ~bytewise(c, p, len);
}

/* a * b mod P. */
static uint64_t multiply(uint64_t a, uint64_t b)
{
	uint64_t product = 0;

	for (int i = 63; i >= 0; i--) { /* from the coefficient of x^0 up; b grows by a factor x each time */
		if (a >> i & 1)
			product ^= b;
		b = b & 1 ? b >> 1 ^ POLY : b >> 1;
	}
	return product;
}

/* A followed by B is A * x^(8 * len_b) + B; the inversions at both ends cancel. */
uint64_t crc64_combine(uint64_t a, uint64_t b, uint64_t len_b)
{
	uint64_t power = UINT64_C(1) << 55; /* x^8 */

	for (; len_b; len_b >>= 1) {
		if (len_b & 1)
			a = multiply(a, power);
		power = multiply(power, power);
	}
	return a ^ b;
}

#if defined(__x86_64__)
#define FOLD_128 UINT64_C(0xEADC41FD2BA3D420), UINT64_C(0x21E9761E252621AC) /* for H, for L */
#define FOLD_1024 UINT64_C(0xA1CA681E733F9C40), UINT64_C(0x5F852FB61E8D92DC)
#define FOLD_2048 UINT64_C(0x37CCD3E14069CABC), UINT64_C(0xA043808C0F782663)
#define V128 __attribute__((target("pclmul,sse4.1")))
#define V512 __attribute__((target("vpclmulqdq,pclmul,avx512f,sse4.1")))

static __m128i V128 fold(__m128i r, __m128i next, __m128i k)
{
	return _mm_xor_si128(next, _mm_xor_si128(_mm_clmulepi64_si128(r, k, 0x00), _mm_clmulepi64_si128(r, k, 0x11)));
}

static __m128i V128 pair(uint64_t h, uint64_t l)
{
	return _mm_set_epi64x((long long)l, (long long)h);
}

/* What 16 bytes of register are worth, then the tail. */
static uint64_t V128 finish(__m128i r, const uint8_t *p, size_t len)
{
	uint8_t bytes[16];

	_mm_storeu_si128((__m128i *)bytes, r);
	return ~bytewise(bytewise(0, bytes, 16), p, len);
}

uint64_t V128 crc64_pclmul(uint64_t crc, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	const __m128i k8 = pair(FOLD_1024), k1 = pair(FOLD_128);
	__m128i r[8];

	if (len < 256)
		return crc64_portable(crc, buf, len);
	pthread_once(&once, choose);
	for (int i = 0; i < 8; i++)
		r[i] = _mm_loadu_si128((const __m128i *)p + i);
	r[0] = _mm_xor_si128(r[0], pair(~crc, 0));
	for (p += 128, len -= 128; len >= 128; p += 128, len -= 128)
		for (int i = 0; i < 8; i++)
			r[i] = fold(r[i], _mm_loadu_si128((const __m128i *)p + i), k8);
	for (int i = 1; i < 8; i++)
		r[0] = fold(r[0], r[i], k1);
	for (; len >= 16; p += 16, len -= 16)
		r[0] = fold(r[0], _mm_loadu_si128((const __m128i *)p), k1);
	return finish(r[0], p, len);
}

static __m512i V512 fold4(__m512i r, __m512i next, __m512i k)
{
	return _mm512_ternarylogic_epi64(next, _mm512_clmulepi64_epi128(r, k, 0x00),
					 _mm512_clmulepi64_epi128(r, k, 0x11), 0x96);
}

uint64_t V512 crc64_vpclmul(uint64_t crc, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	const __m512i k16 = _mm512_broadcast_i32x4(pair(FOLD_2048));
	const __m128i k1 = pair(FOLD_128);
	__m512i r[4];
	__m128i s;

	if (len < 512)
		return crc64_pclmul(crc, buf, len);
	pthread_once(&once, choose);
	for (int i = 0; i < 4; i++)
		r[i] = _mm512_loadu_si512(p + 64 * i);
	r[0] = _mm512_xor_si512(r[0], _mm512_zextsi128_si512(pair(~crc, 0)));
	for (p += 256, len -= 256; len >= 256; p += 256, len -= 256)
		for (int i = 0; i < 4; i++)
			r[i] = fold4(r[i], _mm512_loadu_si512(p + 64 * i), k16);
	s = _mm512_castsi512_si128(r[0]);
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			s = fold(s, _mm512_castsi512_si128(r[i]), k1);
		s = fold(s, _mm512_extracti32x4_epi32(r[i], 1), k1);
		s = fold(s, _mm512_extracti32x4_epi32(r[i], 2), k1);
		s = fold(s, _mm512_extracti32x4_epi32(r[i], 3), k1);
	}
	for (; len >= 16; p += 16, len -= 16)
		s = fold(s, _mm_loadu_si128((const __m128i *)p), k1);
	return finish(s, p, len);
}
#endif

uint64_t crc64(uint64_t crc, const void *buf, size_t len)
{
	pthread_once(&once, choose);
	return fastest(crc, buf, len);
}

void crc64_format(uint64_t crc, char out[CRC64_HEADER_LEN])
{
	uint8_t raw[8];

	put_le64(raw, crc);
	base64_encode(raw, sizeof(raw), out);
}

int crc64_parse(const char *text, uint64_t *out, struct error *err)
{
	uint8_t raw[8];
	size_t len;

	if (base64_decode(text, raw, sizeof(raw), &len, err) < 0)
		return -1;
	if (len != sizeof(raw))
		return error_set(err, ERR_CORRUPT, "crc64: %zu bytes, not 8", len);
	*out = get_le64(raw);
	return 0;
}

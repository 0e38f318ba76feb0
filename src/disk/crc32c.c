/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "base/bytes.h"
#include "disk/crc32c.h"

#define POLY UINT32_C(0x82f63b78) /* reflected */

/* table[k][b]: the effect of byte b followed by k zero bytes, so that eight bytes take eight independent look-ups. */
static uint32_t table[8][256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void make_table(void)
{
	for (uint32_t b = 0; b < 256; b++) {
		uint32_t crc = b;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? POLY : 0);
		table[0][b] = crc;
	}
	for (uint32_t b = 0; b < 256; b++)
		for (int k = 1; k < 8; k++)
			table[k][b] = table[k - 1][b] >> 8 ^ table[0][table[k - 1][b] & 0xff];
}

uint32_t crc32c_tables(uint32_t crc, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	pthread_once(&table_once, make_table);
	crc = ~crc;
	for (; len >= 8; len -= 8, p += 8) {
		uint32_t lo = get_le32(p) ^ crc, hi = get_le32(p + 4);

		crc = table[7][lo & 0xff] ^ table[6][lo >> 8 & 0xff] ^ table[5][lo >> 16 & 0xff] ^ table[4][lo >> 24] ^
		      table[3][hi & 0xff] ^ table[2][hi >> 8 & 0xff] ^ table[1][hi >> 16 & 0xff] ^ table[0][hi >> 24];
	}
	for (; len > 0; len--, p++)
		crc = crc >> 8 ^ table[0][(crc ^ *p) & 0xff];
	return ~crc;
}

#if defined(__x86_64__)
__attribute__((__target__("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	uint64_t wide = (uint32_t)~crc;

	for (; len >= 8; len -= 8, p += 8)
		wide = __builtin_ia32_crc32di(wide, get_le64(p));
	crc = (uint32_t)wide;
	for (; len > 0; len--, p++)
		crc = __builtin_ia32_crc32qi(crc, *p);
	return ~crc;
}

uint32_t crc32c(uint32_t crc, const void *buf, size_t len)
{
	return __builtin_cpu_supports("sse4.2") ? crc32c_sse42(crc, buf, len) : crc32c_tables(crc, buf, len);
}
#else
uint32_t crc32c(uint32_t crc, const void *buf, size_t len)
{
	return crc32c_tables(crc, buf, len);
}
#endif

uint32_t crc32c_sealed(const void *buf, size_t len, size_t field_off)
{
	static const uint8_t zeros[4];
	const uint8_t *p = buf;
	uint32_t crc;

	assert(field_off + sizeof(zeros) <= len);
	crc = crc32c(0, p, field_off);
	crc = crc32c(crc, zeros, sizeof(zeros));
	return crc32c(crc, p + field_off + sizeof(zeros), len - field_off - sizeof(zeros));
}

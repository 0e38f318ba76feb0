/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of a VHDX, 16 sectors of it.  The input makes the ring: 1 byte 0xSK for a sector S and a kind K:
 *   0  an entry: 1 byte length in sectors, 1 byte tail, 1 byte sequence, 1 byte descriptors
 *   1  descriptors of the sector, from the first: 1 byte how many; bit 7: zeros of 1 byte times 4 KiB
 *   2  a data sector: 1 byte sequence
 *   3  a change: 2 bytes offset, 1 byte value
 * Afterwards the checksums of all entries are made right, unless the first byte of the input is odd.
 */
#include <config.h>

#include <string.h>

#include "base/bytes.h"
#include "disk/crc32c.h"
#include "disk/vhdx_log.h"
#include "fuzz.h"

enum { SECTORS = 16, SECTOR = VHDX_PAGE };
#define FILE_SIZE (8 * VHDX_MIB)

static const struct guid ours = { { 1, 2, 3 } };
static uint8_t ring[SECTORS * SECTOR];

static uint8_t take(const uint8_t **data, size_t *len)
{
	if (*len == 0)
		return 0;
	--*len;
	return *(*data)++;
}

static void put_descriptors(uint8_t *s, size_t from, const uint8_t **data, size_t *len)
{
	uint8_t n = take(data, len), zeros = n & 0x80 ? take(data, len) : 0, sequence = take(data, len);

	for (uint8_t i = 0; i < (n & 0x7f) && from + 32 <= SECTOR; i++, from += 32) {
		memcpy(s + from, n & 0x80 ? "zero" : "desc", 4);
		put_le64(s + from + 8, n & 0x80 ? (uint64_t)zeros * SECTOR : 0);
		put_le64(s + from + 16, 3 * VHDX_MIB + (uint64_t)i * SECTOR);
		put_le64(s + from + 24, sequence);
	}
}

static void put_part(const uint8_t **data, size_t *len)
{
	uint8_t what = take(data, len), *s = ring + (size_t)(what >> 4) * SECTOR;
	uint16_t at;

	switch (what % 4) {
	case 0:
		memcpy(s, "loge", 4);
		put_le32(s + 8, (uint32_t)take(data, len) * SECTOR);
		put_le32(s + 12, (uint32_t)take(data, len) * SECTOR);
		put_le64(s + 16, take(data, len));
		put_le32(s + 24, take(data, len));
		guid_to_le(&ours, s + 32);
		put_le64(s + 48, FILE_SIZE);
		put_descriptors(s, 64, data, len);
		break;
	case 1:
		put_descriptors(s, 0, data, len);
		break;
	case 2:
		memcpy(s, "data", 4);
		put_le32(s + SECTOR - 4, take(data, len));
		break;
	default:
		at = take(data, len);
		at = (uint16_t)(at << 8 | take(data, len));
		s[at % SECTOR] = take(data, len);
		break;
	}
}

static void seal(size_t i)
{
	uint8_t *first = ring + i * SECTOR;
	uint32_t n = get_le32(first + 8) / SECTOR, crc = 0;

	if (memcmp(first, "loge", 4) != 0 || n > SECTORS)
		return;
	put_le32(first + 4, 0);
	for (uint32_t j = 0; j < n; j++)
		crc = crc32c(crc, ring + (i + j) % SECTORS * SECTOR, SECTOR);
	put_le32(first + 4, crc);
}

/* Runs and pages say the same. */
static void check_overlay(const struct vhdx_overlay *o)
{
	uint64_t from = 3 * VHDX_MIB - 4 * SECTOR, to = from + 512 * SECTOR, n;
	const uint8_t *bytes;

	FUZZ_MUST(vhdx_overlay_pages(o) <= SECTORS);
	for (uint64_t off = from; off < to; off += n) {
		enum vhdx_overlay_says says = vhdx_overlay_run(o, off, to - off, &n);

		FUZZ_MUST(n > 0 && n <= to - off && n % SECTOR == 0);
		for (uint64_t at = off; at < off + n; at += SECTOR) {
			bool said = vhdx_overlay_page(o, at, &bytes);

			FUZZ_MUST(said == (says != VHDX_OVERLAY_NOTHING));
			FUZZ_MUST(!said || (bytes != NULL) == (says == VHDX_OVERLAY_DATA));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	CLEANUP(cleanup_vhdx_overlay) struct vhdx_overlay *o = NULL;
	struct error e = ERROR_INIT;
	bool sealed;
	int rc;

	if (len == 0)
		return 0;
	sealed = !(take(&data, &len) & 1);
	memset(ring, 0, sizeof(ring));
	while (len > 0)
		put_part(&data, &len);
	for (size_t i = 0; i < SECTORS && sealed; i++)
		seal(i);
	rc = vhdx_log_decode(ring, sizeof(ring), &ours, FILE_SIZE, &o, &e);
	FUZZ_MUST((rc < 0) == (e.code != ERR_NONE) && e.code != ERR_BUG && (rc == 0 || !o));
	if (o)
		check_overlay(o);
	return 0;
}

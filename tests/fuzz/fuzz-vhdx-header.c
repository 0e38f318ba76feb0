/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Headers and region tables of a VHDX from hostile bytes.  The first byte of the input: bit 0 that the checksums are made
 * right again, bit 1 region tables instead of headers.  Then changes to two good copies: 2 bytes (bit 15: the second copy,
 * the rest an offset), 1 byte value.
 */
#include <config.h>

#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "disk/crc32c.h"
#include "disk/vhdx_header.h"
#include "disk/vhdx_region.h"
#include "fuzz.h"

#define FILE_SIZE (64 * VHDX_MIB)

static const struct guid bat = { { 0x2d, 0xc2, 0x77, 0x66, 0xf6, 0x23, 0x42, 0x00, 0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd,
				   0x4a, 0x08 } };
static const struct guid metadata = { { 0x8b, 0x7c, 0xa2, 0x06, 0x47, 0x90, 0x4b, 0x9a, 0xb8, 0xfe, 0x57, 0x5f, 0x05,
					0x0f, 0x88, 0x6e } };
static uint8_t headers[2][VHDX_HEADER_LEN], regions[2][VHDX_REGION_LEN];

static void put_region(uint8_t *entry, const struct guid *id, uint64_t off)
{
	guid_to_le(id, entry);
	put_le64(entry + 16, off);
	put_le32(entry + 24, VHDX_MIB);
	put_le32(entry + 28, 1);
}

static void build(void)
{
	for (unsigned i = 0; i < 2; i++) {
		memset(headers[i], 0, sizeof(headers[i]));
		memcpy(headers[i], "head", 4);
		put_le64(headers[i] + 8, i + 1);
		headers[i][50] = (uint8_t)i; /* a log that is pending */
		put_le16(headers[i] + 66, 1);
		put_le32(headers[i] + 68, VHDX_MIB);
		put_le64(headers[i] + 72, VHDX_MIB);
		memset(regions[i], 0, 4096);
		memcpy(regions[i], "regi", 4);
		put_le32(regions[i] + 8, 2);
		put_region(regions[i] + 16, &bat, 3 * VHDX_MIB);
		put_region(regions[i] + 48, &metadata, 2 * VHDX_MIB);
	}
}

static void use_headers(void)
{
	struct error e = ERROR_INIT;
	struct vhdx_header h;
	int rc = vhdx_header_choose(headers[0], headers[1], FILE_SIZE, &h, &e);

	FUZZ_MUST((rc < 0) == (e.code != ERR_NONE) && e.code != ERR_BUG);
	if (rc < 0)
		return;
	FUZZ_MUST(h.log_off >= VHDX_MIB && h.log_off % VHDX_MIB == 0 && h.log_len % VHDX_MIB == 0);
	FUZZ_MUST(guid_is_zero(&h.log) || (h.log_len > 0 && range_ok(h.log_off, h.log_len, FILE_SIZE)));
}

static void use_regions(void)
{
	struct error e = ERROR_INIT;
	struct vhdx_regions r;
	bool second;
	int rc = vhdx_region_choose(regions[0], regions[1], &r, &second, &e);

	FUZZ_MUST((rc < 0) == (e.code != ERR_NONE) && e.code != ERR_BUG);
	if (rc < 0 || vhdx_region_check_place(&r, VHDX_MIB, VHDX_MIB, FILE_SIZE, NULL) < 0)
		return;
	FUZZ_MUST(r.bat_len > 0 && range_ok(r.bat_off, r.bat_len, FILE_SIZE) && r.bat_off >= 2 * VHDX_MIB);
	FUZZ_MUST(r.meta_len > 0 && range_ok(r.meta_off, r.meta_len, FILE_SIZE) && r.meta_off >= 2 * VHDX_MIB);
	FUZZ_MUST(!ranges_overlap(r.bat_off, r.bat_len, r.meta_off, r.meta_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	bool is_regions;
	uint8_t mode;

	if (len == 0)
		return 0;
	mode = *data++;
	len--;
	is_regions = mode & 2;
	build();
	for (; len >= 3; data += 3, len -= 3) {
		uint16_t at = get_le16(data);

		if (is_regions) /* entries fill the first 4 KiB of the table */
			regions[at >> 15][at % 4096] = data[2];
		else
			headers[at >> 15][at % VHDX_HEADER_LEN] = data[2];
	}
	for (int i = 0; i < 2 && mode & 1; i++) {
		put_le32(headers[i] + 4, crc32c_sealed(headers[i], VHDX_HEADER_LEN, 4));
		if (is_regions)
			put_le32(regions[i] + 4, crc32c_sealed(regions[i], VHDX_REGION_LEN, 4));
	}
	if (is_regions)
		use_regions();
	else
		use_headers();
	return 0;
}

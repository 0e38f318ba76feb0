/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "disk/vhd_footer.h"
#include "disk/vhd_header.h"

enum {
	HEADER_COOKIE = 0, /* 8 bytes: "cxsparse" */
	HEADER_BAT_OFF = 16,
	HEADER_VERSION = 24,
	HEADER_ENTRIES = 28,
	HEADER_BLOCK_SIZE = 32,
	HEADER_CHECKSUM = 36,
	HEADER_PARENT_ID = 40, /* 16 bytes, as the text shows them */
	HEADER_PARENT_TIMESTAMP = 56,
	HEADER_PARENT_NAME = 64,
	HEADER_LOCATORS = 576,

	LOCATOR_LEN = 24,
	LOCATOR_CODE = 0,
	LOCATOR_TEXT_LEN = 8,
	LOCATOR_TEXT_OFF = 16,

	VERSION_1_0 = 0x00010000,
	BLOCK_MIN = 4 << 10,
	BLOCK_MAX = 256 << 20,
};

int vhd_header_decode(const uint8_t raw[VHD_HEADER_LEN], struct vhd_header *out, struct error *err)
{
	uint32_t sum = vhd_checksum(raw, VHD_HEADER_LEN, HEADER_CHECKSUM), stored = get_be32(raw + HEADER_CHECKSUM);
	uint32_t version = get_be32(raw + HEADER_VERSION);
	struct vhd_header h = {
		.bat_off = get_be64(raw + HEADER_BAT_OFF),
		.n_entries = get_be32(raw + HEADER_ENTRIES),
		.block_size = get_be32(raw + HEADER_BLOCK_SIZE),
		.parent_timestamp = get_be32(raw + HEADER_PARENT_TIMESTAMP),
	};

	if (memcmp(raw + HEADER_COOKIE, "cxsparse", 8) != 0)
		return error_set(err, ERR_CORRUPT, "dynamic header: no 'cxsparse' where it must begin");
	if (sum != stored)
		return error_set(err, ERR_CORRUPT,
				 "dynamic header: checksum %08" PRIx32 ", its bytes sum up to %08" PRIx32, stored, sum);
	if (version != VERSION_1_0)
		return error_set(err, ERR_UNSUPPORTED, "dynamic header: version %#010" PRIx32 ", not 1.0", version);
	if (!is_pow2(h.block_size) || h.block_size < BLOCK_MIN || h.block_size > BLOCK_MAX)
		return error_set(err, ERR_CORRUPT,
				 "dynamic header: blocks of %" PRIu32 " bytes, not a power of two of 4 KiB to 256 MiB",
				 h.block_size);
	memcpy(h.parent_id.b, raw + HEADER_PARENT_ID, sizeof(h.parent_id.b));
	memcpy(h.parent_name, raw + HEADER_PARENT_NAME, sizeof(h.parent_name));
	for (size_t i = 0; i < VHD_LOCATORS; i++) {
		const uint8_t *p = raw + HEADER_LOCATORS + i * LOCATOR_LEN;

		h.locators[i].code = get_be32(p + LOCATOR_CODE);
		h.locators[i].len = get_be32(p + LOCATOR_TEXT_LEN);
		h.locators[i].off = get_be64(p + LOCATOR_TEXT_OFF);
	}
	*out = h;
	return 0;
}

int vhd_header_check_off(uint64_t header_off, uint64_t content_end, struct error *err)
{
	if (header_off < VHD_FOOTER_LEN)
		return error_set(err, ERR_CORRUPT, "dynamic header at %#" PRIx64 ": on the footer's copy at 0",
				 header_off);
	if (!range_ok(header_off, VHD_HEADER_LEN, content_end))
		return error_set(err, ERR_CORRUPT,
				 "dynamic header at %#" PRIx64 ": beyond end of content (%#" PRIx64 ")", header_off,
				 content_end);
	return 0;
}

int vhd_header_check_bat(const struct vhd_header *h, uint64_t header_off, uint64_t disk_size, uint64_t content_end,
			 struct error *err)
{
	uint64_t blocks, len = (uint64_t)h->n_entries * VHD_BAT_ENTRY_LEN; /* 34 bits */

	if (disk_size > VHD_SPARSE_SIZE_MAX)
		return error_set(err, ERR_UNSUPPORTED,
				 "disk of %" PRIu64 " bytes that is not fixed (at most %" PRIu64 ")", disk_size,
				 VHD_SPARSE_SIZE_MAX);
	blocks = (disk_size - 1) / h->block_size + 1;
	if (h->n_entries < blocks)
		return error_set(err, ERR_CORRUPT,
				 "BAT: %" PRIu32 " entries, %" PRIu64 " needed for %" PRIu64
				 " bytes in blocks of %" PRIu32,
				 h->n_entries, blocks, disk_size, h->block_size);
	if (!range_ok(h->bat_off, len, content_end))
		return error_set(err, ERR_CORRUPT,
				 "BAT at %#" PRIx64 "+%#" PRIx64 ": beyond end of content (%#" PRIx64 ")", h->bat_off,
				 len, content_end);
	if (h->bat_off < VHD_FOOTER_LEN)
		return error_set(err, ERR_CORRUPT, "BAT at %#" PRIx64 ": on the footer's copy at 0", h->bat_off);
	if (ranges_overlap(h->bat_off, len, header_off, VHD_HEADER_LEN))
		return error_set(err, ERR_CORRUPT,
				 "BAT at %#" PRIx64 "+%#" PRIx64 ": overlaps the dynamic header at %#" PRIx64,
				 h->bat_off, len, header_off);
	return 0;
}

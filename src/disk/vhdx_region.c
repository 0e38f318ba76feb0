/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/guid.h"
#include "disk/crc32c.h"
#include "disk/vhdx_header.h"
#include "disk/vhdx_region.h"

enum {
	TABLE_SIGNATURE = 0, /* 4 bytes: "regi" */
	TABLE_CRC = 4,
	TABLE_COUNT = 8,
	TABLE_ENTRIES = 16,
	TABLE_COUNT_MAX = 2047,

	ENTRY_LEN = 32,
	ENTRY_OFF = 16,
	ENTRY_LENGTH = 24,
	ENTRY_FLAGS = 28,
	ENTRY_REQUIRED = 1,
};

static const struct guid bat_guid = { { 0x2d, 0xc2, 0x77, 0x66, 0xf6, 0x23, 0x42, 0x00, 0x9d, 0x64, 0x11, 0x5e, 0x9b,
					0xfd, 0x4a, 0x08 } };
static const struct guid metadata_guid = { { 0x8b, 0x7c, 0xa2, 0x06, 0x47, 0x90, 0x4b, 0x9a, 0xb8, 0xfe, 0x57, 0x5f,
					     0x05, 0x0f, 0x88, 0x6e } };

static const char *table_fault(const uint8_t *raw)
{
	if (memcmp(raw + TABLE_SIGNATURE, "regi", 4) != 0)
		return "no signature";
	if (crc32c_sealed(raw, VHDX_REGION_LEN, TABLE_CRC) != get_le32(raw + TABLE_CRC))
		return "wrong checksum";
	return NULL;
}

static int take_region(const char *name, const uint8_t *entry, uint64_t *off_out, uint32_t *len_out, struct error *err)
{
	uint64_t off = get_le64(entry + ENTRY_OFF);
	uint32_t len = get_le32(entry + ENTRY_LENGTH);

	if (*len_out != 0)
		return error_set(err, ERR_CORRUPT, "region table: the %s region is listed twice", name);
	if (off < VHDX_MIB || off % VHDX_MIB != 0 || len == 0 || len % VHDX_MIB != 0)
		return error_set(err, ERR_CORRUPT,
				 "region table: %s region at %#" PRIx64 "+%#" PRIx32
				 ", not in whole MiB behind the first",
				 name, off, len);
	*off_out = off;
	*len_out = len;
	return 0;
}

static int decode_table(const uint8_t *raw, struct vhdx_regions *out, struct error *err)
{
	uint32_t count = get_le32(raw + TABLE_COUNT);
	struct vhdx_regions r = { 0 };

	if (count > TABLE_COUNT_MAX)
		return error_set(err, ERR_CORRUPT, "region table: %" PRIu32 " entries, at most 2047 allowed", count);
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *entry = raw + TABLE_ENTRIES + (size_t)i * ENTRY_LEN;
		char text[GUID_TEXT_LEN];
		struct guid id;

		guid_from_le(entry, &id);
		if (guid_equal(&id, &bat_guid)) {
			if (take_region("BAT", entry, &r.bat_off, &r.bat_len, err) < 0)
				return -1;
		} else if (guid_equal(&id, &metadata_guid)) {
			if (take_region("metadata", entry, &r.meta_off, &r.meta_len, err) < 0)
				return -1;
		} else if (get_le32(entry + ENTRY_FLAGS) & ENTRY_REQUIRED) {
			guid_format(&id, text);
			return error_set(err, ERR_UNSUPPORTED, "region table: unknown region %s is marked required",
					 text);
		}
	}
	if (r.bat_len == 0 || r.meta_len == 0)
		return error_set(err, ERR_CORRUPT, "region table: no %s region", r.bat_len == 0 ? "BAT" : "metadata");
	*out = r;
	return 0;
}

int vhdx_region_choose(const uint8_t first[VHDX_REGION_LEN], const uint8_t second[VHDX_REGION_LEN],
		       struct vhdx_regions *out, bool *second_out, struct error *err)
{
	const char *fault1 = table_fault(first), *fault2;

	if (!fault1) {
		if (decode_table(first, out, err) < 0)
			return -1;
		*second_out = false;
		return 0;
	}
	fault2 = table_fault(second);
	if (fault2)
		return error_set(err, ERR_CORRUPT, "no valid region table: %s at 0x30000, %s at 0x40000", fault1,
				 fault2);
	if (decode_table(second, out, err) < 0)
		return -1;
	*second_out = true;
	return 0;
}

int vhdx_region_check_place(const struct vhdx_regions *r, uint64_t log_off, uint32_t log_len, uint64_t file_size,
			    struct error *err)
{
	const struct {
		const char *name;
		uint64_t off;
		uint32_t len;
	} parts[] = {
		{ "BAT region", r->bat_off, r->bat_len },
		{ "metadata region", r->meta_off, r->meta_len },
		{ "log", log_off, log_len },
	};

	for (size_t i = 0; i < 2; i++)
		if (!range_ok(parts[i].off, parts[i].len, file_size))
			return error_set(err, ERR_CORRUPT,
					 "%s at %#" PRIx64 "+%#" PRIx32 ": beyond end of file (%#" PRIx64 ")",
					 parts[i].name, parts[i].off, parts[i].len, file_size);
	for (size_t i = 0; i < 3; i++)
		for (size_t j = i + 1; j < 3; j++)
			if (ranges_overlap(parts[i].off, parts[i].len, parts[j].off, parts[j].len))
				return error_set(err, ERR_CORRUPT,
						 "%s at %#" PRIx64 "+%#" PRIx32 " overlaps the %s at %#" PRIx64
						 "+%#" PRIx32,
						 parts[i].name, parts[i].off, parts[i].len, parts[j].name, parts[j].off,
						 parts[j].len);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/io.h"
#include "disk/vmdk_sesparse.h"

enum {
	OFF_VERSION = 8,
	OFF_CAPACITY = 16,
	OFF_GRAIN = 24,
	OFF_TABLE = 32,
	OFF_FLAGS = 40, /* and four reserved ones behind it */
	OFF_REGIONS = 80,
	OFF_PAD = 208,
	OFF_REPLAY = 24, /* of the volatile header */
	OFF_VOLATILE_PAD = 32,
};

#define CONST_MAGIC UINT64_C(0xcafebabe)
#define VOLATILE_MAGIC UINT64_C(0xcafecafe)
#define SESPARSE_VERSION UINT64_C(0x200000001)
#define SECTORS_MAX ((uint64_t)INT64_MAX / 512)
#define SECTORS_A_TABLE ((uint64_t)VMDK_SESPARSE_TABLE_ENTRIES * VMDK_SESPARSE_GRAIN_SECTORS)
#define ENTRIES_A_SECTOR 64

static const char *const region_names[SESPARSE_REGIONS] = {
	[SESPARSE_VOLATILE] = "volatile header", [SESPARSE_JOURNAL_HEADER] = "journal header",
	[SESPARSE_JOURNAL] = "journal",          [SESPARSE_DIRECTORY] = "grain directory",
	[SESPARSE_TABLES] = "grain tables",      [SESPARSE_FREE_BITMAP] = "free bitmap",
	[SESPARSE_BACKMAP] = "backmap",          [SESPARSE_GRAINS] = "grains",
};

static int check_identity(const uint8_t *raw, struct vmdk_sesparse_header *h, struct error *err)
{
	uint64_t v = get_le64(raw);

	if (v != CONST_MAGIC)
		return error_set(err, ERR_CORRUPT, "seSparse header: magic %#" PRIx64 ", not %#" PRIx64, v,
				 CONST_MAGIC);
	v = get_le64(raw + OFF_VERSION);
	if (v != SESPARSE_VERSION)
		return error_set(err, ERR_UNSUPPORTED, "seSparse header: version %#" PRIx64 " (%#" PRIx64 ")", v,
				 SESPARSE_VERSION);
	h->capacity_sectors = get_le64(raw + OFF_CAPACITY);
	if (h->capacity_sectors == 0 || h->capacity_sectors > SECTORS_MAX)
		return error_set(err, ERR_CORRUPT, "seSparse header: capacity of %" PRIu64 " sectors",
				 h->capacity_sectors);
	v = get_le64(raw + OFF_GRAIN);
	if (v != VMDK_SESPARSE_GRAIN_SECTORS)
		return error_set(err, ERR_UNSUPPORTED, "seSparse header: grain of %" PRIu64 " sectors (%d)", v,
				 VMDK_SESPARSE_GRAIN_SECTORS);
	v = get_le64(raw + OFF_TABLE);
	if (v != VMDK_SESPARSE_TABLE_SECTORS)
		return error_set(err, ERR_UNSUPPORTED, "seSparse header: grain table of %" PRIu64 " sectors (%d)", v,
				 VMDK_SESPARSE_TABLE_SECTORS);
	for (size_t off = OFF_FLAGS; off < OFF_REGIONS; off += 8)
		if (get_le64(raw + off) != 0)
			return error_set(err, ERR_UNSUPPORTED,
					 "seSparse header: %s %#" PRIx64 " at %zu, where 0 must be",
					 off == OFF_FLAGS ? "flags" : "reserved", get_le64(raw + off), off);
	if (!io_is_zero(raw + OFF_PAD, VMDK_SESPARSE_HEADER_LEN - OFF_PAD))
		return error_set(err, ERR_UNSUPPORTED, "seSparse header: bytes behind %d, where zeros must be",
				 OFF_PAD);
	return 0;
}

static int check_inside(const struct vmdk_sesparse_header *h, enum vmdk_sesparse_region r, uint64_t len,
			uint64_t file_size, struct error *err)
{
	if (h->region[r].len >= len && range_ok(h->region[r].off, h->region[r].len, file_size / 512))
		return 0;
	if (h->region[r].len >= len)
		return error_set(err, ERR_CORRUPT,
				 "seSparse header: %s of %" PRIu64 " sectors at %" PRIu64
				 ": beyond end of file (%" PRIu64 " sectors)",
				 region_names[r], h->region[r].len, h->region[r].off, file_size / 512);
	return error_set(err, ERR_CORRUPT, "seSparse header: %s of %" PRIu64 " sectors, where %" PRIu64 " are needed",
			 region_names[r], h->region[r].len, len);
}

static int check_regions(const uint8_t *raw, uint64_t file_size, struct vmdk_sesparse_header *h, struct error *err)
{
	uint64_t tables = (h->capacity_sectors - 1) / SECTORS_A_TABLE + 1;

	for (unsigned r = 0; r < SESPARSE_REGIONS; r++) {
		uint64_t off = get_le64(raw + OFF_REGIONS + r * 16), len = get_le64(raw + OFF_REGIONS + r * 16 + 8);

		if (!range_ok(off, len, SECTORS_MAX))
			return error_set(err, ERR_CORRUPT,
					 "seSparse header: %s of %" PRIu64 " sectors at %" PRIu64 ": overflows",
					 region_names[r], len, off);
		if (len > 0 && off == 0)
			return error_set(err, ERR_CORRUPT, "seSparse header: %s at sector 0: on the header itself",
					 region_names[r]);
		for (unsigned before = 0; before < r; before++)
			if (ranges_overlap(off, len, h->region[before].off, h->region[before].len))
				return error_set(err, ERR_CORRUPT,
						 "seSparse header: %s at sector %" PRIu64
						 " overlaps the %s at %" PRIu64,
						 region_names[r], off, region_names[before], h->region[before].off);
		h->region[r].off = off;
		h->region[r].len = len;
	}
	if (check_inside(h, SESPARSE_VOLATILE, 1, file_size, err) < 0)
		return -1;
	return check_inside(h, SESPARSE_DIRECTORY, (tables - 1) / ENTRIES_A_SECTOR + 1, file_size, err);
}

int vmdk_sesparse_decode(const uint8_t *raw, size_t len, uint64_t file_size, struct vmdk_sesparse_header *out,
			 struct error *err)
{
	struct vmdk_sesparse_header h = { 0 };

	if (len < VMDK_SESPARSE_HEADER_LEN)
		return error_set(err, ERR_CORRUPT, "seSparse header: the file has only %zu bytes", len);
	if (check_identity(raw, &h, err) < 0 || check_regions(raw, file_size, &h, err) < 0)
		return -1;
	*out = h;
	return 0;
}

int vmdk_sesparse_check_volatile(const uint8_t *raw, size_t len, struct error *err)
{
	uint64_t magic, replay;

	if (len < VMDK_SESPARSE_HEADER_LEN)
		return error_set(err, ERR_CORRUPT, "seSparse volatile header: only %zu bytes", len);
	magic = get_le64(raw);
	replay = get_le64(raw + OFF_REPLAY);
	if (magic != VOLATILE_MAGIC)
		return error_set(err, ERR_CORRUPT, "seSparse volatile header: magic %#" PRIx64 ", not %#" PRIx64, magic,
				 VOLATILE_MAGIC);
	if (replay != 0)
		return error_set(err, ERR_UNSUPPORTED,
				 "seSparse volatile header: replay journal %#" PRIx64
				 ": it was not closed cleanly, and its journal's format is unknown",
				 replay);
	if (!io_is_zero(raw + OFF_VOLATILE_PAD, VMDK_SESPARSE_HEADER_LEN - OFF_VOLATILE_PAD))
		return error_set(err, ERR_UNSUPPORTED, "seSparse volatile header: bytes behind %d, where zeros must be",
				 OFF_VOLATILE_PAD);
	return 0;
}

int vmdk_sesparse_decode_dir(uint64_t entry, uint64_t *table_out, struct error *err)
{
	if (entry >> 32 != 0x10000000)
		return error_set(err, ERR_CORRUPT,
				 "entry %#" PRIx64 " of the directory: not 0x10000000 in its upper half", entry);
	*table_out = entry & 0xffffffff;
	return 0;
}

int vmdk_sesparse_decode_grain(uint64_t entry, enum extent_kind *kind_out, uint64_t *grain_out, struct error *err)
{
	switch (entry >> 60) {
	case 1:
	case 2:
		*kind_out = EXTENT_ZERO;
		return 0;
	case 3:
		*kind_out = EXTENT_DATA;
		*grain_out = (entry >> 48 & 0xfff) | (entry & UINT64_C(0xffffffffffff)) << 12;
		return 0;
	case 0:
		if (entry == 0) {
			*kind_out = EXTENT_ABSENT;
			return 0;
		}
		break;
	default:
		break;
	}
	return error_set(err, ERR_CORRUPT, "entry %#" PRIx64 " of the table: not of type 1, 2 or 3, nor nothing at all",
			 entry);
}

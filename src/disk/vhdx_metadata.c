/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "disk/vhdx_header.h"
#include "disk/vhdx_metadata.h"

enum {
	TABLE_LEN = 65536,
	TABLE_COUNT = 10,
	TABLE_ENTRIES = 32,
	TABLE_COUNT_MAX = 2047,

	ENTRY_LEN = 32,
	ENTRY_OFF = 16,
	ENTRY_LENGTH = 20,
	ENTRY_FLAGS = 24,
	ENTRY_USER = 1,
	ENTRY_REQUIRED = 4,

	ITEM_LEN_MAX = 1 << 20,
	PARAMETERS_FIXED = 1,
	PARAMETERS_HAS_PARENT = 2,
};

enum item { ITEM_PARAMETERS, ITEM_SIZE, ITEM_DISK_ID, ITEM_LOGICAL, ITEM_PHYSICAL, ITEM_LOCATOR, ITEM_COUNT };

static const struct {
	const char *name;
	struct guid id;
	uint32_t len; /* exact; 0: any */
} known[ITEM_COUNT] = {
	[ITEM_PARAMETERS] = { "file parameters",
			      { { 0xca, 0xa1, 0x67, 0x37, 0xfa, 0x36, 0x4d, 0x43, 0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44,
				  0xe7, 0x6b } },
			      8 },
	[ITEM_SIZE] = { "virtual disk size",
			{ { 0x2f, 0xa5, 0x42, 0x24, 0xcd, 0x1b, 0x48, 0x76, 0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4,
			    0xb8 } },
			8 },
	[ITEM_DISK_ID] = { "disk id",
			   { { 0xbe, 0xca, 0x12, 0xab, 0xb2, 0xe6, 0x45, 0x23, 0x93, 0xef, 0xc3, 0x09, 0xe0, 0x00, 0xc7,
			       0x46 } },
			   16 },
	[ITEM_LOGICAL] = { "logical sector size",
			   { { 0x81, 0x41, 0xbf, 0x1d, 0xa9, 0x6f, 0x47, 0x09, 0xba, 0x47, 0xf2, 0x33, 0xa8, 0xfa, 0xab,
			       0x5f } },
			   4 },
	[ITEM_PHYSICAL] = { "physical sector size",
			    { { 0xcd, 0xa3, 0x48, 0xc7, 0x44, 0x5d, 0x44, 0x71, 0x9c, 0xc9, 0xe9, 0x88, 0x52, 0x51,
				0xc5, 0x56 } },
			    4 },
	[ITEM_LOCATOR] = { "parent locator",
			   { { 0xa8, 0xd3, 0x5f, 0x2d, 0xb3, 0x0b, 0x45, 0x4d, 0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab,
			       0x0c } },
			   0 },
};

struct place {
	uint32_t off, len; /* off from the region's beginning; 0: not there */
};

static int find_known(const struct guid *id)
{
	for (int i = 0; i < ITEM_COUNT; i++)
		if (guid_equal(id, &known[i].id))
			return i;
	return -1;
}

/* Takes one entry of the table; *place_out is where the item lies, also of one that is not known. */
static int take_entry(const uint8_t *entry, uint32_t region_len, struct place items[ITEM_COUNT],
		      struct place *place_out, struct error *err)
{
	struct place p = { get_le32(entry + ENTRY_OFF), get_le32(entry + ENTRY_LENGTH) };
	uint32_t flags = get_le32(entry + ENTRY_FLAGS);
	char text[GUID_TEXT_LEN];
	struct guid id;
	int i;

	guid_from_le(entry, &id);
	guid_format(&id, text);
	i = flags & ENTRY_USER ? -1 : find_known(&id);
	if (i < 0 && flags & ENTRY_REQUIRED)
		return error_set(err, ERR_UNSUPPORTED, "metadata: unknown item %s is marked required", text);
	if (p.len > ITEM_LEN_MAX || (p.len > 0 && (p.off < TABLE_LEN || !range_ok(p.off, p.len, region_len))))
		return error_set(err, ERR_CORRUPT,
				 "metadata: item %s at %#" PRIx32 "+%#" PRIx32 ": outside its region (%#" PRIx32 ")",
				 text, p.off, p.len, region_len);
	*place_out = p;
	if (i < 0)
		return 0;
	if (items[i].off != 0)
		return error_set(err, ERR_CORRUPT, "metadata: %s is there twice", known[i].name);
	if (p.len == 0 && known[i].len == 0)
		return error_set(err, ERR_CORRUPT, "metadata: %s is empty", known[i].name);
	if (known[i].len != 0 && p.len != known[i].len)
		return error_set(err, ERR_CORRUPT, "metadata: %s has %" PRIu32 " bytes, not %" PRIu32, known[i].name,
				 p.len, known[i].len);
	items[i] = p;
	return 0;
}

static int decode_table(const uint8_t *raw, uint32_t region_len, struct place items[ITEM_COUNT], struct error *err)
{
	uint16_t count = get_le16(raw + TABLE_COUNT);
	CLEANUP_FREE struct place *all = NULL;

	if (memcmp(raw, "metadata", 8) != 0)
		return error_set(err, ERR_CORRUPT, "metadata: no signature at the beginning of its region");
	if (count > TABLE_COUNT_MAX)
		return error_set(err, ERR_CORRUPT, "metadata: %u items, at most 2047 allowed", count);
	all = calloc((size_t)count + 1, sizeof(*all));
	if (!all)
		return error_errno(err, ENOMEM, "metadata");
	for (uint16_t i = 0; i < count; i++) {
		if (take_entry(raw + TABLE_ENTRIES + (size_t)i * ENTRY_LEN, region_len, items, &all[i], err) < 0)
			return -1;
		for (uint16_t j = 0; j < i; j++)
			if (ranges_overlap(all[i].off, all[i].len, all[j].off, all[j].len))
				return error_set(err, ERR_CORRUPT,
						 "metadata: items at %#" PRIx32 " and %#" PRIx32 " overlap", all[j].off,
						 all[i].off);
	}
	for (int i = 0; i < ITEM_COUNT; i++)
		if (i != ITEM_LOCATOR && items[i].off == 0)
			return error_set(err, ERR_CORRUPT, "metadata: no %s", known[i].name);
	return 0;
}

static int check_values(const struct vhdx_metadata *m, struct error *err)
{
	if (!is_pow2(m->block_size) || m->block_size < VHDX_MIB || m->block_size > 256 * VHDX_MIB)
		return error_set(err, ERR_CORRUPT,
				 "metadata: block size %" PRIu32 ", not a power of two from 1 to 256 MiB",
				 m->block_size);
	if (m->logical_sector != 512 && m->logical_sector != 4096)
		return error_set(err, ERR_CORRUPT, "metadata: logical sector size %" PRIu32 ", not 512 or 4096",
				 m->logical_sector);
	if (m->physical_sector != 512 && m->physical_sector != 4096)
		return error_set(err, ERR_CORRUPT, "metadata: physical sector size %" PRIu32 ", not 512 or 4096",
				 m->physical_sector);
	if (m->virtual_size == 0 || m->virtual_size > VHDX_SIZE_MAX || m->virtual_size % m->logical_sector != 0)
		return error_set(err, ERR_CORRUPT,
				 "metadata: virtual size %" PRIu64 ", not whole sectors of %" PRIu32
				 " bytes up to 64 TiB",
				 m->virtual_size, m->logical_sector);
	if (m->has_parent && m->locator_len == 0)
		return error_set(err, ERR_CORRUPT, "metadata: the disk has a parent, and no parent locator");
	if (!m->has_parent && m->locator_len != 0) /* read without it, what is the parent's would be zeros */
		return error_set(err, ERR_CORRUPT, "metadata: a parent locator, but the disk says that it has no parent");
	return 0;
}

int vhdx_metadata_read(const struct vhdx_view *view, uint64_t off, uint32_t len, struct vhdx_metadata *out,
		       struct error *err)
{
	CLEANUP_FREE uint8_t *table = malloc(TABLE_LEN);
	struct place items[ITEM_COUNT] = { { 0 } };
	uint8_t raw[ITEM_LOCATOR][16];
	struct vhdx_metadata m = { 0 };
	uint32_t parameters;

	if (!table)
		return error_errno(err, ENOMEM, "metadata");
	if (vhdx_view_read(view, table, TABLE_LEN, off, err) < 0)
		return -1;
	if (decode_table(table, len, items, err) < 0)
		return -1;
	for (int i = 0; i < ITEM_LOCATOR; i++)
		if (vhdx_view_read(view, raw[i], known[i].len, off + items[i].off, err) < 0)
			return -1;
	parameters = get_le32(raw[ITEM_PARAMETERS] + 4);
	m.block_size = get_le32(raw[ITEM_PARAMETERS]);
	m.fixed = parameters & PARAMETERS_FIXED;
	m.has_parent = parameters & PARAMETERS_HAS_PARENT;
	m.virtual_size = get_le64(raw[ITEM_SIZE]);
	m.logical_sector = get_le32(raw[ITEM_LOGICAL]);
	m.physical_sector = get_le32(raw[ITEM_PHYSICAL]);
	guid_from_le(raw[ITEM_DISK_ID], &m.disk_id);
	if (items[ITEM_LOCATOR].off != 0) {
		m.locator_off = off + items[ITEM_LOCATOR].off;
		m.locator_len = items[ITEM_LOCATOR].len;
	}
	if (check_values(&m, err) < 0)
		return -1;
	*out = m;
	return 0;
}

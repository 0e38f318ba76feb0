/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "disk/backing.h"
#include "disk/vmdk_descriptor.h"
#include "disk/vmdk_sparse.h"

enum {
	OFF_VERSION = 4,
	OFF_FLAGS = 8,
	OFF_CAPACITY = 12,
	OFF_GRAIN = 20,
	OFF_DESC_OFF = 28,
	OFF_DESC_LEN = 36,
	OFF_TABLE_ENTRIES = 44,
	OFF_DIR = 56,
	OFF_OVERHEAD = 64,
	OFF_UNCLEAN = 72,
	OFF_NEWLINES = 73,
	OFF_COMPRESSION = 77,
};

#define SECTORS_MAX ((uint64_t)INT64_MAX / 512)
#define FLAGS_KNOWN_INCOMPATIBLE (uint32_t)(VMDK_SPARSE_COMPRESSED | VMDK_SPARSE_MARKERS)

static int check_identity(const uint8_t *raw, struct vmdk_sparse_header *h, struct error *err)
{
	uint32_t unknown;
	unsigned compression;

	if (memcmp(raw, "KDMV", 4) != 0)
		return error_set(err, ERR_CORRUPT, "sparse header: no 'KDMV' at 0");
	h->version = get_le32(raw + OFF_VERSION);
	if (h->version < 1 || h->version > 3)
		return error_set(err, ERR_UNSUPPORTED, "sparse header: version %" PRIu32 " (1 to 3)", h->version);
	h->flags = get_le32(raw + OFF_FLAGS);
	if ((h->flags & VMDK_SPARSE_NEWLINES) && memcmp(raw + OFF_NEWLINES, "\n \r\n", 4) != 0)
		return error_set(err, ERR_CORRUPT,
				 "sparse header: the newlines at 73 are changed: the file was copied as text");
	unknown = h->flags & 0xffff0000 & ~FLAGS_KNOWN_INCOMPATIBLE;
	if (unknown != 0)
		return error_set(err, ERR_UNSUPPORTED, "sparse header: unknown incompatible flags %#" PRIx32, unknown);
	compression = get_le16(raw + OFF_COMPRESSION);
	if (compression > 1)
		return error_set(err, ERR_UNSUPPORTED, "sparse header: compression %u (0, or 1 deflate)", compression);
	if ((compression == 1) != ((h->flags & VMDK_SPARSE_COMPRESSED) != 0))
		return error_set(err, ERR_CORRUPT, "sparse header: compression %u, but flags %#" PRIx32, compression,
				 h->flags);
	return 0;
}

static int check_geometry(const uint8_t *raw, struct vmdk_sparse_header *h, struct error *err)
{
	h->capacity_sectors = get_le64(raw + OFF_CAPACITY);
	if (h->capacity_sectors == 0 || h->capacity_sectors > SECTORS_MAX)
		return error_set(err, ERR_CORRUPT, "sparse header: capacity of %" PRIu64 " sectors",
				 h->capacity_sectors);
	h->grain_sectors = get_le64(raw + OFF_GRAIN);
	if (!is_pow2(h->grain_sectors) || h->grain_sectors < 8 || h->grain_sectors > 2048)
		return error_set(err, ERR_CORRUPT,
				 "sparse header: grain of %" PRIu64 " sectors (a power of two from 8 to 2048)",
				 h->grain_sectors);
	h->table_entries = get_le32(raw + OFF_TABLE_ENTRIES);
	if (!is_pow2(h->table_entries) || h->table_entries > 512)
		return error_set(err, ERR_CORRUPT,
				 "sparse header: %" PRIu32 " entries a grain table (a power of two up to 512)",
				 h->table_entries);
	return 0;
}

static int check_places(const uint8_t *raw, uint64_t file_size, struct vmdk_sparse_header *h, struct error *err)
{
	uint64_t off = get_le64(raw + OFF_DESC_OFF), len = get_le64(raw + OFF_DESC_LEN);
	uint64_t file_sectors = file_size / 512;

	if (off != 0) {
		if (!range_ok(off, len, file_sectors))
			return error_set(err, ERR_CORRUPT,
					 "sparse header: descriptor of %" PRIu64 " sectors at %" PRIu64
					 ": beyond end of file (%" PRIu64 " sectors)",
					 len, off, file_sectors);
		if (len > VMDK_DESCRIPTOR_MAX / 512)
			return error_set(err, ERR_CORRUPT,
					 "sparse header: descriptor of %" PRIu64 " sectors (at most %" PRIu64 ")", len,
					 VMDK_DESCRIPTOR_MAX / 512);
		h->desc_off = off * 512;
		h->desc_len = len * 512;
	}
	h->overhead_sectors = get_le64(raw + OFF_OVERHEAD);
	if (h->overhead_sectors > file_sectors)
		return error_set(err, ERR_CORRUPT,
				 "sparse header: metadata of %" PRIu64 " sectors: beyond end of file (%" PRIu64
				 " sectors)",
				 h->overhead_sectors, file_sectors);
	h->dir_sector = get_le64(raw + OFF_DIR);
	h->unclean = raw[OFF_UNCLEAN] != 0;
	return 0;
}

int vmdk_sparse_decode(const uint8_t *raw, size_t len, uint64_t file_size, struct vmdk_sparse_header *out,
		       struct error *err)
{
	struct vmdk_sparse_header h = { 0 };

	if (len < VMDK_SPARSE_HEADER_LEN)
		return error_set(err, ERR_CORRUPT, "sparse header: the file has only %zu bytes", len);
	if (check_identity(raw, &h, err) < 0 || check_geometry(raw, &h, err) < 0 ||
	    check_places(raw, file_size, &h, err) < 0)
		return -1;
	*out = h;
	return 0;
}

int vmdk_sparse_read(const struct backing *b, struct vmdk_sparse_header *out, struct error *err)
{
	size_t len = b->size < VMDK_SPARSE_HEADER_LEN ? (size_t)b->size : VMDK_SPARSE_HEADER_LEN;
	uint8_t raw[VMDK_SPARSE_HEADER_LEN];

	if (backing_read(b, raw, len, 0, err) < 0)
		return -1;
	return vmdk_sparse_decode(raw, len, b->size, out, err);
}

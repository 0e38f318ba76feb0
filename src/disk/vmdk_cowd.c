/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/log.h"
#include "disk/vmdk_cowd.h"
#include "disk/vmdk_table.h"

enum {
	OFF_VERSION = 4,
	OFF_FLAGS = 8,
	OFF_CAPACITY = 12,
	OFF_GRAIN = 16,
	OFF_DIR = 20,
	OFF_DIR_ENTRIES = 24,
	OFF_UNCLEAN = 1648,
};

/* 1 is set in roots and, by ESX, in their children too; 2 says that it can be checked. */
enum { FLAG_INCONSISTENT = 4, FLAGS_KNOWN = 7 };

int vmdk_cowd_decode(const uint8_t *raw, size_t len, uint64_t file_size, struct vmdk_cowd_header *out,
		     struct error *err)
{
	struct vmdk_cowd_header h = { 0 };
	uint32_t version, flags, sector, entries;
	uint64_t needed;

	if (len < VMDK_COWD_HEADER_LEN)
		return error_set(err, ERR_CORRUPT, "COWD header: the file has only %zu bytes", len);
	if (memcmp(raw, "COWD", 4) != 0)
		return error_set(err, ERR_CORRUPT, "COWD header: no 'COWD' at 0");
	version = get_le32(raw + OFF_VERSION);
	if (version != 1)
		return error_set(err, ERR_UNSUPPORTED, "COWD header: version %" PRIu32 " (1)", version);
	flags = get_le32(raw + OFF_FLAGS);
	if (flags & ~(uint32_t)FLAGS_KNOWN)
		return error_set(err, ERR_UNSUPPORTED, "COWD header: unknown flags %#" PRIx32,
				 flags & ~(uint32_t)FLAGS_KNOWN);
	h.unclean = (flags & FLAG_INCONSISTENT) || get_le32(raw + OFF_UNCLEAN) != 0;
	h.capacity_sectors = get_le32(raw + OFF_CAPACITY);
	if (h.capacity_sectors == 0)
		return error_set(err, ERR_CORRUPT, "COWD header: capacity of 0 sectors");
	h.grain_sectors = get_le32(raw + OFF_GRAIN);
	if (!is_pow2(h.grain_sectors) || h.grain_sectors > VMDK_COWD_GRAIN_MAX)
		return error_set(err, ERR_CORRUPT,
				 "COWD header: grain of %" PRIu32 " sectors (a power of two up to %" PRIu32 ")",
				 h.grain_sectors, VMDK_COWD_GRAIN_MAX);
	needed = (h.capacity_sectors - 1) / ((uint64_t)h.grain_sectors * VMDK_COWD_TABLE_ENTRIES) + 1;
	entries = get_le32(raw + OFF_DIR_ENTRIES);
	if (entries < needed)
		return error_set(err, ERR_CORRUPT,
				 "COWD header: grain directory of %" PRIu32 " entries, where %" PRIu64 " are needed",
				 entries, needed);
	sector = get_le32(raw + OFF_DIR);
	h.dir_off = (uint64_t)sector * 512;
	h.dir_len = (uint64_t)entries * 4;
	if (h.dir_off < VMDK_COWD_HEADER_LEN)
		return error_set(err, ERR_CORRUPT,
				 "COWD header: grain directory at sector %" PRIu32 ": inside the header", sector);
	if (!range_ok(h.dir_off, h.dir_len, file_size))
		return error_set(err, ERR_CORRUPT,
				 "COWD header: grain directory of %" PRIu64 " bytes at sector %" PRIu32
				 ": beyond end of file (%" PRIu64 " sectors)",
				 h.dir_len, sector, file_size / 512);
	*out = h;
	return 0;
}

static int cowd_table(const struct vmdk_tables *t, uint64_t index, uint64_t entry, uint64_t *off_out, struct error *err)
{
	(void)t, (void)index, (void)err;
	*off_out = entry * 512;
	return 0;
}

static int cowd_grain(const struct vmdk_tables *t, uint64_t index, uint64_t entry, enum extent_kind *kind_out,
		      uint64_t *off_out, struct error *err)
{
	(void)t, (void)index, (void)err;
	*kind_out = EXTENT_DATA;
	*off_out = entry * 512;
	return 0;
}

static int cowd_open(struct image *img, struct vmdk_extent *x, struct error *err)
{
	const struct backing *b = image_file(img, x->file);
	struct vmdk_tables *t = calloc(1, sizeof(*t));
	uint8_t raw[VMDK_COWD_HEADER_LEN];
	size_t len = b->size < sizeof(raw) ? (size_t)b->size : sizeof(raw);
	struct vmdk_cowd_header h;

	x->priv = t;
	if (!t)
		return error_errno(err, ENOMEM, "COWD extent");
	if (backing_read(b, raw, len, 0, err) < 0 || vmdk_cowd_decode(raw, len, b->size, &h, err) < 0)
		return -1;
	if (h.capacity_sectors != x->len / 512)
		return error_set(err, ERR_CORRUPT, "COWD header: %" PRIu32 " sectors, but the descriptor says %" PRIu64,
				 h.capacity_sectors, x->len / 512);
	t->grain_len = (uint64_t)h.grain_sectors * 512;
	t->table_entries = VMDK_COWD_TABLE_ENTRIES;
	t->verbatim = true;
	t->entry_len = 4;
	t->dir_off = h.dir_off;
	t->metadata[0].len = VMDK_COWD_HEADER_LEN;
	t->metadata[1] = (struct vmdk_range){ h.dir_off, h.dir_len };
	t->table = cowd_table;
	t->grain = cowd_grain;
	if (h.unclean)
		log_warn("vmdk", "%s: was not closed cleanly by its last writer", b->path);
	return 0;
}

static int cowd_map(struct image *img, struct vmdk_extent *x, uint64_t len, uint64_t off, struct extent_list *out,
		    struct error *err)
{
	return vmdk_table_map(img, x, x->priv, len, off, out, err);
}

static void cowd_close(struct vmdk_extent *x)
{
	free(x->priv);
}

const struct vmdk_extent_ops vmdk_cowd_ops = {
	.open = cowd_open,
	.map = cowd_map,
	.close = cowd_close,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "guest/fat.h"

enum { /* boot sector */
       BOOT_LEN = 512,
       BOOT_SECTOR = 11,
       BOOT_PER_CLUSTER = 13,
       BOOT_RESERVED = 14,
       BOOT_FATS = 16,
       BOOT_ROOT_ENTRIES = 17,
       BOOT_TOTAL_16 = 19,
       BOOT_FAT_LEN_16 = 22,
       BOOT_TOTAL_32 = 32,
       BOOT_FAT_LEN_32 = 36,
       BOOT_ROOT_CLUSTER = 44,
       BOOT_FSINFO = 48,
};

int fat_init(struct fat *f, struct volume *v, struct error *err)
{
	uint32_t per_cluster, reserved, fats, fat_len, total, root_sectors;
	uint8_t b[BOOT_LEN];
	uint64_t data;

	*f = (struct fat){ .v = v };
	if (volume_read(v, b, sizeof(b), 0, err) < 0)
		return -1;
	f->sector = get_le16(b + BOOT_SECTOR);
	per_cluster = b[BOOT_PER_CLUSTER];
	reserved = get_le16(b + BOOT_RESERVED);
	fats = b[BOOT_FATS];
	fat_len = get_le16(b + BOOT_FAT_LEN_16);
	total = get_le16(b + BOOT_TOTAL_16) ? get_le16(b + BOOT_TOTAL_16) : get_le32(b + BOOT_TOTAL_32);
	f->root_len = get_le16(b + BOOT_ROOT_ENTRIES) * 32U;
	if (!is_pow2(f->sector) || f->sector < 512 || f->sector > 4096 || !is_pow2(per_cluster) || reserved == 0 ||
	    fats == 0)
		return error_set(err, ERR_CORRUPT, "boot sector: %u-byte sectors, %u a cluster, %u reserved, %u tables",
				 f->sector, per_cluster, reserved, fats);
	f->bits = fat_len == 0 ? 32 : 0;
	if (f->bits == 32) {
		fat_len = get_le32(b + BOOT_FAT_LEN_32);
		f->root_cluster = get_le32(b + BOOT_ROOT_CLUSTER);
		f->fsinfo_off = (uint64_t)get_le16(b + BOOT_FSINFO) * f->sector;
	}
	root_sectors = (f->root_len + f->sector - 1) / f->sector;
	f->cluster = per_cluster * f->sector;
	f->fat_off = (uint64_t)reserved * f->sector;
	f->root_off = f->fat_off + (uint64_t)fats * fat_len * f->sector; /* below 2^8 * 2^32 * 2^12 */
	data = reserved + (uint64_t)fats * fat_len + root_sectors;
	f->data_off = data * f->sector;
	if (data >= total || total > v->size / f->sector)
		return error_set(err, ERR_CORRUPT,
				 "boot sector: %" PRIu32 " sectors, data from %" PRIu64 " on, in %" PRIu64 " bytes",
				 total, data, v->size);
	f->clusters = (uint32_t)((total - data) / per_cluster);
	if (f->bits == 0)
		f->bits = f->clusters < 4085 ? 12 : 16;
	if (((uint64_t)f->clusters + 2) * f->bits / 8 > (uint64_t)fat_len * f->sector)
		return error_set(err, ERR_CORRUPT, "boot sector: %" PRIu32 " clusters, a table of %" PRIu32 " sectors",
				 f->clusters, fat_len);
	return 0;
}

/* One that begins in p, `bit` bits behind its beginning. */
static uint32_t get_entry(const struct fat *f, const uint8_t *p, uint64_t bit)
{
	if (f->bits == 32)
		return get_le32(p);
	return f->bits == 16 ? get_le16(p) : (bit % 8 ? get_le16(p) >> 4 : get_le16(p)) & 0xfff;
}

static int read_entry(struct fat *f, uint32_t cluster, uint32_t *out, struct error *err)
{
	uint64_t bit = (uint64_t)cluster * f->bits;
	uint8_t b[4];

	if (volume_read(f->v, b, f->bits == 32 ? 4 : 2, f->fat_off + bit / 8, err) < 0)
		return error_prefix(err, "table");
	*out = get_entry(f, b, bit);
	return 0;
}

int fat_count_used(struct fat *f, uint32_t *out, struct error *err)
{
	uint32_t last = f->clusters + 1, used = 0;
	size_t len = ((size_t)last * f->bits / 8) + 2; /* at most 128 KiB */
	CLEANUP_FREE uint8_t *table = NULL;

	assert(f->bits < 32);
	if (f->clusters > UINT16_MAX)
		return error_set(err, ERR_CORRUPT, "boot sector: %" PRIu32 " clusters of a FAT16", f->clusters);
	table = malloc(len);
	if (!table)
		return error_errno(err, ENOMEM, "fat");
	if (volume_read(f->v, table, len, f->fat_off, err) < 0)
		return error_prefix(err, "table");
	for (uint32_t i = 2; i <= last; i++)
		used += get_entry(f, table + (size_t)i * f->bits / 8, (uint64_t)i * f->bits) != 0;
	*out = used;
	return 0;
}

int fat_next(struct fat *f, uint32_t cluster, uint32_t *out, struct error *err)
{
	uint32_t next = 0, end = f->bits == 12 ? 0xff8 : f->bits == 16 ? 0xfff8 : 0xffffff8;

	if (read_entry(f, cluster, &next, err) < 0)
		return -1;
	next &= f->bits == 32 ? 0xfffffff : UINT32_MAX;
	if (next >= end) {
		*out = 0;
		return 0;
	}
	if (next < 2 || next - 2 >= f->clusters)
		return error_set(err, ERR_CORRUPT, "table: cluster %" PRIu32 " leads to %" PRIu32 " of %" PRIu32,
				 cluster, next, f->clusters);
	*out = next;
	return 0;
}

int fat_flags(struct fat *f, uint32_t *out, struct error *err)
{
	return read_entry(f, 1, out, err);
}

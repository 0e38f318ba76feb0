/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/guid.h"
#include "guest/fat.h"
#include "guest/ntfs.h"
#include "guest/superblock.h"
#include "guest/xfs.h"

enum {
	EXT_OFF = 1024,
	EXT_LEN = 1024,
	EXT_BLOCKS = 4,
	EXT_FREE = 12,
	EXT_LOG_BLOCK = 24,
	EXT_STATE = 58,
	EXT_INCOMPAT = 96,
	EXT_UUID = 104,
	EXT_BLOCKS_HI = 336,
	EXT_FREE_HI = 344,
	EXT_VALID = 1,
	EXT_ERRORS = 2,
	EXT_RECOVER = 4,
	EXT_64BIT = 0x80,

	XFS_LEN = 264,
	XFS_BLOCK = 4,
	XFS_BLOCKS = 8,
	XFS_UUID = 32,
	XFS_FREE = 144,
	XFS_INCOMPAT = 216,

	BTRFS_OFF = 65536,
	BTRFS_LEN = 144,
	BTRFS_UUID = 32,
	BTRFS_LOG_ROOT = 96,
	BTRFS_USED = 120,
	BTRFS_DEVICES = 136,

	FAT_LEN = 512,
	FAT_FSINFO_FREE = 488,

	NTFS_INFO_FLAGS = 10,
	NTFS_INFO_DIRTY = 1,
	BITMAP_PIECE = 1 << 20,
};

static void take_uuid(struct superblock *sb, const uint8_t *raw)
{
	struct guid g;

	memcpy(g.b, raw, sizeof(g.b));
	guid_format(&g, sb->uuid);
}

static int take_used(struct superblock *sb, uint64_t total, uint64_t free_units, uint64_t unit, struct error *err)
{
	if (free_units > total || !checked_mul(total - free_units, unit, &sb->used))
		return error_set(err, ERR_CORRUPT, "superblock: %" PRIu64 " of %" PRIu64 " blocks are free", free_units,
				 total);
	sb->used_known = true;
	return 0;
}

static void set_dirty(struct superblock *sb, uint64_t off, const char *why)
{
	snprintf(sb->dirty, sizeof(sb->dirty), "%s", why);
	sb->dirty_off = off;
}

static int read_ext(struct volume *v, struct superblock *sb, struct error *err)
{
	uint64_t blocks, free_blocks;
	uint8_t b[EXT_LEN];
	uint32_t incompat, log_block;

	sb->off = EXT_OFF;
	if (volume_read(v, b, sizeof(b), EXT_OFF, err) < 0)
		return -1;
	take_uuid(sb, b + EXT_UUID);
	incompat = get_le32(b + EXT_INCOMPAT);
	blocks = get_le32(b + EXT_BLOCKS);
	free_blocks = get_le32(b + EXT_FREE);
	if (incompat & EXT_64BIT) {
		blocks |= (uint64_t)get_le32(b + EXT_BLOCKS_HI) << 32;
		free_blocks |= (uint64_t)get_le32(b + EXT_FREE_HI) << 32;
	}
	log_block = get_le32(b + EXT_LOG_BLOCK);
	if (log_block > 6)
		return error_set(err, ERR_CORRUPT, "superblock: blocks of 2^%" PRIu64 " bytes",
				 (uint64_t)log_block + 10);
	if (incompat & EXT_RECOVER)
		set_dirty(sb, EXT_OFF + EXT_INCOMPAT, "journal not replayed");
	else if (get_le16(b + EXT_STATE) & EXT_ERRORS)
		set_dirty(sb, EXT_OFF + EXT_STATE, "errors were found in it");
	else if (!(get_le16(b + EXT_STATE) & EXT_VALID))
		set_dirty(sb, EXT_OFF + EXT_STATE, "not unmounted");
	return take_used(sb, blocks, free_blocks, UINT64_C(1024) << log_block, err);
}

/* Whether it was unmounted is in its log alone. */
static int read_xfs_log(struct volume *v, struct superblock *sb, struct error *err)
{
	enum xfs_log_state state;
	struct error why = ERROR_INIT;
	struct xfs x;

	sb->dirty_unknown = true;
	if (xfs_init(&x, v, &why) < 0) {
		if (why.code == ERR_UNSUPPORTED &&
		    !v->budget->spent) /* then its files are not read either, which says why */
			return 0;
		if (err)
			*err = why;
		return -1;
	}
	if (xfs_log_look(&x, &state, &sb->dirty_off, err) < 0)
		return -1;
	sb->dirty_unknown = state == XFS_LOG_NOT_SEEN;
	if (state == XFS_LOG_DIRTY)
		set_dirty(sb, sb->dirty_off, "log not replayed");
	else if (x.repair)
		set_dirty(sb, XFS_INCOMPAT, "it asks for a repair");
	return 0;
}

static int read_xfs(struct volume *v, struct superblock *sb, struct error *err)
{
	uint8_t b[XFS_LEN];

	if (volume_read(v, b, sizeof(b), 0, err) < 0)
		return -1;
	take_uuid(sb, b + XFS_UUID);
	if (take_used(sb, get_be64(b + XFS_BLOCKS), get_be64(b + XFS_FREE), get_be32(b + XFS_BLOCK), err) < 0)
		return -1;
	return read_xfs_log(v, sb, err);
}

static int read_btrfs(struct volume *v, struct superblock *sb, struct error *err)
{
	uint8_t b[BTRFS_LEN];

	sb->off = BTRFS_OFF;
	if (volume_read(v, b, sizeof(b), BTRFS_OFF, err) < 0)
		return -1;
	take_uuid(sb, b + BTRFS_UUID);
	if (get_le64(b + BTRFS_LOG_ROOT) != 0)
		set_dirty(sb, BTRFS_OFF + BTRFS_LOG_ROOT, "log not replayed");
	sb->used = get_le64(b + BTRFS_USED);
	sb->used_known = sb->used <= v->size && get_le64(b + BTRFS_DEVICES) == 1; /* else of several disks */
	return 0;
}

static int read_fat(struct volume *v, struct superblock *sb, struct error *err)
{
	uint8_t b[FAT_LEN];
	uint32_t flags, clean, used = 0;
	struct fat f;

	if (fat_init(&f, v, err) < 0)
		return -1;
	if (f.bits > 12) { /* FAT12 has no such bit */
		clean = f.bits == 32 ? 1U << 27 : 1U << 15;
		if (fat_flags(&f, &flags, err) < 0)
			return -1;
		if (!(flags & clean))
			set_dirty(sb, f.fat_off + f.bits / 8, "not unmounted");
	}
	if (f.bits < 32) {
		sb->off = f.fat_off;
		if (fat_count_used(&f, &used, err) < 0)
			return -1;
		return take_used(sb, f.clusters, f.clusters - used, f.cluster, err);
	}
	if (f.fsinfo_off == 0 || !range_ok(f.fsinfo_off, sizeof(b), f.fat_off))
		return 0;
	if (volume_read(v, b, sizeof(b), f.fsinfo_off, err) < 0)
		return -1;
	if (memcmp(b, "RRaA", 4) != 0 || memcmp(b + 484, "rrAa", 4) != 0 || get_le32(b + FAT_FSINFO_FREE) == UINT32_MAX)
		return 0;
	sb->off = f.fsinfo_off;
	return take_used(sb, f.clusters, get_le32(b + FAT_FSINFO_FREE), f.cluster, err);
}

static int count_used(struct ntfs *n, const struct ntfs_stream *bitmap, uint64_t *out, struct error *err)
{
	CLEANUP_FREE uint8_t *buf = malloc(BITMAP_PIECE);
	uint64_t bytes = n->clusters / 8, used = 0;

	if (!buf)
		return error_errno(err, ENOMEM, "ntfs");
	for (uint64_t off = 0; off < bytes;) {
		size_t len = bytes - off < BITMAP_PIECE ? (size_t)(bytes - off) : BITMAP_PIECE;

		if (ntfs_stream_read(n, bitmap, buf, len, off, err) < 0)
			return -1;
		for (size_t i = 0; i < len; i++)
			used += (unsigned)__builtin_popcount(buf[i]);
		off += len;
	}
	*out = used; /* at most seven clusters too few */
	return 0;
}

static int read_ntfs_files(struct ntfs *n, struct superblock *sb, struct error *err)
{
	CLEANUP(cleanup_ntfs_stream) struct ntfs_stream info = { 0 }, bitmap = { 0 };
	uint8_t b[12];
	uint64_t used = 0;
	int rc = ntfs_stream_open(n, NTFS_VOLUME, NTFS_VOLUME_INFORMATION, "", &info, err);

	if (rc < 0)
		return -1;
	if (rc == 0 || info.size < sizeof(b))
		return error_set(err, ERR_CORRUPT, "$Volume: without information");
	if (ntfs_stream_read(n, &info, b, sizeof(b), 0, err) < 0)
		return -1;
	if (get_le16(b + NTFS_INFO_FLAGS) & NTFS_INFO_DIRTY)
		set_dirty(sb, info.off, "marked as dirty in $Volume");
	rc = ntfs_stream_open(n, NTFS_BITMAP, NTFS_DATA, "", &bitmap, err);
	if (rc < 0)
		return -1;
	if (rc == 0 || bitmap.size < n->clusters / 8)
		return error_set(err, ERR_CORRUPT, "$Bitmap: %" PRIu64 " bytes for %" PRIu64 " clusters", bitmap.size,
				 n->clusters);
	if (count_used(n, &bitmap, &used, err) < 0)
		return error_prefix(err, "$Bitmap");
	sb->off = bitmap.off;
	return take_used(sb, n->clusters, n->clusters - used, n->cluster, err);
}

static int read_ntfs(struct volume *v, struct superblock *sb, struct error *err)
{
	struct ntfs n;
	int rc;

	if (ntfs_init(&n, v, err) < 0)
		return -1;
	rc = read_ntfs_files(&n, sb, err);
	ntfs_fini(&n);
	return rc;
}

int superblock_read(struct volume *v, const char *fs, struct superblock *out, struct error *err)
{
	static const struct {
		const char *fs;
		int (*read)(struct volume *v, struct superblock *sb, struct error *err);
	} readers[] = {
		{ "ext2", read_ext },    { "ext3", read_ext }, { "ext4", read_ext },  { "xfs", read_xfs },
		{ "btrfs", read_btrfs }, { "vfat", read_fat }, { "ntfs", read_ntfs },
	};

	*out = (struct superblock){ 0 };
	for (size_t i = 0; i < ARRAY_LEN(readers); i++)
		if (strcmp(readers[i].fs, fs) == 0)
			return readers[i].read(v, out, err);
	out->dirty_unknown = true;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "disk/crc32c.h"
#include "guest/xfs.h"

enum {
	SB_LEN = 512, /* of its sector, the part that means something */
	SB_BLOCK = 4,
	SB_BLOCKS = 8,
	SB_UUID = 32,
	SB_LOG_START = 48,
	SB_ROOT = 56,
	SB_GROUP_BLOCKS = 84,
	SB_GROUPS = 88,
	SB_LOG_BLOCKS = 96,
	SB_VERSION = 100,
	SB_SECTOR = 102,
	SB_INODE = 104,
	SB_BLOCK_LOG = 120,
	SB_INODE_LOG = 122,
	SB_INODES_PER_BLOCK_LOG = 123,
	SB_GROUP_LOG = 124,
	SB_IN_PROGRESS = 126,
	SB_DIR_BLOCK_LOG = 192,
	SB_FEATURES2 = 200,
	SB_INCOMPAT = 216,
	SB_CRC = 224,
	SB_META_UUID = 248,
	VERSION_MASK = 15,
	VERSION_DIR_V2 = 0x2000,
	FEATURES2_FTYPE = 0x200,
	INCOMPAT_FTYPE = 1,
	INCOMPAT_META_UUID = 4,
	INCOMPAT_REPAIR = 16,
	/* ftype, sparse inodes, UUID of metadata, big timestamps, repair, many extents, exchange, parents */
	INCOMPAT_KNOWN = 0xff,

	INO_MODE = 2,
	INO_VERSION = 4,
	INO_FORMAT = 5,
	INO_BIG_EXTENTS = 24,
	INO_SIZE = 56,
	INO_EXTENTS = 76,
	INO_FORK = 82,
	INO_FLAGS = 90,
	INO_CRC = 100,
	INO_FLAGS2 = 120,
	INO_NUMBER = 152,
	INO_UUID = 160,
	INO_CORE = 100,    /* bytes of versions 1 and 2 */
	INO_CORE_V3 = 176, /* of version 3 */
	FLAG_REALTIME = 1,
	FLAG2_MANY_EXTENTS = 16,
};

static int check_version(struct xfs *x, const uint8_t *b, struct error *err)
{
	unsigned version = get_be16(b + SB_VERSION);

	if ((version & VERSION_MASK) == 5) {
		uint32_t incompat = get_be32(b + SB_INCOMPAT);

		if (incompat & ~(uint32_t)INCOMPAT_KNOWN)
			return error_set(err, ERR_UNSUPPORTED, "XFS with features %#" PRIx32,
					 incompat & ~(uint32_t)INCOMPAT_KNOWN);
		x->v5 = true;
		x->ftype = incompat & INCOMPAT_FTYPE;
		x->repair = incompat & INCOMPAT_REPAIR;
		memcpy(x->uuid, b + (incompat & INCOMPAT_META_UUID ? SB_META_UUID : SB_UUID), sizeof(x->uuid));
		return 0;
	}
	if ((version & VERSION_MASK) != 4 || !(version & VERSION_DIR_V2))
		return error_set(err, ERR_UNSUPPORTED, "XFS of version %#x", version);
	x->ftype = get_be32(b + SB_FEATURES2) & FEATURES2_FTYPE;
	return 0;
}

/* Sizes that everything else is computed from. */
static int take_geometry(struct xfs *x, const uint8_t *b, struct error *err)
{
	unsigned dir_log = b[SB_DIR_BLOCK_LOG];

	x->block = get_be32(b + SB_BLOCK);
	x->block_log = b[SB_BLOCK_LOG];
	x->sector = get_be16(b + SB_SECTOR);
	x->inode = get_be16(b + SB_INODE);
	x->inodes_per_block_log = b[SB_INODES_PER_BLOCK_LOG];
	if (x->block_log < 9 || x->block_log > 16 || x->block != 1U << x->block_log || !is_pow2(x->sector) ||
	    x->sector < 512 || x->sector > x->block)
		return error_set(err, ERR_CORRUPT, "superblock: blocks of %" PRIu32 " bytes, sectors of %" PRIu32,
				 x->block, x->sector);
	if (x->inode < 256 || x->inode > XFS_INODE_MAX || x->inode > x->block ||
	    (uint64_t)x->inode << x->inodes_per_block_log % 16 != x->block || x->inodes_per_block_log > 15)
		return error_set(err, ERR_CORRUPT, "superblock: inodes of %" PRIu32 " bytes in blocks of %" PRIu32,
				 x->inode, x->block);
	if (dir_log > 16U - x->block_log)
		return error_set(err, ERR_CORRUPT, "superblock: folders in blocks of 2^%u bytes",
				 x->block_log + dir_log);
	x->dir_block = x->block << dir_log;
	x->blocks = get_be64(b + SB_BLOCKS);
	x->group_blocks = get_be32(b + SB_GROUP_BLOCKS);
	x->groups = get_be32(b + SB_GROUPS);
	x->group_log = b[SB_GROUP_LOG];
	if (x->blocks == 0 || x->blocks > x->v->size >> x->block_log)
		return error_set(err, ERR_CORRUPT,
				 "superblock: %" PRIu64 " blocks of %" PRIu32 " bytes in %" PRIu64 " bytes", x->blocks,
				 x->block, x->v->size);
	if (x->group_blocks == 0 || x->group_log > 31 || x->group_blocks > 1U << x->group_log || x->groups == 0 ||
	    x->groups != (x->blocks - 1) / x->group_blocks + 1)
		return error_set(err, ERR_CORRUPT, "superblock: %" PRIu64 " blocks in %" PRIu32 " groups of %" PRIu32,
				 x->blocks, x->groups, x->group_blocks);
	x->root = get_be64(b + SB_ROOT);
	x->log_start = get_be64(b + SB_LOG_START);
	x->log_blocks = get_be32(b + SB_LOG_BLOCKS);
	return 0;
}

static int check_superblock_crc(struct xfs *x, struct error *err)
{
	CLEANUP_FREE uint8_t *b = malloc(x->sector);
	uint32_t crc;

	if (!b)
		return error_errno(err, ENOMEM, "XFS");
	if (volume_read(x->v, b, x->sector, 0, err) < 0)
		return -1;
	crc = crc32c_sealed(b, x->sector, SB_CRC);
	if (crc != get_le32(b + SB_CRC))
		return error_set(err, ERR_CORRUPT, "superblock: checksum %08" PRIx32 ", and %08" PRIx32 " is said", crc,
				 get_le32(b + SB_CRC));
	return 0;
}

int xfs_init(struct xfs *x, struct volume *v, struct error *err)
{
	uint8_t b[SB_LEN];

	*x = (struct xfs){ .v = v };
	if (volume_read(v, b, sizeof(b), 0, err) < 0)
		return -1;
	if (memcmp(b, "XFSB", 4) != 0)
		return error_set(err, ERR_CORRUPT, "superblock: no 'XFSB'");
	if (take_geometry(x, b, err) < 0 ||
	    ((get_be16(b + SB_VERSION) & VERSION_MASK) == 5 && check_superblock_crc(x, err) < 0) ||
	    check_version(x, b, err) < 0)
		return -1;
	if (b[SB_IN_PROGRESS])
		return error_set(err, ERR_UNSUPPORTED, "XFS that is still being made");
	return 0;
}

int xfs_block_off(const struct xfs *x, uint64_t fsblock, uint64_t n, uint64_t *out, struct error *err)
{
	uint64_t group = fsblock >> x->group_log, within = fsblock & ((UINT64_C(1) << x->group_log) - 1), block;

	if (group < x->groups && range_ok(within, n, x->group_blocks)) {
		block = group * x->group_blocks + within;
		if (range_ok(block, n, x->blocks)) {
			*out = block << x->block_log;
			return 0;
		}
	}
	return error_set(err, ERR_CORRUPT,
			 "blocks %" PRIu64 "+%" PRIu64 " of group %" PRIu64 ": there are %" PRIu32
			 " groups of %" PRIu32,
			 within, n, group, x->groups, x->group_blocks);
}

int xfs_check_seal(const struct xfs *x, const uint8_t *b, size_t len, uint64_t off, const struct xfs_seal *seal,
		   uint64_t owner, const char *what, struct error *err)
{
	uint64_t at = volume_on_disk(x->v, off);
	uint32_t crc;

	if (!x->v5)
		return 0;
	crc = crc32c_sealed(b, len, seal->crc);
	if (crc != get_le32(b + seal->crc))
		return error_set(err, ERR_CORRUPT,
				 "%s at byte %" PRIu64 ": checksum %08" PRIx32 ", and %08" PRIx32 " is said", what, at,
				 crc, get_le32(b + seal->crc));
	if (get_be64(b + seal->place) != off / 512)
		return error_set(err, ERR_CORRUPT, "%s at byte %" PRIu64 ": it says sector %" PRIu64 " of its volume",
				 what, at, get_be64(b + seal->place));
	if (memcmp(b + seal->uuid, x->uuid, sizeof(x->uuid)) != 0)
		return error_set(err, ERR_CORRUPT, "%s at byte %" PRIu64 ": of another file system", what, at);
	if (get_be64(b + seal->owner) != owner)
		return error_set(err, ERR_CORRUPT, "%s at byte %" PRIu64 ": of inode %" PRIu64 ", not %" PRIu64, what,
				 at, get_be64(b + seal->owner), owner);
	return 0;
}

static int check_inode(const struct xfs *x, const struct xfs_inode *ino, struct error *err)
{
	const uint8_t *b = ino->raw;
	uint64_t at = volume_on_disk(x->v, ino->off);
	uint32_t crc;

	if (memcmp(b, "IN", 2) != 0)
		return error_set(err, ERR_CORRUPT, "inode %" PRIu64 " at byte %" PRIu64 ": no 'IN'", ino->number, at);
	if (x->v5 ? b[INO_VERSION] != 3 : b[INO_VERSION] < 1 || b[INO_VERSION] > 2)
		return error_set(err, ERR_CORRUPT, "inode %" PRIu64 " at byte %" PRIu64 ": version %u", ino->number, at,
				 b[INO_VERSION]);
	if (!x->v5)
		return 0;
	crc = crc32c_sealed(b, x->inode, INO_CRC);
	if (crc != get_le32(b + INO_CRC))
		return error_set(err, ERR_CORRUPT,
				 "inode %" PRIu64 " at byte %" PRIu64 ": checksum %08" PRIx32 ", and %08" PRIx32
				 " is said",
				 ino->number, at, crc, get_le32(b + INO_CRC));
	if (get_be64(b + INO_NUMBER) != ino->number || memcmp(b + INO_UUID, x->uuid, sizeof(x->uuid)) != 0)
		return error_set(err, ERR_CORRUPT,
				 "inode %" PRIu64 " at byte %" PRIu64 ": it says %" PRIu64
				 ", or is of another file system",
				 ino->number, at, get_be64(b + INO_NUMBER));
	return 0;
}

int xfs_inode_read(struct xfs *x, uint64_t number, struct xfs_inode *out, struct error *err)
{
	uint64_t fsblock = number >> x->inodes_per_block_log, off;
	uint32_t core = x->v5 ? INO_CORE_V3 : INO_CORE;
	const uint8_t *b = out->raw;
	uint32_t fork;

	memset(out, 0, sizeof(*out));
	if (xfs_block_off(x, fsblock, 1, &off, err) < 0)
		return error_prefix(err, "inode %" PRIu64, number);
	out->number = number;
	out->off = off + (number & ((1U << x->inodes_per_block_log) - 1)) * x->inode;
	if (volume_read(x->v, out->raw, x->inode, out->off, err) < 0 || check_inode(x, out, err) < 0)
		return -1;
	out->mode = get_be16(b + INO_MODE);
	out->size = get_be64(b + INO_SIZE);
	out->realtime = get_be16(b + INO_FLAGS) & FLAG_REALTIME;
	out->n_extents = get_be32(b + INO_EXTENTS);
	if (x->v5 && get_be64(b + INO_FLAGS2) & FLAG2_MANY_EXTENTS)
		out->n_extents = get_be64(b + INO_BIG_EXTENTS);
	fork = b[INO_FORK] ? b[INO_FORK] * 8U : x->inode - core;
	if (b[INO_FORMAT] > XFS_FORK_BTREE || fork > x->inode - core || out->size > INT64_MAX)
		return error_set(err, ERR_CORRUPT,
				 "inode %" PRIu64 " at byte %" PRIu64 ": format %u, a fork of %" PRIu32
				 " bytes, %" PRIu64 " bytes long",
				 number, volume_on_disk(x->v, out->off), b[INO_FORMAT], fork, out->size);
	out->format = b[INO_FORMAT];
	out->fork = b + core;
	out->fork_len = fork;
	return 0;
}

void xfs_inode_fini(struct xfs_inode *ino)
{
	free(ino->map);
	ino->map = NULL;
	ino->n_map = 0;
}

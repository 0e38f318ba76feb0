/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XFS, versions 4 and 5, read as it lies there: layouts as "XFS Algorithms & Data Structures" and the kernel's
 * xfs_format.h have them.  All is big-endian but checksums.  Of version 5 each block's checksum, owner and place are
 * checked; a mismatch is an error that names the block.  The realtime section and external logs are not read.
 *
 * Pieces: xfs.c the superblock, blocks and inodes; xfs_map.c where a file's bytes lie; xfs_dir.c folders; xfs_log.c the
 * log; tree_xfs.c the tree.  Input is hostile.  One thread.
 */
#ifndef LIFTFS_GUEST_XFS_H
#define LIFTFS_GUEST_XFS_H

#include "guest/volume.h"

#define XFS_INODE_MAX 2048
#define XFS_BLOCK_MAX 65536
#define XFS_EXTENTS_MAX 65536 /* of a file: 1.5 MiB of them in memory */

struct xfs {
	struct volume *v;
	uint32_t block, sector; /* bytes */
	uint64_t blocks;
	uint32_t group_blocks, groups;
	uint32_t inode; /* bytes */
	uint8_t block_log, inodes_per_block_log, group_log;
	uint32_t dir_block; /* bytes */
	uint64_t root;
	uint64_t log_start, log_blocks; /* log_start 0: elsewhere */
	bool v5, ftype, repair;         /* repair: it asks for one */
	uint8_t uuid[16];               /* that blocks carry */
};

int xfs_init(struct xfs *x, struct volume *v, struct error *err) MUST_CHECK;

/* Byte of the volume of n blocks at a file system block, which lie in one group; ERR_CORRUPT if they do not exist. */
int xfs_block_off(const struct xfs *x, uint64_t fsblock, uint64_t n, uint64_t *out, struct error *err) MUST_CHECK;

/* Where a block of version 5 has what says whose it is; owner UINT64_MAX: it has none. */
struct xfs_seal {
	size_t crc, place, uuid, owner;
};
/* Is the block at this byte of the volume whole, and of this owner?  Always, of version 4. */
int xfs_check_seal(const struct xfs *x, const uint8_t *b, size_t len, uint64_t off, const struct xfs_seal *seal,
		   uint64_t owner, const char *what, struct error *err) MUST_CHECK;

struct xfs_extent {       /* blocks */
	uint64_t at;      /* of the file */
	uint64_t fsblock; /* of the file system */
	uint64_t n;
	bool unwritten; /* zeros */
};
enum xfs_fork { XFS_FORK_DEVICE, XFS_FORK_LOCAL, XFS_FORK_EXTENTS, XFS_FORK_BTREE };

struct xfs_inode {
	uint64_t number, size;
	uint64_t off; /* byte of the volume */
	uint16_t mode;
	enum xfs_fork format;
	bool realtime;
	uint64_t n_extents;
	const uint8_t *fork; /* in raw */
	size_t fork_len;
	struct xfs_extent *map; /* xfs_map_load() */
	size_t n_map;
	uint8_t raw[XFS_INODE_MAX];
};
int xfs_inode_read(struct xfs *x, uint64_t number, struct xfs_inode *out, struct error *err) MUST_CHECK;
void xfs_inode_fini(struct xfs_inode *ino);
static inline void cleanup_xfs_inode(struct xfs_inode *ino)
{
	xfs_inode_fini(ino);
}

/* Fills ino->map, ascending and without overlaps, each within its group.  Once. */
int xfs_map_load(struct xfs *x, struct xfs_inode *ino, struct error *err) MUST_CHECK;
/* Bytes of the file by its map; what it does not have, or was not written, are zeros. */
int xfs_map_read(struct xfs *x, const struct xfs_inode *ino, void *buf, size_t len, uint64_t off,
		 struct error *err) MUST_CHECK;
/* The extent that holds this block of the file, or the first behind it; NULL if there is none. */
const struct xfs_extent *xfs_map_find(const struct xfs_inode *ino, uint64_t at);

/* Each entry but "." and ".."; returns 1 to stop, 0, or -1.  Names are not terminated. */
typedef int (*xfs_entry_fn)(void *ctx, const char *name, size_t len, uint64_t number, struct error *err);
/* 1 if fn stopped. */
int xfs_dir_walk(struct xfs *x, struct xfs_inode *folder, xfs_entry_fn fn, void *ctx, struct error *err) MUST_CHECK;

/* NOT_SEEN: it lies elsewhere, or does not end as logs end. */
enum xfs_log_state { XFS_LOG_CLEAN, XFS_LOG_DIRTY, XFS_LOG_NOT_SEEN };
/* off_out: byte of the volume of the record that shows it. */
int xfs_log_look(struct xfs *x, enum xfs_log_state *out, uint64_t *off_out, struct error *err) MUST_CHECK;

#endif

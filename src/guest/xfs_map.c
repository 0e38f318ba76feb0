/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the bytes of a file lie: extents in the inode, or a B+tree.  Of a tree each child is one level below its parent
 * and all extents ascend, so that no circle is longer than the tree is deep and no block is taken twice.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "guest/xfs.h"

enum {
	EXTENT_LEN = 16,
	ROOT_LEVEL = 0,
	ROOT_RECORDS = 2,
	ROOT_HEADER = 4,
	BLOCK_LEVEL = 4,
	BLOCK_RECORDS = 6,
	BLOCK_HEADER = 24,
	BLOCK_HEADER_V5 = 72,
	LEVELS_MAX = 9,
};

static const struct xfs_seal tree_seal = { .crc = 64, .place = 24, .uuid = 40, .owner = 56 };

static int add_extent(struct xfs *x, struct xfs_inode *ino, const uint8_t *p, struct error *err)
{
	uint64_t high = get_be64(p), low = get_be64(p + 8), off, end = 0;
	struct xfs_extent e = { .at = high >> 9 & ((UINT64_C(1) << 54) - 1),
				.fsblock = (high & 0x1ff) << 43 | low >> 21,
				.n = low & ((1U << 21) - 1),
				.unwritten = high >> 63 };

	if (ino->n_map > 0)
		end = ino->map[ino->n_map - 1].at + ino->map[ino->n_map - 1].n;
	if (e.n == 0 || e.at < end || !range_ok(e.at, e.n, INT64_MAX >> x->block_log))
		return error_set(err, ERR_CORRUPT,
				 "inode %" PRIu64 ": an extent of %" PRIu64 " blocks at %" PRIu64
				 ", behind one that ends at %" PRIu64,
				 ino->number, e.n, e.at, end);
	if (ino->n_map == ino->n_extents)
		return error_set(err, ERR_CORRUPT, "inode %" PRIu64 ": more than its %" PRIu64 " extents", ino->number,
				 ino->n_extents);
	if (xfs_block_off(x, e.fsblock, e.n, &off, err) < 0)
		return error_prefix(err, "inode %" PRIu64, ino->number);
	ino->map[ino->n_map++] = e;
	return 0;
}

static int add_records(struct xfs *x, struct xfs_inode *ino, const uint8_t *p, size_t n, struct error *err)
{
	for (size_t i = 0; i < n; i++)
		if (add_extent(x, ino, p + i * EXTENT_LEN, err) < 0)
			return -1;
	return 0;
}

/* Recursion is as deep as levels say, which fall with each step. */
static int add_block(struct xfs *x, struct xfs_inode *ino, uint64_t fsblock, unsigned level, struct error *err)
{
	size_t header = x->v5 ? BLOCK_HEADER_V5 : BLOCK_HEADER, most = (x->block - header) / EXTENT_LEN, n;
	CLEANUP_FREE uint8_t *b = malloc(x->block);
	uint64_t off;

	if (!b)
		return error_errno(err, ENOMEM, "XFS");
	if (xfs_block_off(x, fsblock, 1, &off, err) < 0)
		return error_prefix(err, "inode %" PRIu64 ": extent tree", ino->number);
	if (volume_read(x->v, b, x->block, off, err) < 0 ||
	    xfs_check_seal(x, b, x->block, off, &tree_seal, ino->number, "extent tree", err) < 0)
		return -1;
	n = get_be16(b + BLOCK_RECORDS);
	if (memcmp(b, x->v5 ? "BMA3" : "BMAP", 4) != 0 || get_be16(b + BLOCK_LEVEL) != level || n == 0 || n > most)
		return error_set(err, ERR_CORRUPT,
				 "extent tree at byte %" PRIu64 ": level %u, not %u, %zu records of %zu",
				 volume_on_disk(x->v, off), get_be16(b + BLOCK_LEVEL), level, n, most);
	if (level == 0)
		return add_records(x, ino, b + header, n, err);
	for (size_t i = 0; i < n; i++)
		if (add_block(x, ino, get_be64(b + header + most * 8 + i * 8), level - 1, err) < 0)
			return -1;
	return 0;
}

static int add_tree(struct xfs *x, struct xfs_inode *ino, struct error *err)
{
	size_t most, n;
	unsigned level;

	if (ino->fork_len < ROOT_HEADER + EXTENT_LEN)
		return error_set(err, ERR_CORRUPT, "inode %" PRIu64 ": a tree in %zu bytes", ino->number,
				 ino->fork_len);
	most = (ino->fork_len - ROOT_HEADER) / EXTENT_LEN;
	level = get_be16(ino->fork + ROOT_LEVEL);
	n = get_be16(ino->fork + ROOT_RECORDS);
	if (level == 0 || level > LEVELS_MAX || n == 0 || n > most)
		return error_set(err, ERR_CORRUPT, "inode %" PRIu64 ": a tree of level %u, %zu records of %zu",
				 ino->number, level, n, most);
	for (size_t i = 0; i < n; i++)
		if (add_block(x, ino, get_be64(ino->fork + ROOT_HEADER + most * 8 + i * 8), level - 1, err) < 0)
			return -1;
	return 0;
}

static int fill_map(struct xfs *x, struct xfs_inode *ino, struct error *err)
{
	int rc;

	if (ino->format == XFS_FORK_BTREE)
		rc = add_tree(x, ino, err);
	else if (ino->n_extents > ino->fork_len / EXTENT_LEN)
		rc = error_set(err, ERR_CORRUPT, "inode %" PRIu64 ": %" PRIu64 " extents in %zu bytes", ino->number,
			       ino->n_extents, ino->fork_len);
	else
		rc = add_records(x, ino, ino->fork, ino->n_extents, err);
	if (rc == 0 && ino->n_map != ino->n_extents)
		return error_set(err, ERR_CORRUPT, "inode %" PRIu64 ": %zu of its %" PRIu64 " extents", ino->number,
				 ino->n_map, ino->n_extents);
	return rc;
}

int xfs_map_load(struct xfs *x, struct xfs_inode *ino, struct error *err)
{
	if (ino->realtime)
		return error_set(err, ERR_UNSUPPORTED, "inode %" PRIu64 ": in the realtime section", ino->number);
	if (ino->format != XFS_FORK_EXTENTS && ino->format != XFS_FORK_BTREE)
		return error_set(err, ERR_CORRUPT, "inode %" PRIu64 ": format %d, not one with extents", ino->number,
				 (int)ino->format);
	if (ino->n_extents > XFS_EXTENTS_MAX)
		return error_set(err, ERR_UNSUPPORTED, "inode %" PRIu64 ": %" PRIu64 " extents, more than %d",
				 ino->number, ino->n_extents, XFS_EXTENTS_MAX);
	ino->map = calloc(ino->n_extents ? ino->n_extents : 1, sizeof(*ino->map));
	if (!ino->map)
		return error_errno(err, ENOMEM, "XFS");
	if (fill_map(x, ino, err) < 0) {
		xfs_inode_fini(ino);
		return -1;
	}
	return 0;
}

const struct xfs_extent *xfs_map_find(const struct xfs_inode *ino, uint64_t at)
{
	size_t low = 0, high = ino->n_map;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ino->map[mid].at + ino->map[mid].n <= at)
			low = mid + 1;
		else
			high = mid;
	}
	return low < ino->n_map ? &ino->map[low] : NULL;
}

int xfs_map_read(struct xfs *x, const struct xfs_inode *ino, void *buf, size_t len, uint64_t off, struct error *err)
{
	uint8_t *p = buf;

	while (len > 0) {
		uint64_t at = off >> x->block_log, from, part = len;
		const struct xfs_extent *e = xfs_map_find(ino, at);

		if (e && e->at > at) { /* a hole before it */
			part = (e->at << x->block_log) - off;
			e = NULL;
		} else if (e)
			part = ((e->at + e->n) << x->block_log) - off;
		part = part < len ? part : len;
		if (e && !e->unwritten) {
			if (xfs_block_off(x, e->fsblock, e->n, &from, err) < 0 ||
			    volume_read(x->v, p, part, from + off - (e->at << x->block_log), err) < 0)
				return -1;
		} else
			memset(p, 0, part);
		p += part;
		off += part;
		len -= part;
	}
	return 0;
}

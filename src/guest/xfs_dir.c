/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folders: within the inode, or in blocks of entries.  Blocks are read one after the other, in each of their forms (one
 * block with its index, many with an index in leaves or nodes): no name is missed whatever the index says.
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
	SHORT_COUNT = 0,
	SHORT_BIG = 1,
	SHORT_HEADER = 2, /* and the parent's number */
	SHORT_NAME = 3,
	DATA_HEADER = 16,
	DATA_HEADER_V5 = 64,
	ENTRY_NAME_LEN = 8,
	ENTRY_NAME = 9,
	ENTRY_TAG = 2, /* bytes at its end */
	FREE_TAG = 0xffff,
	FREE_LEN = 2,
	TAIL_LEN = 8,
	TAIL_ENTRY = 8, /* of the index of a folder in one block */
};

#define INDEX_BYTES (UINT64_C(32) << 30) /* of a folder, where its index begins */

static const struct xfs_seal dir_seal = { .crc = 4, .place = 8, .uuid = 24, .owner = 40 };

static int give(uint64_t folder, const char *name, size_t len, uint64_t number, xfs_entry_fn fn, void *ctx,
		struct error *err)
{
	if (len == 0 || memchr(name, '/', len) || memchr(name, '\0', len) || number == 0)
		return error_set(err, ERR_CORRUPT, "folder %" PRIu64 ": a name of %zu bytes for inode %" PRIu64, folder,
				 len, number);
	if (len <= 2 && memcmp(name, "..", len) == 0)
		return 0;
	return fn(ctx, name, len, number, err);
}

static int walk_short(const struct xfs *x, const struct xfs_inode *folder, xfs_entry_fn fn, void *ctx,
		      struct error *err)
{
	const uint8_t *p = folder->fork;
	size_t len = folder->size < folder->fork_len ? (size_t)folder->size : folder->fork_len, at, number_len;

	if (len < SHORT_HEADER + 4)
		return error_set(err, ERR_CORRUPT, "folder %" PRIu64 ": %zu bytes", folder->number, len);
	number_len = p[SHORT_BIG] ? 8 : 4;
	at = SHORT_HEADER + number_len;
	for (unsigned i = p[SHORT_COUNT]; i > 0; i--) {
		size_t tail = (x->ftype ? 1U : 0U) + number_len, name_len;
		const uint8_t *number;
		int rc;

		if (!range_ok(at, SHORT_NAME, len) || !range_ok(at + SHORT_NAME, p[at] + tail, len))
			return error_set(err, ERR_CORRUPT, "folder %" PRIu64 ": an entry at %zu of %zu bytes",
					 folder->number, at, len);
		name_len = p[at];
		number = p + at + SHORT_NAME + name_len + tail - number_len;
		rc = give(folder->number, (const char *)p + at + SHORT_NAME, name_len,
			  number_len == 8 ? get_be64(number) : get_be32(number), fn, ctx, err);
		if (rc != 0)
			return rc;
		at += SHORT_NAME + name_len + tail;
	}
	return 0;
}

/* Where do the entries of a block begin and end? */
static int find_entries(const struct xfs *x, const uint8_t *b, uint64_t off, size_t *at_out, size_t *end_out,
			struct error *err)
{
	bool alone = memcmp(b, x->v5 ? "XDB3" : "XD2B", 4) == 0;
	uint64_t index = 0;

	*at_out = x->v5 ? DATA_HEADER_V5 : DATA_HEADER;
	if (!alone && memcmp(b, x->v5 ? "XDD3" : "XD2D", 4) != 0)
		return error_set(err, ERR_CORRUPT, "folder's block at byte %" PRIu64 ": '%08" PRIx32 "' is not one",
				 volume_on_disk(x->v, off), get_be32(b));
	if (alone)
		index = TAIL_LEN + (uint64_t)get_be32(b + x->dir_block - TAIL_LEN) * TAIL_ENTRY;
	if (index > x->dir_block - *at_out)
		return error_set(err, ERR_CORRUPT, "folder's block at byte %" PRIu64 ": an index of %" PRIu64 " bytes",
				 volume_on_disk(x->v, off), index);
	*end_out = x->dir_block - (size_t)index;
	return 0;
}

static int walk_entries(const struct xfs *x, const struct xfs_inode *folder, const uint8_t *b, uint64_t off,
			xfs_entry_fn fn, void *ctx, struct error *err)
{
	size_t at = 0, end = 0;

	if (find_entries(x, b, off, &at, &end, err) < 0)
		return -1;
	while (at < end) {
		size_t len = 0;
		int rc = 0;

		if (end - at >= ENTRY_NAME + 1) {
			bool unused = get_be16(b + at) == FREE_TAG;

			len = ENTRY_NAME + b[at + ENTRY_NAME_LEN] + (x->ftype ? 1U : 0U) + ENTRY_TAG;
			len = unused ? get_be16(b + at + FREE_LEN) : (size_t)align_down(len + 7, 8);
			if (len >= 8 && len % 8 == 0 && len <= end - at && !unused)
				rc = give(folder->number, (const char *)b + at + ENTRY_NAME, b[at + ENTRY_NAME_LEN],
					  get_be64(b + at), fn, ctx, err);
		} else if (end - at == 8 && get_be16(b + at) == FREE_TAG)
			len = get_be16(b + at + FREE_LEN);
		if (rc != 0)
			return rc;
		if (len < 8 || len % 8 != 0 || len > end - at)
			return error_set(err, ERR_CORRUPT,
					 "folder's block at byte %" PRIu64 ": an entry of %zu bytes at %zu",
					 volume_on_disk(x->v, off), len, at);
		at += len;
	}
	return 0;
}

static int walk_block(struct xfs *x, const struct xfs_inode *folder, uint8_t *b, uint64_t at, xfs_entry_fn fn,
		      void *ctx, struct error *err)
{
	const struct xfs_extent *e = xfs_map_find(folder, at);
	uint64_t off;

	if (!e || e->at > at || e->unwritten)
		return error_set(err, ERR_CORRUPT, "folder %" PRIu64 ": half a block at %" PRIu64, folder->number, at);
	if (xfs_block_off(x, e->fsblock + (at - e->at), 1, &off, err) < 0 ||
	    xfs_map_read(x, folder, b, x->dir_block, at << x->block_log, err) < 0 ||
	    xfs_check_seal(x, b, x->dir_block, off, &dir_seal, folder->number, "folder's block", err) < 0)
		return -1;
	return walk_entries(x, folder, b, off, fn, ctx, err);
}

int xfs_dir_walk(struct xfs *x, struct xfs_inode *folder, xfs_entry_fn fn, void *ctx, struct error *err)
{
	CLEANUP_FREE uint8_t *b = NULL;
	uint64_t per = x->dir_block >> x->block_log, end = INDEX_BYTES >> x->block_log, next = 0;

	if (folder->format == XFS_FORK_LOCAL)
		return walk_short(x, folder, fn, ctx, err);
	if (!folder->map && xfs_map_load(x, folder, err) < 0)
		return -1;
	b = malloc(x->dir_block);
	if (!b)
		return error_errno(err, ENOMEM, "XFS");
	for (size_t i = 0; i < folder->n_map; i++) {
		const struct xfs_extent *e = &folder->map[i];
		uint64_t at = e->at - e->at % per;

		for (at = at > next ? at : next; at < e->at + e->n && at < end; at += per) {
			int rc = walk_block(x, folder, b, at, fn, ctx, err);

			if (rc != 0)
				return rc;
			next = at + per;
		}
	}
	return 0;
}

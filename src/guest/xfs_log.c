/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the log was finished when the file system was unmounted: then its last record says so.  The end of the log is
 * where the numbers of its rounds (cycles), which begin each sector, go back by one.  Nothing is replayed.
 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "guest/xfs.h"

enum {
	SECTOR = 512,
	RECORD_CYCLE = 4,
	RECORD_VERSION = 8,
	RECORD_LEN = 12,
	RECORD_OPS = 40,
	RECORD_SIZE = 320,
	RECORD_V2 = 2,
	HEADER_BYTES = 32768, /* of a record, for each sector of its header */
	OP_FLAGS = 9,
	OP_UNMOUNT = 0x20,
	/* Sectors: a record has at most 256 KiB, a header, and room to the end of a stripe of as much. */
	LOOK_BACK = 1100,
};
#define RECORD_MAGIC 0xfeedbabeU

struct xfs_log {
	struct xfs *x;
	uint64_t off, sectors;
};

static int read_cycle(struct xfs_log *l, uint64_t at, uint32_t *out, struct error *err)
{
	uint8_t b[8];

	if (volume_read(l->x->v, b, sizeof(b), l->off + at * SECTOR, err) < 0)
		return -1;
	*out = get_be32(b) == RECORD_MAGIC ? get_be32(b + RECORD_CYCLE) : get_be32(b);
	return 0;
}

/* The first sector of `cycle`, which begins somewhere behind the first and reaches to the end. */
static int find_change(struct xfs_log *l, uint32_t cycle, uint64_t *out, struct error *err)
{
	uint64_t low = 0, high = l->sectors - 1; /* low is before, high is of it */

	while (high - low > 1) {
		uint64_t mid = low + (high - low) / 2;
		uint32_t here;

		if (read_cycle(l, mid, &here, err) < 0)
			return -1;
		if (here == cycle)
			high = mid;
		else
			low = mid;
	}
	*out = high;
	return 0;
}

/* Sectors of a record's header. */
static uint64_t header_len(const uint8_t *record)
{
	uint32_t size = get_be32(record + RECORD_SIZE);

	if (!(get_be32(record + RECORD_VERSION) & RECORD_V2) || size <= HEADER_BYTES)
		return 1;
	return ((uint64_t)size + HEADER_BYTES - 1) / HEADER_BYTES;
}

/* b holds the n sectors before the end of the log: is the last record of them that of an unmount? */
static enum xfs_log_state judge(const uint8_t *b, uint64_t n, uint64_t *record_out)
{
	for (uint64_t at = n; at > 0; at--) {
		const uint8_t *record = b + (at - 1) * SECTOR;
		uint64_t header, body;

		if (get_be32(record) != RECORD_MAGIC)
			continue;
		*record_out = at - 1;
		header = header_len(record);
		body = ((uint64_t)get_be32(record + RECORD_LEN) + SECTOR - 1) / SECTOR;
		if (get_be32(record + RECORD_OPS) != 1 || at - 1 + header + body != n || body == 0)
			return XFS_LOG_DIRTY;
		return b[(at - 1 + header) * SECTOR + OP_FLAGS] & OP_UNMOUNT ? XFS_LOG_CLEAN : XFS_LOG_DIRTY;
	}
	return XFS_LOG_NOT_SEEN;
}

/* The sectors before `end`, round the log's own end if need be. */
static int look_back(struct xfs_log *l, uint64_t end, enum xfs_log_state *out, uint64_t *off_out, struct error *err)
{
	uint64_t n = l->sectors < LOOK_BACK ? l->sectors : LOOK_BACK, first = end < n ? n - end : 0, record = 0;
	CLEANUP_FREE uint8_t *b = malloc(LOOK_BACK * SECTOR);

	if (!b)
		return error_errno(err, ENOMEM, "XFS");
	if (first > 0 && volume_read(l->x->v, b, first * SECTOR, l->off + (l->sectors - first) * SECTOR, err) < 0)
		return -1;
	if (volume_read(l->x->v, b + first * SECTOR, (n - first) * SECTOR, l->off + (end - (n - first)) * SECTOR, err) <
	    0)
		return -1;
	*out = judge(b, n, &record);
	*off_out = l->off + (record < first ? l->sectors - first + record : end - n + record) * SECTOR;
	return 0;
}

int xfs_log_look(struct xfs *x, enum xfs_log_state *out, uint64_t *off_out, struct error *err)
{
	struct xfs_log l = { .x = x };
	uint32_t first, last;
	uint64_t end;

	*out = XFS_LOG_NOT_SEEN;
	*off_out = 0;
	if (x->log_start == 0 || x->log_blocks < 2)
		return 0;
	if (xfs_block_off(x, x->log_start, x->log_blocks, &l.off, err) < 0)
		return error_prefix(err, "log");
	*off_out = l.off;
	l.sectors = (x->log_blocks << x->block_log) / SECTOR;
	if (read_cycle(&l, 0, &first, err) < 0 || read_cycle(&l, l.sectors - 1, &last, err) < 0)
		return -1;
	if (first == 0 && last == 0) { /* never written */
		*out = XFS_LOG_CLEAN;
		return 0;
	}
	end = l.sectors;
	if (first != last) {
		if (last != 0 && first != last + 1)
			return 0;
		if (find_change(&l, last, &end, err) < 0)
			return -1;
	}
	return look_back(&l, end, out, off_out, err);
}

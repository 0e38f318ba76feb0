/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker takes of a pass: a range of units, in disk order.  A worker has its range for itself: it reads a long
 * run of the disk from front to back, whatever the others do, and asks nobody for the next unit.
 */
#include <config.h>

#include "base/clock.h"
#include "replicate/engine_priv.h"

/* With the chain proven unchanged only unknown blocks are looked at. */
static void skip_known(struct run *r)
{
	struct block_hash hash;
	uint64_t from = r->front;

	while (r->front < r->blocks && blockmap_get(r->pass->map, r->front, &hash) != BLOCK_UNKNOWN) {
		r->front++;
		if (r->front % STOP_CHECK_BLOCKS == 0) {
			blockmap_drop_before(r->pass->map, r->front);
			if (run_stopped(r) || run_cancelled(r))
				break;
		}
	}
	if (r->front > from)
		progress_add(&r->pass->progress->bytes_done, run_bytes(r, from, r->front - from));
}

/* Blocks that come from unchanged files of the chain: as all of them if the chain is proven unchanged. */
static uint64_t proven_mask(const struct run *r, const struct scan_unit *u)
{
	uint64_t mask = 0;

	for (unsigned i = 0; r->pass->layers && i < u->count; i++)
		if (!(u->zero_mask >> i & 1) && layers_prove(r->pass->layers, u->blk + i))
			mask |= UINT64_C(1) << i;
	return r->pass->unchanged ? UINT64_MAX : mask;
}

/* 1: the unit at the front is in *u, and the front behind it; 0: nothing is left (or the run stopped); -1 with err. */
static int claim_unit(struct run *r, struct scan_unit *u, struct error *err)
{
	uint64_t off, end, unit_end, window;
	unsigned n;
	bool zero;

	if (r->pass->unchanged)
		skip_known(r);
	if (r->front >= r->blocks || run_stopped(r))
		return 0;
	*u = (struct scan_unit){ .blk = r->front };
	off = r->front * r->block_size;
	unit_end = (off / ENGINE_UNIT + 1) * ENGINE_UNIT;
	if (unit_end > r->content_size)
		unit_end = r->content_size;
	window = r->zeros.start;
	if (zeros_run(&r->zeros, off, r->content_size, &zero, &end, err) < 0)
		return -1;
	if (zero && end >= unit_end) {
		u->zero = true;
		u->count = end == r->content_size ? r->blocks - u->blk : end / r->block_size - u->blk;
	} else {
		n = (unsigned)((unit_end - off + r->block_size - 1) / r->block_size);
		if (zeros_mask(&r->zeros, off, unit_end, r->block_size, n, &u->zero_mask, err) < 0)
			return -1;
		while (u->zero_mask >> (n - 1) & 1)
			n--; /* zero to the unit's end: the next claim, which may go on into further units */
		u->count = n;
		u->proven_mask = proven_mask(r, u);
	}
	r->front += u->count;
	if (r->zeros.start != window)
		blockmap_drop_before(r->pass->map, r->zeros.start / r->block_size);
	return 1;
}

/* Towards the end ranges get shorter, so that the workers end together; a small disk is claimed a unit at a time. */
static unsigned range_len(const struct run *r)
{
	uint64_t left = (r->blocks - r->front) * r->block_size / ENGINE_UNIT / (4 * r->e->n_workers);

	return left < 1 ? 1 : left < SCAN_RANGE_UNITS ? (unsigned)left : SCAN_RANGE_UNITS;
}

int claim_range(struct run *r, struct scan_range *range, struct error *err)
{
	struct scan_unit *u;
	unsigned max;
	int rc = 1;

	range->n = range->at = 0;
	if (r->pass->until_ns > 0 && clock_boottime_ns() >= r->pass->until_ns)
		return 0;
	LOCK_SCOPE(&r->claim_lock);
	max = range_len(r);
	while (rc > 0 && range->n < max) {
		u = &range->unit[range->n];
		rc = claim_unit(r, u, range->n > 0 ? NULL : err); /* what is bad further on fails when it is first */
		if (rc > 0)
			range->n++;
		if (rc > 0 && u->zero)
			break;
	}
	return range->n > 0 ? 1 : rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workers' part of a pass: claim a piece of the disk, read it, test for zero, hash, compare with the map, turn
 * what differs into operations.  Hashing is cheaper than handing a buffer to another core: it is done where the data was
 * read, while it is in cache.
 *
 * Claims are made in disk order under the run's claim_lock.  A claim is either
 *   data   blocks of one unit, at most ENGINE_UNIT bytes; those known to be zero are marked and not read
 *   zero   a run of blocks that are known to be zero, of any length; nothing is read
 */
#include <config.h>

#include <string.h>

#include "base/io.h"
#include "replicate/engine_priv.h"

/* A zero run looks whether the pass has stopped each so many blocks. */
#define STOP_CHECK_BLOCKS 65536

struct claim {
	uint64_t blk, count;
	bool zero;
	uint64_t zero_mask;   /* of data: bit i, block blk + i is known to be zero */
	uint64_t proven_mask; /* of data: it is what the map says, if the map knows it */
};

static void count_relaxed(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* Bytes of `count` blocks from blk on; the last one may be short. */
static uint64_t bytes_of(const struct run *r, uint64_t blk, uint64_t count)
{
	uint64_t off = blk * r->block_size, len = count * r->block_size;

	return len < r->content_size - off ? len : r->content_size - off;
}

static enum block_state state_of(const struct run *r, uint64_t blk)
{
	struct block_hash hash;

	return blockmap_get(r->pass->map, blk, &hash);
}

/* With the chain proven unchanged only unknown blocks are looked at. */
static void skip_known(struct run *r)
{
	uint64_t from = r->front;

	while (r->front < r->blocks && state_of(r, r->front) != BLOCK_UNKNOWN) {
		r->front++;
		if (r->front % STOP_CHECK_BLOCKS == 0) {
			blockmap_drop_before(r->pass->map, r->front);
			if (run_stopped(r) || run_cancelled(r))
				break;
		}
	}
	if (r->front > from)
		count_relaxed(&r->pass->progress->bytes_done, bytes_of(r, from, r->front - from));
}

/* Blocks that come from unchanged files of the chain: as all of them if the chain is proven unchanged. */
static uint64_t proven_mask(const struct run *r, const struct claim *c)
{
	uint64_t mask = 0;

	for (unsigned i = 0; r->pass->layers && i < c->count; i++)
		if (!(c->zero_mask >> i & 1) && layers_prove(r->pass->layers, c->blk + i))
			mask |= UINT64_C(1) << i;
	return r->pass->unchanged ? UINT64_MAX : mask;
}

/* 1: claimed; 0: nothing is left (or the run stopped); -1 with err. */
static int claim(struct run *r, struct claim *c, struct error *err)
{
	uint64_t off, end, unit_end, window;
	unsigned n;
	bool zero;

	LOCK_SCOPE(&r->claim_lock);
	if (r->pass->unchanged)
		skip_known(r);
	if (r->front >= r->blocks || run_stopped(r))
		return 0;
	*c = (struct claim){ .blk = r->front };
	off = r->front * r->block_size;
	unit_end = (off / ENGINE_UNIT + 1) * ENGINE_UNIT;
	if (unit_end > r->content_size)
		unit_end = r->content_size;
	window = r->zeros.start;
	if (zeros_run(&r->zeros, off, r->content_size, &zero, &end, err) < 0)
		return -1;
	if (zero && end >= unit_end) {
		c->zero = true;
		c->count = end == r->content_size ? r->blocks - c->blk : end / r->block_size - c->blk;
	} else {
		n = (unsigned)((unit_end - off + r->block_size - 1) / r->block_size);
		if (zeros_mask(&r->zeros, off, unit_end, r->block_size, n, &c->zero_mask, err) < 0)
			return -1;
		while (c->zero_mask >> (n - 1) & 1)
			n--; /* zero to the unit's end: the next claim, which may go on into further units */
		c->count = n;
		c->proven_mask = proven_mask(r, c);
	}
	r->front += c->count;
	if (r->zeros.start != window)
		blockmap_drop_before(r->pass->map, r->zeros.start / r->block_size);
	return 1;
}

static bool must_read(const struct run *r, const struct claim *c, unsigned i)
{
	if (c->zero_mask >> i & 1)
		return false;
	return !(c->proven_mask >> i & 1) || state_of(r, c->blk + i) == BLOCK_UNKNOWN;
}

/* The content as the replica is to hold it: zeros beyond the source's end. */
static int read_content(struct run *r, uint8_t *buf, uint64_t len, uint64_t off, struct error *err)
{
	uint64_t size = disk_size(r->pass->source), from_source = 0;

	if (off < size)
		from_source = size - off < len ? size - off : len;
	if (from_source > 0 && disk_read(r->pass->source, buf, (size_t)from_source, off, err) < 0)
		return -1;
	memset(buf + from_source, 0, (size_t)(len - from_source));
	count_relaxed(&r->pass->progress->bytes_read, from_source);
	return 0;
}

/* What to do about block i of the slot; data NULL: it is known to be zero. */
static void judge(struct run *r, struct slot *s, unsigned i, const uint8_t *data)
{
	uint64_t blk = s->first + i, len = bytes_of(r, blk, 1);
	bool zero = !data || io_is_zero(data, (size_t)len);
	struct coalesce_block *b = &s->blocks[i];
	struct block_hash known;
	enum block_state state = blockmap_get(r->pass->map, blk, &known);

	*b = (struct coalesce_block){ .blk = blk, .action = COALESCE_SKIP, .known_zero_before = state == BLOCK_ZERO };
	if (r->pass->unchanged && state != BLOCK_UNKNOWN)
		return;
	if (zero) {
		if (state != BLOCK_ZERO)
			b->action = COALESCE_CLEAR;
	} else {
		hasher_hash(&r->hasher, data, (size_t)len, &s->hash[i]);
		count_relaxed(&r->pass->progress->blocks_hashed, 1);
		if (state != BLOCK_HASHED || !block_hash_equal(&known, &s->hash[i]))
			b->action = COALESCE_WRITE;
	}
	if (b->action != COALESCE_SKIP)
		count_relaxed(&r->pass->progress->blocks_changed, 1);
}

/* A block that the evidence proves to be what the map says. */
static void skip(struct run *r, struct slot *s, unsigned i)
{
	count_relaxed(&r->pass->progress->blocks_proven, 1);
	s->blocks[i] = (struct coalesce_block){ .blk = s->first + i, .action = COALESCE_SKIP };
}

/*
 * Blocks that are to be written move from the worker's piece, which stays in the cache, to their place in the slot.  Most
 * passes write little: then a slot's memory is not even touched.
 */
static void keep_changed(const struct run *r, struct slot *s, unsigned from, unsigned to, const uint8_t *piece)
{
	for (unsigned i = from; i < to; i++)
		if (s->blocks[i].action == COALESCE_WRITE)
			memcpy(s->data + i * r->block_size, piece + (i - from) * r->block_size,
			       (size_t)bytes_of(r, s->first + i, 1));
}

static int scan_data(struct run *r, struct slot *s, uint8_t *piece_buf, const struct claim *c, struct error *err)
{
	unsigned n = (unsigned)c->count, to;
	uint64_t piece = SCAN_PIECE / r->block_size;

	if (piece == 0)
		piece = 1;
	s->first = c->blk;
	for (unsigned from = 0; from < n; from = to) {
		uint64_t at = from * r->block_size;
		uint8_t *buf = r->block_size > SCAN_PIECE ? s->data + at : piece_buf;

		for (to = from; to < n && to - from < piece && must_read(r, c, to); to++)
			;
		if (to == from) {
			if (c->zero_mask >> from & 1)
				judge(r, s, from, NULL);
			else
				skip(r, s, from);
			to++;
			continue;
		}
		if (run_stopped(r))
			return 0;
		if (read_content(r, buf, bytes_of(r, c->blk + from, to - from), c->blk * r->block_size + at,
				 err) < 0)
			return -1;
		for (unsigned i = from; i < to; i++)
			judge(r, s, i, buf + (i - from) * r->block_size);
		if (buf == piece_buf)
			keep_changed(r, s, from, to, buf);
	}
	slot_build_ops(s, n, bytes_of(r, c->blk, n), r->block_size);
	return 0;
}

static bool must_clear(const struct run *r, uint64_t blk)
{
	enum block_state state = state_of(r, blk);

	return r->pass->unchanged ? state == BLOCK_UNKNOWN : state != BLOCK_ZERO;
}

/* Returns the slot that holds the last operations, or NULL if the run stopped while waiting for one. */
static struct slot *scan_zero(struct run *r, struct slot *s, const struct claim *c)
{
	uint64_t end = c->blk + c->count, from;
	struct coalesce_op op;

	for (uint64_t blk = c->blk; blk < end; blk++) {
		if (blk % STOP_CHECK_BLOCKS == 0 && (run_stopped(r) || run_cancelled(r)))
			break;
		if (!must_clear(r, blk))
			continue;
		for (from = blk; blk + 1 < end && must_clear(r, blk + 1); blk++)
			;
		if (s->n_ops == SLOT_BLOCKS) {
			run_queue(r, s);
			s = run_slot_get(r);
			if (!s)
				return NULL;
		}
		op = (struct coalesce_op){ .blk = from, .count = blk + 1 - from, .off = from * r->block_size };
		op.len = bytes_of(r, from, op.count);
		slot_add_op(s, &op);
		count_relaxed(&r->pass->progress->blocks_changed, op.count);
	}
	return s;
}

bool scan_step(struct run *r, struct slot *s, uint8_t *piece)
{
	struct error err = ERROR_INIT;
	struct claim c;
	int rc = run_cancelled(r) ? 0 : claim(r, &c, &err);
	bool claimed = rc > 0;

	if (claimed && c.zero)
		s = scan_zero(r, s, &c);
	else if (claimed)
		rc = scan_data(r, s, piece, &c, &err);
	if (rc < 0)
		run_fail(r, &err);
	else if (claimed && !run_stopped(r))
		count_relaxed(&r->pass->progress->bytes_done, bytes_of(r, c.blk, c.count));
	if (!s)
		return claimed;
	if (rc >= 0 && s->n_ops > 0)
		run_queue(r, s);
	else
		run_slot_put(r, s);
	return claimed;
}

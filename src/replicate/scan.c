/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workers' part of a pass: read what was claimed (claim.c), test for zero, hash, compare with the map, turn what
 * differs into operations.  Hashing is cheaper than handing a buffer to another core: it is done where the data was
 * read, while it is in cache.
 */
#include <config.h>

#include <string.h>
#include <sys/resource.h>

#include "base/io.h"
#include "replicate/engine_priv.h"

/* After a read that had to wait, so many more are taken to come from the storage rather than from the page cache. */
#define COLD_PIECES 64

static enum block_state state_of(const struct run *r, uint64_t blk)
{
	struct block_hash hash;

	return blockmap_get(r->pass->map, blk, &hash);
}

static bool must_read(const struct run *r, const struct scan_unit *c, unsigned i)
{
	if (c->zero_mask >> i & 1)
		return false;
	return !(c->proven_mask >> i & 1) || state_of(r, c->blk + i) == BLOCK_UNKNOWN;
}

/* What this thread waited for so far: a read during which it slept waited for the storage, and so did a fault that is major. */
static struct scan_waits waits_now(void)
{
	struct rusage use = { 0 };

	getrusage(RUSAGE_THREAD, &use);
	return (struct scan_waits){ .sleeps = use.ru_nvcsw, .faults = use.ru_majflt };
}

static void note_wait(struct worker *w, bool waited)
{
	if (waited)
		w->cold_pieces = COLD_PIECES;
	else if (w->cold_pieces > 0)
		w->cold_pieces--;
	w->waits = waits_now();
}

/* The content as the replica is to hold it: zeros beyond the source's end. */
static int read_content(struct run *r, struct worker *w, uint8_t *buf, uint64_t len, uint64_t off, struct error *err)
{
	uint64_t size = disk_size(r->pass->source), from_source = 0;

	if (off < size)
		from_source = size - off < len ? size - off : len;
	if (from_source > 0 && disk_read(r->pass->source, buf, (size_t)from_source, off, err) < 0)
		return -1;
	note_wait(w, waits_now().sleeps != w->waits.sleeps);
	memset(buf + from_source, 0, (size_t)(len - from_source));
	progress_add(&r->pass->progress->bytes_read, from_source);
	return 0;
}

/* What to do about block i of the slot; data NULL: it is known to be zero. */
static void judge(struct run *r, struct worker *w, struct slot *s, unsigned i, const uint8_t *data)
{
	uint64_t blk = s->first + i, len = run_bytes(r, blk, 1);
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
		w->hashed++;
		if (state != BLOCK_HASHED || !block_hash_equal(&known, &s->hash[i]))
			b->action = COALESCE_WRITE;
	}
	if (b->action != COALESCE_SKIP)
		progress_add(&r->pass->progress->blocks_changed, 1);
}

/* A block that the evidence proves to be what the map says. */
static void skip(struct run *r, struct slot *s, unsigned i)
{
	progress_add(&r->pass->progress->blocks_proven, 1);
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
			       (size_t)run_bytes(r, s->first + i, 1));
}

/*
 * Blocks of the unit that need not be read since they are what the map says.  No look is taken where it would be the slower way:
 * while reads wait for the storage, which a mapping asks for a little at a time, and for a while where much has changed.
 */
static uint64_t peek_unit(struct run *r, struct worker *w, const struct scan_unit *u)
{
	uint64_t inside = disk_size(r->pass->source) / r->block_size, same = 0;
	unsigned n = u->blk >= inside ? 0 : inside - u->blk < u->count ? (unsigned)(inside - u->blk) : (unsigned)u->count, to;

	if (w->no_peeks > 0 || w->cold_pieces > 0) {
		w->no_peeks -= w->no_peeks > 0;
		return 0;
	}
	for (unsigned from = 0; from < n; from = to) {
		for (to = from; to < n && must_read(r, u, to); to++)
			;
		if (to == from) {
			to++;
			continue;
		}
		same |= peek_blocks(r, w, u->blk + from, to - from) << from;
	}
	note_wait(w, waits_now().faults != w->waits.faults); /* it sleeps for other mappings of the process, too */
	return same;
}

static int scan_data(struct run *r, struct slot *s, struct worker *w, const struct scan_unit *c, struct error *err)
{
	unsigned n = (unsigned)c->count, to;
	uint64_t piece = SCAN_PIECE / r->block_size, same;

	if (piece == 0)
		piece = 1;
	s->first = c->blk;
	w->waits = waits_now();
	same = peek_unit(r, w, c);
	for (unsigned from = 0; from < n; from = to) {
		uint64_t at = from * r->block_size;
		uint8_t *buf = r->block_size > SCAN_PIECE ? s->data + at : w->piece;

		for (to = from; to < n && to - from < piece && !(same >> to & 1) && must_read(r, c, to); to++)
			;
		if (to == from) {
			if (same >> from & 1)
				s->blocks[from] = (struct coalesce_block){ .blk = c->blk + from, .action = COALESCE_SKIP };
			else if (c->zero_mask >> from & 1)
				judge(r, w, s, from, NULL);
			else
				skip(r, s, from);
			to++;
			continue;
		}
		if (run_stopped(r))
			return 0;
		if (read_content(r, w, buf, run_bytes(r, c->blk + from, to - from), c->blk * r->block_size + at,
				 err) < 0)
			return -1;
		for (unsigned i = from; i < to; i++)
			judge(r, w, s, i, buf + (i - from) * r->block_size);
		if (buf == w->piece)
			keep_changed(r, s, from, to, buf);
	}
	slot_build_ops(s, n, run_bytes(r, c->blk, n), r->block_size);
	return 0;
}

static bool must_clear(const struct run *r, uint64_t blk)
{
	enum block_state state = state_of(r, blk);

	return r->pass->unchanged ? state == BLOCK_UNKNOWN : state != BLOCK_ZERO;
}

/* Returns the slot that holds the last operations, or NULL if the run stopped while waiting for one. */
static struct slot *scan_zero(struct run *r, struct slot *s, const struct scan_unit *c)
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
		op.len = run_bytes(r, from, op.count);
		slot_add_op(s, &op);
		progress_add(&r->pass->progress->blocks_changed, op.count);
	}
	return s;
}

bool scan_step(struct run *r, struct scan_range *range, struct slot **slot, struct worker *w)
{
	struct error err = ERROR_INIT;
	struct slot *s = *slot;
	const struct scan_unit *u;
	int rc = run_cancelled(r) ? 0 : 1;

	*slot = NULL;
	if (rc > 0 && range->at == range->n)
		rc = claim_range(r, range, &err);
	if (rc > 0) {
		u = &range->unit[range->at];
		w->hashed = 0;
		if (u->zero)
			s = scan_zero(r, s, u);
		else if (scan_data(r, s, w, u, &err) < 0)
			rc = -1;
		range->at++;
		progress_add(&r->pass->progress->blocks_hashed, w->hashed);
		if (rc > 0 && !run_stopped(r))
			progress_add(&r->pass->progress->bytes_done, run_bytes(r, u->blk, u->count));
	}
	if (rc < 0)
		run_fail(r, &err);
	if (s && rc > 0 && s->n_ops > 0)
		run_queue(r, s);
	else if (s && s->n_ops == 0)
		*slot = s;
	else if (s)
		run_slot_put(r, s);
	return rc > 0;
}

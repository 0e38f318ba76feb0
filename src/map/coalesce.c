/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>

#include "base/io.h"
#include "map/coalesce.h"

static uint64_t block_end(const struct coalesce_unit *u, size_t i)
{
	uint64_t end = (i + 1) * u->block_size;

	return end < u->len ? end : u->len;
}

static bool sector_is_zero(const struct coalesce_unit *u, uint64_t at)
{
	return io_is_zero(u->data + at, COALESCE_SECTOR);
}

/* Blocks from i on that one operation can take. */
static size_t run_length(const struct coalesce_unit *u, size_t i)
{
	size_t n = 1;

	while (i + n < u->n && u->blocks[i + n].action == u->blocks[i].action &&
	       (u->blocks[i].action == COALESCE_CLEAR || block_end(u, i + n) - i * u->block_size <= COALESCE_WRITE_MAX))
		n++;
	return n;
}

/* The part of blocks [first, first + n) that must be sent; from == to: nothing. */
static void trim(const struct coalesce_unit *u, size_t first, size_t n, uint64_t *from_out, uint64_t *to_out)
{
	uint64_t from = first * u->block_size, to = block_end(u, first + n - 1);

	while (from < to && u->blocks[from / u->block_size].known_zero_before && sector_is_zero(u, from))
		from += COALESCE_SECTOR;
	while (to > from && u->blocks[(to - 1) / u->block_size].known_zero_before &&
	       sector_is_zero(u, to - COALESCE_SECTOR))
		to -= COALESCE_SECTOR;
	*from_out = from;
	*to_out = to;
}

size_t coalesce(const struct coalesce_unit *u, struct coalesce_op *ops)
{
	size_t filled = 0, n;

	assert(u->block_size <= COALESCE_WRITE_MAX && u->block_size % COALESCE_SECTOR == 0 &&
	       u->len % COALESCE_SECTOR == 0);
	assert(u->n == 0 || (u->len > (u->n - 1) * u->block_size && u->len <= u->n * u->block_size));
	for (size_t i = 0; i < u->n; i += n) {
		uint64_t from = i * u->block_size, to;
		bool clear;

		n = run_length(u, i);
		if (u->blocks[i].action == COALESCE_SKIP)
			continue;
		to = block_end(u, i + n - 1);
		clear = u->blocks[i].action == COALESCE_CLEAR;
		if (!clear) {
			uint64_t send_from, send_to;

			trim(u, i, n, &send_from, &send_to);
			clear = send_from == send_to;
			if (!clear) {
				from = send_from;
				to = send_to;
			}
		}
		ops[filled] = (struct coalesce_op){
			.off = u->off + from,
			.len = to - from,
			.data = clear ? NULL : u->data + from,
			.blk = u->blocks[i].blk,
			.count = n,
		};
		if (filled == 0 || !coalesce_join_clears(&ops[filled - 1], &ops[filled]))
			filled++;
	}
	return filled;
}

bool coalesce_join_clears(struct coalesce_op *a, const struct coalesce_op *b)
{
	if (a->data || b->data || a->off + a->len != b->off || a->blk + a->count != b->blk)
		return false;
	a->len += b->len;
	a->count += b->count;
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is unchanged, found without a copy.  Of a disk in the page cache a scan's time is the copy that a read makes; hashed
 * where they lie, unchanged blocks need none.
 *
 * Only the answer "it is what the map says" is taken from such a look.  Whatever differs, and whatever could not be looked at,
 * a file that was cut short included, is read as ever: what is sent and what fails comes from that read.
 */
#include <config.h>

#include "base/fault.h"
#include "base/io.h"
#include "replicate/engine_priv.h"

/* Units that are read without a look behind one in which more than a quarter of the blocks differed. */
#define PEEK_PAUSE 16

struct look {
	const struct run *r;
	const uint8_t *data;
	unsigned n;
	uint64_t same, hashed;
	enum block_state state[SLOT_BLOCKS];
	struct block_hash known[SLOT_BLOCKS];
};

/* Under fault_guard(): nothing but arithmetic on what is known already. */
static void look_at(void *ctx)
{
	struct look *l = ctx;
	size_t len = (size_t)l->r->block_size;
	struct block_hash hash;

	for (unsigned i = 0; i < l->n; i++) {
		const uint8_t *block = l->data + i * len;
		bool same;

		if (io_is_zero(block, len)) {
			same = l->state[i] == BLOCK_ZERO;
		} else {
			hasher_hash(&l->r->hasher, block, len, &hash);
			same = l->state[i] == BLOCK_HASHED && block_hash_equal(&hash, &l->known[i]);
			l->hashed += same;
		}
		l->same |= (uint64_t)same << i;
	}
}

uint64_t peek_blocks(struct run *r, struct worker *w, uint64_t blk, unsigned n)
{
	struct look l = { .r = r, .n = n };
	struct disk_view view;

	for (unsigned i = 0; i < n; i++) {
		l.state[i] = blockmap_get(r->pass->map, blk + i, &l.known[i]);
		if (l.state[i] == BLOCK_UNKNOWN)
			return 0;
	}
	if (!disk_view_open(r->pass->source, (size_t)(n * r->block_size), blk * r->block_size, &view))
		return 0;
	l.data = view.data;
	if (!fault_guard(view.map, view.map_len, look_at, &l))
		l.same = l.hashed = 0;
	disk_view_close(&view);
	if ((unsigned)__builtin_popcountll(l.same) < n - n / 4)
		w->no_peeks = PEEK_PAUSE;
	for (unsigned i = 0; i < n; i++)
		if (l.same >> i & 1)
			progress_add(&r->pass->progress->bytes_read, r->block_size);
	w->hashed += l.hashed;
	return l.same;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "guest/btrfs.h"

enum {
	CHUNK_LEN = 0,
	CHUNK_STRIPE_LEN = 16,
	CHUNK_FLAGS = 24,
	CHUNK_STRIPES = 44,
	CHUNK_HEADER = 48,
	STRIPE_DEVICE = 0,
	STRIPE_OFF = 8,
	STRIPE_BYTES = 32,

	FLAG_RAID0 = 8,
	FLAG_RAID1 = 0x10,
	FLAG_DUP = 0x20,
	FLAG_RAID1_MORE = 0x600,
	FLAG_PROFILES = 0x7f8, /* RAID10, RAID5 and RAID6 have more than one device */
};

static bool take_stripes(struct btrfs_chunk *chunk, const uint8_t *p, unsigned n, uint64_t device)
{
	uint64_t profile = chunk->flags & FLAG_PROFILES;

	if (n > BTRFS_STRIPES_MAX || (profile == 0 && n != 1) ||
	    (profile & ~(uint64_t)(FLAG_RAID0 | FLAG_RAID1 | FLAG_DUP | FLAG_RAID1_MORE)))
		return false;
	chunk->striped = profile & FLAG_RAID0;
	for (unsigned i = 0; i < n; i++, p += STRIPE_BYTES) {
		chunk->at[i] = get_le64(p + STRIPE_OFF);
		if (get_le64(p + STRIPE_DEVICE) != device || !range_ok(chunk->at[i], chunk->len, INT64_MAX))
			return false;
	}
	return true;
}

int btrfs_chunk_add(struct btrfs_chunks *c, const struct btrfs_key *key, const uint8_t *p, size_t len, uint64_t device,
		    size_t *used_out, struct error *err)
{
	struct btrfs_chunk chunk = { .logical = key->off }, *v;
	unsigned n;

	if (key->type != BTRFS_CHUNK_ITEM || len < CHUNK_HEADER)
		return error_set(err, ERR_CORRUPT, "a chunk of %zu bytes, of type %u", len, key->type);
	n = get_le16(p + CHUNK_STRIPES);
	chunk.len = get_le64(p + CHUNK_LEN);
	chunk.stripe_len = get_le64(p + CHUNK_STRIPE_LEN);
	chunk.flags = get_le64(p + CHUNK_FLAGS);
	if (n == 0 || !range_ok(CHUNK_HEADER, (uint64_t)n * STRIPE_BYTES, len) || chunk.len == 0 ||
	    !range_ok(chunk.logical, chunk.len, INT64_MAX) || !is_pow2(chunk.stripe_len) || chunk.stripe_len < 4096)
		return error_set(err, ERR_CORRUPT, "chunk %" PRIu64 "+%" PRIu64 ": %u stripes of %" PRIu64,
				 chunk.logical, chunk.len, n, chunk.stripe_len);
	if (take_stripes(&chunk, p + CHUNK_HEADER, n, device))
		chunk.n = n;
	if (c->n == BTRFS_CHUNKS_MAX)
		return error_set(err, ERR_UNSUPPORTED, "more than %d chunks", BTRFS_CHUNKS_MAX);
	if (is_pow2(c->n) || c->n == 0) {
		v = reallocarray(c->v, c->n ? c->n * 2 : 1, sizeof(*v));
		if (!v)
			return error_errno(err, ENOMEM, "Btrfs");
		c->v = v;
	}
	c->v[c->n++] = chunk;
	*used_out = CHUNK_HEADER + (size_t)n * STRIPE_BYTES;
	return 0;
}

static int compare_chunks(const void *a, const void *b)
{
	const struct btrfs_chunk *x = a, *y = b;

	return x->logical == y->logical ? 0 : x->logical < y->logical ? -1 : 1;
}

int btrfs_chunks_sort(struct btrfs_chunks *c, struct error *err)
{
	if (c->n > 0)
		qsort(c->v, c->n, sizeof(*c->v), compare_chunks);
	for (size_t i = 1; i < c->n; i++)
		if (c->v[i].logical - c->v[i - 1].logical < c->v[i - 1].len)
			return error_set(err, ERR_CORRUPT, "chunks %" PRIu64 " and %" PRIu64 " overlap",
					 c->v[i - 1].logical, c->v[i].logical);
	return 0;
}

void btrfs_chunks_fini(struct btrfs_chunks *c)
{
	free(c->v);
	*c = (struct btrfs_chunks){ 0 };
}

int btrfs_map(const struct btrfs *b, uint64_t logical, unsigned copy, uint64_t *off_out, uint64_t *len_out,
	      struct error *err)
{
	const struct btrfs_chunk *chunk;
	uint64_t within, row, part;
	size_t low = 0, high = b->chunks.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (b->chunks.v[mid].logical <= logical)
			low = mid + 1;
		else
			high = mid;
	}
	chunk = low > 0 ? &b->chunks.v[low - 1] : NULL;
	if (!chunk || logical - chunk->logical >= chunk->len)
		return error_set(err, ERR_CORRUPT, "address %" PRIu64 ": in no chunk", logical);
	if (chunk->n == 0)
		return error_set(err, ERR_UNSUPPORTED,
				 "address %" PRIu64 ": in a chunk of kind %#" PRIx64 ", or on another device", logical,
				 chunk->flags);
	within = logical - chunk->logical;
	if (!chunk->striped) {
		if (copy >= chunk->n)
			return 0;
		*off_out = chunk->at[copy] + within; /* too much fits no volume, and reads nothing */
		*len_out = chunk->len - within;
		return 1;
	}
	if (copy > 0)
		return 0;
	row = within / chunk->stripe_len;
	part = within % chunk->stripe_len;
	*off_out = chunk->at[row % chunk->n] + row / chunk->n * chunk->stripe_len + part;
	*len_out = chunk->stripe_len - part;
	if (*len_out > chunk->len - within)
		*len_out = chunk->len - within;
	return 1;
}

int btrfs_read_logical(struct btrfs *b, void *buf, size_t len, uint64_t logical, struct error *err)
{
	uint8_t *p = buf;

	while (len > 0) {
		uint64_t off, part;

		if (btrfs_map(b, logical, 0, &off, &part, err) < 0)
			return -1;
		part = part < len ? part : len;
		if (volume_read(b->v, p, part, off, err) < 0)
			return -1;
		p += part;
		logical += part;
		len -= part;
	}
	return 0;
}

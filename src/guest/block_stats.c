/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/io.h"
#include "guest/block_stats.h"

#define PIECE ((size_t)1 << 20)
#define WINDOW (UINT64_C(1) << 30) /* of extents asked for at once */

struct entry {
	uint64_t lo, hi;
	uint64_t n; /* blocks with this hash; 0: a free place */
};

struct block_stats {
	struct entry *v;
	size_t room, used; /* filled to three quarters at most */
	unsigned k;
	uint64_t zero, others, sampled;
};

struct block_stats *block_stats_new(size_t room, struct error *err)
{
	struct block_stats *s = calloc(1, sizeof(*s));

	assert(is_pow2(room) && room >= 64);
	if (s) {
		s->room = room;
		s->v = calloc(room, sizeof(*s->v));
	}
	if (!s || !s->v) {
		block_stats_free(s);
		error_errno(err, ENOMEM, "block statistics");
		return NULL;
	}
	return s;
}

void block_stats_free(struct block_stats *s)
{
	if (!s)
		return;
	free(s->v);
	free(s);
}

static bool is_sampled(const struct block_stats *s, uint64_t lo)
{
	return (lo & ((UINT64_C(1) << s->k) - 1)) == 0;
}

/* Where it is, or the free place where it belongs: there always is one.  hi chooses: lo's low bits are those of the
 * sample. */
static struct entry *find(const struct block_stats *s, uint64_t lo, uint64_t hi)
{
	size_t at = hi & (s->room - 1);

	while (s->v[at].n != 0 && (s->v[at].hi != hi || s->v[at].lo != lo))
		at = (at + 1) & (s->room - 1);
	return &s->v[at];
}

/* Behind a place that becomes free, those that had to give way to it move up: a search ends at a free place. */
static void take_out(struct block_stats *s, size_t at)
{
	size_t mask = s->room - 1;

	s->sampled -= s->v[at].n;
	s->used--;
	for (size_t i = (at + 1) & mask; s->v[i].n != 0; i = (i + 1) & mask) {
		size_t home = s->v[i].hi & mask;

		if (((i - home) & mask) < ((i - at) & mask))
			continue;
		s->v[at] = s->v[i];
		at = i;
	}
	s->v[at].n = 0;
}

/* About half of them go. */
static void thin_out(struct block_stats *s)
{
	s->k++;
	for (size_t i = 0; i < s->room; i++)
		while (s->v[i].n != 0 && !is_sampled(s, s->v[i].lo))
			take_out(s, i);
}

static void put(struct block_stats *s, uint64_t lo, uint64_t hi, uint64_t n)
{
	struct entry *e;

	if (!is_sampled(s, lo))
		return;
	e = find(s, lo, hi);
	if (e->n == 0) {
		*e = (struct entry){ .lo = lo, .hi = hi };
		s->used++;
	}
	e->n += n;
	s->sampled += n;
	while (s->used > s->room / 4 * 3 && s->k < 63)
		thin_out(s);
}

void block_stats_add(struct block_stats *s, uint64_t lo, uint64_t hi)
{
	s->others++;
	put(s, lo, hi, 1);
}

void block_stats_add_zeros(struct block_stats *s, uint64_t blocks)
{
	s->zero += blocks;
}

void block_stats_merge(struct block_stats *s, const struct block_stats *from)
{
	s->zero += from->zero;
	s->others += from->others;
	while (s->k < from->k)
		thin_out(s);
	for (size_t i = 0; i < from->room; i++)
		if (from->v[i].n != 0)
			put(s, from->v[i].lo, from->v[i].hi, from->v[i].n);
}

static double square_root(double x)
{
	double r = x > 1 ? x : 1;

	for (int i = 0; i < 60; i++) /* Newton's, from above */
		r = (r + x / r) / 2;
	return x > 0 ? r : 0;
}

void block_stats_shares(const struct block_stats *s, struct block_shares *out)
{
	double all = (double)s->others, scale = (double)(UINT64_C(1) << s->k), distinct = (double)s->used * scale;

	*out = (struct block_shares){ .blocks = s->zero + s->others, .zero = s->zero, .sampled = s->sampled };
	if (s->others == 0)
		return;
	/* How many there are is known; how many different ones, each being in the sample with 1 / scale, is estimated.
	 */
	out->duplicate = 1 - distinct / all;
	out->duplicate = out->duplicate < 0 ? 0 : out->duplicate;
	if (s->k > 0)
		out->error = square_root((double)s->used * (1 - 1 / scale)) * scale / all;
}

static int scan_data(struct block_stats *s, struct disk *d, uint64_t off, uint64_t len, block_hash_fn hash,
		     const void *hash_ctx, uint8_t *buf, struct cancel *cancel, struct error *err)
{
	while (len > 0) {
		size_t n = len < PIECE ? (size_t)len : PIECE;

		if (cancel_check(cancel, err) < 0 || disk_read(d, buf, n, off, err) < 0)
			return -1;
		for (size_t at = 0; at < n; at += BLOCK_STATS_BLOCK) {
			size_t block = n - at < BLOCK_STATS_BLOCK ? n - at : BLOCK_STATS_BLOCK;
			uint64_t lo, hi;

			if (io_is_zero(buf + at, block)) {
				block_stats_add_zeros(s, 1);
				continue;
			}
			hash(hash_ctx, buf + at, block, &lo, &hi);
			block_stats_add(s, lo, hi);
		}
		off += n;
		len -= n;
	}
	return 0;
}

/* Blocks from off on that all may hold data, or all do not. */
static uint64_t next_run(const struct extent_list *extents, uint64_t off, uint64_t end, bool *has_data)
{
	uint64_t at = off;
	bool data;

	do {
		uint64_t n = end - at < BLOCK_STATS_BLOCK ? end - at : BLOCK_STATS_BLOCK;

		data = extent_list_has_data(extents, at, n);
		if (at == off)
			*has_data = data;
		else if (data != *has_data)
			break;
		at += n;
	} while (at < end);
	return at - off;
}

int block_stats_scan(struct block_stats *s, struct disk *d, block_hash_fn hash, const void *hash_ctx,
		     struct cancel *cancel, struct error *err)
{
	CLEANUP(cleanup_extent_list) struct extent_list extents = { 0 };
	CLEANUP_FREE uint8_t *buf = malloc(PIECE);
	uint64_t size = disk_size(d);
	bool has_data = false;

	if (!buf)
		return error_errno(err, ENOMEM, "block statistics");
	for (uint64_t start = 0; start < size; start += WINDOW) {
		uint64_t end = size - start < WINDOW ? size : start + WINDOW;

		extent_list_clear(&extents);
		if (cancel_check(cancel, err) < 0 || disk_extents(d, end - start, start, true, &extents, err) < 0)
			return -1;
		for (uint64_t off = start; off < end;) {
			uint64_t n = next_run(&extents, off, end, &has_data);

			if (!has_data)
				block_stats_add_zeros(s, (n + BLOCK_STATS_BLOCK - 1) / BLOCK_STATS_BLOCK);
			else if (scan_data(s, d, off, n, hash, hash_ctx, buf, cancel, err) < 0)
				return -1;
			off += n;
		}
	}
	return 0;
}

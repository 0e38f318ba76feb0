/* SPDX-License-Identifier: Apache-2.0 */
/* Relaxed throughout: a bit says nothing about other memory, and threads are joined before somebody counts. */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/bitmap.h"

static uint64_t word_count(uint64_t bits)
{
	return bits / 64 + (bits % 64 != 0);
}

static uint64_t load(const struct bitmap *b, uint64_t word)
{
	return atomic_load_explicit(&b->words[word], memory_order_relaxed);
}

int bitmap_init(struct bitmap *b, uint64_t bits, struct error *err)
{
	uint64_t words = word_count(bits);

	*b = (struct bitmap){ .bits = bits };
	if (words <= SIZE_MAX / sizeof(*b->words))
		b->words = calloc(words ? (size_t)words : 1, sizeof(*b->words));
	if (b->words)
		return 0;
	b->bits = 0;
	return error_errno(err, ENOMEM, "bitmap of %" PRIu64 " bits", bits);
}

void bitmap_fini(struct bitmap *b)
{
	free(b->words);
	*b = (struct bitmap){ 0 };
}

void bitmap_set(struct bitmap *b, uint64_t i)
{
	assert(i < b->bits);
	atomic_fetch_or_explicit(&b->words[i / 64], UINT64_C(1) << i % 64, memory_order_relaxed);
}

void bitmap_clear(struct bitmap *b, uint64_t i)
{
	assert(i < b->bits);
	atomic_fetch_and_explicit(&b->words[i / 64], ~(UINT64_C(1) << i % 64), memory_order_relaxed);
}

bool bitmap_get(const struct bitmap *b, uint64_t i)
{
	assert(i < b->bits);
	return load(b, i / 64) >> i % 64 & 1;
}

uint64_t bitmap_count(const struct bitmap *b)
{
	uint64_t sum = 0;

	for (uint64_t w = 0; w < word_count(b->bits); w++)
		sum += (uint64_t)__builtin_popcountll(load(b, w));
	return sum;
}

uint64_t bitmap_next(const struct bitmap *b, uint64_t i)
{
	uint64_t word, bits;

	if (i >= b->bits)
		return b->bits;
	word = i / 64;
	bits = load(b, word) & UINT64_MAX << i % 64;
	while (bits == 0) {
		if (++word == word_count(b->bits))
			return b->bits;
		bits = load(b, word);
	}
	return word * 64 + (uint64_t)__builtin_ctzll(bits);
}

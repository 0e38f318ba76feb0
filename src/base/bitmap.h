/* SPDX-License-Identifier: Apache-2.0 */
/* A bit per block.  Atomic per bit, so that scan workers may set bits of one word from several threads. */
#ifndef LIFTFS_BASE_BITMAP_H
#define LIFTFS_BASE_BITMAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct bitmap {
	_Atomic uint64_t *words;
	uint64_t bits;
};

int bitmap_init(struct bitmap *b, uint64_t bits, struct error *err) MUST_CHECK; /* all clear */
void bitmap_fini(struct bitmap *b);
void bitmap_set(struct bitmap *b, uint64_t i);
void bitmap_clear(struct bitmap *b, uint64_t i);
bool bitmap_get(const struct bitmap *b, uint64_t i);
uint64_t bitmap_count(const struct bitmap *b);
/* The first set bit at or after i; b->bits if there is none. */
uint64_t bitmap_next(const struct bitmap *b, uint64_t i);

#endif

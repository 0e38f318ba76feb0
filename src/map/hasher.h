/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The change hash: XXH3-128, keyed by a random secret per map so that a guest cannot construct a collision.  Nobody
 * else names the algorithm.  It finds changes; it is never a proof.
 *
 * Calls libxxhash's run-time dispatch where there is one (x86: AVX2, AVX-512), because Debian's library is built for
 * the baseline.  Immutable after init: any number of threads.
 */
#ifndef LIFTFS_MAP_HASHER_H
#define LIFTFS_MAP_HASHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASHER_SECRET_LEN 192 /* XXH3's default secret size */

struct block_hash {
	uint64_t lo, hi;
};

struct hasher {
	uint8_t secret[HASHER_SECRET_LEN];
};

void hasher_init(struct hasher *h, const uint8_t secret[HASHER_SECRET_LEN]);
/* Never the values 0 and 1, which a map keeps for "unknown" and "zero": see block_hash_fix(). */
void hasher_hash(const struct hasher *h, const void *buf, size_t len, struct block_hash *out);

/* Without a secret, in the byte order that `xxhsum -H128` prints: what users see.  out: 32 hex digits and NUL. */
void hasher_plain_hex(const void *buf, size_t len, char out[33]);

/* XXH3-64: against damage of our own files, not against an attacker. */
uint64_t hasher_checksum(const void *buf, size_t len, uint64_t seed);

/* A hash of 0 or 1 counts as 2: such content merely shares its value with another hash. */
static inline void block_hash_fix(struct block_hash *h)
{
	if (h->hi == 0 && h->lo < 2)
		h->lo = 2;
}

static inline bool block_hash_equal(const struct block_hash *a, const struct block_hash *b)
{
	return a->lo == b->lo && a->hi == b->hi;
}

#endif

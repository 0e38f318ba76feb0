/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Merkle tree of RFC 9162 over chunks of 1 MiB of a disk's flat content, the last one short if it is:
 *   leaf SHA256(0x00 || chunk), node SHA256(0x01 || left || right); no chunks: SHA256 of nothing.
 * Leaves are hashed wherever they are read, and added in order; memory is one hash a level.
 */
#ifndef LIFTFS_REPLICATE_MERKLE_H
#define LIFTFS_REPLICATE_MERKLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define MERKLE_CHUNK (UINT64_C(1) << 20)
#define MERKLE_HASH_LEN 32
#define MERKLE_LEVELS 64

struct merkle {
	uint64_t leaves;
	unsigned n; /* complete subtrees, the largest first */
	uint8_t subtree[MERKLE_LEVELS][MERKLE_HASH_LEN];
};

/* Any number of threads. */
int merkle_leaf(const void *chunk, size_t len, uint8_t out[MERKLE_HASH_LEN], struct error *err) MUST_CHECK;

void merkle_init(struct merkle *m);
int merkle_add(struct merkle *m, const uint8_t leaf[MERKLE_HASH_LEN], struct error *err) MUST_CHECK;
int merkle_root(const struct merkle *m, uint8_t out[MERKLE_HASH_LEN], struct error *err) MUST_CHECK;

/* 64 digits, lower case, and NUL. */
void merkle_hex(const uint8_t hash[MERKLE_HASH_LEN], char out[2 * MERKLE_HASH_LEN + 1]);

#endif

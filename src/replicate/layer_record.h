/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file that says which images of its chain each block of a disk came from when a clean cycle read it: one byte a block,
 * beside the map in the replica's state.  What it is for: replicate/layers.h.
 *
 * It belongs to one clean point, whose token it names; beside any other it says nothing.  A damaged head is an error, a
 * damaged page a page of LAYER_NONE.  It is derived: without it everything is read once.
 *
 * File STATE/replicas/KEY/layers, little-endian:
 *   head, 4096 bytes: "LFTLAYR1", token (16), nonce (8), blocks (8), block size (8), virtual size (8), images (8), then for
 *   each image, leaf first, what identifies it and the state of its files (16); the last 8 bytes are XXH3-64 of the others
 *   pages of 4096 bytes: 4088 entries, then XXH3-64 of them, seeded by nonce + page number; none for a chain of one image
 *
 * One user at a time: who holds the replica's lock.
 */
#ifndef LIFTFS_REPLICATE_LAYER_RECORD_H
#define LIFTFS_REPLICATE_LAYER_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/guid.h"
#include "disk/disk.h"
#include "map/hasher.h"

/* An entry: the uppermost image that the block comes from, by its depth; LAYER_MIXED: from others below it, too. */
#define LAYER_MIXED 0x40
#define LAYER_DEPTH 0x3f
#define LAYER_NONE 0xff /* nothing is known */

struct layer_head {
	struct guid token;
	uint64_t blocks, block_size, virtual_size;
	size_t n_images;
	struct block_hash images[DISK_CHAIN_MAX];
};

struct layer_writer;

/* Begins a file beside the one that is there. */
struct layer_writer *layer_writer_new(int dirfd, const struct layer_head *head, struct error *err) MUST_CHECK;
/* The next n blocks' entries.  A failure is remembered. */
void layer_writer_put(struct layer_writer *w, const uint8_t *entries, size_t n);
/*
 * Replaces the file.  Nothing of it is synced: what a power cut leaves is the record of another token, or void by its checksums.
 * ERR_BUG if not every block was put.
 */
int layer_writer_commit(struct layer_writer *w, struct error *err) MUST_CHECK;
void layer_writer_free(struct layer_writer *w); /* what was not committed is gone; NULL is welcome */
DEFINE_CLEANUP(cleanup_layer_writer, struct layer_writer *, layer_writer_free);

struct layer_reader;

/* ERR_SYSTEM with ENOENT in detail if there is none, ERR_CORRUPT for a head that is damaged or of another format. */
struct layer_reader *layer_reader_open(int dirfd, struct error *err) MUST_CHECK;
void layer_reader_close(struct layer_reader *r); /* NULL is welcome */
DEFINE_CLEANUP(cleanup_layer_reader, struct layer_reader *, layer_reader_close);
const struct layer_head *layer_reader_head(const struct layer_reader *r);
/* The entries of n blocks from blk on.  What cannot be read, or lies beyond the last block, is LAYER_NONE. */
void layer_reader_get(struct layer_reader *r, uint64_t blk, uint8_t *out, size_t n);

/* The file that belongs to `from` belongs to `to` from now on, for a chain that is the same; any other is left alone. */
int layer_record_carry(int dirfd, const struct guid *from, const struct guid *to, struct error *err) MUST_CHECK;

#endif

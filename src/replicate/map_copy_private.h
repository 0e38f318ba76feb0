/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two rooms of the map's copy share: map_copy.c writes it, map_copy_take.c reads it.
 *
 * The note, STATE/replicas/KEY/map-copy, little-endian: what the copy holds since its last update ended.
 *    0   16  "liftfs map copy"
 *   16    8  number of the copy, under which that is so
 *   24    8  block size
 *   32    8  size of the copy: with the block size, its layout
 *   40  256  version of the replica that the copy names, padded with NUL
 *  296    8  a page: its entry of the page table
 *   at the end: XXH3-64 of all before
 */
#ifndef LIFTFS_REPLICATE_MAP_COPY_PRIVATE_H
#define LIFTFS_REPLICATE_MAP_COPY_PRIVATE_H

#include "replicate/map_copy.h"

#define MAP_COPY_NOTE "map-copy"
#define NOTE_MAGIC "liftfs map copy"
enum {
	NOTE_NUMBER = 16,
	NOTE_BLOCK_SIZE = 24,
	NOTE_FILE_SIZE = 32,
	NOTE_VERSION = 40,
	NOTE_SUMS = NOTE_VERSION + TARGET_VERSION_LEN,
};

/* rs->map is the map whose pages' entries are `sums`.  Not synced: without a note, or by an older one, all pages are sent. */
int map_copy_write_note(const struct replica_state *rs, uint64_t number, const char *version, const uint64_t *sums,
			struct error *err) MUST_CHECK;
/* SHA-256. */
int map_copy_digest(const void *table, size_t len, uint8_t out[MAP_COPY_DIGEST_LEN], struct error *err) MUST_CHECK;

#endif

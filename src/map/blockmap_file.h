/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A block map's bytes: where everything lies, header and page table to bytes and back.  Pure; nothing here does I/O.
 * Decoders take hostile bytes: any flipped byte of header or page table is ERR_CORRUPT.  liftfs-blockmap(5) is the same
 * for readers of files.
 *
 * Header, little-endian; texts are NUL-terminated and padded with NUL; what is not listed is 0:
 *     0   16  "liftfs block map"
 *    16    4  format, 1
 *    20    4  length of the header, 8192
 *    24   64  writer: program and version
 *   120    8  XXH3-64 of bytes 0 to 119.  Every later format keeps these 128 bytes, so that an older program can
 *             name the newer one
 *   128   16  liftfs id
 *   144    8  generation
 *   152    8  content size
 *   160    8  virtual size
 *   168    8  block size
 *   176   16  lease id
 *   192    8  cycle
 *   200    8  number
 *   208   16  token
 *   224    4  flags: 1 clean, 2 fuzzy
 *   232    8  XXH3-64 of the page table, padding included
 *   256  192  secret
 *   448   32  of a copy beside a replica: SHA-256 of the page table, padding included; else 0
 *   512  512  version
 *  1024  512  source id
 *  1536  512  born
 *  2048 2048  name
 *  4096 2048  source path
 *  8184    8  XXH3-64 of bytes 0 to 8183
 *
 * Page table at 8192: 8 bytes a page, padded with 0 to a multiple of 4096; then the pages, each at its place whether it
 * is stored or not (the file is sparse), so that the file's size follows from the header.
 */
#ifndef LIFTFS_MAP_BLOCKMAP_FILE_H
#define LIFTFS_MAP_BLOCKMAP_FILE_H

#include "map/blockmap.h"

#define BLOCKMAP_HEADER_LEN 8192
#define BLOCKMAP_PAGE_LEN 4096
#define BLOCKMAP_ENTRY_LEN 16
#define BLOCKMAP_PAGE_BLOCKS 256 /* BLOCKMAP_PAGE_LEN / BLOCKMAP_ENTRY_LEN */

/* Values of the page table that are no checksum. */
#define BLOCKMAP_SUM_UNKNOWN 0
#define BLOCKMAP_SUM_ZERO 1

struct blockmap_layout {
	uint64_t blocks, pages;
	uint64_t table_len; /* bytes, padded; at most 516 KiB, for 2^24 + 1 blocks */
	uint64_t data_off;  /* of page 0 */
	uint64_t file_size;
};

/* ERR_USAGE names the size that breaks the rules of struct blockmap_header. */
int blockmap_layout_init(struct blockmap_layout *out, uint64_t content_size, uint64_t virtual_size, uint64_t block_size,
			 struct error *err) MUST_CHECK;

/* Offset in the file of a block's entry. */
static inline uint64_t blockmap_entry_off(const struct blockmap_layout *l, uint64_t blk)
{
	return l->data_off + blk * BLOCKMAP_ENTRY_LEN;
}

void blockmap_header_encode(const struct blockmap_header *h, uint64_t table_sum, uint8_t out[BLOCKMAP_HEADER_LEN]);
/* Outputs are written only on success.  ERR_REFUSED: a newer format. */
int blockmap_header_decode(const uint8_t *buf, size_t len, struct blockmap_header *out,
			   struct blockmap_layout *layout_out, uint64_t *table_sum_out, struct error *err) MUST_CHECK;

/* sums: one a page; out: table_len bytes.  Returns the table's own checksum for the header. */
uint64_t blockmap_table_encode(const struct blockmap_layout *l, const uint64_t *sums, uint8_t *out);
int blockmap_table_decode(const struct blockmap_layout *l, const uint8_t *buf, uint64_t table_sum, uint64_t *sums,
			  struct error *err) MUST_CHECK;

/* Of a page's 4096 bytes; never one of BLOCKMAP_SUM_*. */
uint64_t blockmap_page_sum(const uint8_t *page);

enum block_state blockmap_entry_decode(const uint8_t *entry, struct block_hash *hash_out);
/* hash: for BLOCK_HASHED only. */
void blockmap_entry_encode(enum block_state state, const struct block_hash *hash, uint8_t *entry);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block map: for each block of a replica what its content was when the target last acknowledged it.
 *
 *  unknown   nothing may be concluded: the block is always sent.  Equal to nothing, not even to another unknown
 *  zero      the replica reads as zeros there
 *  hashed    the replica holds content with this hash
 *
 * A map lives in a file (layout below).  It is opened read-only as its last commit left it; the first change makes a
 * private working copy beside it (NAME.work), which blockmap_commit() turns into the new file by rename.  A crash
 * leaves the committed file and the journal, from which the caller rebuilds what was acknowledged since; a working copy
 * that is found at open is deleted.
 *
 * Nothing in a map is trusted before its checksum: a page whose checksum is wrong is a page of unknown blocks (and
 * blockmap_bad_pages() counts it), a header whose checksum is wrong is ERR_CORRUPT, a newer format ERR_REFUSED naming
 * the version that wrote it, a map of another replica or shape ERR_CONFLICT.
 *
 * Memory: entries are mapped from our own file and given back behind a scan by blockmap_drop_before(), so that the
 * resident set stays bounded while a map may have 2^24 entries (256 MiB).
 *
 * Threads: get and set of different blocks, and drop_before, from any number of threads at once; of one block, one
 * thread at a time.  blockmap_make_writable() beside gets only.  Everything else alone.  One process at a time: the caller holds the replica's lock, and keeps
 * dirfd open as long as the map.
 *
 * A set cannot fail by itself.  If the working copy cannot be written (a full disk), every block is unknown from then
 * on and the commit fails with that error: the caller may find out earlier by blockmap_failed().
 *
 * File, little-endian:
 *   header, 8192 bytes: see blockmap_file.h
 *   page table: 8 bytes a page: XXH3-64 of the page's 4096 bytes; 0: all unknown and not stored; 1: all zero and not
 *               stored (a hash of 0 or 1 is stored as 2); padded to 4096
 *   pages: 256 entries of 16 bytes; an entry 0 is unknown, 1 is zero, anything else a hash (a hash of 0 or 1 counts
 *               as 2: such a block merely shares its value with another hash)
 */
#ifndef LIFTFS_MAP_BLOCKMAP_H
#define LIFTFS_MAP_BLOCKMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/guid.h"
#include "map/hasher.h"

#define BLOCK_SIZE_MIN (UINT64_C(64) << 10)
#define BLOCK_SIZE_MAX (UINT64_C(4) << 20) /* one write of the target */
#define BLOCKMAP_BLOCKS_MAX (UINT64_C(1) << 24)
#define BLOCKMAP_TEXT_MAX 512 /* bytes of each text field of the header, with the NUL */

enum block_state { BLOCK_UNKNOWN, BLOCK_ZERO, BLOCK_HASHED };

/* What the header holds besides the entries.  Plain values: copied in and out. */
struct blockmap_header {
	struct guid liftfs_id; /* of the replica, in its metadata too */
	uint64_t generation;   /* the commit's number, the one that a journal names; 0: never committed */
	uint64_t content_size; /* replica bytes without the footer: a multiple of 1 MiB */
	uint64_t virtual_size; /* of the source disk */
	uint64_t block_size;   /* a power of two, BLOCK_SIZE_MIN to BLOCK_SIZE_MAX */
	uint8_t secret[HASHER_SECRET_LEN];
	struct guid lease_id;
	uint64_t cycle; /* the last committed cycle; 0: none */
	bool clean;     /* the fields below hold: every known entry is true while the replica's version is this */
	char version[BLOCKMAP_TEXT_MAX]; /* the target's word for the replica's state: ETag */
	uint64_t number;                 /* the epoch that the fence left */
	struct guid token;               /* of the VM's cycle */
	bool fuzzy;
	char name[2048];                   /* of the replica, escaped */
	char source_id[BLOCKMAP_TEXT_MAX]; /* the root image's own id */
	char source_path[2048];            /* of the leaf, below SOURCE, at that cycle */
	char born[BLOCKMAP_TEXT_MAX]; /* machine id, inode and birth time of this very file, as the state writes it */
	char writer[64];              /* program and version that wrote it */
	uint8_t digest[32];           /* of a copy beside a replica: SHA-256 of its page table; else zeros */
};

/* Blocks of a replica: ceil(content/block) of content, then one of 512 bytes, the footer. */
uint64_t blockmap_block_count(uint64_t content_size, uint64_t block_size);
/* 64 KiB up to 1 TiB, then doubled so that no disk has more than 2^24 blocks of content; at most BLOCK_SIZE_MAX. */
uint64_t blockmap_default_block_size(uint64_t content_size);

struct blockmap;

/*
 * A new map of unknown blocks (or, after blockmap_fill_zero, of zero ones), not yet on disk.  Its first commit is the
 * generation after header's, 0 for a map that follows none.
 */
struct blockmap *blockmap_create(int dirfd, const char *name, const struct blockmap_header *header,
				 struct error *err) MUST_CHECK;
/* An existing one.  ERR_SYSTEM with ENOENT in detail if there is none. */
struct blockmap *blockmap_open(int dirfd, const char *name, struct error *err) MUST_CHECK;
void blockmap_close(struct blockmap *m); /* NULL is welcome; uncommitted changes are gone */
DEFINE_CLEANUP(cleanup_blockmap, struct blockmap *, blockmap_close);

/* Is it the map of this replica, in this size?  ERR_CONFLICT if not. */
int blockmap_expect(const struct blockmap *m, const struct guid *liftfs_id, uint64_t content_size,
		    struct error *err) MUST_CHECK;

const struct blockmap_header *blockmap_header(const struct blockmap *m);
/*
 * For the next commit.  Block size and secret are fixed at creation, the sizes change by blockmap_resize(), generation
 * and born by the commit: these are not taken over.
 */
void blockmap_set_header(struct blockmap *m, const struct blockmap_header *header);
uint64_t blockmap_blocks(const struct blockmap *m);
uint64_t blockmap_bad_pages(const struct blockmap *m);

/* Byte range of a block in the replica; the footer block is the last 512 bytes. */
void blockmap_range(const struct blockmap *m, uint64_t blk, uint64_t *off_out, uint64_t *len_out);

enum block_state blockmap_get(const struct blockmap *m, uint64_t blk, struct block_hash *hash_out);
/* Before the first set: makes the working copy, while others get.  Fails on a full disk. */
int blockmap_make_writable(struct blockmap *m, struct error *err) MUST_CHECK;
/* Is there a working copy, which a commit would make the file? */
bool blockmap_is_writable(const struct blockmap *m);
void blockmap_set_unknown(struct blockmap *m, uint64_t blk);
void blockmap_set_zero(struct blockmap *m, uint64_t blk);
void blockmap_set_hash(struct blockmap *m, uint64_t blk, const struct block_hash *hash);
/* As count sets from blk, with a write a page instead of one a block.  hashes: count of them for BLOCK_HASHED, else NULL. */
void blockmap_set_run(struct blockmap *m, uint64_t blk, uint64_t count, enum block_state state, const struct block_hash *hashes);

/*
 * Pages as they stand in the file (layout above), 256 blocks at once; of one page, one thread at a time.  What a copy of
 * the map is made of, and what fills a map faster than 256 sets.
 */
uint64_t blockmap_pages(const struct blockmap *m);
/* What a page table says of the page as it is now: 0 (unknown), 1 (zero) or its checksum.  A damaged one is unknown. */
uint64_t blockmap_page_entry(const struct blockmap *m, uint64_t p);
/* BLOCKMAP_PAGE_LEN bytes; zeros where the entry says 0 or 1. */
void blockmap_get_page(const struct blockmap *m, uint64_t p, uint8_t *page);
/* As 256 sets; entries beyond the last block are ignored. */
void blockmap_set_page(struct blockmap *m, uint64_t p, const uint8_t *page);
/* A set failed, or a commit's fsync: the map is of no more use.  The error is the first. */
int blockmap_failed(const struct blockmap *m, struct error *err) MUST_CHECK;
/* These two need a working copy for a later set or commit only. */
void blockmap_fill_unknown(struct blockmap *m);
void blockmap_fill_zero(struct blockmap *m);
uint64_t blockmap_count(const struct blockmap *m, enum block_state state);

/*
 * The disk has another size (or only its virtual size, inside the same content).  It grew: more blocks, unknown; so is the
 * last content block of before.  It shrank: fewer blocks, of which the last of content is unknown.  The footer's entry
 * moves and is unknown.  More than 2^24 blocks are ERR_USAGE, which leaves the map as it was; any other failure leaves it
 * failed.
 */
int blockmap_resize(struct blockmap *m, uint64_t content_size, uint64_t virtual_size, struct error *err) MUST_CHECK;

/* Blocks below blk will not be looked at soon: give their memory back. */
void blockmap_drop_before(struct blockmap *m, uint64_t blk);

/*
 * Makes header and entries durable: write, fsync, rename, fsync the folder.  The header's generation goes up by one;
 * `born` is what the caller's make_born writes for the new file (machine id, inode, birth time), called with the new
 * file's fd before the rename (NULL: none, born is empty).  Afterwards the map is as freshly opened.
 *
 * On failure the old file is untouched and the working copy goes on, and may be committed again; but after a failed
 * fsync nobody knows what is on the disk: the map has failed.  If it was the folder's, the new file is in place
 * already, so that nothing may be appended to the journal of the old generation any more: end the run.
 */
int blockmap_commit(struct blockmap *m, int (*make_born)(int fd, char *out, size_t len, struct error *err),
		    struct error *err) MUST_CHECK;

#endif

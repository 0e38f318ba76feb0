/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An undo file: what blocks of a replica held when a recovery point was made, as far as they were overwritten since.
 *
 * Before a block is first overwritten after the point, its old content is added; undo_file_sync(); only then may it be
 * overwritten.  An entry that exists is never replaced: after a crash the block may already hold something newer.  The
 * point reads as its entries, then those of the next point, and so on, then the live file.
 *
 * The file, little-endian; blocks of 64 KiB of the replica (the last one shorter) have natural places, so that it is
 * sparse:
 *
 *	0	"liftfs undo" padded to 16
 *	16	format, 32 bits: 1
 *	20	block size, 32 bits: 65536
 *	24	id of this file, 16 bytes; its first 8 seed every checksum below
 *	40	size of the replica at the point, bytes, 64 bits
 *	48	order of the point among those of its replica, 64 bits: each is greater than all that were there before
 *	56	liftfsid of the replica, 16 bytes; zeros if it has none
 *	72	order of the point that was the newest before this one, 64 bits; 0: there was none
 *	504	XXH3-64 of bytes 0 to 503, with seed 0
 *	512	mark 0; at 1024 mark 1: the valid one with the greater count holds
 *	4096	groups: a page of 256 records, then the 256 blocks that they describe
 *
 * A mark: count, 64 bits; settled, 32 bits; closed, 32 bits: 0 or 1; covers, 64 bits: the order of the last point
 * whose entries this file took over, at first its own; entries, 64 bits: how many the settled batches have; XXH3-64 of
 * these 32 bytes, with the seed.  A point follows this one without a gap if its previous one lies between order and
 * covers. A record: XXH3-64 of the content, seeded with seed ^ block; batch, 32 bits, of which bit 31 says that the
 * content is zeros and not stored; the low half of the XXH3-64 of these 12 bytes and the block's number, with the seed.
 * 16 zero bytes: no entry.
 *
 * Batches are numbered from 1, one for each undo_file_sync(), whose fdatasync covers content, records and a mark that
 * calls the batch before it settled.  An entry of a settled batch was durable before its block was overwritten: if it
 * does not match its checksum it is damaged, and reading it is ERR_CORRUPT.  One of a later batch counts if it matches;
 * if not, its fdatasync never ended, so that the block was not overwritten and there is no entry.  A record that is not
 * whole does not tell its batch; but if the settled batches have all their entries, it is none of theirs, and no entry
 * either; if they have not, it is ERR_CORRUPT.  `closed`, which is durable before a batch is begun again, says that all
 * batches are settled.  Opening a file for writing that is not closed counts the entries of the settled batches, looks
 * at each other one and clears those that do not count.
 *
 * Threads: reading from any; adding, syncing and settling from one at a time.  Processes: one that writes, any number
 * that read.
 */
#ifndef LIFTFS_TARGET_DIR_UNDO_FILE_H
#define LIFTFS_TARGET_DIR_UNDO_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/guid.h"

#define UNDO_BLOCK (UINT64_C(64) << 10)

struct undo_file;

/* A new one without entries, durable but for its name in the folder. */
int undo_file_create(int dirfd, const char *name, uint64_t size, uint64_t order, uint64_t previous,
		     const struct guid *replica, struct error *err) MUST_CHECK;
/* NULL with ERR_CORRUPT if it is none.  `writable` clears what a crash left (above); one process at a time. */
struct undo_file *undo_file_open(int dirfd, const char *name, bool writable, struct error *err) MUST_CHECK;
void undo_file_close(struct undo_file *u); /* NULL is welcome; does not settle */
DEFINE_CLEANUP(cleanup_undo_file, struct undo_file *, undo_file_close);

uint64_t undo_file_size(const struct undo_file *u); /* of the replica at the point, bytes */
uint64_t undo_file_order(const struct undo_file *u);
uint64_t undo_file_previous(const struct undo_file *u);
uint64_t undo_file_covers(const struct undo_file *u); /* as it was opened, or set since */
const struct guid *undo_file_id(const struct undo_file *u);
const struct guid *undo_file_replica(const struct undo_file *u);
/* Bytes of the replica that block stands for; 0 beyond its end. */
size_t undo_file_block_len(const struct undo_file *u, uint64_t block);

/* What is there of a block: its content into buf (UNDO_BLOCK bytes), or zeros, or nothing; then buf holds anything. */
enum undo_entry { UNDO_NONE, UNDO_ZERO, UNDO_DATA };
int undo_file_read(const struct undo_file *u, uint64_t block, uint8_t *buf, enum undo_entry *out,
		   struct error *err) MUST_CHECK;
/* The same by the record alone: true for who opened it writable; for others UNDO_DATA may turn out to be nothing. */
int undo_file_has(const struct undo_file *u, uint64_t block, enum undo_entry *out, struct error *err) MUST_CHECK;
/* The first block from `from` on that has a record, whole or not; UINT64_MAX if there is none. */
int undo_file_next(const struct undo_file *u, uint64_t from, uint64_t *block_out, struct error *err) MUST_CHECK;
/* Changes with every batch that was synced, before what it saved may be overwritten. */
int undo_file_count(const struct undo_file *u, uint64_t *out, struct error *err) MUST_CHECK;

/* Adds what block held: undo_file_block_len() bytes.  The caller knows that it has no entry. */
int undo_file_add(struct undo_file *u, uint64_t block, const uint8_t *content, struct error *err) MUST_CHECK;
/*
 * After success what was added may be overwritten.  After a failure nothing may be, ever: what is durable is unknown.
 */
int undo_file_sync(struct undo_file *u, struct error *err) MUST_CHECK;
/* The next undo_file_settle() says that this file has taken over the entries up to this point's. */
void undo_file_cover(struct undo_file *u, uint64_t order);
/* Says durably that every entry counts.  Costs nothing if nothing was added since. */
int undo_file_settle(struct undo_file *u, struct error *err) MUST_CHECK;

#endif

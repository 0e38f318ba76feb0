/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A journal's bytes: header and records, to bytes and back.  Pure; nothing here does I/O.  Decoders take hostile bytes.
 * liftfs-blockmap(5) is the same for readers of files.
 *
 * Header, 4096 bytes, little-endian; what is not listed is 0:
 *     0   16  "liftfs journal", two NULs
 *    16    4  format, 1
 *    20    4  length of the header, 4096
 *    24   64  writer: program and version, a text with NUL
 *   120    8  XXH3-64 of bytes 0 to 119; as in a block map's header, every later format keeps these 128 bytes
 *   128   16  liftfs id
 *   144    8  generation of the map that it extends
 *  2040    8  XXH3-64 of bytes 0 to 2039
 *  2048  512  born, a text with NUL
 *  4088    8  XXH3-64 of bytes 2048 to 4087: born is written in place, later than the rest; if this is wrong, born is
 *             empty, as if the file had come from somewhere else
 *
 * Record:
 *     0    1  type
 *     1    1  0
 *     2    2  length of the payload
 *     4    4  how much of the file, in units of 8 bytes, was on stable storage when this was written (0xffffffff: at
 *             least that much).  A bad record below what a later one says is damage; any other is a torn tail
 *     8    n  payload, then 0 up to a multiple of 8
 *  8+n'    8  XXH3-64 of everything before, seed: file offset of the record + generation * 0x9e3779b97f4a7c15
 *
 * Payloads:
 *  1 DISTRUST  none
 *  2 CLAIM     u64 number
 *  3 INTENT    u64 first block, u64 count
 *  4 ACK       u64 first block, u32 count, u32 1 zero or 2 hashed; if hashed, count times 16 bytes, low half first
 *  5 CLEAN     u64 cycle, u64 number, 16 bytes token, u32 flags (1 fuzzy), u32 length of the version with its NUL,
 *              version, fingerprint with its NUL
 *  6 POINT     snapshot with its NUL
 *  7 LEASE     16 bytes lease id
 */
#ifndef LIFTFS_MAP_JOURNAL_RECORD_H
#define LIFTFS_MAP_JOURNAL_RECORD_H

#include <stddef.h>

#include "map/journal.h"

#define JOURNAL_HEADER_LEN 4096
#define JOURNAL_BORN_OFF 2048 /* the header's second half: born and its checksum */
#define JOURNAL_BORN_LEN 2048
#define JOURNAL_TEXT_MAX 512 /* of born, with the NUL */
#define JOURNAL_HEAD 8       /* of a record */
#define JOURNAL_PAYLOAD_MAX 65535
#define JOURNAL_RECORD_MAX (JOURNAL_HEAD + JOURNAL_PAYLOAD_MAX + 1 + 8)
#define JOURNAL_HASHES_MAX ((JOURNAL_PAYLOAD_MAX - 16) / 16)
#define JOURNAL_VERSION_MAX 512 /* bytes, with the NUL */
#define JOURNAL_FINGERPRINT_MAX 32769
#define JOURNAL_SNAPSHOT_MAX 1024

#define JOURNAL_CLEAN_HEAD 40 /* bytes of CLEAN before its texts */

enum { JOURNAL_ACK_ZERO = 1, JOURNAL_ACK_HASHED = 2 };

void journal_header_encode(const struct guid *liftfs_id, uint64_t generation, uint8_t out[JOURNAL_HEADER_LEN]);
void journal_born_encode(const char *born, uint8_t out[JOURNAL_BORN_LEN]);
/* born_out: empty if its own checksum is wrong.  ERR_REFUSED: a newer format. */
int journal_header_decode(const uint8_t *buf, size_t len, struct guid *id_out, uint64_t *generation_out,
			  char born_out[JOURNAL_TEXT_MAX], struct error *err) MUST_CHECK;

/*
 * rec holds len bytes of payload at JOURNAL_HEAD and has room for JOURNAL_RECORD_MAX.  Writes head, padding and
 * checksum; returns the record's length.  durable: bytes of the file on stable storage.
 */
size_t journal_record_seal(uint8_t *rec, enum journal_type type, size_t len, uint64_t durable, uint64_t off,
			   uint64_t generation);

struct journal_raw {
	unsigned type;
	const uint8_t *payload; /* inside the buffer */
	size_t len;             /* of the payload */
	size_t size;            /* of the record */
	uint64_t durable;       /* bytes */
};

/* Is there an intact record at the start of buf, which was at `off` in the file? */
bool journal_record_open(const uint8_t *buf, size_t len, uint64_t off, uint64_t generation, struct journal_raw *out);

/* Hands an intact record to the callback: once, or once a hash of an ACK.  ERR_CORRUPT: its payload breaks the format. */
int journal_record_replay(const struct journal_raw *raw, journal_replay_fn replay, void *ctx,
			  struct error *err) MUST_CHECK;

#endif

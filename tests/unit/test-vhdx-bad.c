/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bad inputs: each row changes fields of a good image, whose checksums are then made right, and says what becomes of it: it
 * is refused with this message, or one block of it cannot be read, or it reads as before.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "disk/disk.h"
#include "support/scratch.h"
#include "support/vhdx_writer.h"

#define MIB VHDX_W_MIB
#define PATCHES 3

/* Where the writer puts things: the header with the higher number, the first region table, and so on. */
enum {
	HEAD_OLD = 0x10000,
	HEAD = 0x20000,
	REGION = 0x30000,
	REGION_2 = 0x40000,
	LOG = 0x100000,
	META = 0x200000,
	ITEMS = 0x210000,
	LOCATOR = 0x211000,
	BAT = 0x300000,
	BITMAP_ENTRY = 0x308000,
};

enum base { PLAIN, CHILD, DIRTY, BASES };

enum outcome {
	REFUSED,     /* ERR_CORRUPT */
	UNSUPPORTED, /* ERR_UNSUPPORTED */
	BLOCK_0,     /* ERR_CORRUPT where block 0 is read, and nowhere else */
	BLOCK_1,
	READS,
};

struct patch {
	uint32_t off;
	uint8_t width; /* 0: none; 255: no checksums for any of the row */
	uint64_t value;
};

struct row {
	enum base base;
	enum outcome outcome;
	const char *msg;
	struct patch patches[PATCHES];
};

#define ITEM(i, field) (META + 32 + (i)*32 + (field))
#define VALUE(i) (ITEMS + (i)*16)
#define ENTRY(i, field) (REGION + 16 + (i)*32 + (field))
#define PAIR(i, field) (LOCATOR + 20 + (i)*12 + (field))
#define UNSEALED { 0, 255, 0 }

static const char not_whole_mib[] = "header: log at ";
static const char log_damaged[] = "log: damaged: no valid sequence of entries; what it held is lost";

static const struct row rows[] = {
	/* File identifier. */
	{ PLAIN, REFUSED, "not a VHDX", { { 0, 1, 'V' } } },
	{ PLAIN, REFUSED, "not a VHDX", { { 7, 1, 0 } } },
	{ PLAIN, READS, "", { { 8, 8, UINT64_MAX } } }, /* the creator says nothing */
	/* Headers. */
	{ PLAIN, REFUSED, "no valid header: wrong checksum at 0x10000, wrong checksum at 0x20000",
	  { { HEAD_OLD + 4095, 1, 1 }, { HEAD + 4095, 1, 1 }, UNSEALED } },
	{ PLAIN, REFUSED, "no valid header: no signature at 0x10000, no signature at 0x20000",
	  { { HEAD_OLD, 1, 'H' }, { HEAD + 3, 1, 'D' } } },
	{ PLAIN, READS, "", { { HEAD + 4, 4, 0 }, UNSEALED } },
	{ PLAIN, READS, "", { { HEAD_OLD + 4, 4, UINT32_MAX }, UNSEALED } },
	{ PLAIN, READS, "", { { HEAD, 1, 0 } } },
	{ PLAIN, READS, "", { { HEAD + 8, 8, 7 } } }, /* the same header twice, as Disk2vhd writes it */
	{ PLAIN, REFUSED, "two different headers with the same sequence number 7",
	  { { HEAD + 8, 8, 7 }, { HEAD + 4088, 1, 1 } } },
	{ PLAIN, REFUSED, "two different headers with the same sequence number 18446744073709551615",
	  { { HEAD_OLD + 8, 8, UINT64_MAX }, { HEAD + 8, 8, UINT64_MAX }, { HEAD + 80, 1, 1 } } },
	{ PLAIN, READS, "", { { HEAD + 8, 8, 0 } } },
	{ PLAIN, READS, "", { { HEAD + 8, 8, UINT64_MAX } } },
	{ PLAIN, READS, "", { { HEAD + 80, 8, UINT64_MAX }, { HEAD + 4088, 8, UINT64_MAX } } }, /* reserved */
	{ PLAIN, UNSUPPORTED, "header: version 0, not 1", { { HEAD + 66, 2, 0 } } },
	{ PLAIN, UNSUPPORTED, "header: version 2, not 1", { { HEAD + 66, 2, 2 } } },
	{ PLAIN, UNSUPPORTED, "header: version 65535, not 1", { { HEAD + 66, 2, 65535 } } },
	{ PLAIN, READS, "", { { HEAD + 64, 2, 65535 } } },
	{ DIRTY, UNSUPPORTED, "header: a pending log of version 65535, not 0", { { HEAD + 64, 2, 65535 } } },
	{ PLAIN, REFUSED, not_whole_mib, { { HEAD + 72, 8, 0 } } },
	{ PLAIN, REFUSED, not_whole_mib, { { HEAD + 72, 8, MIB - 1 } } },
	{ PLAIN, REFUSED, not_whole_mib, { { HEAD + 72, 8, MIB + 4096 } } },
	{ PLAIN, REFUSED, not_whole_mib, { { HEAD + 72, 8, UINT64_MAX } } },
	{ PLAIN, REFUSED, not_whole_mib, { { HEAD + 68, 4, 4096 } } },
	{ PLAIN, REFUSED, not_whole_mib, { { HEAD + 68, 4, UINT32_MAX } } },
	{ PLAIN, READS, "", { { HEAD + 68, 4, 0 } } },
	{ PLAIN, READS, "", { { HEAD + 72, 8, UINT64_MAX - MIB + 1 } } }, /* nothing is pending, nothing is there */
	{ PLAIN, REFUSED, "BAT region at 0x300000+0x100000 overlaps the log at 0x100000+0xfff00000",
	  { { HEAD + 68, 4, 0xfff00000 } } },
	{ DIRTY, REFUSED, "header: log at 0x100000+0xfff00000: beyond end of file", { { HEAD + 68, 4, 0xfff00000 } } },
	{ DIRTY, REFUSED, "header: log at 0x100000+0: beyond end of file", { { HEAD + 68, 4, 0 } } },
	{ DIRTY, REFUSED, "header: log at 0xfffffffffff00000+0x100000: beyond end of file",
	  { { HEAD + 72, 8, UINT64_MAX - MIB + 1 } } },
	{ DIRTY, READS, "", { { HEAD + 48, 8, 0x1111 }, { HEAD_OLD + 48, 8, 0 }, { BAT, 8, 0x500006 } } }, /* never written */
	/* Region tables. */
	{ PLAIN, READS, "", { { REGION, 1, 'R' } } },
	{ PLAIN, READS, "", { { REGION + 4, 4, 0 }, UNSEALED } },
	{ PLAIN, READS, "", { { REGION + 65535, 1, 1 }, UNSEALED } },
	{ PLAIN, READS, "", { { REGION_2 + 4, 4, 0 }, UNSEALED } },
	{ PLAIN, REFUSED, "no valid region table: wrong checksum at 0x30000, wrong checksum at 0x40000",
	  { { REGION + 4, 4, 0 }, { REGION_2 + 4, 4, 0 }, UNSEALED } },
	{ PLAIN, READS, "", { { REGION + 12, 4, UINT32_MAX } } },
	{ PLAIN, REFUSED, "region table: no BAT region", { { REGION + 8, 4, 0 } } },
	{ PLAIN, REFUSED, "region table: no metadata region", { { REGION + 8, 4, 1 } } },
	{ PLAIN, READS, "", { { REGION + 8, 4, 2047 } } }, /* all but two of them nil, unknown and optional */
	{ PLAIN, REFUSED, "region table: 2048 entries, at most 2047 allowed", { { REGION + 8, 4, 2048 } } },
	{ PLAIN, REFUSED, "region table: 4294967295 entries", { { REGION + 8, 4, UINT32_MAX } } },
	{ PLAIN, UNSUPPORTED, "region table: unknown region 00000000-0000-0000-0000-000000000000 is marked required",
	  { { REGION + 8, 4, 2047 }, { ENTRY(2046, 28), 4, 1 } } },
	{ PLAIN, READS, "",
	  { { REGION + 8, 4, 3 }, { ENTRY(2, 16), 8, UINT64_MAX }, { ENTRY(2, 24), 8, 0xfffffffeffffffff } } },
	{ PLAIN, READS, "", { { ENTRY(0, 28), 4, 0 }, { ENTRY(1, 28), 4, 0xfffffffe } } },
	{ PLAIN, REFUSED, "region table: BAT region at 0+0x100000, not in whole MiB", { { ENTRY(0, 16), 8, 0 } } },
	{ PLAIN, REFUSED, "region table: BAT region at 0x380000+0x100000, not in whole MiB",
	  { { ENTRY(0, 16), 8, 0x380000 } } },
	{ PLAIN, REFUSED, "BAT region at 0xfffffffffff00000+0x100000: beyond end of file",
	  { { ENTRY(0, 16), 8, UINT64_MAX - MIB + 1 } } },
	{ PLAIN, REFUSED, "BAT region at 0x300000+0xfff00000: beyond end of file", { { ENTRY(0, 24), 4, 0xfff00000 } } },
	{ PLAIN, REFUSED, "region table: BAT region at 0x300000+0xffffffff, not", { { ENTRY(0, 24), 4, UINT32_MAX } } },
	{ PLAIN, REFUSED, "region table: metadata region at 0x200000+0, not", { { ENTRY(1, 24), 4, 0 } } },
	{ PLAIN, REFUSED, "BAT region at 0x300000+0x100000 overlaps the metadata region at 0x200000+0x200000",
	  { { ENTRY(1, 24), 4, 2 << 20 } } },
	{ PLAIN, REFUSED, "metadata region at 0x100000+0x100000 overlaps the log", { { ENTRY(1, 16), 8, LOG } } },
	{ PLAIN, REFUSED, "metadata: no signature", { { ENTRY(1, 16), 8, 0x400000 } } },
	/* Metadata: table. */
	{ PLAIN, REFUSED, "metadata: no signature", { { META, 1, 0 } } },
	{ PLAIN, REFUSED, "metadata: no signature", { { META + 7, 1, 'A' } } },
	{ PLAIN, REFUSED, "metadata: no file parameters", { { META + 10, 2, 0 } } },
	{ PLAIN, REFUSED, "metadata: no physical sector size", { { META + 10, 2, 4 } } },
	{ PLAIN, READS, "", { { META + 10, 2, 2047 } } },
	{ PLAIN, REFUSED, "metadata: 2048 items, at most 2047", { { META + 10, 2, 2048 } } },
	{ PLAIN, REFUSED, "metadata: 65535 items", { { META + 10, 2, 65535 } } },
	{ PLAIN, READS, "", { { META + 8, 2, 65535 }, { META + 12, 8, UINT64_MAX }, { ITEM(0, 28), 4, UINT32_MAX } } },
	{ PLAIN, UNSUPPORTED, "metadata: unknown item ", { { ITEM(1, 0), 4, 0 } } },
	{ PLAIN, REFUSED, "metadata: no virtual disk size", { { ITEM(1, 0), 4, 0 }, { ITEM(1, 24), 4, 2 } } },
	{ PLAIN, UNSUPPORTED, "metadata: unknown item ", { { ITEM(1, 24), 4, 5 } } }, /* a user's, and required */
	{ PLAIN, READS, "", { { ITEM(1, 24), 4, 0xfffffffa } } },
	{ PLAIN, REFUSED, ": outside its region (0x100000)", { { ITEM(1, 16), 4, 0 } } },
	{ PLAIN, REFUSED, ": outside its region (0x100000)", { { ITEM(1, 16), 4, 65535 } } },
	{ PLAIN, REFUSED, ": outside its region (0x100000)", { { ITEM(1, 16), 4, MIB - 7 } } },
	{ PLAIN, REFUSED, ": outside its region (0x100000)", { { ITEM(1, 16), 4, 0xfffffff0 } } },
	{ PLAIN, REFUSED, "metadata: items at 0x10000 and 0x10007 overlap", { { ITEM(1, 16), 4, 0x10007 } } },
	{ PLAIN, REFUSED, "metadata: virtual disk size has 0 bytes, not 8", { { ITEM(1, 20), 4, 0 } } },
	{ PLAIN, REFUSED, "metadata: virtual disk size has 7 bytes, not 8", { { ITEM(1, 20), 4, 7 } } },
	{ PLAIN, REFUSED, "metadata: virtual disk size has 9 bytes, not 8", { { ITEM(1, 20), 4, 9 } } },
	{ PLAIN, REFUSED, ": outside its region (0x100000)", { { ITEM(1, 20), 4, UINT32_MAX } } },
	{ PLAIN, REFUSED, ": outside its region (0x100000)", { { ITEM(4, 20), 4, (1 << 20) + 1 } } },
	{ PLAIN, REFUSED, "metadata: disk id has 15 bytes, not 16", { { ITEM(2, 20), 4, 15 } } },
	{ PLAIN, REFUSED, "metadata: logical sector size has 8 bytes, not 4", { { ITEM(3, 20), 4, 8 } } },
	{ PLAIN, REFUSED, "metadata: physical sector size has 3 bytes, not 4", { { ITEM(4, 20), 4, 3 } } },
	{ PLAIN, REFUSED, "metadata: file parameters has 1 bytes, not 8", { { ITEM(0, 20), 4, 1 } } },
	/* Metadata: values. */
	{ PLAIN, REFUSED, "metadata: block size 0, not", { { VALUE(0), 4, 0 } } },
	{ PLAIN, REFUSED, "metadata: block size 524288, not", { { VALUE(0), 4, 1 << 19 } } },
	{ PLAIN, REFUSED, "metadata: block size 1048577, not", { { VALUE(0), 4, MIB + 1 } } },
	{ PLAIN, REFUSED, "metadata: block size 536870912, not", { { VALUE(0), 4, 1 << 29 } } },
	{ PLAIN, REFUSED, "metadata: block size 2147483648, not", { { VALUE(0), 4, UINT32_C(1) << 31 } } },
	{ PLAIN, READS, "", { { VALUE(0) + 4, 4, 0xfffffffd } } },
	{ PLAIN, REFUSED, "metadata: the disk has a parent, and no parent locator", { { VALUE(0) + 4, 4, 2 } } },
	{ PLAIN, REFUSED, "metadata: virtual size 0, not", { { VALUE(1), 8, 0 } } },
	{ PLAIN, REFUSED, "metadata: virtual size 511, not", { { VALUE(1), 8, 511 } } },
	{ PLAIN, REFUSED, "metadata: virtual size 70368744178176, not", { { VALUE(1), 8, (UINT64_C(64) << 40) + 512 } } },
	{ PLAIN, REFUSED, "metadata: virtual size 18446744073709551104, not", { { VALUE(1), 8, UINT64_MAX - 511 } } },
	{ PLAIN, REFUSED, "BAT: 67125247 entries needed", { { VALUE(1), 8, UINT64_C(64) << 40 } } },
	{ PLAIN, REFUSED, "BAT: 131073 entries needed, its region of 1048576 bytes holds 131072",
	  { { VALUE(1), 8, UINT64_C(131042) << 20 } } },
	{ PLAIN, REFUSED, "metadata: logical sector size 0, not 512 or 4096", { { VALUE(3), 4, 0 } } },
	{ PLAIN, REFUSED, "metadata: logical sector size 3, not 512 or 4096", { { VALUE(3), 4, 3 } } },
	{ PLAIN, REFUSED, "metadata: logical sector size 1024, not 512 or 4096", { { VALUE(3), 4, 1024 } } },
	{ PLAIN, REFUSED, "metadata: logical sector size 4294967295, not", { { VALUE(3), 4, UINT32_MAX } } },
	{ PLAIN, REFUSED, "metadata: physical sector size 0, not 512 or 4096", { { VALUE(4), 4, 0 } } },
	{ PLAIN, REFUSED, "metadata: physical sector size 4294967295, not", { { VALUE(4), 4, UINT32_MAX } } },
	/* BAT. */
	{ PLAIN, BLOCK_1, "block 1: BAT entry 0x6 at 0x300008: inside the headers", { { BAT + 8, 8, 6 } } },
	{ PLAIN, BLOCK_1, "block 1: BAT entry 0x100006 at 0x300008: overlaps the log", { { BAT + 8, 8, 0x100006 } } },
	{ PLAIN, BLOCK_1, ": overlaps the metadata region", { { BAT + 8, 8, 0x200006 } } },
	{ PLAIN, BLOCK_1, ": overlaps the BAT region", { { BAT + 8, 8, 0x300006 } } },
	{ PLAIN, BLOCK_1, ": beyond end of file", { { BAT + 8, 8, 0x600006 } } },
	{ PLAIN, BLOCK_1, ": beyond end of file", { { BAT + 8, 8, 0xfffffffffff00006 } } },
	{ PLAIN, BLOCK_1, "block 1: BAT entry 0x4 at 0x300008: state 4 is reserved", { { BAT + 8, 8, 4 } } },
	{ PLAIN, BLOCK_1, ": partly present in a disk without parent", { { BAT + 8, 1, 7 } } },
	{ PLAIN, READS, "", { { BAT + 8, 2, 0xfffe } } }, /* reserved bits, state 6 */
	{ PLAIN, READS, "", { { BAT + 16, 8, UINT64_MAX } } }, /* behind the last block */
	{ CHILD, BLOCK_0, "block 0: BAT entry 0xfffffffffff00007 at 0x300000: beyond end of file",
	  { { BAT, 8, 0xfffffffffff00007 } } },
	{ CHILD, BLOCK_0, "block 0: BAT entry 0x7 at 0x300000: inside the headers", { { BAT, 8, 7 } } },
	{ CHILD, BLOCK_0, "chunk 0: BAT entry 0 at 0x308000: no sector bitmap", { { BITMAP_ENTRY, 8, 0 } } },
	{ CHILD, BLOCK_0, "chunk 0: BAT entry 0x400007 at 0x308000: no sector bitmap", { { BITMAP_ENTRY, 1, 7 } } },
	{ CHILD, BLOCK_0, "chunk 0: BAT entry 0x6 at 0x308000: inside the headers", { { BITMAP_ENTRY, 8, 6 } } },
	{ CHILD, BLOCK_0, "chunk 0: BAT entry 0x700006 at 0x308000: beyond end of file", { { BITMAP_ENTRY, 8, 0x700006 } } },
	{ CHILD, BLOCK_0, "chunk 0: BAT entry 0xfffffffffff00006 at 0x308000: beyond end of file",
	  { { BITMAP_ENTRY, 8, 0xfffffffffff00006 } } },
	{ CHILD, BLOCK_0, "chunk 0: BAT entry 0x100006 at 0x308000: overlaps the log", { { BITMAP_ENTRY, 8, 0x100006 } } },
	/* Parent locator. */
	{ CHILD, UNSUPPORTED, "parent locator: its type is not that of a VHDX parent", { { LOCATOR, 8, 0 } } },
	{ CHILD, READS, "", { { LOCATOR + 16, 2, 65535 } } },
	{ CHILD, REFUSED, "parent locator: no parent_linkage", { { LOCATOR + 18, 2, 0 } } },
	{ CHILD, REFUSED, "parent locator: no path", { { LOCATOR + 18, 2, 1 } } },
	{ CHILD, REFUSED, "parent locator: 65535 entries in an item of 196 bytes", { { LOCATOR + 18, 2, 65535 } } },
	{ CHILD, REFUSED, "parent locator: entry 0: text at 0xffffffff+0x1c: outside", { { PAIR(0, 0), 4, UINT32_MAX } } },
	{ CHILD, REFUSED, "parent locator: entry 1: text at 0xffffffff+0x16: outside", { { PAIR(1, 4), 4, UINT32_MAX } } },
	{ CHILD, REFUSED, "parent locator: entry 0: empty text", { { PAIR(0, 8), 2, 0 } } },
	{ CHILD, REFUSED, "parent locator: entry 0: UTF-16 text of 27 bytes", { { PAIR(0, 8), 2, 27 } } },
	{ CHILD, REFUSED, "parent locator: entry 0: text at 0x2c+0xffff: outside", { { PAIR(0, 8), 2, 65535 } } },
	{ CHILD, REFUSED, "parent locator: entry 1: empty text", { { PAIR(1, 10), 2, 0 } } },
	{ CHILD, REFUSED, "parent locator: entry 1: UTF-16 text of 21 bytes", { { PAIR(1, 10), 2, 21 } } },
	{ CHILD, REFUSED, "parent: gone: no such file",
	  { { LOCATOR + 174, 8, 0x0065006e006f0067 }, { PAIR(1, 10), 2, 8 } } },
	{ CHILD, REFUSED, "metadata: parent locator is empty", { { ITEM(5, 20), 4, 0 }, { ITEM(5, 16), 4, 0 } } },
	{ CHILD, REFUSED, "parent locator: 19 bytes, at least 20 needed", { { ITEM(5, 20), 4, 19 } } },
	{ CHILD, REFUSED, ": outside its region (0x100000)", { { ITEM(5, 20), 4, (1 << 20) + 1 } } },
	{ CHILD, REFUSED, "has sectors of 512 bytes, this image of 4096", { { VALUE(3), 4, 4096 } } },
	/* The log: one entry that rewrites the BAT. */
	{ DIRTY, REFUSED, log_damaged, { { LOG + 4, 4, 0 }, UNSEALED } },
	{ DIRTY, REFUSED, log_damaged, { { LOG + 5000, 1, 1 }, UNSEALED } },
	{ DIRTY, READS, "", { { LOG + 4096 + 4000, 1, 0 } } },
	{ DIRTY, REFUSED, log_damaged, { { LOG + 8, 4, 0 } } },
	{ DIRTY, REFUSED, log_damaged, { { LOG + 8, 4, 4096 } } },
	{ DIRTY, REFUSED, log_damaged, { { LOG + 8, 4, 8191 }, UNSEALED } },
	{ DIRTY, READS, "", { { LOG + 8, 4, 3 * 4096 } } }, /* a sector that it does not need */
	{ DIRTY, READS, "", { { LOG + 8, 4, MIB } } },
	{ DIRTY, REFUSED, log_damaged, { { LOG + 8, 4, MIB + 4096 }, UNSEALED } },
	{ DIRTY, REFUSED, log_damaged, { { LOG + 8, 4, 0xfffff000 }, UNSEALED } },
	{ DIRTY, REFUSED, log_damaged, { { LOG + 12, 4, 4096 } } },
	{ DIRTY, REFUSED, log_damaged, { { LOG + 12, 4, 512 } } },
	{ DIRTY, REFUSED, log_damaged, { { LOG + 12, 4, MIB } } },
	{ DIRTY, REFUSED, log_damaged, { { LOG + 12, 4, UINT32_MAX } } },
	{ DIRTY, REFUSED, log_damaged, { { LOG + 16, 8, 0 } } },
	{ DIRTY, REFUSED, log_damaged, { { LOG + 16, 8, UINT64_MAX } } },
	{ DIRTY, READS, "", { { LOG + 24, 4, 0 }, { BAT, 8, 0x500006 } } }, /* nothing but a move of the tail */
	{ DIRTY, REFUSED, log_damaged, { { LOG + 24, 4, 2 } } },
	{ DIRTY, REFUSED, log_damaged, { { LOG + 24, 4, UINT32_MAX } } },
	{ DIRTY, READS, "", { { LOG + 28, 4, UINT32_MAX } } },
	{ DIRTY, REFUSED, "file cut off: its log was written when it had 18446744073709551615 bytes",
	  { { LOG + 48, 8, UINT64_MAX } } },
	{ DIRTY, REFUSED, "file cut off: its log was written when it had 6291457 bytes, it has 6291456",
	  { { LOG + 48, 8, 6 * MIB + 1 } } },
	{ DIRTY, READS, "", { { LOG + 48, 8, 0 } } },
	{ DIRTY, READS, "", { { LOG + 56, 8, UINT64_C(1) << 60 } } },
	{ DIRTY, REFUSED, log_damaged, { { LOG + 64, 4, 0 } } },
	{ DIRTY, REFUSED, log_damaged, { { LOG + 64 + 24, 8, 6 } } },
	{ DIRTY, REFUSED, log_damaged, { { LOG + 64 + 24, 8, 0 } } },
	{ DIRTY, REFUSED, "log: entry 5 writes to 0+0x1000, where it must not", { { LOG + 64 + 16, 8, 0 } } },
	{ DIRTY, REFUSED, "log: entry 5 writes to 0x2f000+0x1000, where it must not", { { LOG + 64 + 16, 8, 0x2f000 } } },
	{ DIRTY, REFUSED, "log: entry 5 writes to 0x300001+0x1000, where", { { LOG + 64 + 16, 8, BAT + 1 } } },
	{ DIRTY, REFUSED, "log: entry 5 writes to 0x400000000000+0x1000, where", { { LOG + 64 + 16, 8, UINT64_C(1) << 46 } } },
	{ DIRTY, REFUSED, "log: entry 5 writes to 0xfffffffffffff000+0x1000, where",
	  { { LOG + 64 + 16, 8, UINT64_MAX - 4095 } } },
	{ DIRTY, REFUSED, "log: entry 5 writes to 0x300000+0x4000000000000000, where",
	  { { LOG + 64, 4, 0x6f72657a }, { LOG + 64 + 8, 8, UINT64_C(1) << 62 } } },
	{ DIRTY, REFUSED, "log: entry 5 writes to 0x300000+0xfff, where",
	  { { LOG + 64, 4, 0x6f72657a }, { LOG + 64 + 8, 8, 0xfff } } },
	{ DIRTY, READS, "", { { LOG + 64, 4, 0x6f72657a }, { LOG + 64 + 8, 8, 0 }, { BAT, 8, 0x500006 } } },
	{ DIRTY, REFUSED, log_damaged, { { LOG + 4096, 4, 0 } } },
	{ DIRTY, REFUSED, log_damaged, { { LOG + 4096 + 4, 4, 1 } } },
	{ DIRTY, REFUSED, log_damaged, { { LOG + 8192 - 4, 4, 4 } } },
	{ DIRTY, REFUSED, log_damaged, { { LOG + 4096, 4, 0x65676f6c } } }, /* "loge" where data must be */
};

static struct vhdx_image images[BASES];
static struct scratch_dir *dir;

static void build(void)
{
	static const uint8_t child_states[] = { 7, 0 };
	static const struct guid log_guid = { { 4, 5, 6 } };
	static struct vhdx_image parent = { .size = 2 * MIB, .seed = 3 };
	uint8_t page[4096];
	const struct vhdx_log_write w = { .off = BAT, .page = page };

	vhdx_image_build(&parent);
	scratch_write(dir, "base.vhdx", parent.bytes, parent.len);
	images[PLAIN] = (struct vhdx_image){ .size = 2 * MIB };
	images[CHILD] = (struct vhdx_image){ .size = 2 * MIB, .states = child_states, .has_parent = true, .parent = parent.guest };
	images[DIRTY] = (struct vhdx_image){ .size = 2 * MIB };
	for (int i = 0; i < BASES; i++)
		vhdx_image_build(&images[i]);
	vhdx_image_set_parent(&images[CHILD], "{aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee}", ".\\base.vhdx");
	vhdx_image_set_log(&images[DIRTY], &log_guid);
	memcpy(page, images[DIRTY].bytes + BAT, sizeof(page));
	vhdx_image_log_entry(&images[DIRTY], 0, 0, 5, &log_guid, &w, 1);
	memset(images[DIRTY].bytes + BAT, 0xee, 8);
	vhdx_image_fini(&parent);
}

static void apply(struct vhdx_image *img, const struct row *r)
{
	bool sealed = true;

	for (size_t i = 0; i < PATCHES; i++) {
		const struct patch *p = &r->patches[i];
		uint8_t raw[8];

		if (p->width == 255) {
			sealed = false;
			continue;
		}
		put_le64(raw, p->value);
		memcpy(img->bytes + p->off, raw, p->width);
	}
	for (size_t i = 0; i < PATCHES && sealed; i++) {
		if (r->patches[i].off >= HEAD_OLD && r->patches[i].off < REGION)
			vhdx_image_seal_headers(img);
		else if (r->patches[i].off >= REGION && r->patches[i].off < LOG)
			vhdx_image_seal_regions(img);
		else if (r->patches[i].off >= LOG && r->patches[i].off < META)
			vhdx_image_seal_entry(img, 0);
	}
}

static void undo(struct vhdx_image *img, const uint8_t *good)
{
	static const uint32_t parts[][2] = { { 0, 4096 },	    { HEAD_OLD, 4096 },	   { HEAD, 4096 },
					     { REGION, 65536 },	    { REGION_2, 65536 },   { LOG, 8192 },
					     { META, 65536 + 8192 }, { BAT, 32768 + 4096 } };

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		memcpy(img->bytes + parts[i][0], good + parts[i][0], parts[i][1]);
}

static bool block_reads(struct disk *d, const struct vhdx_image *img, uint64_t block, struct error *err)
{
	static uint8_t buf[MIB];

	return disk_read(d, buf, MIB, block * MIB, err) == 0 && memcmp(buf, img->guest + block * MIB, MIB) == 0;
}

static bool says(const struct error *e, enum error_code code, const char *msg)
{
	return e->code == code && strstr(e->msg, msg) && strncmp(e->msg, "disk.vhdx: ", 11) == 0;
}

/* Is the answer the row's?  *e: what was said. */
static bool check_row(const struct row *r, struct error *e)
{
	struct error why[2] = { ERROR_INIT, ERROR_INIT };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	char path[128];
	bool reads[2];

	snprintf(path, sizeof(path), "%s/disk.vhdx", dir->path);
	d = disk_open_path(path, NULL, e);
	if (r->outcome == REFUSED || r->outcome == UNSUPPORTED)
		return !d && says(e, r->outcome == REFUSED ? ERR_CORRUPT : ERR_UNSUPPORTED, r->msg);
	if (!d)
		return false;
	for (uint64_t i = 0; i < 2; i++)
		reads[i] = block_reads(d, &images[r->base], i, &why[i]);
	*e = why[!reads[0] ? 0 : 1];
	return reads[0] == (r->outcome != BLOCK_0) && reads[1] == (r->outcome != BLOCK_1) &&
	       (r->outcome == READS || says(e, ERR_CORRUPT, r->msg));
}

static void each_bad_field_has_its_answer(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (int base = 0; base < BASES; base++) {
		struct vhdx_image *img = &images[base];
		CLEANUP_FREE uint8_t *good = malloc(img->len);
		CLEANUP_FD int fd = openat(dir->fd, "disk.vhdx", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		assert_true(good && fd >= 0);
		memcpy(good, img->bytes, img->len);
		vhdx_image_write(img, fd);
		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			struct error e = ERROR_INIT;

			if ((int)rows[i].base != base)
				continue;
			apply(img, &rows[i]);
			assert_int_equal(pwrite(fd, img->bytes, BAT + 40960, 0), BAT + 40960);
			if (!check_row(&rows[i], &e)) {
				print_error("row %zu (%#x: %#llx): not '%s', but '%s'\n", i, rows[i].patches[0].off,
					    (unsigned long long)rows[i].patches[0].value, rows[i].msg, e.msg);
				wrong++;
			}
			undo(img, good);
		}
	}
	assert_int_equal(wrong, 0);
}

/* The file ends at each place where a structure begins or ends, or a little before or behind it. */
static void a_file_cut_anywhere_is_refused_or_lacks_a_block(void **state)
{
	static const uint32_t places[] = { 0,	  8,	   HEAD_OLD, HEAD_OLD + 4096, HEAD,    HEAD + 4096, REGION,
					   REGION_2, REGION_2 + 65536, LOG, META, ITEMS, BAT, BAT + 1024 * 1024 };
	static const int32_t shifts[] = { -1, 0, 1, 512 };
	struct vhdx_image *img = &images[PLAIN];
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/disk.vhdx", dir->path);
	scratch_write(dir, "disk.vhdx", img->bytes, img->len);
	for (uint64_t len = img->len - 1; len >= img->len - 2 * MIB; len -= MIB / 2) {
		CLEANUP(cleanup_disk) struct disk *d = NULL;

		scratch_truncate(dir, "disk.vhdx", len);
		d = disk_open_path(path, NULL, NULL);
		assert_non_null(d);
		/* The writer puts the last block first. */
		assert_false(block_reads(d, img, 0, NULL));
		assert_int_equal(block_reads(d, img, 1, NULL), len >= img->len - MIB);
	}
	for (size_t i = ARRAY_LEN(places); i-- > 0;) {
		for (size_t j = 0; j < ARRAY_LEN(shifts); j++) {
			int64_t len = (int64_t)places[i] + shifts[j];
			struct error e = ERROR_INIT;

			if (len < 0 || len >= BAT + (int64_t)MIB)
				continue;
			scratch_truncate(dir, "disk.vhdx", (uint64_t)len);
			assert_null(disk_open_path(path, NULL, &e));
			assert_int_equal(e.code, ERR_CORRUPT);
		}
	}
}

static int make_folder(void **state)
{
	int rc = scratch_setup(state);

	dir = *state;
	build();
	return rc;
}

static int drop(void **state)
{
	for (int i = 0; i < BASES; i++)
		vhdx_image_fini(&images[i]);
	return scratch_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_bad_field_has_its_answer),
		cmocka_unit_test(a_file_cut_anywhere_is_refused_or_lacks_a_block),
	};

	return cmocka_run_group_tests_name("vhdx-bad", tests, make_folder, drop);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The headers and entries of a seSparse extent (x-sesparse.vmdk): snapshots on VMFS 6 and of disks of 2 TiB and more.
 * All numbers are 64 bits, little-endian; a sector is 512 bytes, a grain 4 KiB, a table 4096 entries.
 *
 * Constant header, sector 0: 26 numbers, then zeros.
 *
 *    0 magic 00000000cafebabe     24 grain, sectors: 8            80 ... 208  place and length, in sectors, of the
 *    8 version 0000000200000001   32 grain table, sectors: 64                regions that enum vmdk_sesparse_region
 *   16 capacity, sectors          40 flags, and four reserved: 0             names, in its order
 *
 * Volatile header: magic cafecafe, next free table, next transaction, replay journal, then zeros.
 *
 * Directory entry: 0 none; 10000000 in the upper half, the table's number in the lower one.
 * Table entry: 0 nothing there; by the upper 4 bits: 1 unmapped by SCSI, zeros; 2 zeros; 3 a grain, whose number has
 * its lowest 12 bits in bits 48 to 59 and the others in bits 0 to 47.
 */
#ifndef LIFTFS_DISK_VMDK_SESPARSE_H
#define LIFTFS_DISK_VMDK_SESPARSE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/extent.h"

#define VMDK_SESPARSE_HEADER_LEN 512 /* each of the two */
#define VMDK_SESPARSE_GRAIN_SECTORS 8
#define VMDK_SESPARSE_TABLE_SECTORS 64
#define VMDK_SESPARSE_TABLE_ENTRIES 4096

enum vmdk_sesparse_region {
	SESPARSE_VOLATILE,
	SESPARSE_JOURNAL_HEADER,
	SESPARSE_JOURNAL,
	SESPARSE_DIRECTORY,
	SESPARSE_TABLES,
	SESPARSE_FREE_BITMAP,
	SESPARSE_BACKMAP,
	SESPARSE_GRAINS,
	SESPARSE_REGIONS,
};

struct vmdk_sesparse_header {
	uint64_t capacity_sectors; /* > 0; times 512 fits 63 bits */
	/*
	 * In sectors; off + len times 512 fits 63 bits; none overlaps another or sector 0.  The volatile header and the
	 * directory lie inside the file, the directory covers the capacity.  The others may reach beyond: files grow.
	 */
	struct {
		uint64_t off, len;
	} region[SESPARSE_REGIONS];
};

/* The constant header; ERR_CORRUPT or ERR_UNSUPPORTED says which. */
int vmdk_sesparse_decode(const uint8_t *raw, size_t len, uint64_t file_size, struct vmdk_sesparse_header *out,
			 struct error *err) MUST_CHECK;

/* The volatile header: an extent whose journal has to be replayed is refused, since nobody knows how. */
int vmdk_sesparse_check_volatile(const uint8_t *raw, size_t len, struct error *err) MUST_CHECK;

/* Entries that are not 0: the table's number, whatever the extent has; a grain's kind and, of EXTENT_DATA, its number.
 */
int vmdk_sesparse_decode_dir(uint64_t entry, uint64_t *table_out, struct error *err) MUST_CHECK;
int vmdk_sesparse_decode_grain(uint64_t entry, enum extent_kind *kind_out, uint64_t *grain_out,
			       struct error *err) MUST_CHECK;

#endif

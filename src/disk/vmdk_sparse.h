/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header of a hosted sparse extent ("KDMV"): little-endian and packed.  A sector is 512 bytes.
 *
 *    0   4 magic "KDMV"          28  8 descriptor offset, sectors     64   8 overHead: sectors before the first grain
 *    4   4 version 1 to 3        36  8 descriptor size, sectors       72   1 unclean shutdown
 *    8   4 flags                 44  4 entries of a grain table       73   4 0a 20 0d 0a, if flag 1
 *   12   8 capacity, sectors     48  8 redundant grain directory      77   2 compression: 0, or 1 deflate
 *   20   8 grain, sectors        56  8 grain directory, sectors       79 433 pad
 *
 * The grain directory has a 32-bit sector number for each grain table, a table one for each grain.  0: nothing there.
 */
#ifndef LIFTFS_DISK_VMDK_SPARSE_H
#define LIFTFS_DISK_VMDK_SPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define VMDK_SPARSE_HEADER_LEN 512
#define VMDK_SPARSE_GD_AT_END UINT64_MAX /* the footer knows (streamOptimized) */

enum vmdk_sparse_flags { /* 16 to 31 are incompatible if unknown, 0 to 15 are not */
			 VMDK_SPARSE_NEWLINES = 1 << 0,
			 VMDK_SPARSE_REDUNDANT = 1 << 1,
			 VMDK_SPARSE_ZERO_GRAINS =
				 1 << 2, /* a grain table's entry 1 is a grain of zeros, also over a parent */
			 VMDK_SPARSE_COMPRESSED = 1 << 16,
			 VMDK_SPARSE_MARKERS = 1 << 17,
};

struct vmdk_sparse_header {
	uint32_t version, flags;
	uint64_t capacity_sectors;   /* > 0; times 512 fits 63 bits */
	uint64_t grain_sectors;      /* a power of two, 8 to 2048 */
	uint64_t desc_off, desc_len; /* bytes, inside the file; both 0 if there is no descriptor */
	uint32_t table_entries;      /* a power of two, 1 to 512 */
	uint64_t dir_sector;         /* as stored: not checked here */
	uint64_t overhead_sectors;   /* inside the file */
	bool unclean;
};

/* Checks all that the header alone decides; ERR_CORRUPT or ERR_UNSUPPORTED says which. */
int vmdk_sparse_decode(const uint8_t *raw, size_t len, uint64_t file_size, struct vmdk_sparse_header *out,
		       struct error *err) MUST_CHECK;

/* The same of a file's first bytes.  Failures to read begin with the file's name. */
struct backing;
int vmdk_sparse_read(const struct backing *b, struct vmdk_sparse_header *out, struct error *err) MUST_CHECK;

#endif

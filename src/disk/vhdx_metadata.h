/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metadata region of a VHDX ([MS-VHDX] 2.2.4): a table of 64 KiB, then items anywhere in the region.
 *
 *    0 8 "metadata", 10 2 entries (at most 2047), from 32 on 32 bytes each:
 *    0 16 GUID, 16 4 offset from the region's beginning (>= 64 KiB), 20 4 length (<= 1 MiB),
 *      24 4 flags: 1 user's, 2 of the virtual disk, 4 required
 */
#ifndef LIFTFS_DISK_VHDX_METADATA_H
#define LIFTFS_DISK_VHDX_METADATA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/guid.h"
#include "disk/vhdx_overlay.h"

#define VHDX_SIZE_MAX (UINT64_C(64) << 40) /* of the virtual disk */

struct vhdx_metadata {
	uint64_t virtual_size;                    /* > 0, a multiple of logical_sector */
	uint32_t block_size;                      /* power of two, 1 to 256 MiB */
	uint32_t logical_sector, physical_sector; /* 512 or 4096 */
	bool fixed;                               /* blocks stay allocated; says nothing about how they are found */
	bool has_parent;
	struct guid disk_id;
	uint64_t locator_off; /* in the file; the parent locator if has_parent */
	uint32_t locator_len;
};

/* Reads and checks table and items of the region at off, which lies inside the file. */
int vhdx_metadata_read(const struct vhdx_view *view, uint64_t off, uint32_t len, struct vhdx_metadata *out,
		       struct error *err) MUST_CHECK;

#endif

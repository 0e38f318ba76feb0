/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header of a COWD extent: a redo log of ESX (vmfsSparse, x-000001-delta.vmdk) or a disk of Workstation 3.
 * Little-endian; a sector is 512 bytes.
 *
 *    0   4 magic "COWD"           20   4 grain directory, sectors       1648   4 unclean shutdown
 *    4   4 version 1              24   4 its entries
 *    8   4 flags                  28   4 next free sector
 *   12   4 capacity, sectors      32 1616 geometry or the parent's name, generations, name, description
 *   16   4 grain, sectors       1652 396 pad
 *
 * Directory and tables hold 32-bit sector numbers; a table has 4096 entries, always.  0: nothing there, which is the
 * parent, or zeros without one.  There is no entry for zeros.  Whose child it is stands in the text descriptor alone.
 */
#ifndef LIFTFS_DISK_VMDK_COWD_H
#define LIFTFS_DISK_VMDK_COWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define VMDK_COWD_HEADER_LEN 2048
#define VMDK_COWD_TABLE_ENTRIES 4096
#define VMDK_COWD_GRAIN_MAX (UINT32_C(1) << 21) /* sectors: 1 GiB; real ones have 1, 8 or 128 */

struct vmdk_cowd_header {
	uint32_t capacity_sectors; /* > 0 */
	uint32_t grain_sectors;    /* a power of two up to VMDK_COWD_GRAIN_MAX: one bit that changed is noticed */
	uint64_t dir_off, dir_len; /* bytes, behind the header, inside the file; its entries cover the capacity */
	bool unclean;              /* said to be inconsistent, or not closed */
};

/* Checks all that the header alone decides; ERR_CORRUPT or ERR_UNSUPPORTED says which. */
int vmdk_cowd_decode(const uint8_t *raw, size_t len, uint64_t file_size, struct vmdk_cowd_header *out,
		     struct error *err) MUST_CHECK;

#endif

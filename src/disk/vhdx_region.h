/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The region table of a VHDX ([MS-VHDX] 2.2.3): where BAT and metadata lie.  It is stored twice; the second copy counts
 * where the first one's checksum is wrong.  Little-endian; pure functions of bytes.
 *
 *    0  4 "regi", 4 4 CRC-32C of 64 KiB, 8 4 entries (at most 2047), from 16 on 32 bytes each:
 *    0 16 GUID, 16 8 offset, 24 4 length (multiples of 1 MiB), 28 4 bit 0: required
 */
#ifndef LIFTFS_DISK_VHDX_REGION_H
#define LIFTFS_DISK_VHDX_REGION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define VHDX_REGION_LEN 65536

struct vhdx_regions {
	uint64_t bat_off, meta_off;
	uint32_t bat_len, meta_len;
};

/* Decodes the copy that counts.  *second_out: the first one was damaged, and the second one taken. */
int vhdx_region_choose(const uint8_t first[VHDX_REGION_LEN], const uint8_t second[VHDX_REGION_LEN],
		       struct vhdx_regions *out, bool *second_out, struct error *err) MUST_CHECK;

/* Both regions lie inside the file, and they and the log share no byte. */
int vhdx_region_check_place(const struct vhdx_regions *r, uint64_t log_off, uint32_t log_len, uint64_t file_size,
			    struct error *err) MUST_CHECK;

#endif

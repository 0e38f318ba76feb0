/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fixed places at the beginning of a VHDX ([MS-VHDX] 2.2.1, 2.2.2): the file identifier at 0 and two headers, of
 * which the valid one with the higher sequence number counts.  Little-endian; pure functions of bytes.
 *
 *    0  4 "head"               16 16 file write GUID            64 2 log version: 0
 *    4  4 CRC-32C of 4 KiB     32 16 data write GUID            66 2 version: 1
 *    8  8 sequence number      48 16 log GUID; zero: no log     68 4 log length, 72 8 log offset: multiples of 1 MiB
 */
#ifndef LIFTFS_DISK_VHDX_HEADER_H
#define LIFTFS_DISK_VHDX_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/guid.h"

#define VHDX_MIB (UINT64_C(1) << 20) /* everything from the first MiB on begins and ends at multiples of it */
#define VHDX_FILE_ID "vhdxfile"
#define VHDX_FILE_ID_LEN 8
#define VHDX_HEADER_LEN 4096
#define VHDX_HEADER_1 (UINT64_C(64) << 10)
#define VHDX_HEADER_2 (UINT64_C(128) << 10)
#define VHDX_REGION_1 (UINT64_C(192) << 10)
#define VHDX_REGION_2 (UINT64_C(256) << 10)

struct vhdx_header {
	uint64_t sequence;
	struct guid file_write, data_write;
	struct guid log; /* zero: nothing is pending */
	uint64_t log_off;
	uint32_t log_len;
	const char *other_fault; /* what is wrong with the header that does not count, NULL: it is valid too */
};

/* Checks the identifier at the beginning of the file. */
int vhdx_file_id_check(const uint8_t *head, size_t len, struct error *err) MUST_CHECK;

/*
 * The header that counts: signature, checksum and sequence choose it; then its version and the place of its log are
 * checked.  A log that is pending must lie inside the file.
 */
int vhdx_header_choose(const uint8_t first[VHDX_HEADER_LEN], const uint8_t second[VHDX_HEADER_LEN], uint64_t file_size,
		       struct vhdx_header *out, struct error *err) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli), as VHDX signs its structures with: init and final xor ffffffff; "123456789" gives e3069283. */
#ifndef LIFTFS_DISK_CRC32C_H
#define LIFTFS_DISK_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues `crc` (0 to begin) over len bytes: crc32c(crc32c(0, a, n), b, m) is the checksum of a and b behind it. */
uint32_t crc32c(uint32_t crc, const void *buf, size_t len);

/* The same by tables alone, whatever the processor can do. */
uint32_t crc32c_tables(uint32_t crc, const void *buf, size_t len);

/* The checksum of a structure whose own 4-byte checksum field at field_off counts as zeros. */
uint32_t crc32c_sealed(const void *buf, size_t len, size_t field_off);

#endif

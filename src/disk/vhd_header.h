/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header of a dynamic or differencing VHD: 1024 bytes where the footer's data offset says, big-endian.
 *
 *    0   8 "cxsparse"          24  4 version 1.0               40  16 unique id of the parent
 *    8   8 ff: unused          28  4 entries of the BAT        56   4 its time stamp, then 4 reserved
 *   16   8 offset of the BAT   32  4 bytes a block             64 512 its name, UTF-16BE, NULs behind it
 *                              36  4 checksum, as a footer's  576 192 8 parent locators of 24 bytes; then reserved
 *
 * A locator: 4 a code, 4 room for its text (in sectors or bytes: writers differ, so it is not looked at), 4 bytes of
 * text, 4 reserved, 8 where the text lies in the file.
 *
 * Pure functions of bytes.
 */
#ifndef LIFTFS_DISK_VHD_HEADER_H
#define LIFTFS_DISK_VHD_HEADER_H

#include <stdint.h>

#include "base/error.h"
#include "base/guid.h"

#define VHD_HEADER_LEN 1024
#define VHD_BAT_ENTRY_LEN 4
#define VHD_PARENT_NAME_LEN 512
#define VHD_LOCATORS 8

/* 32-bit sector numbers in the BAT: no larger dynamic disk can be filled, and Windows makes none. */
#define VHD_SPARSE_SIZE_MAX (UINT64_C(2040) << 30)

struct vhd_locator_entry {
	uint32_t code; /* 0: none */
	uint32_t len;  /* bytes of text */
	uint64_t off;  /* in the file; not checked */
};

struct vhd_header {
	uint64_t bat_off;
	uint32_t n_entries;
	uint32_t block_size; /* a power of two, 4 KiB to 256 MiB */
	struct guid parent_id;
	uint32_t parent_timestamp;
	uint8_t parent_name[VHD_PARENT_NAME_LEN]; /* as stored */
	struct vhd_locator_entry locators[VHD_LOCATORS];
};

/* Checks cookie, checksum, version and block size. */
int vhd_header_decode(const uint8_t raw[VHD_HEADER_LEN], struct vhd_header *out, struct error *err) MUST_CHECK;

/* May a header lie at header_off of a file whose content ends at content_end?  Not on the footer's copy at 0. */
int vhd_header_check_off(uint64_t header_off, uint64_t content_end, struct error *err) MUST_CHECK;

/*
 * Has the BAT an entry for each block of the disk, and does it lie between the footer's copy and content_end, beside
 * the header?  header_off has been checked.
 */
int vhd_header_check_bat(const struct vhd_header *h, uint64_t header_off, uint64_t disk_size, uint64_t content_end,
			 struct error *err) MUST_CHECK;

#endif

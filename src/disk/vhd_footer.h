/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The footer of a VHD: the last 512 bytes of the file, big-endian.  Read for images and replicas, written for replicas.
 *
 *    0   8 "conectix"        24  4 seconds since 2000-01-01      56  4 geometry: u16 cylinders, u8 heads, u8 sectors
 *    8   4 features: 2       28  4 creator application "win "    60  4 type: 2 fixed, 3 dynamic, 4 differencing
 *   12   4 version 1.0       32  4 creator version               64  4 ~(sum of all bytes, this field as 0)
 *   16   8 data offset       36  4 creator host "Wi2k"           68 16 unique id
 *                            40  8 original, 48 8 current size   84  1 saved state; then zeros
 *
 * Creator "win " and geometry 65535/16/255 on what we write: readers that derive the size from the geometry for other
 * creators (qemu up to 9) would cut off the end of the disk.
 */
#ifndef LIFTFS_DISK_VHD_FOOTER_H
#define LIFTFS_DISK_VHD_FOOTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/guid.h"

#define VHD_FOOTER_LEN 512
#define VHD_ALIGN (UINT64_C(1) << 20) /* Azure: content is a whole number of MiB */

enum vhd_type { VHD_FIXED = 2, VHD_DYNAMIC = 3, VHD_DIFFERENCING = 4 };

struct vhd_footer {
	uint64_t current_size; /* bytes that the guest sees */
	uint64_t data_offset;
	uint32_t timestamp;
	uint32_t checksum; /* as stored */
	enum vhd_type type;
	char creator[5];
	uint64_t geometry_size; /* cylinders * heads * sectors, in bytes: what some readers take for the size */
	bool saved_state;       /* of a virtual machine that sleeps: readable, worth a warning */
	struct guid id;
};

/* The footer of a replica: fixed, current = original = content_size (a multiple of VHD_ALIGN), time stamp 0 so that the
 * same disk always has the same footer. */
void vhd_footer_encode(uint64_t content_size, const struct guid *id, uint8_t out[VHD_FOOTER_LEN]);

/* Checks cookie, checksum, version, type and that the size is a whole number of sectors; ERR_CORRUPT says which. */
int vhd_footer_decode(const uint8_t raw[VHD_FOOTER_LEN], struct vhd_footer *out, struct error *err) MUST_CHECK;

/* The disk type of a footer that may be damaged, whatever it is. */
uint32_t vhd_footer_claimed_type(const uint8_t raw[VHD_FOOTER_LEN]);

/* ~(sum of len bytes, but for the 4 at `field`, where the sum is stored): of footers and dynamic headers. */
uint32_t vhd_checksum(const uint8_t *raw, size_t len, size_t field);

/* Content of a replica of a disk of `virtual_size` bytes: rounded up to VHD_ALIGN.  0 if that does not fit. */
uint64_t vhd_content_size(uint64_t virtual_size);

#endif

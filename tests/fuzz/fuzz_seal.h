/* SPDX-License-Identifier: Apache-2.0 */
/* Makes checksums of file systems right again after a mutation, which would end at the first of them otherwise. */
#ifndef LIFTFS_TESTS_FUZZ_SEAL_H
#define LIFTFS_TESTS_FUZZ_SEAL_H

#include <stddef.h>
#include <stdint.h>

/* Once for the image's superblocks, and then for each range of the image that may hold blocks of XFS (version 5) or
 * Btrfs. */
struct seal {
	uint8_t *image;
	uint64_t size;
	uint32_t xfs_block, xfs_folder, xfs_inode; /* bytes; 0: no XFS with checksums */
	uint32_t btrfs_node;                       /* 0: no Btrfs with CRC-32C */
};
void seal_begin(struct seal *s, uint8_t *image, uint64_t size);
void seal_range(const struct seal *s, uint64_t off, uint64_t len);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "disk/crc32c.h"
#include "fuzz_seal.h"

enum { BTRFS_OFF = 65536, SUPERBLOCK_LEN = 4096, CSUM_LEN = 32, FSID = 32, FSID_LEN = 16 };

static void seal_at(const struct seal *s, uint64_t off, uint32_t len, size_t field)
{
	uint8_t *p = s->image + off;

	if (range_ok(off, len, s->size))
		put_le32(p + field, crc32c_sealed(p, len, field));
}

static void seal_btrfs(const struct seal *s, uint64_t off, uint32_t len)
{
	uint8_t *p = s->image + off;

	if (range_ok(off, len, s->size))
		put_le32(p, crc32c(0, p + CSUM_LEN, len - CSUM_LEN));
}

void seal_begin(struct seal *s, uint8_t *image, uint64_t size)
{
	*s = (struct seal){ .image = image, .size = size };
	if (size >= 4096 && memcmp(image, "XFSB", 4) == 0 && (get_be16(image + 100) & 15) == 5) {
		uint32_t block = get_be32(image + 4), inode = get_be16(image + 104), sector = get_be16(image + 102);

		if (is_pow2(block) && block >= 512 && block <= 65536 && inode >= 176 && inode <= 2048 &&
		    sector >= 512 && sector <= 4096) {
			s->xfs_block = block;
			s->xfs_inode = inode;
			s->xfs_folder = block << (image[192] < 8 ? image[192] : 0);
			seal_at(s, 0, sector, 224);
		}
	}
	if (size >= BTRFS_OFF + SUPERBLOCK_LEN && memcmp(image + BTRFS_OFF + 64, "_BHRfS_M", 8) == 0 &&
	    get_le16(image + BTRFS_OFF + 196) == 0) {
		uint32_t node = get_le32(image + BTRFS_OFF + 148);

		if (is_pow2(node) && node >= 4096 && node <= 65536)
			s->btrfs_node = node;
		seal_btrfs(s, BTRFS_OFF, SUPERBLOCK_LEN);
	}
}

void seal_range(const struct seal *s, uint64_t off, uint64_t len)
{
	for (uint64_t at = align_down(off, 512); at < off + len && range_ok(at, 512, s->size); at += 512) {
		const uint8_t *p = s->image + at;

		if (s->btrfs_node && at != BTRFS_OFF && memcmp(p + FSID, s->image + BTRFS_OFF + FSID, FSID_LEN) == 0)
			seal_btrfs(s, at, s->btrfs_node);
		if (!s->xfs_block)
			continue;
		if (memcmp(p, "IN", 2) == 0)
			seal_at(s, at, s->xfs_inode, 100);
		else if (memcmp(p, "XDB3", 4) == 0 || memcmp(p, "XDD3", 4) == 0)
			seal_at(s, at, s->xfs_folder, 4);
		else if (memcmp(p, "BMA3", 4) == 0)
			seal_at(s, at, s->xfs_block, 64);
		else if (memcmp(p, "XSLM", 4) == 0)
			seal_at(s, at, s->xfs_block, 12);
	}
}

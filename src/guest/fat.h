/* SPDX-License-Identifier: Apache-2.0 */
/* FAT12, FAT16, FAT32: where things are (Microsoft's FAT specification 1.03), and what tree_fat.c and superblock.c share. */
#ifndef LIFTFS_GUEST_FAT_H
#define LIFTFS_GUEST_FAT_H

#include "guest/volume.h"

struct fat {
	struct volume *v;
	unsigned bits;          /* 12, 16 or 32 */
	uint32_t sector;        /* bytes: 512 to 4096 */
	uint32_t cluster;       /* bytes: at most 512 KiB */
	uint32_t clusters;      /* numbered from 2 */
	uint64_t fat_off;       /* of the first table; below, bytes of the volume */
	uint64_t root_off;      /* FAT12 and FAT16 */
	uint32_t root_len;
	uint32_t root_cluster;  /* FAT32 */
	uint64_t fsinfo_off;    /* FAT32; 0: none */
	uint64_t data_off;      /* of cluster 2 */
};

/* ERR_CORRUPT if the boot sector contradicts itself, or names more than the volume holds. */
int fat_init(struct fat *f, struct volume *v, struct error *err) MUST_CHECK;
/* What follows the cluster; 0: it is the last.  ERR_CORRUPT for one that is none. */
int fat_next(struct fat *f, uint32_t cluster, uint32_t *out, struct error *err) MUST_CHECK;
/* FAT12 and FAT16: clusters in use, counted in the table. */
int fat_count_used(struct fat *f, uint32_t *out, struct error *err) MUST_CHECK;
/* The table's second entry as a whole: some of its bits say whether the volume was unmounted. */
int fat_flags(struct fat *f, uint32_t *out, struct error *err) MUST_CHECK;

#endif

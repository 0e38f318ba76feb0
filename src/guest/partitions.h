/* SPDX-License-Identifier: Apache-2.0 */
/* What is on a disk: its partition table and file systems, through libblkid, without root, loop devices or the kernel. */
#ifndef LIFTFS_GUEST_PARTITIONS_H
#define LIFTFS_GUEST_PARTITIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "disk/disk.h"

struct partition {
	unsigned number;   /* 1.. as the table counts; 0: the whole disk holds a file system */
	uint64_t off, len; /* bytes of the disk */
	char type[48];     /* "0x83", or a GPT type GUID; "" for number 0 */
	char fs[32];       /* "ext4", "ntfs", "" if unknown */
	char label[64];
	bool active;       /* of an MBR: a BIOS starts from it */
};
struct partitions {
	char table[8]; /* "dos", "gpt", "" */
	struct partition *v;
	size_t n;
};

/* A disk that cannot be read where the tables lie fails; one without a table is none with n == 0 (or the file system). */
int partitions_find(struct disk *d, struct partitions *out, struct error *err) MUST_CHECK;
void partitions_fini(struct partitions *p);
static inline void cleanup_partitions(struct partitions *p)
{
	partitions_fini(p);
}

#endif

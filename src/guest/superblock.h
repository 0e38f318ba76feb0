/* SPDX-License-Identifier: Apache-2.0 */
/* What a file system says of itself as a whole: whether it was unmounted, and how much of it is in use. */
#ifndef LIFTFS_GUEST_SUPERBLOCK_H
#define LIFTFS_GUEST_SUPERBLOCK_H

#include "guest/volume.h"

struct superblock {
	char uuid[40];      /* or "" */
	uint64_t off;       /* of the superblock; this and dirty_off in bytes of the volume */
	bool used_known;
	uint64_t used;      /* bytes */
	char dirty[80];     /* why it counts as not unmounted: "journal not replayed"; "" */
	uint64_t dirty_off;
	bool dirty_unknown; /* its superblock does not say it */
};

/* fs as libblkid calls it.  One that is not known here is nothing but dirty_unknown. */
int superblock_read(struct volume *v, const char *fs, struct superblock *out, struct error *err) MUST_CHECK;

#endif

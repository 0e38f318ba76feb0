/* SPDX-License-Identifier: Apache-2.0 */
/* The mount's answers to the kernel: libfuse's low-level operations over a tree. */
#ifndef LIFTFS_FS_OPS_H
#define LIFTFS_FS_OPS_H

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>
#include <time.h>

#include "tree.h"

/*
 * The largest request that the kernel is told to send.  Over a network each is a round trip; of a local file two at once are
 * better than one of twice the size, and their pages are lent.
 */
#define MOUNT_READ_MAX (1u << 20)
#define MOUNT_READ_LOCAL (512u << 10)

struct handle; /* an open file */

/* What the operations need; the session's userdata. */
struct mount {
	struct tree *tree;
	uid_t uid;
	gid_t gid;
	mode_t umask;
	unsigned read_max; /* MOUNT_READ_MAX or MOUNT_READ_LOCAL */
	struct timespec mounted_at; /* the time of folders */
	pthread_mutex_t lock;   /* guards open */
	struct handle *open;    /* the kernel releases none of them if the mount goes away under its users */
	void (*ready)(struct mount *m); /* called once the kernel speaks to us, on a thread of the loop; may be NULL */
};

extern const struct fuse_lowlevel_ops mount_ops;

#endif

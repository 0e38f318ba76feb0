/* SPDX-License-Identifier: Apache-2.0 */
/*
 * -o auto_unmount: a process that outlives this one and takes the mount away, however this one ends.
 *
 * libfuse has such a process too.  It asks the mount once, at the moment the program's socket closes; the device may be
 * open for a moment longer, and then it takes the mount for a living one and leaves it there.
 */
#ifndef LIFTFS_FS_AUTO_UNMOUNT_H
#define LIFTFS_FS_AUTO_UNMOUNT_H

#include <sys/types.h>

#include "base/error.h"

struct auto_unmount {
	pid_t pid; /* 0: none */
	int fd;    /* its end is the signal */
};

/* Right after mounting; mount_point is absolute and copied. */
int auto_unmount_start(struct auto_unmount *a, const char *mount_point, struct error *err) MUST_CHECK;

/* After this program's own unmounting: ends the process and waits for it. */
void auto_unmount_stop(struct auto_unmount *a);

#endif

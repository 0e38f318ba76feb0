/* SPDX-License-Identifier: Apache-2.0 */
/* The list behind -o: ours, FUSE's, and what mount(8) and fstab write there for themselves. */
#ifndef LIFTFS_FS_OPTIONS_H
#define LIFTFS_FS_OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "datastores.h"

struct mount_options {
	uid_t uid; /* who everything belongs to */
	gid_t gid;
	mode_t umask;      /* taken from 0555 and 0444 */
	bool ignore_log;   /* log=ignore */
	bool unchecked_parents;
	struct datastores datastores; /* datastore=NAME=DIR, any number of times */
	char *credentials; /* files, owned; NULL: not given */
	char *cacert;
	bool allow_other, auto_unmount;
	struct strbuf fuse; /* for libfuse, comma-separated */
};

/* The caller's ids, nothing taken from the modes. */
void mount_options_init(struct mount_options *o);
void mount_options_fini(struct mount_options *o);

/*
 * Adds one -o argument: comma-separated, "\," a comma and "\\" a backslash of a value.  An option that nobody knows is
 * ERR_USAGE, as is a value that is none.
 */
int mount_options_parse(struct mount_options *o, const char *text, struct error *err) MUST_CHECK;

static inline void cleanup_mount_options(struct mount_options *o)
{
	mount_options_fini(o);
}

#endif

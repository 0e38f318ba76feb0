/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a replica's file and its metadata look from outside.  What a look tells, but who holds the lease, follows from the stamp of
 * NAME.vhd and from what the metadata say (dir_state.c); those are replaced or written anew whenever they change.  A write that
 * leaves its stamp as it was is kept from NAME.vhd by the way it is stamped (dir_stamp.c), and from the metadata by their age.
 */
#include <config.h>

#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>

#include "base/clock.h"
#include "target/dir_private.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif
#define SETTLE_S 2 /* the coarsest tick of a clock that makes times */

/* Whose times come from this host's clock, finely, a time for each write. */
static bool has_own_times(int root)
{
	struct statfs fs;

	if (fstatfs(root, &fs) < 0)
		return false;
	switch ((uint32_t)fs.f_type) {
	case EXT4_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case TMPFS_MAGIC:
		return true;
	default:
		return false;
	}
}

static bool has_settled(const struct stat *st, uint64_t now_ns)
{
	int64_t before = (int64_t)(now_ns / 1000000000) - SETTLE_S;

	return (int64_t)st->st_mtim.tv_sec < before && (int64_t)st->st_ctim.tv_sec < before;
}

int dir_glance(struct replica *r, struct target_glance *out, struct error *err)
{
	char data[TARGET_VERSION_LEN], meta[TARGET_VERSION_LEN];
	uint64_t now_ns = clock_realtime_ns(); /* before the looks: a time that is old by it was there */
	int root = dir_root(r->target, err), rc;
	struct stat st;

	if (root < 0)
		return -1;
	if (r->point || !has_own_times(root))
		return 0;
	rc = dir_stat(r, DIR_DATA, NULL, &st, err);
	if (rc != 0 || !S_ISREG(st.st_mode))
		return rc < 0 ? -1 : 0;
	dir_version(&st, data);
	rc = dir_stat(r, DIR_META, ".json", &st, err);
	if (rc != 0 || !S_ISREG(st.st_mode))
		return rc < 0 ? -1 : 0;
	dir_version(&st, meta);
	out->settled = has_settled(&st, now_ns);
	snprintf(out->text, sizeof(out->text), "%s %s", data, meta);
	return 0;
}

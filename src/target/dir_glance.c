/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a replica's file and its metadata look from outside.  What a look tells, but who holds the lease, follows from the stamp of
 * NAME.vhd and from what the metadata say (dir_state.c); those are replaced or written anew whenever they change.  A write that
 * leaves its stamp as it was is kept from NAME.vhd by the way it is stamped (dir_stamp.c), and from the metadata by their age.
 */
#include <config.h>

#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/clock.h"
#include "target/dir_private.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif
#define SECOND_NS INT64_C(1000000000)
#define SETTLE_NS (2 * SECOND_NS) /* the coarsest tick of a clock that makes times, those included that keep seconds alone */

bool dir_has_own_times(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
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

/* Longer ago than now_ns - SETTLE_NS: what is written from then on gets a later time.  Of no time that is still to come. */
static bool is_old(const struct timespec *t, uint64_t now_ns)
{
	int64_t before_ns = (int64_t)now_ns - SETTLE_NS;
	int64_t s = before_ns / SECOND_NS;

	return t->tv_sec < s || (t->tv_sec == s && t->tv_nsec < before_ns % SECOND_NS);
}

int dir_glance(struct target *t, const char *name, struct target_glance *out, struct error *err)
{
	const struct dir_place *p = t->priv;
	uint64_t now_ns = clock_realtime_ns(); /* before the looks: a time that is old by it was there */
	int root = dir_root(t, err);
	struct stat data, meta;
	size_t len;

	if (root < 0)
		return -1;
	if (!p->own_times || !dir_stat_at_once(root, DIR_DATA, name, NULL, &data) || !S_ISREG(data.st_mode) ||
	    !dir_stat_at_once(root, DIR_META, name, ".json", &meta) || !S_ISREG(meta.st_mode))
		return 0;
	out->settled = is_old(&meta.st_mtim, now_ns) && is_old(&meta.st_ctim, now_ns);
	dir_version(&data, out->text);
	len = strlen(out->text);
	out->text[len++] = ' ';
	dir_version(&meta, out->text + len); /* two of them have room */
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "replicate/evidence.h"
#include "replicate/state_stamp.h"

static int64_t ns_of(const struct statx_timestamp *t)
{
	return (int64_t)((uint64_t)t->tv_sec * UINT64_C(1000000000) + t->tv_nsec);
}

static bool stamp_file(int fd, const char *path, struct state_file_stamp *out)
{
	struct statx st;

	if (statx(fd, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &st) < 0 || !S_ISREG(st.stx_mode))
		return false;
	*out = (struct state_file_stamp){
		.dev = makedev(st.stx_dev_major, st.stx_dev_minor),
		.inode = st.stx_ino,
		.size = st.stx_size,
		.mtime_ns = ns_of(&st.stx_mtime),
		.ctime_ns = ns_of(&st.stx_ctime),
		.btime_ns = st.stx_mask & STATX_BTIME ? ns_of(&st.stx_btime) : 0,
	};
	return true;
}

bool state_stamp(const struct state *s, const char *target_name, const char *replica_name, struct state_stamp *out)
{
	static const char map[] = "/map", journal[] = "/journal";
	char path[STATE_REPLICA_LEN + sizeof(journal)];
	size_t len;

	state_replica_folder(target_name, replica_name, path);
	len = strlen(path);
	memcpy(path + len, map, sizeof(map));
	if (!stamp_file(state_fd(s), path, &out->map))
		return false;
	memcpy(path + len, journal, sizeof(journal));
	return stamp_file(state_fd(s), path, &out->journal);
}

static bool file_equal(const struct state_file_stamp *a, const struct state_file_stamp *b)
{
	return a->dev == b->dev && a->inode == b->inode && a->size == b->size && a->mtime_ns == b->mtime_ns &&
	       a->ctime_ns == b->ctime_ns && a->btime_ns == b->btime_ns;
}

bool state_stamp_equal(const struct state_stamp *a, const struct state_stamp *b)
{
	return file_equal(&a->map, &b->map) && file_equal(&a->journal, &b->journal);
}

static bool file_settled(const struct state_file_stamp *f, int64_t before_ns)
{
	return f->mtime_ns < before_ns && f->ctime_ns < before_ns;
}

bool state_stamp_settled(const struct state_stamp *s, uint64_t now_ns)
{
	int64_t before_ns = (int64_t)(now_ns > INT64_MAX ? INT64_MAX : now_ns) - (int64_t)EVIDENCE_SETTLE_NS;

	return file_settled(&s->map, before_ns) && file_settled(&s->journal, before_ns);
}

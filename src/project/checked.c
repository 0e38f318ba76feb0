/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at every page of the database takes as long as the database is large, at each start.  So who closes it last, and had no
 * trouble with it, leaves in the lock file how it looks then: while it looks so, and the host was not started anew, nothing
 * wrote to it, and the look of before holds for CHECKED_FOR_NS.  A run that does not end leaves nothing.
 */
#include <config.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "project/project_priv.h"

#define CHECKED_FOR_NS (UINT64_C(6) * 3600 * 1000 * 1000 * 1000)
#define MARK_LEN 256

static void time_text(const struct timespec *t, char out[32])
{
	snprintf(out, 32, "%" PRId64 ".%09ld", (int64_t)t->tv_sec, t->tv_nsec);
}

/* What follows the time in a mark; false: the file is not whole, or not there. */
static bool how_it_looks(struct project *p, char out[MARK_LEN])
{
	char boot[CLOCK_BOOT_ID_LEN], modified[32], changed[32];
	struct stat st, wal;
	int fd = state_fd(p->state);

	clock_boot_id(boot);
	if (!boot[0] || fstatat(fd, PROJECT_DB_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (fstatat(fd, PROJECT_DB_NAME "-wal", &wal, AT_SYMLINK_NOFOLLOW) == 0 && wal.st_size > 0))
		return false;
	time_text(&st.st_mtim, modified);
	time_text(&st.st_ctim, changed);
	return snprintf(out, MARK_LEN, "%s %ju %jd %s %s\n", boot, (uintmax_t)st.st_ino, (intmax_t)st.st_size, modified, changed) <
	       MARK_LEN;
}

void project_checked_read(struct project *p, int lock_fd)
{
	uint64_t now_ns = clock_realtime_ns();
	char mark[MARK_LEN + 32], looks[MARK_LEN], *space;
	ssize_t n = pread(lock_fd, mark, sizeof(mark) - 1, 0);
	uint64_t at;

	p->checked_ns = 0;
	mark[n > 0 ? n : 0] = '\0';
	space = strchr(mark, ' ');
	if (!space)
		return;
	*space = '\0';
	if (parse_u64(mark, UINT64_MAX, &at, NULL) < 0 || at > now_ns || now_ns - at > CHECKED_FOR_NS ||
	    !how_it_looks(p, looks) || strcmp(space + 1, looks) != 0)
		return;
	p->checked_ns = at;
}

void project_checked_forget(struct project *p)
{
	if (ftruncate(p->lock_fd, 0) < 0) /* else what it says could be believed although this run changed the file */
		p->in_doubt = true;
}

void project_checked_leave(struct project *p)
{
	char mark[MARK_LEN + 32], looks[MARK_LEN];
	int n;

	if (p->lock_fd < 0 || p->in_doubt || p->checked_ns == 0 || flock(p->lock_fd, LOCK_EX | LOCK_NB) < 0 ||
	    !how_it_looks(p, looks))
		return;
	n = snprintf(mark, sizeof(mark), "%" PRIu64 " %s", p->checked_ns, looks);
	if (pwrite(p->lock_fd, mark, (size_t)n, 0) != n && ftruncate(p->lock_fd, 0) < 0)
		return; /* cut off it is like no file */
}

int project_end(struct project *p, int rc, struct error *err)
{
	rc = sql_end(p->db, rc, err);
	if (rc < 0)
		p->in_doubt = true;
	return rc;
}

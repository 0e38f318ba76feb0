/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/parse.h"
#include "map/blockmap_file.h"
#include "replicate/state_survey.h"

#define LOCK_LINE_MAX 256

/* Who holds a flock for writing.  Asking by trying to take one could make a run that begins just then fail. */
struct held {
	long pid;
	uint64_t inode;
};

struct locks {
	struct held *v;
	size_t n;
};

/* The n-th word of a line, from 0, cut off in place; "" if there are fewer. */
static char *word_at(char *line, unsigned n)
{
	char *p = line + strspn(line, " ");

	while (n-- > 0) {
		p += strcspn(p, " \n");
		p += strspn(p, " \n");
	}
	p[strcspn(p, " \n")] = '\0';
	return p;
}

/* "12: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF": from the last word back, since each is cut off. */
static bool parse_lock(char *line, struct held *out)
{
	const char *inode = strrchr(word_at(line, 5), ':'), *pid_text = word_at(line, 4);
	uint64_t pid;

	if (!inode || parse_u64(inode + 1, UINT64_MAX, &out->inode, NULL) < 0 || parse_u64(pid_text, INT32_MAX, &pid, NULL) < 0)
		return false;
	out->pid = (long)pid;
	return strcmp(word_at(line, 3), "WRITE") == 0 && strcmp(word_at(line, 1), "FLOCK") == 0;
}

/* Without /proc nobody is known to be at work. */
static int read_locks(struct locks *out, struct error *err)
{
	CLEANUP_FILE FILE *f = fopen("/proc/locks", "re");
	char line[LOCK_LINE_MAX];

	while (f && fgets(line, sizeof(line), f)) {
		struct held h, *v;

		if (!parse_lock(line, &h))
			continue;
		v = reallocarray(out->v, out->n + 1, sizeof(*v));
		if (!v)
			return error_errno(err, ENOMEM, "/proc/locks");
		out->v = v;
		v[out->n++] = h;
	}
	return 0;
}

/* The holder wrote its pid into the file: inodes alone are of some file system or other. */
static long holder(int dirfd, const struct locks *locks)
{
	CLEANUP_FREE char *text = NULL;
	struct stat st;
	uint64_t pid;

	if (locks->n == 0 || fstatat(dirfd, "lock", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	text = io_read_file(dirfd, "lock", 256, NULL, NULL);
	if (!text || strncmp(text, "pid ", 4) != 0)
		return 0;
	text[4 + strcspn(text + 4, " \n")] = '\0';
	if (parse_u64(text + 4, INT32_MAX, &pid, NULL) < 0)
		return 0;
	for (size_t i = 0; i < locks->n; i++)
		if (locks->v[i].inode == st.st_ino && locks->v[i].pid == (long)pid)
			return (long)pid;
	return 0;
}

static void read_header(int dirfd, struct state_replica *r)
{
	CLEANUP_FD int fd = openat(dirfd, "map", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct blockmap_layout layout;
	uint8_t buf[BLOCKMAP_HEADER_LEN];
	struct stat st;
	uint64_t sum;

	r->has_map = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && io_pread(fd, buf, sizeof(buf), 0, NULL) == 0 &&
		     blockmap_header_decode(buf, sizeof(buf), &r->header, &layout, &sum, NULL) == 0;
	if (r->has_map)
		r->committed_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec;
}

static bool is_key(const char *name)
{
	return strlen(name) == STATE_KEY_LEN - 1 && name[strspn(name, "0123456789abcdef")] == '\0';
}

static void close_folder(DIR *d)
{
	closedir(d);
}
DEFINE_CLEANUP(cleanup_folder, DIR *, close_folder);

static int survey(struct state *s, DIR *folder, const struct locks *locks, struct state_replica *r,
		  int (*each)(void *ctx, const struct state_replica *r, struct error *err), void *ctx, struct error *err)
{
	for (;;) {
		const struct dirent *e;

		errno = 0;
		e = readdir(folder);
		if (!e)
			return errno ? error_errno(err, errno, "%s/replicas", state_path(s)) : 0;
		if (!is_key(e->d_name))
			continue;
		CLEANUP_FD int fd = openat(dirfd(folder), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			continue;
		snprintf(r->key, sizeof(r->key), "%.32s", e->d_name);
		read_header(fd, r);
		r->pid = holder(fd, locks);
		if (each(ctx, r, err) < 0)
			return -1;
	}
}

int state_survey(struct state *s, int (*each)(void *ctx, const struct state_replica *r, struct error *err), void *ctx,
		 struct error *err)
{
	CLEANUP_FREE struct state_replica *r = calloc(1, sizeof(*r));
	CLEANUP_FD int fd = openat(state_fd(s), "replicas", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(cleanup_folder) DIR *folder = NULL;
	struct locks locks = { 0 };
	int rc;

	if (!r)
		return error_errno(err, ENOMEM, "state");
	if (fd < 0)
		return errno == ENOENT ? 0 : error_errno(err, errno, "%s/replicas", state_path(s));
	folder = fdopendir(fd);
	if (!folder)
		return error_errno(err, errno, "%s/replicas", state_path(s));
	(void)steal_fd(&fd);
	rc = read_locks(&locks, err);
	if (rc == 0)
		rc = survey(s, folder, &locks, r, each, ctx, err);
	free(locks.v);
	return rc;
}

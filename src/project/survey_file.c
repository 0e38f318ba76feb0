/* SPDX-License-Identifier: Apache-2.0 */
/* Where surveys lie: STATE/surveys, a file each. */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "project/survey.h"

#define FOLDER "surveys"
#define FILE_MAX (SIZE_MAX < ((size_t)1 << 29) ? SIZE_MAX : (size_t)1 << 29)

DEFINE_CLEANUP(cleanup_dir, DIR *, closedir);

static int open_folder(const struct state *st)
{
	return openat(state_fd(st), FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int survey_load(const struct state *st, const char *key, const char *conditions, struct survey *out, struct error *err)
{
	CLEANUP_FD int fd = open_folder(st);
	CLEANUP(cleanup_survey) struct survey s = { 0 };
	CLEANUP_FREE char *bytes = NULL;
	size_t len;

	if (fd < 0)
		return error_errno(err, errno, FOLDER);
	bytes = io_read_file(fd, key, FILE_MAX, &len, err);
	if (!bytes || survey_decode(bytes, len, &s, err) < 0)
		return -1;
	if (strcmp(s.conditions, conditions) != 0)
		return error_set(err, ERR_CHANGED, "survey: of other conditions");
	*out = s;
	s = (struct survey){ 0 };
	return 0;
}

/* The oldest of those that are too many; what goes wrong here is tried again at the next one. */
static void drop_oldest(int fd)
{
	CLEANUP_FD int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(cleanup_dir) DIR *dir = own >= 0 ? fdopendir(own) : NULL;
	char oldest[NAME_MAX + 1] = "";
	struct timespec when = { 0 };
	const struct dirent *e;
	size_t n = 0;

	if (!dir)
		return;
	(void)steal_fd(&own);
	for (e = readdir(dir); e; e = readdir(dir)) {
		struct stat st;

		if (strlen(e->d_name) != STATE_KEY_LEN - 1 || fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (n++ == 0 || st.st_mtim.tv_sec < when.tv_sec ||
		    (st.st_mtim.tv_sec == when.tv_sec && st.st_mtim.tv_nsec < when.tv_nsec)) {
			when = st.st_mtim;
			memcpy(oldest, e->d_name, strlen(e->d_name) + 1);
		}
	}
	if (n > SURVEYS_KEPT)
		(void)unlinkat(fd, oldest, 0);
}

int survey_store(const struct state *st, const char *key, const struct survey *s, struct error *err)
{
	CLEANUP_FREE char *bytes = NULL;
	CLEANUP_FD int fd = -1;
	CLEANUP_FD int lock = -1;
	size_t len;

	bytes = survey_encode(s, &len, err);
	if (!bytes || io_mkdirs(state_fd(st), FOLDER, 0700, err) < 0)
		return -1;
	fd = open_folder(st);
	if (fd < 0)
		return error_errno(err, errno, FOLDER);
	lock = io_lock_file(fd, "lock", "a survey", err);
	if (lock < 0 || io_replace_derived(fd, key, bytes, len, 0600, err) < 0)
		return -1;
	drop_oldest(fd);
	return 0;
}

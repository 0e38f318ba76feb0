/* SPDX-License-Identifier: Apache-2.0 */
/* An output in a file of its own: whole or not at all. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assess.h"
#include "base/cleanup.h"
#include "base/io.h"

/* What is there and nobody can take the place of: a pipe, a terminal, /dev/null. */
static bool is_special(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

static int written(FILE *f, const char *path, struct error *err)
{
	if (fflush(f) != 0 || ferror(f))
		return error_errno(err, errno ? errno : EIO, "%s", path);
	return 0;
}

static int write_in_place(const struct assess_report *r, const char *path, assess_writer *write, struct error *err)
{
	CLEANUP_FILE FILE *f = fopen(path, "we");

	if (!f)
		return error_errno(err, errno, "%s", path);
	if (write(r, f, err) < 0)
		return error_prefix(err, "%s", path);
	return written(f, path, err);
}

static mode_t mode_of_new_files(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

/* Where it lies, so that its name there is durable, too. */
static int sync_folder(const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');
	CLEANUP_FREE char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	CLEANUP_FD int fd = -1;

	if (!folder)
		return error_errno(err, ENOMEM, "%s", path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "%s", folder);
	return io_fsync_dir(fd, err) < 0 ? error_prefix(err, "%s", folder) : 0;
}

static int write_new(const struct assess_report *r, const char *path, const char *temp, FILE *f, assess_writer *write,
		     struct error *err)
{
	if (write(r, f, err) < 0)
		return error_prefix(err, "%s", path);
	if (written(f, path, err) < 0)
		return -1;
	if (fchmod(fileno(f), mode_of_new_files()) != 0 || fsync(fileno(f)) != 0 || rename(temp, path) != 0)
		return error_errno(err, errno, "%s", path);
	return 0;
}

static int replace(const struct assess_report *r, const char *path, assess_writer *write, struct error *err)
{
	CLEANUP_FREE char *temp = NULL;
	CLEANUP_FILE FILE *f = NULL;
	CLEANUP_FD int fd = -1;

	if (asprintf(&temp, "%s.XXXXXX", path) < 0) {
		temp = NULL;
		return error_errno(err, ENOMEM, "%s", path);
	}
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "%s", path);
	f = fdopen(fd, "w");
	if (!f) {
		error_errno(err, errno, "%s", path);
		unlink(temp);
		return -1;
	}
	(void)steal_fd(&fd);
	if (write_new(r, path, temp, f, write, err) < 0) {
		unlink(temp);
		return -1;
	}
	return sync_folder(path, err);
}

int assess_write_file(const struct assess_report *r, const char *path, assess_writer *write, struct error *err)
{
	CLEANUP_FREE char *real = NULL;

	if (strcmp(path, "-") == 0)
		return write(r, stdout, err);
	if (is_special(path))
		return write_in_place(r, path, write, err);
	real = realpath(path, NULL); /* a symbolic link stays one */
	return replace(r, real ? real : path, write, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "assess/catalogue_install.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assess/catalogue.h"
#include "base/cleanup.h"
#include "base/io.h"

#define STAGING ".update-XXXXXX"
#define FOLDER_MODE 0755
#define FILE_MODE 0644

/* Without the slashes at its end; "/" stays. */
static char *trimmed(const char *path, struct error *err)
{
	size_t len = strlen(path);
	char *copy;

	while (len > 1 && path[len - 1] == '/')
		len--;
	copy = len > 0 ? strndup(path, len) : NULL;
	if (!copy)
		error_errno(err, len > 0 ? ENOMEM : ENOENT, "catalogue folder");
	return copy;
}

/* The folder that holds it, which is made if need be. */
static char *parent_of(const char *dir, struct error *err)
{
	const char *slash = strrchr(dir, '/');
	char *parent = !slash ? strdup(".") : slash == dir ? strdup("/") : strndup(dir, (size_t)(slash - dir));

	if (!parent) {
		error_errno(err, ENOMEM, "%s", dir);
		return NULL;
	}
	if (io_mkdirs(AT_FDCWD, parent, FOLDER_MODE, err) < 0) {
		free(parent);
		return NULL;
	}
	return parent;
}

static int lock_folder(struct catalogue_install *in, struct error *err)
{
	in->dir_fd = open(in->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in->dir_fd < 0 && errno == ENOENT) {
		in->is_new = true;
		return 0;
	}
	if (in->dir_fd < 0)
		return error_errno(err, errno, "%s", in->dir);
	if (flock(in->dir_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return error_set(err, ERR_BUSY, "%s: another update of it is running", in->dir);
	return error_errno(err, errno, "lock %s", in->dir);
}

int catalogue_install_open(struct catalogue_install *in, const char *dir, struct error *err)
{
	CLEANUP_FREE char *parent = NULL;

	in->dir = trimmed(dir, err);
	if (!in->dir || lock_folder(in, err) < 0)
		return -1;
	if (in->is_new) {
		parent = parent_of(in->dir, err);
		if (!parent)
			return -1;
	}
	if (asprintf(&in->staging, "%s/" STAGING, in->is_new ? parent : in->dir) < 0) {
		in->staging = NULL;
		return error_errno(err, ENOMEM, "%s", in->dir);
	}
	if (!mkdtemp(in->staging)) {
		error_errno(err, errno, "%s", in->staging);
		free(in->staging);
		in->staging = NULL;
		return -1;
	}
	in->staging_fd = open(in->staging, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in->staging_fd < 0 || fchmod(in->staging_fd, FOLDER_MODE) < 0)
		return error_errno(err, errno, "%s", in->staging);
	return 0;
}

int catalogue_install_put(struct catalogue_install *in, const char *name, const char *text, size_t len,
			  struct error *err)
{
	if (io_replace_file(in->staging_fd, name, text, len, FILE_MODE, err) < 0)
		return error_prefix(err, "%s", in->staging);
	return 0;
}

/* The whole folder; one that somebody else made meanwhile is not replaced. */
static int commit_new(struct catalogue_install *in, struct error *err)
{
	CLEANUP_FREE char *parent = parent_of(in->dir, err);
	CLEANUP_FD int fd = -1;

	if (!parent)
		return -1;
	if (rename(in->staging, in->dir) < 0)
		return error_errno(err, errno, "%s", in->dir);
	free(in->staging);
	in->staging = NULL;
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "%s", parent);
	return io_fsync_dir(fd, err);
}

int catalogue_install_commit(struct catalogue_install *in, const char *const *names, const bool *replace,
			     struct error *err)
{
	assert(in->staging);
	if (in->is_new)
		return commit_new(in, err);
	for (size_t i = 0; names[i]; i++)
		if (replace[i] && renameat(in->staging_fd, names[i], in->dir_fd, names[i]) < 0)
			return error_errno(err, errno, "%s/%s", in->dir, names[i]);
	return io_fsync_dir(in->dir_fd, err);
}

void catalogue_install_close(struct catalogue_install *in)
{
	for (size_t i = 0; in->staging && in->staging_fd >= 0 && catalogue_file_name(i); i++)
		(void)unlinkat(in->staging_fd, catalogue_file_name(i), 0);
	if (in->staging_fd >= 0)
		close(in->staging_fd);
	if (in->staging)
		(void)rmdir(in->staging);
	if (in->dir_fd >= 0)
		close(in->dir_fd);
	free(in->staging);
	free(in->dir);
	*in = (struct catalogue_install)CATALOGUE_INSTALL_INIT;
}

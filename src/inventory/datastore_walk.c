/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "disk/disk.h"
#include "inventory/datastore_walk.h"
#include "inventory/vm_config.h"

struct walk {
	bool one_file_system;
	dev_t dev;
	struct cancel *cancel;
	struct path_list *images, *configs;
	bool left_out;
};

DEFINE_CLEANUP(cleanup_dir, DIR *, closedir);

void path_list_fini(struct path_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct path_list){ 0 };
}

int path_list_add(struct path_list *l, const char *path, struct error *err)
{
	if (l->n == WALK_FILES_MAX)
		return error_set(err, ERR_UNSUPPORTED, "more than %zu files", WALK_FILES_MAX);
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		char **v = reallocarray(l->v, cap, sizeof(*v));

		if (!v)
			return error_errno(err, ENOMEM, "%s", path);
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n] = strdup(path);
	if (!l->v[l->n])
		return error_errno(err, ENOMEM, "%s", path);
	l->n++;
	return 0;
}

bool datastore_walk_enters(const char *name)
{
	return name[0] != '.' && strcmp(name, "~snapshot") != 0;
}

static int walk_folder(struct walk *w, int fd, const char *path, unsigned depth, struct error *err);

static int visit(struct walk *w, int dirfd, const char *folder, const char *name, unsigned depth, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };
	CLEANUP_FREE char *path = NULL;
	struct stat st;

	if (*folder)
		strbuf_addf(&text, "%s/", folder);
	strbuf_adds(&text, name);
	path = strbuf_take(&text, err);
	if (!path)
		return -1;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_errno(err, errno, "%s", path); /* gone since it was listed */
	if (S_ISDIR(st.st_mode) && datastore_walk_enters(name) && w->one_file_system && st.st_dev != w->dev) {
		w->left_out = true;
		return 0;
	}
	if (S_ISDIR(st.st_mode) && datastore_walk_enters(name)) {
		CLEANUP_FD int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0)
			return errno == ENOENT ? 0 : error_errno(err, errno, "%s", path);
		return walk_folder(w, steal_fd(&fd), path, depth + 1, err);
	}
	if (!S_ISREG(st.st_mode))
		return 0;
	if (disk_format_of_path(name))
		return path_list_add(w->images, path, err);
	return vm_config_format_of_path(name) ? path_list_add(w->configs, path, err) : 0;
}

/* Takes over fd. */
static int walk_folder(struct walk *w, int fd, const char *path, unsigned depth, struct error *err)
{
	CLEANUP(cleanup_dir) DIR *dir = fdopendir(fd);

	if (!dir) {
		int errnum = errno;

		close(fd);
		return error_errno(err, errnum, "%s", path);
	}
	if (depth > WALK_DEPTH_MAX)
		return error_set(err, ERR_UNSUPPORTED, "%s: more than %d folders deep", path, WALK_DEPTH_MAX);
	if (cancel_check(w->cancel, err) < 0)
		return -1;
	for (;;) {
		const struct dirent *entry;

		errno = 0;
		entry = readdir(dir);
		if (!entry)
			return errno ? error_errno(err, errno, "%s", *path ? path : ".") : 0;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (visit(w, fd, path, entry->d_name, depth, err) < 0)
			return -1;
	}
}

static int path_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int datastore_walk(int dirfd, bool one_file_system, struct cancel *cancel, struct path_list *images,
		   struct path_list *configs, bool *left_out, struct error *err)
{
	struct walk w = {
		.one_file_system = one_file_system, .cancel = cancel, .images = images, .configs = configs
	};
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* a position of its own */
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		int errnum = errno;

		if (fd >= 0)
			close(fd);
		return error_errno(err, errnum, "open");
	}
	w.dev = st.st_dev;
	if (walk_folder(&w, fd, "", 0, err) < 0)
		return -1;
	*left_out = w.left_out;
	if (images->n > 0) /* an empty list has no array, and qsort() wants one */
		qsort(images->v, images->n, sizeof(*images->v), path_order);
	if (configs->n > 0)
		qsort(configs->v, configs->n, sizeof(*configs->v), path_order);
	return 0;
}

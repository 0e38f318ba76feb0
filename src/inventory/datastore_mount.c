/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "inventory/datastore_mount.h"

static int path_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **find(const struct path_list *l, const char *path)
{
	return l->n > 0 ? bsearch(&path, l->v, l->n, sizeof(*l->v), path_order) : NULL;
}

/* The file NAME in the folder of `beside`; NULL without memory. */
static char *in_folder_of(const char *beside, const char *name)
{
	const char *slash = strrchr(beside, '/');
	size_t len = slash ? (size_t)(slash - beside) + 1 : 0;
	char *path = malloc(len + strlen(name) + 1);

	if (path) {
		memcpy(path, beside, len);
		memcpy(path + len, name, strlen(name) + 1);
	}
	return path;
}

static bool has_blocks(const struct backing_root *root, const char *path)
{
	struct stat st;

	return fstatat(backing_root_fd(root), path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

static void drop(struct path_list *l, char **at)
{
	size_t i = (size_t)(at - l->v);

	free(*at);
	memmove(at, at + 1, (l->n - i - 1) * sizeof(*at));
	l->n--;
}

void datastore_drop_mount_files(const struct backing_root *root, struct path_list *images, struct path_list *configs)
{
	for (size_t i = images->n; i-- > 0;) {
		CLEANUP_FREE char *vhd = in_folder_of(images->v[i], "disk.vhd");
		CLEANUP_FREE char *raw = in_folder_of(images->v[i], "disk.raw");
		CLEANUP_FREE char *info = in_folder_of(images->v[i], "info.json");
		CLEANUP_FREE char *blocks = in_folder_of(images->v[i], "blocks");
		char **at;

		if (!vhd || !raw || !info || !blocks || strcmp(images->v[i], vhd) != 0 || !find(images, raw))
			continue;
		at = find(configs, info);
		if (!at || !has_blocks(root, blocks))
			continue;
		drop(configs, at);
		drop(images, &images->v[i]);
	}
}

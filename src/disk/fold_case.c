/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a file by a name that another host wrote without regard to case. */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "disk/backing.h"

DEFINE_CLEANUP(cleanup_dir, DIR *, closedir);

/*
 * The entry of the folder `path` that is called so, case apart: *out, to be freed, or NULL if there is none.  A folder that
 * cannot be listed has none: opening the name says why.
 */
static int find_entry(struct backing_root *root, const char *path, const char *name, char **out, struct error *err)
{
	CLEANUP_FD int fd = backing_open_folder(root, path);
	CLEANUP(cleanup_dir) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	CLEANUP_FREE char *found = NULL;
	const struct dirent *entry;

	*out = NULL;
	if (!dir)
		return 0;
	(void)steal_fd(&fd);
	for (entry = readdir(dir); entry; entry = readdir(dir)) {
		if (strcasecmp(entry->d_name, name) != 0)
			continue;
		if (strcmp(entry->d_name, name) == 0) {
			*out = strdup(name);
			return *out ? 0 : error_errno(err, ENOMEM, "%s", name);
		}
		if (found)
			return error_set(err, ERR_CORRUPT, "'%.200s': both %.100s and %.100s are there, in %s", name, found,
					 entry->d_name, *path ? path : backing_root_path(root));
		found = strdup(entry->d_name);
		if (!found)
			return error_errno(err, ENOMEM, "%s", name);
	}
	*out = steal_ptr(&found);
	return 0;
}

char *backing_fold_case(struct backing_root *root, const char *path, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };
	size_t n = backing_root_datastore_len(root, path, NULL);

	strbuf_add(&text, path, n);
	for (const char *p = path + n; *p; p += n + (p[n] != '\0')) {
		CLEANUP_FREE char *name = NULL;
		CLEANUP_FREE char *entry = NULL;

		n = strcspn(p, "/");
		if (n == 0)
			return NULL;
		name = strndup(p, n);
		if (!name) {
			error_errno(err, ENOMEM, "%s", path);
			return NULL;
		}
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			entry = steal_ptr(&name);
		else if (find_entry(root, text.s ? text.s : "", name, &entry, err) < 0)
			return NULL;
		if (!entry)
			return NULL;
		strbuf_adds(&text, entry);
		strbuf_add(&text, "/", p[n] == '/');
	}
	return strbuf_take(&text, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "paths.h"

static char *join(const char *folder, const char *rest, struct error *err)
{
	char *path;

	if (asprintf(&path, "%s/%s", folder, rest) < 0) {
		error_errno(err, ENOMEM, "path");
		return NULL;
	}
	return path;
}

char *paths_state(const struct tool *t, struct error *err)
{
	const char *given = t->common.state ? t->common.state : tool_env("LIFTFS_STATE");
	const char *xdg = tool_env("XDG_STATE_HOME"), *home = tool_env("HOME");
	const struct passwd *pw;
	char *path;

	if (given) {
		path = strdup(given);
		if (!path)
			error_errno(err, ENOMEM, "path");
		return path;
	}
	if (xdg && *xdg == '/')
		return join(xdg, "liftfs", err);
	if (!home) {
		pw = getpwuid(getuid());
		home = pw ? pw->pw_dir : NULL;
	}
	if (!home) {
		error_set(err, ERR_USAGE, "no home folder for the state: name one with --state");
		return NULL;
	}
	return join(home, ".local/state/liftfs", err);
}

/* Cuts the last component off; false if nothing is left to cut. */
static bool cut(char *path)
{
	char *slash;
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	slash = strrchr(path, '/');
	if (!slash || strcmp(path, "/") == 0)
		return false;
	slash[slash == path ? 1 : 0] = '\0';
	return true;
}

/* The real path of what exists of it. */
static char *existing(const char *path, struct error *err)
{
	CLEANUP_FREE char *at = *path == '/' ? strdup(path) : join(".", path, err);
	char *real;

	if (!at)
		return NULL;
	for (;;) {
		real = realpath(at, NULL);
		if (real)
			return real;
		if ((errno != ENOENT && errno != ENOTDIR) || !cut(at)) {
			error_errno(err, errno, "%s", path);
			return NULL;
		}
	}
}

int paths_inside(const char *path, const char *folder, bool *inside_out, struct error *err)
{
	CLEANUP_FREE char *at = existing(path, err);
	struct stat want, here;

	if (!at)
		return -1;
	if (stat(folder, &want) < 0) {
		*inside_out = false;
		return errno == ENOENT || errno == ENOTDIR ? 0 : error_errno(err, errno, "%s", folder);
	}
	*inside_out = false;
	do {
		if (stat(at, &here) < 0)
			return error_errno(err, errno, "%s", at);
		*inside_out = here.st_dev == want.st_dev && here.st_ino == want.st_ino;
	} while (!*inside_out && cut(at));
	return 0;
}

char *paths_named(const char *path, struct error *err)
{
	CLEANUP_FREE char *name = strdup(path), *folder = NULL, *real = NULL;
	size_t len = strlen(path);
	char *slash, *named;

	while (name && len > 1 && name[len - 1] == '/')
		name[--len] = '\0';
	slash = name ? strrchr(name, '/') : NULL;
	if (name) {
		const char *last = slash ? slash + 1 : name;
		bool is_dot = !*last || strcmp(last, ".") == 0 || strcmp(last, "..") == 0;

		real = realpath(name, NULL);
		if (is_dot && real)
			return steal_ptr(&real);
		folder = slash == name ? strdup("/") : slash ? strndup(name, (size_t)(slash - name)) : strdup(".");
	}
	if (!folder) {
		error_errno(err, ENOMEM, "%s", path);
		return NULL;
	}
	free(real);
	real = realpath(folder, NULL);
	if (asprintf(&named, "%s/%s", real && strcmp(real, "/") == 0 ? "" : real ? real : folder, slash ? slash + 1 : name) < 0) {
		error_errno(err, ENOMEM, "%s", path);
		return NULL;
	}
	return named;
}

int paths_find_target(const char *path, char **folder_out, const char **name_out, struct error *err)
{
	for (const char *slash = strrchr(path, '/'); ; slash = memrchr(path, '/', (size_t)(slash - path))) {
		CLEANUP_FREE char *folder = !slash ? strdup(".") : slash == path ? strdup("/") :
							strndup(path, (size_t)(slash - path));
		CLEANUP_FREE char *own = folder ? join(folder, ".liftfs", err) : NULL;
		struct stat st;

		if (!folder)
			return error_errno(err, ENOMEM, "%s", path);
		if (!own)
			return -1;
		if (stat(own, &st) == 0 && S_ISDIR(st.st_mode)) {
			*folder_out = steal_ptr(&folder);
			*name_out = slash ? slash + 1 : path;
			return 0;
		}
		if (!slash || slash == path)
			break;
	}
	*folder_out = NULL;
	*name_out = NULL;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Where things lie: the state folder, and whether one folder is inside another. */
#ifndef LIFTFS_TOOLS_PATHS_H
#define LIFTFS_TOOLS_PATHS_H

#include <stdbool.h>

#include "tool.h"

/* --state, else LIFTFS_STATE, XDG_STATE_HOME/liftfs, ~/.local/state/liftfs.  The caller frees it. */
char *paths_state(const struct tool *t, struct error *err) MUST_CHECK;

/*
 * Does `path` lie in `folder`, or is it that folder?  By device and inode of what exists, so that links and bind mounts
 * do not matter; of a path that does not exist yet its nearest existing parent counts.
 */
int paths_inside(const char *path, const char *folder, bool *inside_out, struct error *err) MUST_CHECK;

/*
 * The absolute path of what the user calls `path`: its folder by its real path, its last component as it is, since a link there
 * may lead elsewhere each time.  Nothing need be there.  The caller frees it.
 */
char *paths_named(const char *path, struct error *err) MUST_CHECK;

/* The nearest folder above the file `path` that holds .liftfs, and the rest of the path below it; NULL: there is none.
 * The caller frees the folder; *name_out points into path. */
int paths_find_target(const char *path, char **folder_out, const char **name_out, struct error *err) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Walking a source's folder: the files in it that matter, in byte order of paths. */
#ifndef LIFTFS_INVENTORY_DATASTORE_WALK_H
#define LIFTFS_INVENTORY_DATASTORE_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cancel.h"
#include "base/error.h"

#define WALK_DEPTH_MAX 64
#define WALK_FILES_MAX ((size_t)1 << 20)

struct path_list {
	char **v; /* below the root, no leading "./" */
	size_t n, cap;
};
void path_list_fini(struct path_list *l);
/* Takes over a copy of path. */
int path_list_add(struct path_list *l, const char *path, struct error *err) MUST_CHECK;

static inline void cleanup_path_list(struct path_list *l)
{
	path_list_fini(l);
}

/* Is a folder of this name entered? */
bool datastore_walk_enters(const char *name);

/*
 * Regular files below dirfd whose suffix is an image's or a configuration's.  Symlinks are not followed; folders whose name begins with
 * a dot and "~snapshot" are not entered; nor, with one_file_system, others (*left_out: there was one).  A folder that cannot be read fails the walk:
 * what is in it would be missed.
 */
int datastore_walk(int dirfd, bool one_file_system, struct cancel *cancel, struct path_list *images,
		   struct path_list *configs, bool *left_out, struct error *err) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which image a configuration means: from the path that it writes, which may be of another host, to an image of SOURCE or of
 * another datastore whose place the user gave.
 */
#ifndef LIFTFS_INVENTORY_DATASTORE_NAMED_H
#define LIFTFS_INVENTORY_DATASTORE_NAMED_H

#include "inventory/datastore.h"

/*
 * The image that `file`, as the configuration at path `config` writes it, names; NULL if there is none, and *why says so,
 * in words that a user can act on (ERR_NOMEM ends the scan).  *path_out: the path that was looked for, to be freed by the
 * caller; NULL only with ERR_NOMEM.
 */
struct datastore_image *datastore_named(const struct datastore *ds, const char *config, const char *file, char **path_out,
					struct error *why) MUST_CHECK;

/*
 * The path that `file` means, whether or not an image lies there, as the files of this host are spelled; NULL: why says.
 * *translated: it is absolute, and a datastore says where it lies.
 */
char *datastore_named_path(const struct datastore *ds, const char *config, const char *file, bool *translated,
			   struct error *why) MUST_CHECK;

/* As datastore_normalise(), of a path below the root or "[NAME] path": ".." does not take the latter's beginning back. */
char *datastore_path(const struct backing_root *root, const char *path, struct error *err) MUST_CHECK;

/* What replicas are called after: "[NAME] web/web.vmdk" -> "last component of NAME/web/web.vmdk", others as they are. */
char *datastore_name_path(const struct backing_root *root, const char *path, struct error *err) MUST_CHECK;

#endif

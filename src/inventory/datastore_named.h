/* SPDX-License-Identifier: Apache-2.0 */
/* Which image a configuration means: from the path that it writes, which may be of another host, to an image of SOURCE. */
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

#endif

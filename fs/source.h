/* SPDX-License-Identifier: Apache-2.0 */
/* What is mounted: an image, a folder of images, or a target, as nodes of a tree that open themselves when looked at. */
#ifndef LIFTFS_FS_SOURCE_H
#define LIFTFS_FS_SOURCE_H

#include "inventory/datastore.h"
#include "target/target.h"
#include "tree.h"

/*
 * Adds the images of ds, which outlives the tree; a single one is the root itself, one of another datastore is in a folder
 * "[NAME]".  Of opt (NULL: none) what says how an image is read.  An image below `mount_point` (an absolute path, or NULL)
 * would be hidden by the mount, as would be what lies there of another datastore: ERR_USAGE.
 */
int source_add_images(struct tree *t, struct datastore *ds, const struct disk_options *opt, const char *mount_point,
		      struct error *err) MUST_CHECK;

/* Adds the replicas of the target, which outlives the tree, each with recovery-points/. */
int source_add_target(struct tree *t, struct target *target, struct error *err) MUST_CHECK;

/* Is this the path of a directory target (a folder with .liftfs in it)? */
bool source_is_target(const char *path);

#endif

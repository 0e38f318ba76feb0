/* SPDX-License-Identifier: Apache-2.0 */
/* A mount of ours inside a source: what it shows of a disk is one disk. */
#ifndef LIFTFS_INVENTORY_DATASTORE_MOUNT_H
#define LIFTFS_INVENTORY_DATASTORE_MOUNT_H

#include "disk/backing.h"
#include "inventory/datastore_walk.h"

/*
 * Both lists are sorted.  Of a folder that holds disk.raw, disk.vhd, blocks and info.json only disk.raw stays: disk.vhd has
 * the same content, and info.json is no configuration (to read it opens the image).
 */
void datastore_drop_mount_files(const struct backing_root *root, struct path_list *images, struct path_list *configs);

#endif

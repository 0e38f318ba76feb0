/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which .vmdk files are extents of others, and so no images of their own.
 *
 * A flat extent's bytes belong to the guest, who may write a descriptor into them.  So a file that is named as an extent
 * (-flat and so on) and whose descriptor lies beside it is not looked at; the rest are read as text only if they are short
 * enough to be a descriptor, and what a file says counts only while the file itself is nobody's extent.
 */
#ifndef LIFTFS_INVENTORY_DATASTORE_EXTENTS_H
#define LIFTFS_INVENTORY_DATASTORE_EXTENTS_H

#include "disk/backing.h"
#include "inventory/datastore_walk.h"

/* Removes extents and change tracking files from the sorted list. */
int datastore_drop_extents(struct backing_root *root, struct path_list *images, struct error *err) MUST_CHECK;

#endif

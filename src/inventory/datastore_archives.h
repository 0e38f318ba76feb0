/* SPDX-License-Identifier: Apache-2.0 */
/* OVAs in a datastore: each is the images of its disks, and a configuration of the VMs that it describes. */
#ifndef LIFTFS_INVENTORY_DATASTORE_ARCHIVES_H
#define LIFTFS_INVENTORY_DATASTORE_ARCHIVES_H

#include "disk/backing.h"
#include "inventory/datastore_walk.h"
#include "inventory/machine.h"
#include "inventory/vm_config.h"

/* Is this the path of an archive itself? */
bool datastore_is_archive(const char *path);

/*
 * Puts the paths of their disks in the place of archives among the images, and sorts: "a.ova" alone for the only disk, and for
 * an archive that cannot be read, whose reason opening that path tells; else "a.ova/disk1.vmdk" and so on.  Adds each archive to
 * configs.
 */
int datastore_expand_archives(struct backing_root *root, struct path_list *images, struct path_list *configs,
			      struct error *err) MUST_CHECK;

/* The VMs of the archive at path, their disks named as from its folder. */
int datastore_read_archive(struct backing_root *root, const char *path, struct vm_config_list *out,
			   struct error *err) MUST_CHECK;

/* The machines of the archive, in the same order, their disks named as datastore_read_archive() does. */
int datastore_describe_archive(struct backing_root *root, const char *path, struct machine_list *out,
			       struct error *err) MUST_CHECK;

#endif

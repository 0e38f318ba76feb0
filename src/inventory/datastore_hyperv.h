/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How Hyper-V lays out a VM, and what its configurations name:
 *
 *	web01/Virtual Machines/GUID.vmcx (or .xml)     the configuration
 *	web01/Virtual Hard Disks/disk.vhdx             its disks, and since 2016 those of checkpoints
 *	web01/Snapshots/GUID.vmcx, disk_GUID.avhdx     checkpoints: no VMs of their own
 *
 * These names in any case; the folder above them is the VM's (or the host's, with all its VMs).
 *
 * A disk is named by its path on the host.  A datastore that the user gave says where that is.  Else a configuration's disk
 * is the image of that base name, without case, in one of the VM's folders; else, and for an export of many VMs at once,
 * the image whose whole path below SOURCE, with at least a folder, is the end of the host's path; else, for an export, the
 * only image of that base name.  Two that fit alike are an error that names both.
 */
#ifndef LIFTFS_INVENTORY_DATASTORE_HYPERV_H
#define LIFTFS_INVENTORY_DATASTORE_HYPERV_H

#include "inventory/datastore.h"
#include "inventory/vm_config.h"

/* Length of the folder of the VM that the file at path belongs to; 0: SOURCE itself. */
size_t datastore_hyperv_folder_len(const char *path);
/* An order of paths by those folders: 0 if both files belong to one VM. */
int datastore_hyperv_place_order(const char *a, const char *b);
/* Does the configuration lie in a folder for what is no VM now: checkpoints, copies, undo logs, imports under way? */
bool datastore_hyperv_is_aside(const char *path);
/* Is the file named by a GUID, as Hyper-V names configurations? */
bool datastore_hyperv_is_guid_name(const char *path);

/* Sorts the images by base names and by paths, once for all calls of the next. */
int datastore_hyperv_index(struct datastore *ds, struct error *err) MUST_CHECK;
/* As datastore_named(), for a configuration of Hyper-V's. */
struct datastore_image *datastore_hyperv_named(const struct datastore *ds, const char *config,
					       const struct vm_config_format *format, const char *file, char **path_out,
					       struct error *why) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* From images and configurations to VMs and their disks: the rules of datastore.h. */
#ifndef LIFTFS_INVENTORY_DATASTORE_VMS_H
#define LIFTFS_INVENTORY_DATASTORE_VMS_H

#include "inventory/datastore.h"

/* Fills ds->vms from the scanned images, and marks those that configurations name. */
int datastore_find_vms(struct datastore *ds, struct error *err) MUST_CHECK;

#endif

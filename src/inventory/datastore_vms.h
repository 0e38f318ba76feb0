/* SPDX-License-Identifier: Apache-2.0 */
/* From images and configurations to VMs and their disks: the rules of datastore.h. */
#ifndef LIFTFS_INVENTORY_DATASTORE_VMS_H
#define LIFTFS_INVENTORY_DATASTORE_VMS_H

#include "inventory/datastore.h"
#include "inventory/machine.h"
#include "inventory/vm_config.h"

/* Fills ds->vms from the scanned images, and marks those that configurations name. */
int datastore_find_vms(struct datastore *ds, struct error *err) MUST_CHECK;

/* The VMs of the configuration at `path`, one of ds->configs; none of one that lies aside (datastore_hyperv.h). */
int datastore_read_config(const struct datastore *ds, const char *path, struct vm_config_list *out,
			  struct error *err) MUST_CHECK;

/* The machines of the same (vm_config.h: describe()), or of an archive among ds->configs, whose disks are named as in it. */
int datastore_describe_config(const struct datastore *ds, const char *path, struct machine_list *out,
			      struct error *err) MUST_CHECK;

#endif

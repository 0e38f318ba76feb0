/* SPDX-License-Identifier: Apache-2.0 */
/* What a disk of a machine keeps of its image.  Only src/inventory includes this. */
#ifndef LIFTFS_INVENTORY_MACHINE_IMAGE_H
#define LIFTFS_INVENTORY_MACHINE_IMAGE_H

#include "inventory/datastore.h"
#include "inventory/machine_look.h"

struct machine_image {
	struct backing_root *root;
	char *path; /* below it, raw bytes of the file system */
	uint64_t size;
	struct datastore_file leaf;
};

#endif

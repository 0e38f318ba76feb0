/* SPDX-License-Identifier: Apache-2.0 */
/* What images say of a machine's disks (machines_of_folder.h). */
#ifndef LIFTFS_INVENTORY_MACHINES_OF_IMAGES_H
#define LIFTFS_INVENTORY_MACHINES_OF_IMAGES_H

#include "inventory/datastore.h"
#include "inventory/machine.h"

/*
 * Looks for the image of each disk as the configuration names it, in a datastore that was scanned; its path becomes the
 * image's.  A disk that is raw already is not looked for.
 */
int machine_fill_disks(struct machine *m, const struct datastore *ds, const char *config, struct error *err) MUST_CHECK;

/* Appends a machine of which nothing but its images is known. */
int machine_of_vm(const struct vm *vm, const struct datastore *ds, struct machine_list *out, struct error *err) MUST_CHECK;

/* Names of files, which have been bytes so far, become UTF-8. */
int machine_show_paths(struct machine *m, struct error *err) MUST_CHECK;

#endif

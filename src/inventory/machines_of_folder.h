/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datastore export as an inventory: the virtual machines that datastore.h finds there, each with what its configuration says of
 * it (vm_config.h: describe()) and its disks with what their images do.
 *
 * Machines come in the order of their configurations' paths, exports (.ovf, .ova, .json) after the VMs' own; then those that no
 * configuration describes, which have a name and disks.  A configuration whose disks all are another one's is no machine of
 * its own: if it is called as that one it says what that one leaves open, else a notice names it.
 *
 * Of an image that cannot be read the capacity is what the configuration says, else absent; `error` says why.  A disk whose
 * image is not here at all has an error only if its size is not known either.
 */
#ifndef LIFTFS_INVENTORY_MACHINES_OF_FOLDER_H
#define LIFTFS_INVENTORY_MACHINES_OF_FOLDER_H

#include "base/cancel.h"
#include "inventory/machine.h"

/* Appends the machines, not ordered yet; none, and no error: there is nothing that a datastore has. */
int machines_of_folder(const char *path, struct cancel *cancel, struct machine_list *out, struct error *err) MUST_CHECK;

/* By its suffix: .vmx, .ovf, .ova, .vmcx, and .xml and .json, which may be something else. */
bool machines_are_in_file(const char *path);
/*
 * The same of one such file, with the images beside it that it names; of a configuration of Hyper-V's with those in the VM's
 * folders (datastore_hyperv.h), of an export of Hyper-V's with what it says itself.
 * ERR_CORRUPT if it does not describe a machine.
 */
int machines_of_file(const char *path, struct cancel *cancel, struct machine_list *out, struct error *err) MUST_CHECK;

#endif

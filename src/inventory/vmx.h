/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VMware virtual machine's configuration (.vmx): which disks it has.
 *
 *	line = key " = " '"' value '"'      keys in any case; |XX in a value is the byte XX; "#" begins a comment
 *
 * A disk is a device scsiN:M, sataN:M, ideN:M or nvmeN:M that is present, has a fileName, and is no CD-ROM, in the order of
 * bus, controller and unit.  Later lines win over earlier ones with the same key, as VMware reads them.
 */
#ifndef LIFTFS_INVENTORY_VMX_H
#define LIFTFS_INVENTORY_VMX_H

#include "inventory/vm_config.h"

int vmx_describe(const char *text, size_t len, struct machine_list *out, struct error *err); /* as vm_config.h has it */

extern const struct vm_config_format vmx_config_format; /* one VM a file */

#endif

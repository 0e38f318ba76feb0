/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's configuration as Hyper-V keeps it since 2016 (.vmcx): a tree of keys and values in a binary store.  What it says is
 * in hyperv_config.h.
 *
 * The layout is what two public readers and one description of it say, Microsoft's own among them (hvs_file in OpenVMM, with
 * its FORMAT.md; dissect.hypervisor, from the study of VmDataStore.dll).  It was never tried here on a file that Hyper-V
 * wrote.  So it is read strictly: every signature, checksum, place and length must be right, and each byte of a key table
 * accounted for; what is unexpected is an error, and the configuration is then not used.
 *
 * Little-endian, packed.  CRC-32 (as in gzip), its own field taken for zeros.
 *	header       at 0 and at 4096: the one with the higher sequence counts; format version 4.0 alone is read
 *	object table at 8192: [type, crc, offset, size, flags]; the last entry is for the next table
 *	key table    objects of type 2: [header, crc of the header], entries that fill it
 *	key          [type, flags, size, parent's table and offset, crc, ...] name, value; (0, 0) is the root
 *	file object  objects of type 3: a value of 2,048 bytes and more
 *	replay log   its header tells whether changes are pending: then the file is refused, since where the log keeps their
 *	             bytes is not published
 * Strings are UTF-16, with or without a NUL at the end.  The sources differ in whether a key's checksum goes to the end of
 * a string or leaves out as many bytes as its length takes: either is accepted.
 */
#ifndef LIFTFS_INVENTORY_VMCX_H
#define LIFTFS_INVENTORY_VMCX_H

#include "inventory/vm_config.h"

extern const struct vm_config_format vmcx_format; /* one VM a file */

#endif

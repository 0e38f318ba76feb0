/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What virt-inspector(1) of libguestfs says of a machine, as findings: for roots that look_at_disk() cannot read.  It sees all disks of a
 * machine at once and runs in a virtual machine of its own; who runs it is the caller's matter.
 */
#ifndef LIFTFS_GUEST_INSPECTOR_H
#define LIFTFS_GUEST_INSPECTOR_H

#include "guest/look.h"

/*
 * Adds what it says of the operating system and the architecture to the look at the machine's first disk, where that does not know
 * them; a finding's place is "virt-inspector: /dev/sda1", in libguestfs' names, its byte 0.  Several operating systems are one
 * finding of kind FINDING_SKIPPED: which of them starts is not known.  None: nothing is added.
 * ERR_CORRUPT: this is not what virt-inspector prints.
 */
int look_add_inspected(struct look *l, const char *xml, size_t len, struct error *err) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deeper look: virt-inspector(1) of libguestfs, where it is installed, is asked about machines whose disks did not say
 * what runs on them.  It gets all disks of a machine, as flat files that liftfs-mount(1) shows in a folder of their own for
 * as long; it reads them in a virtual machine, so that nothing of a guest reaches this kernel.
 */
#ifndef LIFTFS_TOOLS_ASSESS_INSPECT_H
#define LIFTFS_TOOLS_ASSESS_INSPECT_H

#include "base/cancel.h"
#include "inventory/machine.h"
#include "tool.h"

/*
 * The machines have been looked at (machines_look()); findings are added to the look at the first disk.  That one machine cannot
 * be inspected is a notice.  Fails when stopped, without memory, or if there is no virt-inspector here (ERR_UNSUPPORTED).
 */
int assess_inspect(const struct tool *t, struct machine_list *machines, struct cancel *cancel, struct error *err) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A machine's virtual hardware as config.hardware has it: processors, memory, disks, network cards, and what does not
 * move. */
#ifndef LIFTFS_INVENTORY_VSPHERE_DEVICES_H
#define LIFTFS_INVENTORY_VSPHERE_DEVICES_H

#include "base/xml.h"
#include "inventory/machine.h"

#define VSPHERE_CHAIN_MAX 1000 /* backings behind one disk; vSphere allows 32 snapshots */

/* Numbers that are none are absent, with a notice that begins with the machine's origin. */
int vsphere_devices_take(const struct xml_element *hardware, struct machine *m, struct machine_notices *notices,
			 struct error *err) MUST_CHECK;

/* A child's text as a number; absent without the child. */
struct machine_number vsphere_number(const struct xml_element *el, const char *name, const struct machine *m,
				     struct machine_notices *notices);
bool vsphere_truth(const char *text);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The machines that a session's user may see. */
#ifndef LIFTFS_INVENTORY_VSPHERE_MACHINES_H
#define LIFTFS_INVENTORY_VSPHERE_MACHINES_H

#include "inventory/vsphere_places.h"

/* Appends them, their disks in order, in the server's order.  What could not be read of one is absent, with a notice.
 */
int vsphere_machines_read(struct vsphere_session *s, struct machine_list *out, struct error *err) MUST_CHECK;

/* One machine, as RetrievePropertiesEx has it. */
int vsphere_machine_take(const struct vsphere_session *s, const struct vsphere_places *places,
			 const struct xml_element *object, struct machine_list *out, struct error *err) MUST_CHECK;

#endif

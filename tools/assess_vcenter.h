/* SPDX-License-Identifier: Apache-2.0 */
/* A vCenter that the command line names as an inventory: its user and password, and whom to trust. */
#ifndef LIFTFS_TOOLS_ASSESS_VCENTER_H
#define LIFTFS_TOOLS_ASSESS_VCENTER_H

#include "inventory/machine.h"
#include "tool.h"

/* Is that argument a vCenter's URL rather than a file or a folder? */
bool assess_is_vcenter(const char *inventory);

/*
 * Appends its machines.  User and password are LIFTFS_VCENTER_USER and LIFTFS_VCENTER_PASSWORD, each in the file of
 * --credentials or else in the environment.  The server's certificate is verified by --cacert or the system's CAs; with
 * a thumbprint (NULL: none) by that alone.
 */
int assess_vcenter_read(const struct tool *t, const char *inventory, const char *thumbprint, struct cancel *cancel,
			struct machine_list *out, struct error *err) MUST_CHECK;

#endif

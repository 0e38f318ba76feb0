/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inventories: files and folders that describe machines, recognised by what is in them, not by their names.
 *
 *	a CSV file         one tab of an RVTools export, or the import file of Azure Migrate (rvtools.h, azure_migrate.h)
 *	.vmx .ovf .ova     a virtual machine's configuration or package; .vmcx .xml: Hyper-V's
 *	.json              an export of PowerShell's on a Hyper-V host
 *	a folder           all CSV files in it together are one RVTools export; else a datastore export (machines_of_folder.h)
 */
#ifndef LIFTFS_INVENTORY_INVENTORY_H
#define LIFTFS_INVENTORY_INVENTORY_H

#include "base/cancel.h"
#include "inventory/machine.h"

/*
 * Appends the machines of the inventory at path, their disks ordered and collapsed where needed, and its notices.  ERR_CORRUPT if
 * it is not an inventory or columns that it cannot do without are missing: the message names them.  Rows that make no sense
 * are left out with a notice.
 */
int inventory_read(const char *path, struct cancel *cancel, struct machine_list *out, struct error *err) MUST_CHECK;

/*
 * Machines that several inventories describe become one, at the place of the first: by instance UUID, else by BIOS UUID,
 * else by path and name.  What the first does not know comes from the later ones; where they differ the first is kept, and the
 * conflict is recorded.  Here nothing is merged within one inventory (a folder's reader did: machines_repeated.h): `starts` are the indices at which each one's machines begin.
 */
int inventory_merge(struct machine_list *l, const size_t *starts, size_t n, struct error *err) MUST_CHECK;

/*
 * What the machine `other` says and `kept` does not becomes kept's, disks apart; where they differ kept's stays, and the
 * conflict is recorded.
 */
int inventory_complete(struct machine *kept, const struct machine *other, struct error *err) MUST_CHECK;
/* The same with their disks, which are in order; other is only to be freed afterwards. */
int inventory_absorb(struct machine *kept, struct machine *other, struct error *err) MUST_CHECK;

#endif

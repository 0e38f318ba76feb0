/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An RVTools export to CSV: a file for each tab, known by its header, in the spellings of all releases.
 *
 * vInfo has a row for each VM and must be there.  vDisk, vNetwork, vSnapshot, vPartition (what file systems hold)
 * and vTools (the state of VMware Tools) add to it; vCPU and vMemory are read if vInfo lacks a VM's CPUs or memory.  A row of another tab belongs to the VM with the
 * same VM UUID if both have one; else to that with the same VM ID (and VI SDK UUID, if both have one) if both have one;
 * else to the first of the same name.  Rows that belong to nobody, a second vInfo row with a VM UUID, a second disk
 * with a Disk Key of one VM, and values that make no sense are left out with a notice: "RVTools_tabvDisk.csv:7:
 * Capacity MiB: 'big' is not a number".
 */
#ifndef LIFTFS_INVENTORY_RVTOOLS_H
#define LIFTFS_INVENTORY_RVTOOLS_H

#include "base/cancel.h"
#include "inventory/csv_table.h"
#include "inventory/machine.h"

enum rvtools_tab {
	RVTOOLS_INFO,
	RVTOOLS_DISK,
	RVTOOLS_PARTITION,
	RVTOOLS_CPU,
	RVTOOLS_MEMORY,
	RVTOOLS_NETWORK,
	RVTOOLS_SNAPSHOT,
	RVTOOLS_TOOLS,
	RVTOOLS_TABS, /* how many there are; of a file: it is none of them */
};

/* "vInfo" */
const char *rvtools_tab_name(enum rvtools_tab tab);
enum rvtools_tab rvtools_recognise(const struct csv_table *t);

/*
 * What a table lacks to be a vInfo tab, as "VM, Memory"; *has: how many of its four columns are there.  The caller
 * frees it; NULL only without memory.
 */
char *rvtools_missing(const struct csv_table *t, unsigned *has, struct error *err) MUST_CHECK;

/*
 * Appends the VMs of an export, in the order of vInfo, with disks ordered, and collapsed where there are no rows of
 * them.  A tab that is not there is NULL, except vInfo.  The tables are read to their ends.
 */
int rvtools_read(struct csv_table *const tabs[RVTOOLS_TABS], struct cancel *cancel, struct machine_list *out,
		 struct error *err) MUST_CHECK;

#endif

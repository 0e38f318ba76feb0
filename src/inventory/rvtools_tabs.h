/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of each tab of an RVTools export (rvtools.h), as rvtools.c reads them one after the other. */
#ifndef LIFTFS_INVENTORY_RVTOOLS_TABS_H
#define LIFTFS_INVENTORY_RVTOOLS_TABS_H

#include "base/cancel.h"
#include "inventory/rvtools_join.h"

struct rvtools_count {
	unsigned nics;               /* rows of vNetwork */
	struct machine_number disks; /* as vInfo counts them */
};

struct rvtools {
	struct machine_list *out;
	size_t begin, n;              /* where its VMs begin in out, and how many they are */
	struct rvtools_count *counts; /* as many */
	struct rvtools_join join;     /* VMs from 0 */
	bool disks_read;
	struct cancel *cancel;
};

/* First vInfo, then any of the others. */
int rvtools_read_info(struct rvtools *r, struct csv_table *t, struct error *err) MUST_CHECK;
int rvtools_read_disks(struct rvtools *r, struct csv_table *t, struct error *err) MUST_CHECK;
int rvtools_read_networks(struct rvtools *r, struct csv_table *t, struct error *err) MUST_CHECK;
int rvtools_read_partitions(struct rvtools *r, struct csv_table *t, struct error *err) MUST_CHECK;
int rvtools_read_tools(struct rvtools *r, struct csv_table *t, struct error *err) MUST_CHECK;
int rvtools_read_snapshots(struct rvtools *r, struct csv_table *t, struct error *err) MUST_CHECK;
/* Only if a VM lacks what they have. */
int rvtools_read_cpus(struct rvtools *r, struct csv_table *t, struct error *err) MUST_CHECK;
int rvtools_read_memory(struct rvtools *r, struct csv_table *t, struct error *err) MUST_CHECK;
void rvtools_fini(struct rvtools *r);

/* Is there an IPv6 address in the text that others can reach: neither fe80::/10 nor ::1?  Addresses are parted by
 * blanks, commas or semicolons, with or without a prefix length or a zone. */
bool rvtools_has_ipv6(const char *text);

#endif

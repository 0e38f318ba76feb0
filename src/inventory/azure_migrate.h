/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CSV file by which servers are imported into Azure Migrate, read and written: a row for each server, five columns
 * for each disk.
 *
 * GB there are GiB; throughput is MB/s of 10^6 bytes.  The server's name is its key: of two rows with one name the
 * later one counts, at the earlier one's place.  Values are taken as they are.
 */
#ifndef LIFTFS_INVENTORY_AZURE_MIGRATE_H
#define LIFTFS_INVENTORY_AZURE_MIGRATE_H

#include "base/cancel.h"
#include "inventory/csv_table.h"
#include "inventory/machine.h"

#define AZURE_MIGRATE_DISKS 20   /* of one server */
#define AZURE_MIGRATE_ROWS 20000 /* of one file */

/* Has it Server name, Cores and Memory? */
bool azure_migrate_recognise(const struct csv_table *t);

/*
 * Appends the servers.  ERR_CORRUPT if a mandatory column is missing: the message names it.  More disks or rows than
 * Azure Migrate takes are read, with a notice.
 */
int azure_migrate_read(struct csv_table *t, struct cancel *cancel, struct machine_list *out,
		       struct error *err) MUST_CHECK;

/*
 * Writes the machines that are to be assessed (machine_left_out()) as such a file, whose text the caller frees; as many
 * disks as one of them has, at most AZURE_MIGRATE_DISKS.  OS, architecture and boot type: what a disk shows (machine_look.h), else OS: the name that an import gave, else what VMware Tools say,
 * else what was configured, else the identifier.  What the file cannot say becomes a notice: further disks, rows beyond
 * AZURE_MIGRATE_ROWS, names that are there twice, a server without a mandatory value.
 */
char *azure_migrate_write(const struct machine_list *l, struct machine_notices *notices, struct error *err) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A replica opened as a disk, so that mount, verify and compare need only one kind of thing. */
#ifndef LIFTFS_REPLICATE_REPLICA_DISK_H
#define LIFTFS_REPLICATE_REPLICA_DISK_H

#include "disk/disk.h"
#include "target/target.h"

/*
 * The disk has the source's virtual size from the replica's metadata, else the footer's.  A replica without a good footer
 * is ERR_CORRUPT.  Reads are conditional on the version found here: a replica that changes underneath is ERR_CONFLICT.
 * Takes over r, which disk_close() closes, also on failure.
 */
struct disk *replica_disk_open(struct replica *r, struct error *err) MUST_CHECK;

#endif

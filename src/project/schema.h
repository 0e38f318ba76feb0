/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The database's format: PRAGMA user_version, and in the table `meta` which program wrote it last.
 *
 * Each version is one step from the one before, so that every older database can be brought up to date.  Tables:
 *
 *   vms              one row a VM: (target, name)
 *   disks            one row a replica, by the key of its folder in the state: its last outcome, and what it adds up to
 *   sources          (target, source): when a round last found the very disks there that were known
 *   cycles           the latest CYCLES_KEPT a replica: (disk, started)
 *   recovery_points  (disk, name), with when each was made and deleted; of deleted ones the latest CYCLES_KEPT a replica
 *   events           the newest EVENTS_KEPT of runs, cycles and points, and as many of everything else; triggers refuse changes,
 *                    but of how often one came again and when last
 *
 * A cycle that found nothing to do and read nothing is no row of cycles: it is one more of `skips` of the disk, whose last outcome
 * it is, until a cycle comes that is a row.  Then `skips` of the row before that one has how many there were in between, and its
 * `skipped_ns` when the last of them began.  (In databases of format 2 each had a row; these stay until they are too old.)
 *
 * `seen_ns` of a VM and a disk is when a round last wrote their rows; one that found all as it was writes its source's row alone.
 *
 * Times are nanoseconds since 1970 UTC.  Texts are UTF-8: names escaped as replicas' names are, messages as logs are.
 */
#ifndef LIFTFS_PROJECT_SCHEMA_H
#define LIFTFS_PROJECT_SCHEMA_H

#include "project/sql.h"

#define CYCLES_KEPT 500 /* a replica: five days of 15 minutes if each finds something; a thousand disks stay below 100 MB */

#define EVENTS_KEPT 50000 /* of each sort: some 30 MB for both */

struct schema {
	const char *const *steps; /* from version i to i + 1 */
	unsigned n;               /* the version that this program writes */
};
extern const struct schema project_schema;

/* The database's version, 0 for an empty one.  A newer one than `s` has: ERR_REFUSED naming who wrote it. */
int schema_check(sqlite3 *db, const struct schema *s, unsigned *version_out, struct error *err) MUST_CHECK;

/*
 * Brings it to the newest version.  One that held an older version is copied to PATH.N first (N: that version), durably.
 * The caller sees to it that nobody else has it open.
 */
int schema_upgrade(sqlite3 *db, const char *path, const struct schema *s, struct error *err) MUST_CHECK;

#endif

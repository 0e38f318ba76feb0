/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which replica each disk of a set goes on with (replicate/identity.h), by what the target holds: disks that were renamed or moved
 * keep their replicas under the old names, copies get their own, and what cannot be told is refused: it is among the set's broken
 * disks then.  What is decided differently than by names alone is said, a line a disk.
 */
#ifndef LIFTFS_TOOLS_SYNC_IDENTITY_H
#define LIFTFS_TOOLS_SYNC_IDENTITY_H

#include "sync_set.h"
#include "target/target.h"

struct sync_identity_options {
	bool by_name; /* --replace: names alone decide */
	bool quiet;
};

/*
 * Lists the target once.  Disks whose replica exists are of kind CYCLE_DELTA from then on.  Not `listed`: the target
 * cannot be listed, and nothing is decided; then names alone decide.
 */
struct sync_identity_found {
	bool listed;
	bool plain; /* listed, and each disk goes by its own name, of which nothing was said */
};
int sync_identity_settle(struct sync_set *s, struct target *target, const struct sync_identity_options *opt,
			 struct sync_identity_found *out, struct error *err) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that a pass over a disk needs besides the disk: a replica in memory behind injected faults, its map and its
 * journal.  Everything asserts.  Include "unit.h" first.
 */
#ifndef LIFTFS_TESTS_REPLICA_RIG_H
#define LIFTFS_TESTS_REPLICA_RIG_H

#include "replicate/engine.h"
#include "support/model_disk.h"
#include "support/scratch.h"
#include "support/target_fault.h"

#define RIG_NAME "web01/web01.vhd"

struct replica_rig {
	struct scratch_dir *dir;
	struct mem_service *service;
	struct fault *fault;
	struct target *target;
	struct replica *replica;
	struct blockmap *map;
	struct journal *journal;
	uint64_t content_size, number;
	struct pass_progress progress;
	struct pass pass; /* source, unchanged and cancel are the test's */
};

/* A new replica, all zeros but the footer that is unknown; claimed.  `secret` seeds the map's hashes. */
struct replica_rig *replica_rig_new(uint64_t virtual_size, uint64_t block_size, uint8_t secret);
void replica_rig_free(struct replica_rig *r);

/* A new epoch and fresh counters: what every pass begins with. */
void replica_rig_claim(struct replica_rig *r);

/* The process ended without a commit: map and journal are opened anew, the journal replayed, the faults are gone. */
void replica_rig_restart(struct replica_rig *r);

/* The replica is the disk's content, zeros up to its end, and the footer. */
void replica_rig_assert_equals(struct replica_rig *r, const struct model_disk *m);
/* Every known entry of the map is true of the replica; how many blocks are unknown. */
uint64_t replica_rig_assert_map_true(struct replica_rig *r);

#endif

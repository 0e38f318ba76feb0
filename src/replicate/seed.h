/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeding: a replica that was made in a directory and carried to the target by other means keeps its block map.
 *
 * The map is that of (the seed, the replica's name) in this state folder, or its copy in the seed itself.  It is taken over
 * if the replica, at one version, has the map's size and footer, data in every block that the map knows a hash of, none
 * but zeros in every block that it knows as zero, and in SEED_SAMPLES blocks at random the very content.  That is much,
 * and no proof: such a replica carries SEED_UNVERIFIED in its metadata until it was compared.
 */
#ifndef LIFTFS_REPLICATE_SEED_H
#define LIFTFS_REPLICATE_SEED_H

#include "replicate/state.h"
#include "target/target.h"

#define SEED_SAMPLES 1000
/* Metadata key; its value is the time of the seeding. */
#define SEED_UNVERIFIED "unverified"

/* A replica as it was looked at. */
struct seed_live {
	const char *name;
	const char *version;
	uint64_t number, size;
};

/* A map for the replica `name`, of which nothing here knows the target: from `state`, else from the seed's copy. */
struct seed_map {
	struct replica_state rs;   /* where it is the state's, locked as long as this is open */
	struct blockmap *own;      /* else */
	const struct blockmap *map;
	uint64_t cycle;
};
/* 0, 1 (the seed knows no such replica), or -1: ERR_CONFLICT if what is there is not as its last cycle left it. */
int seed_open(struct target *seed, struct state *state, int scratch_dir, const char *name, struct seed_map *out,
	      struct error *err) MUST_CHECK;
void seed_close(struct seed_map *s);
/* A look without a lock: would seed_open() find a map, or something to refuse?  `state` may be NULL. */
bool seed_has(struct target *seed, struct state *state, const char *name);

/* Compares; writes nothing.  ERR_CONFLICT names what differs, block and offset. */
int seed_check(const struct seed_map *s, struct replica *replica, const struct seed_live *live, struct cancel *cancel,
	       struct error *err) MUST_CHECK;

/* Into a state that has a map (of any kind): clean at live's version. */
int seed_import(const struct seed_map *s, const struct seed_live *live, struct replica_state *rs, struct error *err) MUST_CHECK;

/*
 * The replica was compared and is equal: the next cycle here takes the mark from it.  (To change metadata is to change the
 * version, by which that cycle knows the replica.)  1: no state of it here; ERR_BUSY: a cycle is under way.
 */
int seed_note_verified(struct state *state, const char *target_name, const char *replica_name, struct error *err) MUST_CHECK;
/* Was it compared since it was seeded? */
bool seed_was_verified(const struct replica_state *rs);

#endif

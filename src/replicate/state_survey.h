/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at every replica of a state folder that takes no lock and changes nothing: what the maps' headers say, and which
 * process is at work on which replica.  For reports; a cycle opens its replica with replica_state_open().
 */
#ifndef LIFTFS_REPLICATE_STATE_SURVEY_H
#define LIFTFS_REPLICATE_STATE_SURVEY_H

#include "replicate/state.h"

struct state_replica {
	char key[STATE_KEY_LEN];
	bool has_map;                  /* header and committed_ns hold */
	struct blockmap_header header; /* of the last commit; the journal may know a later cycle */
	uint64_t committed_ns;         /* realtime: when that was */
	long pid;                      /* holds the replica's lock now; 0: nobody, or the system does not tell */
};

/* In no order.  A map that cannot be read, or is not there yet, has no has_map; a callback's failure ends the walk. */
int state_survey(struct state *s, int (*each)(void *ctx, const struct state_replica *r, struct error *err), void *ctx,
		 struct error *err) MUST_CHECK;

#endif

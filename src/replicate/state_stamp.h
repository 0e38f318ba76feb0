/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a replica's map and journal look from outside: what replica_state_look() would tell is the same as long as this is.
 *
 * Takes no lock, and needs none: who writes to either changes its stamp.  A map is replaced by rename, a journal appended to, so
 * that a stamp that is equal before and after is one moment's.  It proves something only if it had settled when it was taken:
 * a write within the same tick of the clock leaves none.
 */
#ifndef LIFTFS_REPLICATE_STATE_STAMP_H
#define LIFTFS_REPLICATE_STATE_STAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "replicate/state.h"

struct state_file_stamp {
	uint64_t dev, inode, size;
	int64_t mtime_ns, ctime_ns, btime_ns; /* realtime; the last 0 where the file system keeps none */
};

struct state_stamp {
	struct state_file_stamp map, journal;
};

/* False: one of them is not there, or cannot be looked at. */
bool state_stamp(const struct state *s, const char *target_name, const char *replica_name, struct state_stamp *out);
bool state_stamp_equal(const struct state_stamp *a, const struct state_stamp *b);
/* Taken at realtime now_ns: were both files written last long enough before?  Never of times that are still to come. */
bool state_stamp_settled(const struct state_stamp *s, uint64_t now_ns);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What recovery points there are on a target: its replicas' snapshots, put together by the token of the cycle that made
 * them.  A point is complete if as many replicas as it says have a snapshot with its token.
 *
 * A snapshot is liftfs's if it says of which cycle it is (token, moment, number of disks, epoch) and names the liftfsid that
 * its replica has now.  Any other is somebody else's: counted, never listed, never touched.
 *
 * Nothing here changes a target.  One owner at a time.
 */
#ifndef LIFTFS_REPLICATE_POINTS_H
#define LIFTFS_REPLICATE_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/guid.h"
#include "target/target.h"

struct points_replica {
	char *name, *vm; /* vm "" if it does not say */
	char *unverified; /* since when it is (replicate/seed.h); NULL: it is not */
	uint64_t size, virtual_size; /* bytes; size: footer included */
	bool leased, is_new; /* new: no cycle went through it yet */
	size_t snapshots, foreign; /* all, and those that are somebody else's */
};

struct point_snapshot {
	size_t replica; /* index */
	char id[TARGET_POINT_LEN];
	uint64_t number; /* the epoch that it was made in: a later cycle of the same replica has a higher one */
};

struct point {
	char *vm;                    /* as it was called then */
	const char *vm_now;          /* as its replicas say it is called now; lives as long as the list */
	char name[CLOCK_TEXT_LEN];   /* its moment as text */
	char token[GUID_TEXT_LEN];
	char consistency[16];        /* "proven", "declared", "unproven"; "" if it does not say */
	uint64_t moment_ns;          /* of the source */
	unsigned disks, found;       /* as many as it says, on as many replicas it is */
	bool complete;
	/* Points of one VM have one number, ascending from 0: the same vm_now, and tied together by common replicas. */
	size_t group;
	struct point_snapshot *v; /* by replica; one replica can have several, after a lost answer */
	size_t n;
};

struct points {
	struct points_replica *replicas; /* in byte order of names */
	size_t n_replicas;
	struct point *v; /* by group, then oldest to newest */
	size_t n;
	size_t foreign; /* snapshots of somebody else, on all replicas */
};

/* Of every replica of the target. */
int points_list(struct target *t, struct points *out, struct error *err) MUST_CHECK;
/*
 * Of these replicas alone; names that are not there are passed over.  A point that has disks besides them looks incomplete:
 * *partial_out says whether there is any that is.
 */
int points_list_some(struct target *t, const char *const *names, size_t n, struct points *out, bool *partial_out,
		     struct error *err) MUST_CHECK;
/* One more replica, without its snapshots: for a list that needs none. */
int points_add_replica(struct points *p, const char *name, const struct target_look *look, struct error *err) MUST_CHECK;
void points_fini(struct points *p);
static inline void cleanup_points(struct points *p)
{
	points_fini(p);
}

/*
 * Was b's cycle later than a's?  By the epochs of a replica that they share, which no clock can turn round; *shared_out says
 * whether there is one.  Without, by their moments.
 */
bool point_is_later(const struct point *b, const struct point *a, bool *shared_out);

#endif

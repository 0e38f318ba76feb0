/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A round over disks that are all entirely as they were, without opening any of them: by what the last round remembered
 * (project/survey.h).  It comes to the very outcome that the long way does, with fewer requests for lists, or it is not taken.
 *
 * What the long way would find is a function of the round's conditions, of names and content below SOURCE, of each disk's map and
 * journal, and of the replica.  The first three are compared: conditions as text, SOURCE by a glance at every name and stamp,
 * map and journal by their stamps.  The replica is looked at as ever.  In this order, which is the long way's, so that a change that
 * comes meanwhile is seen, or is one that came after the look.  Stamps count by the rule of replicate/evidence.h: of SOURCE only
 * if they had been seen 2 s before the search whose result is remembered began, of the state if the files were that old.
 *
 * A disk's lock keeps writers of its map and journal from each other, and lookers from reading them half-written.  Nothing here
 * reads or writes them.  Somebody who is at work on a disk changes its journal before he sends anything: then the stamp is another,
 * and the long way says that the disk is busy; before that the disk is unchanged, which is what is said.
 *
 * One disk that is not as it was, and all take the long way, in which each is judged by itself.  Not taken either with options that
 * mean more than replicating what has changed, of a part of SOURCE that a list names, and of what needs a word each time: disks that
 * are broken, follow their id to another name, or have a warning.  Links and files out of sight (backing_root_strayed()) are not
 * remembered.
 */
#ifndef LIFTFS_TOOLS_SYNC_UNCHANGED_H
#define LIFTFS_TOOLS_SYNC_UNCHANGED_H

#include "sync_private.h"

struct sync_unchanged;

/* Before anything else of the round; looks at SOURCE.  NULL: this round neither goes by a survey nor leaves one. */
struct sync_unchanged *sync_unchanged_begin(const struct sync_run *run, const struct sync_round *round);
void sync_unchanged_free(struct sync_unchanged *u); /* after the set that came from it */

/* Is SOURCE, and what is kept of it here, as the survey says?  Then *out is the set, its texts in `u`.  NULL: no. */
bool sync_unchanged_find(struct sync_unchanged *u, struct sync_set *out);
/* After that, the target being prepared: are the replicas as they were left?  Then each disk has its outcome. */
bool sync_unchanged_confirm(struct sync_unchanged *u, struct sync_set *s);

/* Of a set that was found the long way, before its cycles begin. */
void sync_unchanged_watch(struct sync_unchanged *u, const struct sync_set *s, const struct state *state, bool plain);
/* After them, or after a round that went by a survey. */
void sync_unchanged_remember(struct sync_unchanged *u, const struct sync_set *s, const struct state *state);

#endif

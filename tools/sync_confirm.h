/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The replicas of a round by a survey (sync_unchanged.h): are they as they were left?
 *
 * First each is glanced at, by a thread a processor, since glances wait for nobody.  Replicas that this does not tell of, as those of
 * a service, are looked at, as many VMs at once as a round takes.
 */
#ifndef LIFTFS_TOOLS_SYNC_CONFIRM_H
#define LIFTFS_TOOLS_SYNC_CONFIRM_H

#include "project/survey.h"
#include "sync_private.h"

/*
 * `s` is the set that came from `survey`, VM by VM.  True: all are, and each disk has its outcome.  Then *fresh, to be freed, has for
 * each of the survey's disks that was looked at a settled glance from before that look, "" for all others; NULL: there is none.
 */
bool sync_confirm(const struct sync_run *run, const struct survey *survey, struct sync_set *s, struct target_glance **fresh);

#endif

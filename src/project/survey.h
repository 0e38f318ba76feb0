/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a round over SOURCE and one target found, remembered whole, so that the next one need not open anything of disks that are
 * entirely as they were: STATE/surveys/KEY, derived, and void at the least doubt.  Its loss costs time.
 *
 * A survey holds under its conditions alone: a text of everything that a round's outcome depends on besides files (version, boot,
 * state folder, target, options).  It is `whole` if every disk of the round was proven unchanged, and every stamp in it had settled
 * by the rule of replicate/evidence.h before anything was read; else it only tells when stamps were first seen.
 *
 * Written by rename, never synced: after a power cut the boot is another, which is a condition.  A checksum and bounds keep
 * damage out; against somebody who writes to the state folder nothing is safe anyway.
 */
#ifndef LIFTFS_PROJECT_SURVEY_H
#define LIFTFS_PROJECT_SURVEY_H

#include "inventory/datastore_glance.h"
#include "replicate/cycle.h"
#include "replicate/state_stamp.h"

#define SURVEYS_KEPT 16 /* in a state folder: of storage snapshots that are copies each may have one of its own */

struct survey_source {
	struct datastore_glance glance;
	uint64_t *seen_ns; /* boot-time clock: when each entry's stamp was first seen */
};

struct survey_disk {
	const char *name, *source_path, *source_id;
	uint64_t virtual_size, data_bytes;
	struct cycle_left left;
	struct state_stamp state;
};

struct survey_vm {
	const char *name, *label;
	size_t source; /* which one */
	size_t first, n; /* of the disks */
};

struct survey {
	const char *conditions;
	uint64_t realtime_ns, boottime_ns; /* when its glance was taken */
	bool whole; /* vms and disks are all there were, and hold */
	struct survey_source *sources;
	size_t n_sources;
	struct survey_vm *vms;
	size_t n_vms;
	struct survey_disk *disks;
	size_t n_disks;
	char *buffer; /* of one that was loaded: where its texts are */
};

void survey_fini(struct survey *s);

/* Bytes for a file, to be freed; and back: -1 for what is damaged, short or of another format.  `bytes` may have any content. */
char *survey_encode(const struct survey *s, size_t *len_out, struct error *err) MUST_CHECK;
int survey_decode(const char *bytes, size_t len, struct survey *out, struct error *err) MUST_CHECK;

/* Why there is none is nobody's business: -1, also for one of other conditions. */
int survey_load(const struct state *st, const char *key, const char *conditions, struct survey *out, struct error *err) MUST_CHECK;
/* Another process that is writing one at this moment: ERR_BUSY.  The oldest beyond SURVEYS_KEPT go. */
int survey_store(const struct state *st, const char *key, const struct survey *s, struct error *err) MUST_CHECK;

/* Did the clock that makes stamps go on since the survey was taken, as far as the two clocks can tell?  Both of now. */
bool survey_clock_held(const struct survey *s, uint64_t realtime_ns, uint64_t boottime_ns);

static inline void cleanup_survey(struct survey *s)
{
	survey_fini(s);
}

#endif

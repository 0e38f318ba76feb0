/* SPDX-License-Identifier: Apache-2.0 */
/* What was measured on the disks of all machines, where an assessment would otherwise assume. */
#ifndef LIFTFS_ASSESS_MEASURED_H
#define LIFTFS_ASSESS_MEASURED_H

#include "assess/assessment.h"
#include "assess/move.h"

/*
 * The factor of deduplication, 1 to 10 with one decimal, rounded down: 1 / (1 - the fleet's duplicate share).  What was
 * not measured counts as having no duplicates, so that a few disks do not speak for all.  0: nothing was measured.
 */
double assess_measured_dedupe(const struct machine_list *machines, const struct machines_looked *looked);

/*
 * For move_options.measured: in step with the assessment's machines; the caller frees it.  Zeros only: a replica holds
 * every block that is not zero, however often it is there.
 */
struct move_measured *assess_measured_moves(const struct assessment *a, struct error *err) MUST_CHECK;

#endif

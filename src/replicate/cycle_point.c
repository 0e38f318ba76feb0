/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recovery point of a VM: one token, a snapshot of each of its disks, each on condition of the version that its clean point
 * recorded.  So none of them can be wrong; together they are a point or they are not.
 */
#include <config.h>

#include "replicate/cycle_disk.h"

/* A clean point of which nothing is recorded: neither that its snapshot was made nor that there is none. */
static bool is_left_undone(const struct disk_run *r)
{
	return r->rs.kind == STATE_CLEAN && r->rs.has_clean && !r->rs.last.pointed && !r->rs.last.fuzzy;
}

/* Has this disk of the VM no snapshot with that token, and can it have none any more? */
static bool rules_out(const struct disk_run *r, const struct guid *token)
{
	if (!r->rs.has_clean || !guid_equal(&r->rs.last.token, token) || r->rs.last.kept)
		return false;
	return !is_left_undone(r) || (r->trust != TRUST_UNDECIDED && r->trust != TRUST);
}

static bool is_possible(const struct disk_run *runs, size_t n, const struct guid *token)
{
	for (size_t i = 0; i < n; i++)
		if (rules_out(&runs[i], token))
			return false;
	return true;
}

static bool wants_points(const struct disk_run *r)
{
	return target_caps(r->opt->target)->points && !r->opt->no_points;
}

static int finish(struct disk_run *r, bool possible, struct error *err)
{
	struct error why = ERROR_INIT;

	if (possible && wants_points(r) && disk_run_point(r, &why) < 0) {
		if (recovery_point_stops(&why)) {
			if (err)
				*err = why;
			return -1;
		}
		disk_run_warn(r, "the last cycle keeps no recovery point: %.180s", why.msg);
	} else if (possible && !wants_points(r) && disk_run_publish(r, err) < 0) {
		return -1;
	}
	if (replica_state_commit(&r->rs, r->d->snapshot, err) < 0)
		return -1;
	r->d->snapshot[0] = '\0'; /* this cycle makes its own, or none */
	return 0;
}

void cycle_finish_points(struct disk_run *runs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct disk_run *r = &runs[i];

		if (!disk_run_good(r) || r->trust != TRUST || !is_left_undone(r))
			continue;
		if (finish(r, is_possible(runs, n, &r->rs.last.token), &r->d->err) < 0)
			disk_run_failed(r);
	}
}

/* Without an answer for one disk the others go on: the next run sends what is missing.  Once a disk can have none, none is made. */
static bool make_snapshots(struct disk_run *runs, size_t n)
{
	bool complete = true, possible = true;

	for (size_t i = 0; i < n && possible; i++) {
		struct disk_run *r = &runs[i];
		struct error why = ERROR_INIT;

		if (disk_run_point(r, &why) == 0)
			continue;
		complete = false;
		if (recovery_point_stops(&why)) {
			possible = why.code != ERR_CONFLICT;
			r->d->err = why;
			disk_run_failed(r);
		} else {
			possible = false;
			disk_run_warn(r, "no recovery point: %.200s", why.msg);
		}
	}
	return complete;
}

bool cycle_make_points(struct disk_run *runs, size_t n)
{
	return n > 0 && wants_points(&runs[0]) && make_snapshots(runs, n);
}

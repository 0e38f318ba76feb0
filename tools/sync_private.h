/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rooms of liftfs sync share:
 *
 *   sync.c         options and main
 *   sync_places.c  what must not lie inside what
 *   sync_round.c   one round: what is there, room for it, one cycle over each VM, the report
 *   sync_record.c  what is left in the state's database
 *   sync_tell.c    what is said while it runs
 *   sync_set.c     which disks; sync_report.c what is said at the end
 */
#ifndef LIFTFS_TOOLS_SYNC_PRIVATE_H
#define LIFTFS_TOOLS_SYNC_PRIVATE_H

#include "connect.h"
#include "datastores.h"
#include "output.h"
#include "sync_report.h"

struct sync_options { /* as the command line has them */
	struct sync_patterns patterns;
	unsigned jobs, connections;
	uint64_t block_size;
	bool dry_run, full, adopt, replace, no_points, only_configured, one_file_system, insecure_http;
	bool break_lease, shrink, frozen, allow_fuzzy;
	enum progress_format progress;
	struct datastores datastores;
	struct retention_policy keep;
	const char *seed; /* a folder, or NULL */
};

/* What lasts from round to round. */
struct sync_run {
	struct tool *tool;
	const struct sync_options *opt;
	char *const *sources;
	size_t n_sources;
	const char *state; /* path */
	struct target *target;
	struct target *seed; /* or NULL */
	struct cancel *cancel;
};

/* ---- sync_places.c ---- */

/* Nothing that is read may lie in what is written, nor the reverse: ERR_USAGE. */
int sync_check_places(char *const *sources, size_t n, const struct datastores *datastores, const char *target,
		      const char *state, struct error *err) MUST_CHECK;

/* ---- sync_round.c ---- */

/* One cycle over every VM, with its report.  0 with the exit status, or -1 for what concerns no disk in particular. */
int sync_round(const struct sync_run *run, int *status_out, struct error *err) MUST_CHECK;

/* ---- sync_tell.c ---- */

/* For progress_start(): ctx is the struct sync_set. */
void sync_sample(void *ctx, struct progress_now *out);
/* For run_vms(). */
void sync_vm_finished(void *ctx, struct run_vm *vm);
/* Why disks were read whole, each reason once. */
void sync_tell_read_whys(const struct sync_set *s);
void sync_tell_broken(const struct sync_set *s);

#endif

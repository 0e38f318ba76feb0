/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rooms of liftfs sync share:
 *
 *   sync.c          options and main
 *   sync_start.c    what lasts from round to round: connection, rate, list; and how it is read again
 *   sync_places.c   what must not lie inside what
 *   sync_round.c    one round: what is there, room for it, one cycle over each VM, the report
 *   sync_around.c   --before, the round, --after
 *   sync_watch.c    rounds until it is told to stop
 *   sync_attend.c   a thread beside the rounds: reloads, and what a service manager is told
 *   sync_record.c   what is left in the state's database; sync_metrics.c the file that is made of it
 *   sync_tell.c     what is said while it runs
 *   sync_unchanged.c  a round over disks that are all as they were; sync_confirm.c their replicas
 *   sync_set.c      which disks; sync_report.c what is said at the end
 *   sync_hook.c, sync_fleet.c, sync_known.c, sync_schedule.c   parts that know nothing of the others
 */
#ifndef LIFTFS_TOOLS_SYNC_PRIVATE_H
#define LIFTFS_TOOLS_SYNC_PRIVATE_H

#include "connect.h"
#include "datastores.h"
#include "output.h"
#include "sync_fleet.h"
#include "sync_known.h"
#include "sync_metrics.h"
#include "sync_report.h"

struct sync_options { /* as the command line has them */
	struct sync_patterns patterns;
	unsigned jobs, connections;
	uint64_t block_size;
	bool dry_run, full, adopt, replace, no_points, only_configured, one_file_system, insecure_http;
	bool break_lease, shrink, frozen, allow_fuzzy, watch;
	uint64_t interval_ms; /* 0: none was given */
	const char *before, *after, *limit_rate, *list, *index, *metrics;
	enum progress_format progress;
	struct datastores datastores;
	struct retention_policy keep;
	const char *seed; /* a folder, or NULL */
};

/* What lasts from round to round. */
struct sync_run {
	struct tool *tool;
	const struct sync_options *opt;
	char *const *named;   /* SOURCEs as the command line has them: what rows are known by */
	char *const *sources; /* of this round: where they are read, one for each */
	size_t n_sources;
	const char *url;   /* TARGET */
	const char *state; /* path */
	struct connection place;
	struct target *target;
	struct target *seed; /* or NULL */
	struct rate_limit *rate; /* NULL: none was asked for */
	struct sync_fleet fleet; /* line NULL: everything */
	struct cancel *cancel;
	struct sync_known *known;     /* of a watch, or NULL */
	struct sync_attend *attend;   /* of a watch, or NULL */
	struct sync_metrics *metrics; /* NULL: none were asked for */
	int reload_fd;                /* of a watch: of tool_reload_on_hup() */
};

/* ---- sync_start.c ---- */

/* Places, list, rate and connection.  What fails here ends also a watch. */
int sync_start(struct sync_run *run, struct error *err) MUST_CHECK;
void sync_stop(struct sync_run *run);

/* --limit-rate RATE, CALENDAR or @FILE. */
int sync_read_rate(const char *text, struct calendar *out, struct error *err) MUST_CHECK;

/* Reads credentials and list again; what cannot be read is warned of, and stays as it was. */
void sync_reload(struct sync_run *run);

/* ---- sync_places.c ---- */

/* Nothing that is read may lie in what is written, nor the reverse: ERR_USAGE. */
int sync_check_places(char *const *sources, size_t n, const struct datastores *datastores, const char *target,
		      const char *state, struct error *err) MUST_CHECK;

/* ---- sync_round.c ---- */

/* One round.  Begin with zeros; sync_round_end() frees what it holds, also after a failure. */
struct sync_round {
	/* In. */
	bool parked_only; /* of run->known those that are due */
	bool brief;       /* no table at the end, but with --json a document */

	/* Out. */
	int status;       /* the exit status that the disks come to */
	bool ran;         /* each disk of `set` has its outcome */
	bool first_copies;
	struct sync_set set;
	struct sync_unchanged *unchanged; /* or NULL; texts of the set may be its */
	uint64_t sent;    /* bytes */
};

/* A cycle over every VM, with its report.  -1 for what concerns no disk in particular. */
int sync_round(const struct sync_run *run, struct sync_round *round, struct error *err) MUST_CHECK;
void sync_round_end(struct sync_round *round);

/* ---- sync_around.c ---- */

/* The same between --before and --after; the worst of all three is round->status, or the error. */
int sync_round_around(const struct sync_run *run, struct sync_round *round, struct error *err) MUST_CHECK;

/* ---- sync_watch.c ---- */

/* Until it is told to stop.  -1 only for what failed at the start and would fail for ever. */
int sync_watch(struct sync_run *run, int *status_out, struct error *err) MUST_CHECK;

/* ---- sync_attend.c: any thread may call; NULL is welcome but in sync_attend_wait() ---- */

struct sync_attend;

/* reload_fd: of tool_reload_on_hup(). */
struct sync_attend *sync_attend_start(const struct sync_run *run, int reload_fd, struct error *err) MUST_CHECK;
void sync_attend_end(struct sync_attend *a);

/* What is being done, in words for a service manager. */
void sync_attend_say(struct sync_attend *a, const char *fmt, ...) PRINTF_FMT(2, 3);
/* Ready for work: the first round begins. */
void sync_attend_ready(struct sync_attend *a);
/*
 * From here on something is being done, and must be seen to go on: the counters of these disks, which are not freed before the
 * next call, or (NULL) bytes read.  Not working: waiting is right.
 */
void sync_attend_work(struct sync_attend *a, bool working, const struct sync_set *set);

/* Waits until clock_boottime_ns() is until_ns: 0.  1: a reload was asked for since the last call.  -1: the run's token is set. */
int sync_attend_wait(struct sync_attend *a, uint64_t until_ns);

/* ---- sync_tell.c ---- */

struct sync_sampled {
	const struct sync_set *set;
	struct rate_limit *rate; /* or NULL */
	struct sync_extent {
		uint64_t size, data; /* bytes: of the disk, and of those about how many are data */
	} *disks; /* in the set's order: cycles write to their own while samples are taken */
};
/* Before the cycles begin; release with sync_sampled_fini(). */
int sync_sampled_init(struct sync_sampled *s, const struct sync_set *set, struct rate_limit *rate, struct error *err) MUST_CHECK;
void sync_sampled_fini(struct sync_sampled *s);
/* For progress_start(): ctx is a struct sync_sampled. */
void sync_sample(void *ctx, struct progress_now *out);
/* For run_vms(): ctx is the struct sync_known, or NULL. */
void sync_vm_finished(void *ctx, struct run_vm *vm);
/* That the run was told to stop, if that cut a disk short: once, of however many. */
void sync_tell_stopped(const struct sync_set *s);
/* Why disks were read whole, each reason once. */
void sync_tell_read_whys(const struct sync_set *s);
void sync_tell_broken(const struct sync_set *s, struct sync_known *known);

#endif

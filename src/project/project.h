/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state's database, STATE/liftfs.db: what is known of VMs, disks, cycles and recovery points, and the log of events.
 *
 * It is derived: maps and journals are what counts, nothing reads the database to decide what to send, and a failure here
 * fails no cycle.  One that is missing or damaged is made anew from the maps' headers.  Several processes of one state
 * folder use it at once (workers of a fleet): each change is one short transaction, and writers wait for each other.
 * STATE/liftfs.db.lock is held shared by whoever may write to the database, alone by whoever makes, upgrades or replaces it.
 *
 * Texts come in as they are on disk and are stored in a form that is safe to show: names as base/escape.h escapes them,
 * messages with control bytes visible and secrets cut.
 *
 * Threads: every function of one project from any thread.
 */
#ifndef LIFTFS_PROJECT_PROJECT_H
#define LIFTFS_PROJECT_PROJECT_H

#include "replicate/cycle.h"

struct project;

enum project_use {
	PROJECT_READ,  /* changes nothing on disk: one that is missing or damaged is made up in memory from the maps */
	PROJECT_WRITE, /* makes or upgrades it; a damaged one is renamed to liftfs.db.damaged and made anew, with a warning */
};

/*
 * `state` outlives it.  ERR_REFUSED: written by a newer liftfs, which the message names.  ERR_BUSY: to be upgraded or
 * replaced, and somebody else has it open.  Any other failure is one to warn of and go on without.
 */
struct project *project_open(struct state *state, enum project_use use, struct error *err) MUST_CHECK;
void project_close(struct project *p); /* NULL is welcome */
DEFINE_CLEANUP(cleanup_project, struct project *, project_close);

/* ---- what a run found ---- */

struct project_found {
	const char *vm;     /* name, the key together with the target */
	const char *label;  /* what people call it */
	const char *source; /* SOURCE as it is called, an absolute path: where it was read may be another place each time */
	const char *disk;   /* the replica's name, escaped already */
	const char *path;   /* of the leaf, below SOURCE */
	uint64_t virtual_size;
	const struct error *broken; /* why it cannot be replicated; NULL: it can */
};

struct project_round {
	const char *target; /* target_name() */
	const struct project_found *found;
	size_t n;
	const char *const *whole; /* SOURCEs of which nothing was left out: what is not found there has vanished */
	size_t n_whole;
	uint64_t started_ns; /* realtime; disks that a later round saw do not vanish by this one */
};

/* Before the first cycle: all disks of the round.  Those that vanished get an event each. */
int project_record_round(struct project *p, const struct project_round *r, struct error *err) MUST_CHECK;

/* ---- what a cycle came to ---- */

struct project_cycle {
	const char *target;        /* target_name() */
	const struct cycle_vm *vm; /* finished */
	bool points;               /* a recovery point was wanted of it */
};

/* How often in a row a disk's cycles came to nothing, this one included. */
struct project_streak {
	/* Ended with 75, no byte acknowledged and no clean point.  One that was told to stop, or found a cycle of this host under way,
	 * does not count. */
	unsigned stalls;
	unsigned pointless; /* went through, and made no recovery point though one was wanted */
};

/*
 * A VM's cycle, its recovery point, and the events that go with them.  streaks: vm->n of them, zero if not known.
 * A cycle is known by its disk and its start: recorded twice it counts once.
 */
int project_record_vm(struct project *p, const struct project_cycle *c, struct project_streak *streaks,
		      struct error *err) MUST_CHECK;

/* Several VMs' at once, in one transaction, for cycles whose streaks nobody asks for. */
int project_record_vms(struct project *p, const struct project_cycle *c, size_t n, struct error *err) MUST_CHECK;

/* The disks of a target whose last cycles came to nothing: those with a streak, in byte order.  A failure of each() ends it. */
int project_streaks(struct project *p, const char *target, int (*each)(void *ctx, const char *disk, struct error *err),
		    void *ctx, struct error *err) MUST_CHECK;

/* A recovery point of one replica was deleted.  One that is not known is a success. */
int project_record_deleted(struct project *p, const char *target_name, const char *replica_name, const char *point,
			   struct error *err) MUST_CHECK;

/*
 * A disk that was retired on purpose: it, its cycles and points are no longer known; of events each stays, and one says that
 * somebody decided so.  target_name NULL: of any target.  ERR_USAGE: not known.  ERR_BUSY: a run is at work on it; all stay.
 * It comes back with the next cycle that it is in, or if the database is made anew while its block map is there.
 */
int project_forget(struct project *p, const char *target_name, const char *replica_name, struct error *err) MUST_CHECK;

/* ---- events ---- */

enum project_event_kind {
	PROJECT_RUN_STARTED,
	PROJECT_RUN_ENDED,
	PROJECT_COMMITTED,
	PROJECT_FUZZY,
	PROJECT_PARKED,
	PROJECT_FAILED,
	PROJECT_GIVEN_UP,      /* 75 became 78 */
	PROJECT_POINT_MADE,
	PROJECT_POINT_DELETED,
	PROJECT_DECISION,      /* of a person: --adopt, --replace, ... */
	PROJECT_FENCED,        /* another run holds the replica, or took it */
	PROJECT_FOREIGN_WRITE, /* something other than liftfs changed the replica */
	PROJECT_VANISHED,
	PROJECT_RELOADED,      /* SIGHUP */
	PROJECT_REBUILT,       /* this database */
};
const char *project_event_name(enum project_event_kind kind); /* "run-started" */

struct project_event {
	enum project_event_kind kind;
	const char *vm, *disk; /* NULL: of none in particular */
	const char *target;    /* target_name() of the disk's replica; NULL: not known */
	const struct error *err; /* its code and status; NULL: none */
	int status;              /* an exit status that is not the error's; 0: the error's */
	const char *text;
};
/*
 * Appends it, with the time, this host, process and version.  It is never changed again, but for this: a failure that is the same
 * as one since the disk last went well (of a run: as the last run's) is that one once more, and not another event.
 * Old ones go: see schema.h.
 */
int project_event(struct project *p, const struct project_event *e, struct error *err) MUST_CHECK;

/* ---- what is known ---- */

struct project_disk {
	char key[STATE_KEY_LEN];
	char *target, *vm, *name, *source, *path; /* "" if not known: a database that was made anew knows names only */
	char *result, *kind, *consistency;        /* of the last cycle; "" if there was none */
	char *code, *message;                     /* of its failure; "" without */
	char *last_point;                         /* "" if none is known */
	int status;                               /* the exit status that its outcome came to */
	uint64_t virtual_size, cycle;
	uint64_t started_ns, finished_ns;         /* of the last cycle; 0: none */
	uint64_t success_ns;                      /* moment of the source that the replica is known to hold; 0: not known */
	uint64_t vanished_ns;                     /* when it was missed; 0: it is there */
	uint64_t points;                          /* that are known and not deleted */
	uint64_t stalls, pointless;
	uint64_t cycles, failures, bytes_read, bytes_sent, bytes_cleared, requests, retries; /* sums over all cycles */
	bool unverified, restored;
	long pid; /* of the run that is at work on it; 0: none */
};

struct project_disks {
	struct project_disk *v;
	size_t n;
};
/* In byte order of VMs, targets, names; target NULL: of all targets.  Release with project_disks_fini(). */
int project_disks(struct project *p, const char *target_name, struct project_disks *out, struct error *err) MUST_CHECK;
void project_disks_fini(struct project_disks *d);
static inline void cleanup_project_disks(struct project_disks *d)
{
	project_disks_fini(d);
}

/* "current", "fuzzy", "parked", "failed", "vanished", or "unknown": the one word for a disk. */
const char *project_disk_word(const struct project_disk *d);

struct project_event_row {
	uint64_t seq, time_ns, pid;
	uint64_t times, last_ns; /* how often it came, and when last: 1, time_ns */
	int status;
	char *host, *version, *kind, *vm, *disk, *code, *message; /* "" where there is none */
};
/* The n that came last, the latest at the end. */
int project_events(struct project *p, unsigned n,
		   int (*each)(void *ctx, const struct project_event_row *e, struct error *err), void *ctx,
		   struct error *err) MUST_CHECK;

#endif

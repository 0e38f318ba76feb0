/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The move itself: what is to be sent, how long that takes, how far behind the replicas stay, and who goes when.
 *
 * Pure: the same machines in another order give the same plan.  Estimates, and each says from what:
 *
 *	bytes		measured (less the machine's zeros; what is there twice is sent twice: a page blob shares nothing),
 *			else what the image takes on its datastore, else the disk's part of what the machine has in use, by capacity, else the disk's capacity.  A disk
 *			that machines share is sent once: with the first of them by name.  What names no image cannot be
 *			told to be one, and counts each time
 *	time		at best: all bytes at the line's rate; all bytes at the storage account's; the slowest disk at its
 *			blob's; all disks, so many at once.  The longest of the four counts
 *	cycles		cadence.h, each with what the others of its wave leave of the line on average
 *
 * Waves follow eight conditions, of which an earlier one wins.  1 to 5 and 8 shape the plan; 6 and 7 do as far as there
 * is something else to begin with; where one could not be kept the wave says so:
 *
 *	1 two that depend on each other go together (a ring of any length does, and machines that share a disk do)
 *	2 an application goes together
 *	3 what it depends on goes in the same or an earlier wave
 *	4 development and test before production
 *	5 production and development or test not in one wave
 *	6 high criticality not in the first wave
 *	7 high complexity not in the first wave
 *	8 at most so many machines a wave
 *
 * A machine that is not ready, or of which that is not known, is in no wave; nor is one that goes with it (1, 2) or
 * depends on it (3): these are held.  A machine that the groups do not name is an application of its own, production, of
 * medium criticality.
 *
 * What is high in 6 or 7 is placed last; where only such can begin, the first wave has one group of them and those that
 * need it.
 *
 * Priority, 0 to 100, higher goes earlier within what the conditions leave open; the mean over a group's machines of
 *	30 x readiness (ready 1, conditionally 0.5) + 25 x (low complexity 1, medium 0.5, high 0)
 *	+ 25 x effort (1 / (1 + days of transfer)) + 20 x (low criticality 1, medium 0.5, high 0)
 * Business value is not known here and has no weight.
 *
 * Complexity: high with a disk that is raw, shared or too large for a page blob, or with three codes; medium with any
 * code; else low.
 */
#ifndef LIFTFS_ASSESS_MOVE_H
#define LIFTFS_ASSESS_MOVE_H

#include "assess/assessment.h"
#include "assess/cadence.h"
#include "assess/wave_groups.h"

#define MOVE_PAGE_BLOB_RATE (60.0 * 1048576) /* bytes a second, of a standard page blob */
#define MOVE_PAGE_BLOB_REQUESTS 500.0	     /* a second */
#define MOVE_PAGE_BLOB_MIB 8388608.0	     /* a disk as large does not fit one, with its footer */

#define MOVE_WEIGHT_READINESS 30
#define MOVE_WEIGHT_COMPLEXITY 25
#define MOVE_WEIGHT_EFFORT 25
#define MOVE_WEIGHT_CRITICALITY 20

struct move_setting {
	double v;
	bool given; /* by somebody; else it is an assumption, and told as one */
};

struct move_measured { /* of one machine's capacity */
	struct machine_number zero_share;
};

enum move_way { MOVE_PAGE_BLOB, MOVE_DIRECT_UPLOAD }; /* a disk that fits no page blob is always uploaded directly */

struct move_options {
	enum move_way way;
	struct move_setting line_rate;     /* bytes a second */
	struct move_setting account_rate;  /* bytes a second, of the storage account */
	struct move_setting disks_at_once;
	struct move_setting churn_share;   /* of a disk's capacity, a day */
	struct move_setting churn_bytes;   /* of a machine, a day; if given it counts and the share does not */
	struct move_setting change_bytes;  /* that one write of a cycle sends on average */
	struct move_setting cycle_fixed_s; /* of any cycle: snapshot, look, release */
	struct move_setting scan_rate;     /* bytes a second in which a cycle looks for changes; 0: it need not look */
	struct move_setting wave_max;      /* machines a wave */
	const struct move_measured *measured; /* in step with the assessment's machines; NULL: none */
	const struct wave_groups *groups;     /* NULL: none */
};

/* Defaults: 1 Gb/s, 25 Gb/s, 52 disks, 5 % a day, 64 KiB, 60 s, 500 MB/s, 50 machines. */
void move_options_init(struct move_options *o);
/* Each value in its range: ERR_USAGE names the setting and what is allowed. */
int move_options_check(const struct move_options *o, struct error *err) MUST_CHECK;

const char *move_way_name(enum move_way w); /* "page-blob" */

/* The surest first. */
enum move_source { MOVE_MEASURED, MOVE_ALLOCATED, MOVE_IN_USE, MOVE_CAPACITY };
#define MOVE_SOURCES 4
const char *move_source_name(enum move_source s); /* "measured" */

struct move_disk { /* in step with the machine's disks; all zeros: it is not replicated */
	bool known;      /* what of it is to be sent; if not, only `with` says something */
	enum move_way way;
	enum move_source source;
	double bytes, rate, s; /* rate: bytes a second that its blob takes */
	const struct assess_vm *with; /* of a shared one: the machine with which it is counted; NULL: here */
};

struct move_load { /* of some disks */
	double bytes[MOVE_SOURCES];
	size_t from[MOVE_SOURCES]; /* disks by where their bytes are from */
	size_t disks, unknown; /* unknown: no size at all, not in the sums */
	size_t elsewhere;      /* not among the disks: shared, and counted with another machine */
	size_t direct;         /* of the disks, those that are uploaded directly */
	double slowest_s, all_s; /* at their blobs' rates: the one that takes longest, and one after the other */
};
double move_load_bytes(const struct move_load *l);
/* The least sure of its sources; says nothing if no disk's bytes are known. */
enum move_source move_load_source(const struct move_load *l);
static inline bool move_load_known(const struct move_load *l)
{
	return l->disks > l->unknown;
}

enum move_limit { MOVE_BY_LINE, MOVE_BY_ACCOUNT, MOVE_BY_BLOB, MOVE_BY_DISKS_AT_ONCE };
#define MOVE_LIMITS 4
const char *move_limit_name(enum move_limit l); /* "line" */

struct move_time {
	double s[MOVE_LIMITS]; /* by each limit alone */
	double longest_s;
	enum move_limit limit; /* the first that takes as long */
};
struct move_time move_time_of(const struct move_load *l, const struct move_options *o);

#define MOVE_NO_WAVE ((size_t)-1)

struct move_vm { /* in step with the assessment's machines */
	const struct assess_vm *vm;
	const struct wave_row *row; /* NULL: the groups do not name it */
	const struct move_disk *disks;
	struct move_load load;
	struct move_time time;
	double churn;       /* bytes a second */
	double change_rate; /* bytes a second at which its blobs take changes; 0: no disk is known */
	double fixed_s;     /* of a cycle */
	bool converges;     /* in its wave; outside one as if alone */
	struct cadence cadence; /* if it converges */
	enum wave_level complexity, criticality;
	double priority;
	size_t wave;               /* from 0, or MOVE_NO_WAVE */
	const struct assess_vm *held_by; /* not ready itself: NULL; held: the machine that must be fixed first */
};

/* The terms of a machine's priority, each 0 to 1, by their weights. */
struct move_priority {
	double readiness, complexity, effort, criticality;
};
struct move_priority move_priority_of(const struct move_vm *v);
/* Does this code alone make complexity high? */
bool move_heavy_code(const char *code);

struct move_wave {
	size_t *vms; /* indices, by name */
	size_t n_vms;
	bool production; /* it has some */
	struct move_load load;
	struct move_time time;
	double start_s, end_s;   /* of the first transfer, one wave after the other */
	double line_share;       /* of the line that its changes take on average; 1 or more: they outrun it */
	unsigned broken;         /* bit i: condition i could not be kept */
	enum wave_level confidence, risk;
	struct machine_notices reasons; /* for both, and for what is broken */
};

struct move_fix {
	const char *code; /* of a verdict that keeps a machine out of the waves */
	size_t vms;       /* that have it */
};

struct move { /* points into the assessment and the groups: they outlive it */
	struct move_vm *vms;
	size_t n_vms;
	struct move_disk *disks; /* of all machines */
	struct move_load load; /* of all, those without a wave included */
	struct move_time time;
	double line_share;
	struct move_wave *waves;
	size_t n_waves;
	struct move_fix *fixes; /* most machines first, then by name */
	size_t n_fixes;
	size_t n_not_ready, n_held;
	struct machine_notices assumptions; /* the settings that nobody gave */
	struct machine_notices notices;     /* of the groups against the machines; rings that go together; shared disks */
};

int move_plan(const struct assessment *a, const struct catalogue *c, const struct move_options *o, struct move *out,
	      struct error *err) MUST_CHECK;
void move_fini(struct move *m);
static inline void cleanup_move(struct move *m)
{
	move_fini(m);
}

#endif

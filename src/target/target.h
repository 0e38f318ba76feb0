/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets: where replicas live.  A `target` is the place (a container with a prefix, a directory); a `replica` is one
 * disk there: a fixed VHD of content and footer, read and written by 512-byte sectors.
 *
 * The replication protocol (ARCHITECTURE.md, "The cycle") is built on what a page blob gives: a version that changes with
 * every change (ETag), a number that only rises and that writes are conditional on (sequence number), a lease, and
 * snapshots.  A directory gives the same as well as a file system can; what it cannot is said in struct target_caps.
 *
 * Errors of a replica's operations, so that the cycle can act on them:
 *   ERR_CONFLICT   a condition failed; detail is one of enum target_refusal
 *   ERR_BUSY       the lease is somebody else's, or ours is gone; detail TARGET_REFUSED_LEASE
 *   ERR_NETWORK    gave up after retries, or the outcome is unknown: it may have happened, or happen later
 *   ERR_REFUSED    credentials or rights; the message has the service's code, who asked, and what is needed
 *   ERR_SYSTEM     a local file system said no; detail is the errno
 * Deterministic refusals are never retried; everything else is, inside, with full jitter, until the retry budget ends or
 * the cancel token is set.
 *
 * Threads: all operations of one replica from any thread, but the conditional single ones (those that take a version)
 * from one at a time.  submit() is meant for many threads.
 */
#ifndef LIFTFS_TARGET_TARGET_H
#define LIFTFS_TARGET_TARGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/extent.h"
#include "base/guid.h"

struct target;
struct replica;
struct http;
struct credentials;

#define TARGET_WRITE_MAX (UINT64_C(4) << 20) /* bytes of one write */
#define TARGET_VERSION_LEN 256
#define TARGET_POINT_LEN 64
#define TARGET_LEASE_SECONDS 60

/* error.detail of ERR_CONFLICT and ERR_BUSY */
enum target_refusal {
	TARGET_REFUSED_VERSION = 1, /* the version is another: somebody wrote */
	TARGET_REFUSED_NUMBER,      /* a newer epoch: fenced */
	TARGET_REFUSED_LEASE,
	TARGET_REFUSED_EXISTS,
	TARGET_REFUSED_MISSING, /* no such replica (or point) */
	/* RENEW: nobody else leased, but a crash left nothing that proves that nobody wrote (a directory after a power
	 * loss).  Distrust map and journal, then ACQUIRE works. */
	TARGET_REFUSED_UNPROVEN,
};

/* Refused since no lease of ours runs.  A renewal that works then proves that nobody else wrote meanwhile. */
static inline bool target_refused_lease(const struct error *err)
{
	return err->code == ERR_BUSY && err->detail == TARGET_REFUSED_LEASE;
}

struct target_config {
	struct http *http;               /* for http and https; may be NULL for the others */
	const struct credentials *creds; /* the same */
	struct cancel *cancel;           /* may be NULL */
	unsigned connections;            /* writes in flight at most per replica; 0: 4 */
	bool insecure_http;              /* http:// to other than loopback */
	const char *account_hint;        /* AZURE_STORAGE_ACCOUNT, or NULL */
	bool create;                     /* a missing container or folder may be created */
	const char *host;                /* this host's name: for locks and metadata */
};

struct target_caps {
	bool points;         /* recovery points can be made */
	bool remote;         /* reading back is billed and slow: not without a person's word */
	bool late;           /* a request can take effect after its sender has given it up, or has died */
	uint64_t max_size;   /* bytes of a replica, footer included */
	const char *why_no_points; /* one phrase, if !points; else NULL */
};

/* What requests there were, as the bill counts them; relaxed atomics, readable at any time. */
struct target_counters {
	_Atomic uint64_t writes, clears, reads, others, retries;
	_Atomic uint64_t bytes_written, bytes_cleared, bytes_read;
};

/* Metadata: short ASCII keys of [a-z0-9], values of any bytes but NUL (a target escapes what its store cannot hold). */
struct target_meta {
	struct target_meta_item {
		char key[24];
		char *value;
	} *v;
	size_t n;
};
int target_meta_set(struct target_meta *m, const char *key, const char *value, struct error *err) MUST_CHECK;
const char *target_meta_get(const struct target_meta *m, const char *key); /* NULL if absent */
int target_meta_copy(struct target_meta *out, const struct target_meta *in, struct error *err) MUST_CHECK;
void target_meta_fini(struct target_meta *m);
static inline void cleanup_target_meta(struct target_meta *m)
{
	target_meta_fini(m);
}

/* What a look at a replica tells.  All zeros is an empty one; release with target_look_fini. */
struct target_look {
	bool exists;
	uint64_t size;                    /* bytes, footer included */
	char version[TARGET_VERSION_LEN]; /* "" if it does not exist */
	uint64_t number;
	bool leased;
	struct target_meta meta;
};
void target_look_fini(struct target_look *look);
static inline void cleanup_target_look(struct target_look *look)
{
	target_look_fini(look);
}

struct target_point {
	char id[TARGET_POINT_LEN]; /* the target's own: a snapshot's time, a folder's name */
	uint64_t size;
	struct target_meta meta;
};
struct target_points {
	struct target_point *v;
	size_t n;
};
void target_points_fini(struct target_points *p);
static inline void cleanup_target_points(struct target_points *p)
{
	target_points_fini(p);
}

/* ---- the place ---- */

/*
 * By URL: a path or dir:PATH, https://HOST/CONTAINER[/PREFIX], null:.  Does not touch the network or the file system
 * beyond what parsing needs; target_prepare() does.  The SAS of a URL has been cut out by the caller.
 */
struct target *target_open(const char *url, const struct target_config *config, struct error *err) MUST_CHECK;
void target_close(struct target *t); /* after all its replicas; NULL is welcome */
DEFINE_CLEANUP(cleanup_target, struct target *, target_close);

/* Is this argument a target's URL (has a scheme), rather than a path? */
bool target_is_url(const char *text);

const char *target_name(const struct target *t); /* for messages and for keys: normalised, without secrets */
const struct target_caps *target_caps(const struct target *t);

/*
 * Is the place there, is it one that can hold replicas, may we write?  Creates a missing container or folder if
 * config.create.  A hierarchical-namespace account: ERR_UNSUPPORTED.  With `dry_run` nothing is changed: rights are
 * tested as far as that goes without it.  `note`, if not NULL, gets a line worth showing (premium account), to be freed.
 */
int target_prepare(struct target *t, bool dry_run, char **note, struct error *err) MUST_CHECK;

/*
 * Is there room for replicas that hold `data_bytes` of data and are `full_size` bytes long together, holes included?
 * After target_prepare().  ERR_SYSTEM with ENOSPC names both numbers and what to do; a target without such a limit
 * says 0.
 */
int target_check_space(struct target *t, uint64_t data_bytes, uint64_t full_size, struct error *err) MUST_CHECK;

/* Refuses names that this target cannot hold (too long, too many segments, reserved): ERR_USAGE says which and why. */
int target_check_name(const struct target *t, const char *name, struct error *err) MUST_CHECK;

/* Every replica below the place whose metadata or layout says it is liftfs's, in byte order of names; a callback's
 * failure ends the walk. */
int target_list(struct target *t, int (*each)(void *ctx, const char *name, const struct target_look *look,
		struct error *err), void *ctx, struct error *err) MUST_CHECK;

/*
 * The replicas as target_list() has them, or the one called `name` if that is not NULL (nobody is called if there is none),
 * each with all its snapshots, oldest first.  Where the target can, it is one list, whatever the number of replicas.
 */
typedef int target_each_points(void *ctx, const char *name, const struct target_look *look,
			       const struct target_points *points, struct error *err);
int target_list_points(struct target *t, const char *name, target_each_points *each, void *ctx,
		       struct error *err) MUST_CHECK;

/*
 * What replica_look() of `name` would tell, the lease apart, is the same as long as `text` is; "" if there is no cheaper way than
 * a look.  Waits for no service: a thread a processor is enough.
 */
struct target_glance {
	char text[2 * TARGET_VERSION_LEN];
	bool settled;      /* a change from now on changes the text: else one within the same tick of a clock might not */
	unsigned requests; /* what it cost, of the kind target_counters.others; the place's count has them */
};
int target_glance(struct target *t, const char *name, struct target_glance *out, struct error *err) MUST_CHECK;

/* The place's own requests (lists, looks at the account, glances) and those of every replica of it that was closed. */
const struct target_counters *target_counters(const struct target *t);

/* ---- one replica ---- */

/* `name` is escaped (base/escape.h) and ends in .vhd.  Touches nothing yet. */
struct replica *target_replica(struct target *t, const char *name, struct error *err) MUST_CHECK;
/*
 * The copy of a replica's block map that lies beside it (.liftfs/maps/NAME.blockmap): bytes that are looked at, created, raised,
 * written, read and resized as a replica is, without a lease of its own, without points, and in no target_list().
 * ERR_UNSUPPORTED where the target keeps none.
 */
struct replica *target_map_copy(struct target *t, const char *name, struct error *err) MUST_CHECK;
/* Waits for what was submitted, releases nothing. */
void replica_close(struct replica *r);
DEFINE_CLEANUP(cleanup_replica, struct replica *, replica_close);
const char *replica_name(const struct replica *r);
const struct target *replica_target(const struct replica *r);
const struct target_counters *replica_counters(const struct replica *r);

int replica_look(struct replica *r, struct target_look *out, struct error *err) MUST_CHECK;

/* Creates it, all zeros; never touches an existing one: ERR_CONFLICT/EXISTS (which a lost answer of ours causes too). */
int replica_create(struct replica *r, uint64_t size, uint64_t number, const struct target_meta *meta,
		   struct error *err) MUST_CHECK;

enum target_lease_action { TARGET_LEASE_ACQUIRE, TARGET_LEASE_RENEW, TARGET_LEASE_RELEASE, TARGET_LEASE_BREAK };
/*
 * The lease of TARGET_LEASE_SECONDS under our own id (ACQUIRE with the id that already holds it succeeds); from ACQUIRE
 * or RENEW to RELEASE every request carries it.  RENEW of an expired one works only if nobody wrote or leased since: that
 * is a proof.
 */
int replica_lease(struct replica *r, enum target_lease_action action, const struct guid *id,
		  struct error *err) MUST_CHECK;
/*
 * The same on condition that the version still is `if_version`, else ERR_CONFLICT/VERSION: a request that arrives late, when
 * somebody has claimed or written since it was sent, does nothing.  RENEW has a condition of its own, and takes none.  Not
 * looked at without caps.late.
 */
int replica_lease_if(struct replica *r, enum target_lease_action action, const struct guid *id, const char *if_version,
		     struct error *err) MUST_CHECK;

/*
 * Raises the number to max(live, number) if the version still is `if_version`; gives the live number and the new version.
 * From success on submit() makes every write conditional on exactly this number.
 */
int replica_raise(struct replica *r, uint64_t number, const char *if_version, uint64_t *number_out,
		  char version_out[TARGET_VERSION_LEN], struct error *err) MUST_CHECK;

/* As replica_raise(), and replaces the metadata in the same change, where the target can; ERR_UNSUPPORTED where it cannot. */
bool replica_can_raise_with(const struct replica *r);
int replica_raise_with(struct replica *r, uint64_t number, const struct target_meta *meta, const char *if_version,
		       uint64_t *number_out, char version_out[TARGET_VERSION_LEN], struct error *err) MUST_CHECK;

/* Replaces the metadata. */
int replica_set_meta(struct replica *r, const char *if_version, const struct target_meta *meta,
		     char version_out[TARGET_VERSION_LEN], struct error *err) MUST_CHECK;

/* Content beyond the old end reads as zeros. */
int replica_resize(struct replica *r, uint64_t size, const char *if_version, char version_out[TARGET_VERSION_LEN],
		   struct error *err) MUST_CHECK;

/* A write (data) or a zeroing (data NULL) of whole sectors. */
struct target_op { /* all that is not set is zero */
	uint64_t off, len;  /* multiples of 512, inside the replica; a write is at most TARGET_WRITE_MAX */
	const void *data;   /* stays valid and unchanged until done: a retry sends the same bytes */
	void (*done)(struct target_op *op);
	void *ctx;
	struct error err;   /* the outcome, to be read in done */
	bool in_flight;
	struct target_op *next; /* private to the target while in flight, as are those below */
	char sum[28];
	int sum_kind;
};

/*
 * Exactly one completion, on a thread of the target's, also after a cancel.  Never waits for the network or the disk.
 * Success means: stored, with its checksum verified, durably (a directory has synced it).  Operations that overlap must
 * not be in flight together.
 */
void replica_submit(struct replica *r, struct target_op *op);

/*
 * What others see under the replica's name is from now on what the last raise fenced, durably.  A snapshot does that too; this
 * is for a cycle that ends well and makes none.  Where writes are seen at once it has nothing to do.
 */
int replica_publish(struct replica *r, const char *if_version, struct error *err) MUST_CHECK;

/* Waits until nothing is in flight: every `done` has returned. */
void replica_barrier(struct replica *r);

/* Exactly len bytes, checksums verified; a range beyond the replica's end is ERR_USAGE.  if_version: NULL, or
 * ERR_CONFLICT/VERSION when it is another. */
int replica_read(struct replica *r, void *buf, size_t len, uint64_t off, const char *if_version,
		 struct error *err) MUST_CHECK;

/* Which ranges hold data; the rest is zero.  No host files in the extents. */
int replica_extents(struct replica *r, uint64_t len, uint64_t off, const char *if_version, struct extent_list *out,
		    struct error *err) MUST_CHECK;

/*
 * A recovery point: content, condition and metadata in one request.  ERR_UNSUPPORTED where caps.points is false.
 * `name` is the point's name (its moment), by which a directory files it; id_out is the target's id of it.
 */
int replica_snapshot(struct replica *r, const char *if_version, const char *name, const struct target_meta *meta,
		     char id_out[TARGET_POINT_LEN], struct error *err) MUST_CHECK;

/* All snapshots, oldest first, liftfs's or not. */
int replica_points(struct replica *r, struct target_points *out, struct error *err) MUST_CHECK;
/* Deletes one snapshot that replica_points() gave.  Nothing else is ever deleted with it: neither the live replica nor another
 * point.  One that is gone already is a success. */
int replica_delete_point(struct replica *r, const char *point_id, struct error *err) MUST_CHECK;
/* The replica as one of its points: look, read and extents work, the rest is ERR_USAGE. */
struct replica *replica_at_point(struct replica *r, const char *point_id, struct error *err) MUST_CHECK;

#endif

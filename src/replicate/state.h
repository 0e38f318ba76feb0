/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state folder: one map and one journal a replica, and who may use them.
 *
 *   STATE/format                    "liftfs state 1" and the version that wrote it
 *   STATE/replicas/KEY/{map,journal,lock}    KEY: plain XXH3-128 of "<target name>\n<replica name>", in hex
 *
 * One run at a time a replica (the lock names the pid).  Mode 0700, one host: the map and journal record machine id, inode
 * and birth time ("born"); a copied or restored folder is noticed.  A network file system is refused with 78.
 * A newer format is refused with 78, naming the version that wrote it.
 *
 * What map and journal say together after replay:
 *   clean       the last record is CLEAN or POINT, or the map is a fresh commit: version and number recorded
 *   open        a CLAIM after it: a cycle was under way
 *   distrusted  what they say about blocks is void
 */
#ifndef LIFTFS_REPLICATE_STATE_H
#define LIFTFS_REPLICATE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "map/blockmap.h"
#include "map/journal.h"
#include "replicate/evidence.h"
#include "target/target.h"

struct state; /* the folder */

/* With `create`, makes what is missing; without, a missing folder is ERR_SYSTEM with ENOENT in detail. */
struct state *state_open(const char *path, bool create, struct error *err) MUST_CHECK;
void state_close(struct state *s);
DEFINE_CLEANUP(cleanup_state, struct state *, state_close);
const char *state_path(const struct state *s);
int state_fd(const struct state *s);

#define STATE_REPLICA_LEN 64
/* Where the files of a replica lie in the folder. */
void state_replica_folder(const char *target_name, const char *replica_name, char out[STATE_REPLICA_LEN]);
/* "machine-id inode btime" of an open file: where it was born.  For blockmap_commit() and journal_mark_born(). */
int state_make_born(int fd, char *out, size_t len, struct error *err) MUST_CHECK;

/* The replica's folder below replicas/: of target_name() and the replica's name. */
#define STATE_KEY_LEN 33
void state_replica_key(const char *target_name, const char *replica_name, char out[STATE_KEY_LEN]);

#define STATE_FOLDER_FORMAT 1

/* What is known of the source's holding still while it was read. */
enum consistency {
	CONSISTENCY_UNPROVEN, /* it moved, or its file system does not stamp every write */
	CONSISTENCY_PROVEN,   /* its files' stamps say so */
	CONSISTENCY_DECLARED, /* somebody says so, and nothing speaks against it */
};
/* "unproven", "proven", "declared" */
const char *consistency_name(enum consistency c);

enum state_kind { STATE_NEW, STATE_CLEAN, STATE_OPEN, STATE_DISTRUSTED };

/* What a clean point says besides its journal record's numbers; stored in front of the fingerprint. */
struct clean_point {
	uint64_t cycle, number;
	struct guid token;
	bool fuzzy;   /* the source moved, or the pass was cut short: proves nothing, makes no recovery point */
	bool pointed; /* its recovery point is recorded, or it makes none */
	bool kept;    /* pointed, and there is one */
	char version[TARGET_VERSION_LEN];
	char moment[CLOCK_TEXT_LEN]; /* of F0: the recovery point's name */
	unsigned disks;              /* of the VM's cycle */
	enum consistency consistency;
	struct evidence evidence;    /* F0 */
};

struct replica_state {
	struct state *state;
	enum state_kind kind;
	struct blockmap *map;       /* NULL for STATE_NEW.  Replayed: INTENT without ACK is unknown */
	struct journal *journal;    /* NULL for STATE_NEW */
	int dirfd, lock_fd;
	bool moved;                 /* not where it was born: a copy or a restore.  lease_id is a new one then */
	struct guid lease_id;
	uint64_t *own;              /* numbers that we drew: journal and header; the latest 65536 of them */
	size_t n_own;
	uint64_t max_own;
	bool has_clean;             /* last is valid */
	struct clean_point last;
	bool settled;               /* what was replayed is durable */
	bool touched;               /* INTENT or DISTRUST since the clean point */
	char *damage;               /* why map or journal could not be read, one line; kind is then DISTRUSTED or NEW */
};
/* dirfd and lock_fd are -1 before it is opened and after it was closed. */
#define REPLICA_STATE_INIT                    \
	{                                     \
		.dirfd = -1, .lock_fd = -1    \
	}

/* error.detail of ERR_BUSY: another process of this host, which is alive, is at this replica. */
#define STATE_IN_USE 100
/*
 * Locks and opens.  A damaged map or journal is no failure: see `damage`.  Held by another process: ERR_BUSY/STATE_IN_USE.
 */
int replica_state_open(struct state *s, const char *target_name, const char *replica_name, struct replica_state *out,
		       struct error *err) MUST_CHECK;
/*
 * The same in two steps.  After the first the state is known, but of what a killed process left the last records may be in the
 * page cache only: enough to find that there is nothing to do, which saves an fsync a disk.  The second makes them durable, and
 * comes before anything is sent, or written here.
 */
int replica_state_look(struct state *s, const char *target_name, const char *replica_name, struct replica_state *out,
		       struct error *err) MUST_CHECK;
int replica_state_settle(struct replica_state *rs, struct error *err) MUST_CHECK;
/*
 * For a look without a lock, while somebody else may be at work: the header of the replica's map as it was committed last.  Changes
 * nothing.  1: there is none.
 */
int replica_state_peek(struct state *s, const char *target_name, const char *replica_name, struct blockmap_header *out,
		       struct error *err) MUST_CHECK;
/*
 * First use: makes map and journal durable; `out` was STATE_NEW.  Damaged files that are there are deleted first.  The blocks
 * are unknown; header's lease id and born are set here.
 */
int replica_state_create(struct replica_state *rs, const struct blockmap_header *header, struct error *err) MUST_CHECK;
/*
 * Map and journal are replaced by a map made elsewhere: header's but for lease id, generation and born; `fill` sets its pages
 * or blocks.  Afterwards the state is as opened after a clean end: clean at header's version and number, without
 * fingerprint.  Until that is durable the files are as before; a failure leaves rs without map and journal (STATE_NEW).
 */
int replica_state_import(struct replica_state *rs, const struct blockmap_header *header,
			 int (*fill)(void *ctx, struct blockmap *m, struct error *err), void *ctx, struct error *err) MUST_CHECK;
/* Before the first change of an entry of the map in this run. */
int replica_state_writable(struct replica_state *rs, struct error *err) MUST_CHECK;
bool replica_state_owns(const struct replica_state *rs, uint64_t number);
/* CLAIM, durable; the number is own from here on and the state is open. */
int replica_state_claim(struct replica_state *rs, uint64_t number, struct error *err) MUST_CHECK;
/* DISTRUST, durable; all blocks are unknown. */
int replica_state_distrust(struct replica_state *rs, struct error *err) MUST_CHECK;
/* A new lease GUID, durable. */
int replica_state_new_lease(struct replica_state *rs, struct error *err) MUST_CHECK;
/* The map as it is now becomes the committed one, in an open state under `number`, which is live: after a rebuild or a resize. */
int replica_state_checkpoint(struct replica_state *rs, uint64_t number, struct error *err) MUST_CHECK;
/* CLEAN, durable with everything before it.  Takes over point->evidence. */
int replica_state_clean(struct replica_state *rs, struct clean_point *point, struct error *err) MUST_CHECK;
/*
 * POINT ("" if the cycle makes none); then the map is committed if it has changed.  Durable with the next record that is, or by
 * replica_state_settle(): without it the next run finds the snapshot by its token.
 */
int replica_state_commit(struct replica_state *rs, const char *snapshot, struct error *err) MUST_CHECK;
/* Accepts REPLICA_STATE_INIT and half-opened ones. */
void replica_state_close(struct replica_state *rs);

#endif

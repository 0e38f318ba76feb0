/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A view: one opened disk as the mount shows it, with what its files have in common.
 *
 * Counted by reference: the tree holds one while the view is in its pool, each open file one.  Immutable but for the
 * ranges that failed, which have a lock of their own: any number of threads.
 */
#ifndef LIFTFS_FS_VIEW_H
#define LIFTFS_FS_VIEW_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/guid.h"
#include "disk/disk.h"
#include "target/target.h"

#define VIEW_FAILED_MAX 256 /* ranges that info.json names; later ones only raise a counter */

struct view_failed {
	uint64_t off, len; /* bytes of the disk */
	char msg[ERROR_MSG_MAX];
};

struct view {
	atomic_uint refs;
	char *label; /* for messages: the disk's folder in the mount */
	struct disk *disk;
	uint64_t size;       /* bytes that the guest sees */
	uint64_t content;    /* padded as a replica is; 0: too large for one */
	uint64_t block_size; /* of the file `blocks` */
	struct guid vhd_id;  /* an image's: derived from its identity and path, always the same */

	/* A replica's own bytes, for disk.vhd; NULL: an image. */
	struct replica *replica, *replica_base; /* base: what a point is a point of, or NULL */
	char version[TARGET_VERSION_LEN];
	uint64_t replica_size;
	_Atomic uint64_t looked_at; /* when its version was last seen to be this one */

	struct backing_stamp *stamps; /* one for each host file, as it was when opened */
	int64_t mtime_ns;             /* the newest of them; 0: not known */
	uint64_t allocated;
	uint64_t content_id; /* not 0; equal for views of unchanged files, or of one version of a replica */

	/* Tables that were read from the files are as old as this view; see view_tables_hold(). */
	uint64_t opened_at;
	bool fresh_stamps;          /* opened within a tick of a write: a later one may have left the same stamps */
	_Atomic uint64_t tables_at; /* when the files were last looked at */
	atomic_bool tables_old;
	atomic_bool stale;   /* what it was opened from has changed since */

	pthread_mutex_t lock; /* guards what follows */
	struct view_failed *failed;
	size_t n_failed, cap_failed;
	uint64_t failed_more;
};

/* Both take over their disk and replicas, also when they fail, and give one reference. */
struct view *view_new(const char *label, struct disk *d, struct error *err) MUST_CHECK;
/*
 * `disk` is a replica opened as a disk, `raw` the same replica for its own bytes; both are of one version, or
 * ERR_CHANGED.  base may be NULL; it is closed after the others.
 */
struct view *view_new_replica(const char *label, struct disk *disk, struct replica *raw, struct replica *base,
			      struct error *err) MUST_CHECK;
struct view *view_get(struct view *v);
void view_put(struct view *v); /* NULL is welcome */
DEFINE_CLEANUP(cleanup_view, struct view *, view_put);

/*
 * Are the files that it was opened from as they were?  Says no from the first change on.  A replica's version is asked
 * for at most every VIEW_LOOK_NS: it costs a request.  No answer is no change: reading will say what is wrong.
 */
#define VIEW_LOOK_NS (5 * UINT64_C(1000000000))
bool view_is_current(struct view *v);

/*
 * May reads of an open file go on through this view's tables?  No once a file was written to (its size or time of writing,
 * not merely its name: who has a file open that was replaced reads on in the old one).  Always, if there are no tables.
 * Looks at most every VIEW_TICK_NS: no file system's stamps are finer than the kernel's tick, at most 10 ms.
 */
#define VIEW_TICK_NS (10 * UINT64_C(1000000))
bool view_tables_hold(struct view *v);

/* Are these the same files, by inode, and the same size: is `now` what `then` has become? */
bool view_is_same_disk(const struct view *now, const struct view *then);

/* Reads the disk: all of it, or an error, and then the range is noted and logged once. */
int view_read(struct view *v, void *buf, size_t len, uint64_t off, struct error *err) MUST_CHECK;

/* If the error says that the source changed, the next tree_view() opens it anew. */
void view_note_stale(struct view *v, const struct error *why);

/* Notes a failure; true if this range was not known to fail. */
bool view_note_failure(struct view *v, uint64_t off, uint64_t len, const struct error *why);

#endif

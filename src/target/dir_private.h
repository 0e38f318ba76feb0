/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory as target: what its rooms share.
 *
 *   TARGET/web01/web01.vhd                          the replica: a plain fixed VHD, sparse
 *   TARGET/.liftfs/meta/web01/web01.json            number, metadata, which file is what (dir_meta.c)
 *   TARGET/.liftfs/meta/web01/web01.vhd.new         being created
 *   TARGET/.liftfs/locks/web01/web01.lock, .lease   who holds it, and the proof that nobody else wrote (dir_lease.c)
 *   TARGET/.liftfs/maps/web01/web01.blockmap        the copy of its block map; .json: that one's number (dir_map.c)
 *   TARGET/.liftfs/work/web01/web01.vhd/RANDOM      the clone that a cycle writes (dir_clone.c)
 *   TARGET/.liftfs/points/web01/web01.vhd/POINT/    disk.vhd or undo, and meta.json; made whole as .new and renamed,
 *                                                   to .gone before it is removed (dir_point.c, dir_delete.c)
 *
 * Where the file system clones files (FICLONE) each cycle writes a clone of web01.vhd, its work file, and at its end
 * that replaces web01.vhd, so that web01.vhd always is a whole committed state; a point is a clone of it.  Elsewhere
 * web01.vhd is written in place, and what a block held goes to the newest point's undo file before it is first
 * overwritten.  A replica whose newest point is an undo file is written in place also where files can be cloned: the
 * point shares the blocks of web01.vhd.
 *
 * Rooms: dir.c the place, dir_probe.c what its file system can do, dir_path.c ways beneath it, dir_stamp.c versions,
 * dir_state.c which file holds the content and what its version is called, dir_replica.c one replica, dir_change.c its
 * conditional changes, dir_clone.c work files, dir_write.c its writer, dir_undo.c what that saves, dir_undo_file.c the
 * format of it, dir_point.c points, dir_chain.c reading those that have undo files, dir_delete.c deleting.
 */
#ifndef LIFTFS_TARGET_DIR_PRIVATE_H
#define LIFTFS_TARGET_DIR_PRIVATE_H

#include <limits.h>
#include <sys/stat.h>

#include "target/dir_undo_file.h"
#include "target/op_queue.h"

#define DIR_OWN ".liftfs"
#define DIR_FORMAT 2 /* of metadata; 1 had neither work files nor undo files, and its programs wrote in place */
/* web01.vhd needs web01.json.new, 5 bytes more, beside it. */
#define DIR_LAST_MAX (NAME_MAX - 5)

struct dir_place {
	pthread_mutex_t lock;
	int root;    /* opened when first needed; -1 */
	bool own_times; /* of the root's file system, once it is open: dir_has_own_times() */
	bool sparse; /* found by trying in prepare, as are the next two */
	bool clones;
	bool undo;   /* points may be undo files */
};

#define DIR_WORK_LEN 17 /* a work file's name: 16 hex digits, NUL */

/* What we called a state of NAME.vhd, and by what the file is known. */
struct dir_left {
	char file[TARGET_VERSION_LEN];    /* dir_version(), without the ctime while that is not known; "": nothing */
	char version[TARGET_VERSION_LEN]; /* of the replica */
};

struct dir_meta {
	uint64_t number; /* a point's: its order, greater than that of all points before it */
	uint64_t order;  /* the newest point's, as far as it was noted; a point's: of the newest before it */
	struct target_meta meta;
	char work[DIR_WORK_LEN];    /* the file that holds what NAME.vhd will become; "": there is none */
	struct dir_left named;      /* NAME.vhd, if it was not written in place */
	struct dir_left publishing; /* it may be this already */
};

/* Which file holds the content for whoever asks, and what its version is. */
struct dir_state {
	struct dir_meta meta;
	struct stat named;   /* NAME.vhd */
	struct stat content; /* the same, or the work file */
	bool in_work;
	bool foreign;        /* NAME.vhd is not as it was left: its version is none that we gave */
	char version[TARGET_VERSION_LEN];
};

struct dir_chain;

struct dir_replica {
	pthread_mutex_t io; /* one batch or one conditional operation at a time; guards what follows */
	struct op_queue queue;
	struct error poison; /* a failed sync: every later change fails with it */

	_Atomic bool leased;
	struct guid lease_id;
	int lock;              /* the flocked file */
	int record;            /* the .lease file */
	int data;              /* the content, for writing; all three -1 without a lease */
	struct stat meta_seen; /* the metadata file's: nobody else raised the number */
	struct dir_state now;  /* as our last operation left it */
	bool owned;            /* by a raise of this lease: the content is ours to be written */
	bool undo_known;
	struct undo_file *undo; /* the newest point's, if that is one; NULL */

	struct dir_chain *chain; /* of a point with an undo file */
	pthread_mutex_t seen_lock;
	struct dir_left seen; /* the last pair that a read found */
};

static inline struct dir_replica *dir_of(struct replica *r)
{
	return r->priv;
}

/* ---- dir_path.c: nothing below the root follows a symbolic link ---- */

enum dir_area { DIR_DATA, DIR_META, DIR_LOCKS, DIR_POINTS, DIR_WORK, DIR_MAPS };

/* The root's fd, which stays the place's; -1. */
int dir_root(struct target *t, struct error *err) MUST_CHECK;
/*
 * Opens the folder that holds `name` in an area, making missing ones if `create`.  0, or 1 if it is not there
 * (!create), or -1.  `base` gets the last component with its .vhd replaced by `suffix` (NULL: as it is).
 */
int dir_parent(struct target *t, enum dir_area area, const char *name, const char *suffix, bool create, int *fd_out,
	       char base[NAME_MAX + 1], struct error *err) MUST_CHECK;
/* What is there under the name, links not followed: 0, 1 (nothing), -1. */
int dir_stat(struct replica *r, enum dir_area area, const char *suffix, struct stat *out, struct error *err) MUST_CHECK;
/*
 * The same in one look, false for all that is not there, or not found without links and on the root's own mount: dir_stat() finds
 * out why.  Only where a name that was looked up is true without asking anybody, which no network file system promises.
 */
bool dir_stat_at_once(int root, enum dir_area area, const char *name, const char *suffix, struct stat *out);
/* The folder of a replica's own in an area: of its points, of its work files.  As dir_parent(). */
int dir_own_folder(struct replica *r, enum dir_area area, bool create, int *fd_out, struct error *err) MUST_CHECK;
/* One step down from dirfd. */
int dir_enter(int dirfd, const char *component, bool create, int *fd_out, struct error *err) MUST_CHECK;
/* An error of the operating system about this replica: names the file, and says what to do where that is known. */
int dir_errno(const struct replica *r, int errnum, const char *what, struct error *err);
int dir_explain(const struct replica *r, const struct error *cause, struct error *err);

/* ---- dir_stamp.c ---- */

void dir_version(const struct stat *st, char out[TARGET_VERSION_LEN]);
bool dir_same(const struct stat *a, const struct stat *b);
/* Gives the file a version that no later write can leave as it is, durably, with all that was written before. */
int dir_stamp(int fd, struct stat *out, struct error *err) MUST_CHECK;

/* ---- dir_meta.c ---- */

void dir_meta_fini(struct dir_meta *m);
static inline void cleanup_dir_meta(struct dir_meta *m)
{
	dir_meta_fini(m);
}
/* 0, 1 (no such file), -1.  `name` is whose it must be. */
int dir_meta_read(int dirfd, const char *file, const char *name, struct dir_meta *out, struct error *err) MUST_CHECK;
int dir_meta_write(int dirfd, const char *file, const char *name, const struct dir_meta *m, unsigned mode,
		   struct error *err) MUST_CHECK;

/* ---- dir_state.c ---- */

void dir_state_fini(struct dir_state *s);
static inline void cleanup_dir_state(struct dir_state *s)
{
	dir_state_fini(s);
}
/*
 * What is there: 0, 1 (no NAME.vhd), -1.  `writer`: the content is the work file, if there is one and NAME.vhd is as it
 * was left; everybody else sees NAME.vhd.
 */
int dir_state_load(struct replica *r, bool writer, struct dir_state *out, struct error *err) MUST_CHECK;
/* The version of NAME.vhd, whose stat this is; false: it is not as it was left. */
bool dir_state_name(const struct dir_meta *m, const struct stat *st, char out[TARGET_VERSION_LEN]);
/* By size and mtime alone, as a copy of the whole target has them too: does dir_left.file tell of this content? */
bool dir_state_same_content(const char *file, const struct stat *st);
/* Opens s->content: 0, 1, -1. */
int dir_state_open(struct replica *r, const struct dir_state *s, int flags, int *fd_out, struct error *err) MUST_CHECK;
/* What an open NAME.vhd is called now, for a reader's condition. */
int dir_state_version(struct replica *r, int fd, char out[TARGET_VERSION_LEN], struct error *err) MUST_CHECK;

/* ---- dir_lease.c ---- */

int dir_lease(struct replica *r, enum target_lease_action action, const struct guid *id, const char *if_version,
	      struct error *err);
bool dir_is_leased(struct replica *r);
/* The plain lock, for as long as the fd is open: for create. */
int dir_lock(struct replica *r, struct error *err) MUST_CHECK;
/* Under io: is the lease, and the name of its lock, still ours? */
int dir_check_lease(struct replica *r, struct error *err) MUST_CHECK;
/* Under io: what RENEW after a crash goes by. */
void dir_record_idle(struct dir_replica *d);
/* The file is about to change; `ino`: which one will be the content then. */
void dir_record_writing(struct dir_replica *d, ino_t ino);
void dir_drop_lease(struct dir_replica *d);

/* ---- dir_write.c ---- */

void dir_run_batch(struct replica *r, struct target_op *batch);
/* Under io: lease, poison, nobody else's change since what we left, and if_version unless NULL. */
int dir_check_unchanged(struct replica *r, const char *if_version, struct error *err) MUST_CHECK;

/* ---- dir_change.c: all under io ---- */

/* Stores number and metadata; the file is then known as ours. */
int dir_store_meta(struct replica *r, const struct dir_meta *m, struct error *err) MUST_CHECK;
int dir_create(struct replica *r, uint64_t size, uint64_t number, const struct target_meta *meta, struct error *err);
int dir_raise(struct replica *r, uint64_t number, const char *if_version, uint64_t *number_out, char *version_out,
	      struct error *err);
int dir_raise_with(struct replica *r, uint64_t number, const struct target_meta *meta, const char *if_version,
		   uint64_t *number_out, char *version_out, struct error *err);
int dir_set_meta(struct replica *r, const char *if_version, const struct target_meta *meta, char *version_out,
		 struct error *err);
int dir_resize(struct replica *r, uint64_t size, const char *if_version, char *version_out, struct error *err);

/* ---- dir_clone.c ---- */

/*
 * Makes the content ours to be written, once a lease: a clone of it as a new work file, with the number in
 * d->now.meta, if this replica is written so; else it stays, and whatever d->now.meta said of it being published is
 * void.
 */
int dir_own_content(struct replica *r, struct error *err) MUST_CHECK;
/* The work file becomes NAME.vhd; nothing to do without one. */
int dir_publish_work(struct replica *r, struct error *err) MUST_CHECK;
int dir_publish(struct replica *r, const char *if_version, struct error *err);

/* ---- dir_undo.c: under io, for who writes in place ---- */

/*
 * Opens the newest point's undo file, if it has one: from then on d->undo.  At least once a lease before anything is
 * written.
 */
int dir_undo_begin(struct replica *r, struct error *err) MUST_CHECK;
/*
 * What a range of the live file holds, for the newest point.  Not durable before dir_undo_sync(), which poisons if it
 * fails.
 */
int dir_undo_save(struct replica *r, uint64_t len, uint64_t off, struct error *err) MUST_CHECK;
int dir_undo_sync(struct replica *r, struct error *err) MUST_CHECK;
/* Says that all entries count, when writing pauses. */
int dir_undo_settle(struct replica *r, struct error *err) MUST_CHECK;
/* Forgets the open file: the newest point may be another. */
void dir_undo_end(struct dir_replica *d);

/* ---- dir_replica.c ---- */

int dir_replica_open(struct replica *r, struct error *err);
void dir_replica_close(struct replica *r);
int dir_missing(struct replica *r, struct error *err);
int dir_look(struct replica *r, struct target_look *out, struct error *err);
int dir_read(struct replica *r, void *buf, size_t len, uint64_t off, const char *if_version, struct error *err);
/* The holes of a file of the replica's: appends [off, off + len). */
int dir_file_extents(struct replica *r, int fd, uint64_t len, uint64_t off, struct extent_list *out,
		     struct error *err) MUST_CHECK;
int dir_extents(struct replica *r, uint64_t len, uint64_t off, const char *if_version, struct extent_list *out,
		struct error *err);

/* ---- dir_glance.c ---- */

/* Does this file system take times from this host's clock, finely, one for each write? */
bool dir_has_own_times(int fd);
int dir_glance(struct target *t, const char *name, struct target_glance *out, struct error *err) MUST_CHECK;

/* ---- dir_map.c ---- */

/* dir_replica_open(), or for the copy of a map a handle with a table of its own. */
int dir_open_any(struct replica *r, struct error *err);

/* ---- dir_point.c ---- */

/* Where a point keeps what it holds. */
enum dir_point_kind { DIR_POINT_NONE, DIR_POINT_FULL, DIR_POINT_UNDO };
#define DIR_POINT_FILE "disk.vhd"
#define DIR_POINT_UNDO_FILE "undo"
#define DIR_POINT_FOREIGN "foreign" /* the live file was changed by somebody else while the point shared its blocks */

/* One recovery point as it lies there; the oldest has the smallest order. */
struct dir_point {
	char name[TARGET_POINT_LEN];
	enum dir_point_kind kind;
	uint64_t order, previous; /* its own; of the newest before it when it was made, 0 without */
};
struct dir_point_list {
	struct dir_point *v;
	size_t n;
};
static inline void cleanup_dir_point_list(struct dir_point_list *list)
{
	free(list->v);
}
/* All points in the order in which they were made.  ERR_CORRUPT if that of one cannot be told. */
int dir_point_list(struct replica *r, int points, struct dir_point_list *out, struct error *err) MUST_CHECK;
/*
 * The names alone, in byte order, each with a newline, to see whether something was added or removed; to be
 * freed.  NULL.
 */
char *dir_point_names(struct replica *r, int points, struct error *err) MUST_CHECK;
int dir_point_check_name(const char *name, struct error *err) MUST_CHECK;
enum dir_point_kind dir_point_kind(int point_folder);
/* Removes a folder of the points' folder and the files that points have. */
int dir_point_remove(int points, const char *folder, struct error *err) MUST_CHECK;

int dir_snapshot(struct replica *r, const char *if_version, const char *name, const struct target_meta *meta,
		 char *id_out, struct error *err);
int dir_points(struct replica *r, struct target_points *out, struct error *err);
int dir_at_point(struct replica *r, const char *point_id, struct replica *point, struct error *err);
/* The folder of r->point: 0, 1, -1. */
int dir_point_folder(struct replica *r, int *fd_out, struct error *err) MUST_CHECK;

/* ---- dir_chain.c: r is a point with an undo file; any thread ---- */

int dir_chain_open(struct replica *r, struct error *err) MUST_CHECK;
void dir_chain_close(struct dir_chain *c);
uint64_t dir_chain_size(struct replica *r);
void dir_chain_version(struct replica *r, char out[TARGET_VERSION_LEN]);
int dir_chain_read(struct replica *r, void *buf, size_t len, uint64_t off, struct error *err) MUST_CHECK;
int dir_chain_extents(struct replica *r, uint64_t len, uint64_t off, struct extent_list *out,
		      struct error *err) MUST_CHECK;

/* ---- dir_delete.c ---- */

int dir_delete_point(struct replica *r, const char *point_id, struct error *err);

/* ---- dir_probe.c ---- */

int dir_prepare(struct target *t, bool dry_run, char **note, struct error *err);
/* Of statfs(2): a file system that other hosts write to without our locks, or that may be one. */
bool dir_is_network(uint64_t type);

#endif

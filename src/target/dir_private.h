/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory as target: what its rooms share.
 *
 *   TARGET/web01/web01.vhd                          the replica: a plain fixed VHD, sparse
 *   TARGET/.liftfs/meta/web01/web01.json            number and metadata (dir_meta.c); web01.vhd.new: being created
 *   TARGET/.liftfs/locks/web01/web01.lock, .lease   who holds it, and the proof that nobody else wrote (dir_lease.c)
 *   TARGET/.liftfs/maps/web01/web01.blockmap        the copy of its block map; .json: that one's number (dir_map.c)
 *   TARGET/.liftfs/points/web01/web01.vhd/POINT/    disk.vhd and meta.json, made whole as .new and renamed
 * (dir_point.c)
 *
 * Rooms: dir.c the place, dir_path.c ways beneath it, dir_stamp.c versions, dir_replica.c one replica, dir_write.c its
 * writer.
 */
#ifndef LIFTFS_TARGET_DIR_PRIVATE_H
#define LIFTFS_TARGET_DIR_PRIVATE_H

#include <limits.h>
#include <sys/stat.h>

#include "target/op_queue.h"

#define DIR_OWN ".liftfs"
#define DIR_FORMAT 1
/* web01.vhd needs web01.json.new, 5 bytes more, beside it. */
#define DIR_LAST_MAX (NAME_MAX - 5)

struct dir_place {
	pthread_mutex_t lock;
	int root;    /* opened when first needed; -1 */
	bool sparse; /* found by trying in prepare */
};

struct dir_replica {
	pthread_mutex_t io; /* one batch or one conditional operation at a time; guards what follows */
	struct op_queue queue;
	struct error poison; /* a failed sync: every later change fails with it */

	bool leased;
	struct guid lease_id;
	int lock;              /* the flocked file */
	int record;            /* the .lease file */
	int data;              /* the replica, for writing; all three -1 without a lease */
	struct stat meta_seen; /* the metadata file's: nobody else raised the number */
	struct stat expected;  /* the replica's, as our last operation left it */
};

static inline struct dir_replica *dir_of(struct replica *r)
{
	return r->priv;
}

/* ---- dir_path.c: nothing below the root follows a symbolic link ---- */

enum dir_area { DIR_DATA, DIR_META, DIR_LOCKS, DIR_POINTS, DIR_MAPS };

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
/* The folder of a replica's points.  As dir_parent(). */
int dir_points_folder(struct replica *r, bool create, int *fd_out, struct error *err) MUST_CHECK;
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

struct dir_meta {
	uint64_t number;
	struct target_meta meta;
};
void dir_meta_fini(struct dir_meta *m);
static inline void cleanup_dir_meta(struct dir_meta *m)
{
	dir_meta_fini(m);
}
/* 0, 1 (no such file), -1.  `name` is whose it must be. */
int dir_meta_read(int dirfd, const char *file, const char *name, struct dir_meta *out, struct error *err) MUST_CHECK;
int dir_meta_write(int dirfd, const char *file, const char *name, const struct dir_meta *m, unsigned mode,
		   struct error *err) MUST_CHECK;

/* ---- dir_lease.c ---- */

int dir_lease(struct replica *r, enum target_lease_action action, const struct guid *id, struct error *err);
bool dir_is_leased(struct replica *r);
/* The plain lock, for as long as the fd is open: for create. */
int dir_lock(struct replica *r, struct error *err) MUST_CHECK;
/* Under io: is the lease, and the name of its lock, still ours? */
int dir_check_lease(struct replica *r, struct error *err) MUST_CHECK;
/* Under io: what RENEW after a crash goes by. */
void dir_record_idle(struct dir_replica *d);
void dir_record_writing(struct dir_replica *d);
void dir_drop_lease(struct dir_replica *d);

/* ---- dir_write.c ---- */

void dir_run_batch(struct replica *r, struct target_op *batch);
/* Under io: lease, poison, nobody else's change since what we left, and if_version unless NULL. */
int dir_check_unchanged(struct replica *r, const char *if_version, struct error *err) MUST_CHECK;

/* ---- dir_replica.c ---- */

int dir_replica_open(struct replica *r, struct error *err);
void dir_replica_close(struct replica *r);
int dir_look(struct replica *r, struct target_look *out, struct error *err);
int dir_create(struct replica *r, uint64_t size, uint64_t number, const struct target_meta *meta, struct error *err);
int dir_raise(struct replica *r, uint64_t number, const char *if_version, uint64_t *number_out, char *version_out,
	      struct error *err);
int dir_set_meta(struct replica *r, const char *if_version, const struct target_meta *meta, char *version_out,
		 struct error *err);
int dir_resize(struct replica *r, uint64_t size, const char *if_version, char *version_out, struct error *err);
int dir_read(struct replica *r, void *buf, size_t len, uint64_t off, const char *if_version, struct error *err);
int dir_extents(struct replica *r, uint64_t len, uint64_t off, const char *if_version, struct extent_list *out,
		struct error *err);

/* ---- dir_map.c ---- */

/* dir_replica_open(), or for the copy of a map a handle with a table of its own. */
int dir_open_any(struct replica *r, struct error *err);

/* ---- dir_point.c ---- */

int dir_snapshot(struct replica *r, const char *if_version, const char *name, const struct target_meta *meta,
		 char *id_out, struct error *err);
int dir_points(struct replica *r, struct target_points *out, struct error *err);
int dir_at_point(struct replica *r, const char *point_id, struct replica *point, struct error *err);
/* The folder of r->point: 0, 1, -1. */
int dir_point_folder(struct replica *r, int *fd_out, struct error *err) MUST_CHECK;

#endif

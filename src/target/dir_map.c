/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The copy of a block map in a directory: one file and its number beside it, under a table of operations of its own.
 *
 * There is no lease: who writes it holds the replica's.  Writes are refused under another number than the last raise of
 * this handle set; between that look and the write another process could raise it.  Who reads a copy checks its digest.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "target/dir_private.h"

struct dir_map {
	struct op_queue queue;
	pthread_mutex_t lock; /* of number, and one change at a time */
	uint64_t number;      /* what writes are conditional on; 0: nothing */
	struct error poison;  /* a failed sync */
};

static const struct target_ops dir_map_ops;

static struct dir_map *map_of(struct replica *r)
{
	return r->priv;
}

static int missing(const struct replica *r, struct error *err)
{
	return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_MISSING, "%s/%s: its map's copy is not there", r->target->name,
			     r->name);
}

/* The folder of copies: 0, 1 (not there), -1. */
static int folder(struct replica *r, const char *suffix, bool create, int *fd_out, char base[NAME_MAX + 1],
		  struct error *err)
{
	return dir_parent(r->target, DIR_MAPS, r->name, suffix, create, fd_out, base, err);
}

/* 0, 1 (not there), -1. */
static int open_file(struct replica *r, int flags, int *fd_out, struct stat *st, struct error *err)
{
	CLEANUP_FD int dir = -1;
	CLEANUP_FD int fd = -1;
	char base[NAME_MAX + 1];
	int rc = folder(r, ".blockmap", false, &dir, base, err);

	if (rc != 0)
		return rc;
	fd = openat(dir, base, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0 || fstat(fd, st) < 0)
		return dir_errno(r, errno, "copy of its map", err);
	if (!S_ISREG(st->st_mode))
		return error_set(err, ERR_REFUSED, "%s/%s: its map's copy is not a regular file", r->target->name, r->name);
	*fd_out = steal_fd(&fd);
	return 0;
}

static int read_number(struct replica *r, struct dir_meta *out, struct error *err)
{
	CLEANUP_FD int dir = -1;
	char base[NAME_MAX + 1];
	int rc = folder(r, ".json", false, &dir, base, err);

	if (rc == 0)
		rc = dir_meta_read(dir, base, r->name, out, err);
	return rc < 0 ? error_prefix(err, "%s/%s: copy of its map", r->target->name, r->name) : 0; /* none: number 0 */
}

static int write_number(struct replica *r, const struct dir_meta *m, struct error *err)
{
	CLEANUP_FD int dir = -1;
	char base[NAME_MAX + 1];
	struct error cause = ERROR_INIT;

	if (folder(r, ".json", true, &dir, base, err) < 0)
		return -1;
	return dir_meta_write(dir, base, r->name, m, 0644, &cause) < 0 ? dir_explain(r, &cause, err) : 0;
}

static void version(const struct stat *st, uint64_t number, char out[TARGET_VERSION_LEN])
{
	char file[TARGET_VERSION_LEN];

	dir_version(st, file);
	snprintf(out, TARGET_VERSION_LEN, "%.200s#%" PRIu64, file, number);
}

static int look(struct replica *r, struct target_look *out, struct error *err)
{
	CLEANUP(cleanup_dir_meta) struct dir_meta m = { 0 };
	CLEANUP_FD int fd = -1;
	struct stat st;
	int rc = open_file(r, O_RDONLY, &fd, &st, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (read_number(r, &m, err) < 0)
		return -1;
	out->exists = true;
	out->size = (uint64_t)st.st_size;
	out->number = m.number;
	version(&st, m.number, out->version);
	out->meta = m.meta;
	m.meta = (struct target_meta){ 0 };
	return 0;
}

static int check_version(struct replica *r, const char *if_version, struct error *err)
{
	CLEANUP(cleanup_target_look) struct target_look now = { 0 };

	if (look(r, &now, err) < 0)
		return -1;
	if (!now.exists)
		return missing(r, err);
	if (strcmp(now.version, if_version) != 0)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_VERSION, "%s/%s: its map's copy was changed by somebody else",
				     r->target->name, r->name);
	return 0;
}

static int create(struct replica *r, uint64_t size, uint64_t number, const struct target_meta *meta, struct error *err)
{
	CLEANUP(cleanup_dir_meta) struct dir_meta m = { .number = number };
	CLEANUP_FD int dir = -1;
	CLEANUP_FD int fd = -1;
	char base[NAME_MAX + 1];
	struct error cause = ERROR_INIT;

	LOCK_SCOPE(&map_of(r)->lock);
	if (target_meta_copy(&m.meta, meta, err) < 0 || folder(r, ".blockmap", true, &dir, base, err) < 0)
		return -1;
	fd = openat(dir, base, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600); /* it holds the hashes' secret */
	if (fd < 0 && errno == EEXIST)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_EXISTS, "%s/%s: its map's copy exists already",
				     r->target->name, r->name);
	if (fd < 0 || ftruncate(fd, (off_t)size) < 0 || fsync(fd) < 0)
		return dir_errno(r, errno, "copy of its map", err);
	if (io_fsync_dir(dir, &cause) < 0)
		return dir_explain(r, &cause, err);
	return write_number(r, &m, err);
}

static int version_now(struct replica *r, uint64_t number, char *version_out, struct error *err)
{
	CLEANUP_FD int fd = -1;
	struct stat st;
	int rc = open_file(r, O_RDONLY, &fd, &st, err);

	if (rc != 0)
		return rc < 0 ? -1 : missing(r, err);
	version(&st, number, version_out);
	return 0;
}

static int raise_number(struct replica *r, uint64_t number, const char *if_version, uint64_t *number_out,
			char *version_out, struct error *err)
{
	CLEANUP(cleanup_dir_meta) struct dir_meta m = { 0 };

	LOCK_SCOPE(&map_of(r)->lock);
	if (number > INT64_MAX)
		return error_set(err, ERR_BUG, "%s: number %" PRIu64, r->name, number);
	if (check_version(r, if_version, err) < 0 || read_number(r, &m, err) < 0)
		return -1;
	if (number > m.number)
		m.number = number;
	if (write_number(r, &m, err) < 0 || version_now(r, m.number, version_out, err) < 0)
		return -1;
	map_of(r)->number = m.number;
	*number_out = m.number;
	return 0;
}

static int resize(struct replica *r, uint64_t size, const char *if_version, char *version_out, struct error *err)
{
	CLEANUP(cleanup_dir_meta) struct dir_meta m = { 0 };
	CLEANUP_FD int fd = -1;
	struct stat st;
	int rc;

	LOCK_SCOPE(&map_of(r)->lock);
	if (check_version(r, if_version, err) < 0 || read_number(r, &m, err) < 0)
		return -1;
	rc = open_file(r, O_RDWR, &fd, &st, err);
	if (rc != 0)
		return rc < 0 ? -1 : missing(r, err);
	if (ftruncate(fd, (off_t)size) < 0 || fsync(fd) < 0)
		return dir_errno(r, errno, "resize the copy of its map", err);
	return version_now(r, m.number, version_out, err);
}

static int read_bytes(struct replica *r, void *buf, size_t len, uint64_t off, const char *if_version, struct error *err)
{
	CLEANUP_FD int fd = -1;
	struct error cause = ERROR_INIT;
	struct stat st;
	int rc = open_file(r, O_RDONLY, &fd, &st, err);

	if (rc != 0)
		return rc < 0 ? -1 : missing(r, err);
	if (io_pread(fd, buf, len, off, &cause) < 0)
		return dir_explain(r, &cause, err);
	return if_version ? check_version(r, if_version, err) : 0;
}

/* ---- writing: one sync a batch, before its operations are acknowledged ---- */

static int check_number(struct replica *r, struct error *err)
{
	CLEANUP(cleanup_dir_meta) struct dir_meta m = { 0 };
	const struct dir_map *d = map_of(r);

	if (d->poison.code != ERR_NONE) {
		if (err)
			*err = d->poison;
		return -1;
	}
	if (read_number(r, &m, err) < 0)
		return -1;
	if (d->number != 0 && m.number != d->number)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_NUMBER,
				     "%s/%s: its map's copy is being written by another liftfs", r->target->name, r->name);
	return 0;
}

static int write_all(struct replica *r, struct target_op *batch, struct error *err)
{
	static const uint8_t zeros[4096];
	CLEANUP_FD int fd = -1;
	struct error cause = ERROR_INIT;
	struct stat st;
	int rc = check_number(r, err) < 0 ? -1 : open_file(r, O_RDWR, &fd, &st, err);

	if (rc != 0)
		return rc < 0 ? -1 : missing(r, err);
	for (struct target_op *op = batch; op; op = op->next) {
		size_t n;

		for (uint64_t done = 0; done < op->len; done += n) {
			n = op->data ? op->len : op->len - done < sizeof(zeros) ? op->len - done : sizeof(zeros);
			if (io_pwrite(fd, op->data ? op->data : zeros, n, op->off + done, &cause) < 0)
				return dir_explain(r, &cause, err);
		}
	}
	if (fdatasync(fd) == 0)
		return 0;
	dir_errno(r, errno, "sync the copy of its map", &map_of(r)->poison);
	if (err)
		*err = map_of(r)->poison;
	return -1;
}

static void run_batch(struct replica *r, struct target_op *batch)
{
	struct error why = ERROR_INIT;

	pthread_mutex_lock(&map_of(r)->lock);
	write_all(r, batch, &why);
	pthread_mutex_unlock(&map_of(r)->lock);
	while (batch) {
		struct target_op *next = batch->next;

		batch->err = why;
		target_complete(r, batch);
		batch = next;
	}
}

static void submit(struct replica *r, struct target_op *op)
{
	op_queue_push(&map_of(r)->queue, op);
}

/* ---- the handle ---- */

static void close_map(struct replica *r)
{
	struct dir_map *d = map_of(r);

	if (!d)
		return;
	op_queue_fini(&d->queue);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

int dir_open_any(struct replica *r, struct error *err)
{
	struct dir_map *d;

	if (!r->map_copy)
		return dir_replica_open(r, err);
	r->ops = &dir_map_ops;
	d = calloc(1, sizeof(*d));
	if (!d)
		return error_errno(err, ENOMEM, "%s", r->name);
	pthread_mutex_init(&d->lock, NULL);
	op_queue_init(&d->queue, r, run_batch);
	r->priv = d;
	return 0;
}

static const struct target_ops dir_map_ops = {
	.scheme = "dir",
	.replica_close = close_map,
	.look = look,
	.create = create,
	.raise = raise_number,
	.resize = resize,
	.submit = submit,
	.read = read_bytes,
};

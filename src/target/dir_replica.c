/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One replica in a directory: opening, looking, reading.
 *
 * Reading opens the file anew each time, which is cheap beside what is read and always right when the file was
 * replaced. A version is compared after the bytes were read: had they changed before that, it would be another.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "target/dir_private.h"

int dir_replica_open(struct replica *r, struct error *err)
{
	struct dir_replica *d = calloc(1, sizeof(*d));

	if (!d)
		return error_errno(err, ENOMEM, "%s", r->name);
	d->lock = d->record = d->data = -1;
	pthread_mutex_init(&d->io, NULL);
	pthread_mutex_init(&d->seen_lock, NULL);
	op_queue_init(&d->queue, r, dir_run_batch);
	r->priv = d;
	return 0;
}

void dir_replica_close(struct replica *r)
{
	struct dir_replica *d = dir_of(r);

	if (!d)
		return;
	op_queue_fini(&d->queue);
	dir_drop_lease(d);
	dir_chain_close(d->chain);
	pthread_mutex_destroy(&d->seen_lock);
	pthread_mutex_destroy(&d->io);
	free(d);
}

int dir_missing(struct replica *r, struct error *err)
{
	return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_MISSING, "%s/%s: not there", r->target->name, r->name);
}

/* The file of a point that is whole. */
static int open_point(struct replica *r, int *fd_out, struct error *err)
{
	CLEANUP_FD int dir = -1;
	CLEANUP_FD int fd = -1;
	struct stat st;
	int rc = dir_point_folder(r, &dir, err);

	if (rc != 0)
		return rc;
	fd = openat(dir, DIR_POINT_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0 || fstat(fd, &st) < 0)
		return dir_errno(r, errno, "open", err);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERR_REFUSED, "%s/%s: not a regular file", r->target->name, r->name);
	*fd_out = steal_fd(&fd);
	return 0;
}

/* The file that holds r's content for this handle: 0, 1 (not there), -1. */
static int open_content(struct replica *r, int *fd_out, struct error *err)
{
	CLEANUP(cleanup_dir_state) struct dir_state s = { 0 };
	int rc = 0;

	if (r->point)
		return open_point(r, fd_out, err);
	if (dir_of(r)->leased)
		rc = dir_state_load(r, true, &s, err);
	return rc != 0 ? rc : dir_state_open(r, &s, O_RDONLY, fd_out, err);
}

static int look_at_point(struct replica *r, struct target_look *out, struct error *err)
{
	CLEANUP(cleanup_dir_meta) struct dir_meta m = { 0 };
	CLEANUP_FD int dir = -1;
	CLEANUP_FD int fd = -1;
	struct stat st;
	int rc = dir_point_folder(r, &dir, err);

	if (rc == 0 && !dir_of(r)->chain)
		rc = open_point(r, &fd, err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (dir_meta_read(dir, "meta.json", r->name, &m, err) < 0)
		return error_prefix(err, "%s/%s@%s", r->target->name, r->name, r->point);
	if (dir_of(r)->chain) {
		out->size = dir_chain_size(r);
		dir_chain_version(r, out->version);
	} else {
		if (fstat(fd, &st) < 0)
			return dir_errno(r, errno, "stat", err);
		out->size = (uint64_t)st.st_size;
		dir_version(&st, out->version);
	}
	out->exists = true;
	out->number = m.number;
	out->meta = m.meta;
	m.meta = (struct target_meta){ 0 };
	return 0;
}

int dir_look(struct replica *r, struct target_look *out, struct error *err)
{
	CLEANUP(cleanup_dir_state) struct dir_state s = { 0 };
	int rc;

	if (r->point)
		return look_at_point(r, out, err);
	rc = dir_state_load(r, dir_of(r)->leased, &s, err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	out->exists = true;
	out->size = (uint64_t)s.content.st_size;
	out->number = s.meta.number;
	out->leased = dir_is_leased(r);
	memcpy(out->version, s.version, sizeof(out->version));
	out->meta = s.meta.meta;
	s.meta.meta = (struct target_meta){ 0 };
	return 0;
}

/* The version of what was read from fd, if it still is the content. */
static int version_now(struct replica *r, int fd, char out[TARGET_VERSION_LEN], struct error *err)
{
	CLEANUP(cleanup_dir_state) struct dir_state s = { 0 };
	struct stat st;
	int rc;

	if (!r->point && !dir_of(r)->leased)
		return dir_state_version(r, fd, out, err);
	if (fstat(fd, &st) < 0)
		return dir_errno(r, errno, "stat", err);
	if (r->point) {
		dir_version(&st, out);
		return 0;
	}
	rc = dir_state_load(r, true, &s, err);
	if (rc != 0)
		return rc < 0 ? -1 : dir_missing(r, err);
	memcpy(out, s.content.st_ino == st.st_ino ? s.version : "replaced",
	       s.content.st_ino == st.st_ino ? sizeof(s.version) : 9);
	return 0;
}

static int changed(struct replica *r, struct error *err)
{
	return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_VERSION, "%s/%s: changed by somebody else",
			     r->target->name, r->name);
}

/* After the content was looked at: was it that of if_version? */
static int check_version(struct replica *r, int fd, const char *if_version, struct error *err)
{
	char version[TARGET_VERSION_LEN];

	if (!if_version)
		return 0;
	if (version_now(r, fd, version, err) < 0)
		return -1;
	return strcmp(version, if_version) == 0 ? 0 : changed(r, err);
}

/* A point's own version never changes. */
static int check_chain(struct replica *r, const char *if_version, struct error *err)
{
	char version[TARGET_VERSION_LEN];

	dir_chain_version(r, version);
	return !if_version || strcmp(version, if_version) == 0 ? 0 : changed(r, err);
}

int dir_read(struct replica *r, void *buf, size_t len, uint64_t off, const char *if_version, struct error *err)
{
	CLEANUP_FD int fd = -1;
	struct error cause = ERROR_INIT;
	int rc;

	if (dir_of(r)->chain)
		return check_chain(r, if_version, err) < 0 ? -1 : dir_chain_read(r, buf, len, off, err);
	rc = open_content(r, &fd, err);
	if (rc != 0)
		return rc < 0 ? -1 : dir_missing(r, err);
	if (io_pread(fd, buf, len, off, &cause) < 0)
		return dir_explain(r, &cause, err);
	return check_version(r, fd, if_version, err);
}

/* The next run of [off, end): where it ends, and whether it holds data.  A file system without SEEK_HOLE: all data. */
static int next_run(int fd, uint64_t off, uint64_t end, uint64_t *run_end, bool *data)
{
	off_t at = lseek(fd, (off_t)off, SEEK_DATA);

	if (at < 0 && errno == ENXIO) { /* a hole to the end of the file */
		*run_end = end;
		*data = false;
		return 0;
	}
	if (at < 0 && errno != EINVAL && errno != EOPNOTSUPP)
		return -1;
	*data = at < 0 || (uint64_t)at == off;
	if (*data && at >= 0)
		at = lseek(fd, (off_t)off, SEEK_HOLE);
	if (at < 0 && errno != EINVAL && errno != EOPNOTSUPP)
		return -1;
	*run_end = at < 0 || (uint64_t)at > end ? end : (uint64_t)at;
	return 0;
}

int dir_file_extents(struct replica *r, int fd, uint64_t len, uint64_t off, struct extent_list *out, struct error *err)
{
	uint64_t end = off + len;

	while (off < end) {
		uint64_t run_end;
		bool data;

		if (next_run(fd, off, end, &run_end, &data) < 0)
			return dir_errno(r, errno, "find holes", err);
		if (extent_list_add_run(out, off, run_end - off, data ? EXTENT_DATA : EXTENT_ZERO, 0, err) < 0)
			return -1;
		off = run_end;
	}
	return 0;
}

int dir_extents(struct replica *r, uint64_t len, uint64_t off, const char *if_version, struct extent_list *out,
		struct error *err)
{
	CLEANUP_FD int fd = -1;
	struct stat st;
	int rc;

	if (dir_of(r)->chain)
		return check_chain(r, if_version, err) < 0 ? -1 : dir_chain_extents(r, len, off, out, err);
	rc = open_content(r, &fd, err);
	if (rc != 0)
		return rc < 0 ? -1 : dir_missing(r, err);
	if (fstat(fd, &st) < 0)
		return dir_errno(r, errno, "stat", err);
	if ((uint64_t)st.st_size < off + len) /* the wrapper checked the range */
		return error_set(err, ERR_CORRUPT, "%s/%s: ends at %#jx, before %#" PRIx64, r->target->name, r->name,
				 (uintmax_t)st.st_size, off + len);
	if (dir_file_extents(r, fd, len, off, out, err) < 0)
		return -1;
	return check_version(r, fd, if_version, err);
}

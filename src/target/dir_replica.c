/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One replica in a directory, but for its lease, its writer and its points.
 *
 * Reading opens the file anew each time, which is cheap beside what is read and always right when the file was
 * replaced. A version is compared after the bytes were read: had they changed before that, it would be another.
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

int dir_replica_open(struct replica *r, struct error *err)
{
	struct dir_replica *d = calloc(1, sizeof(*d));

	if (!d)
		return error_errno(err, ENOMEM, "%s", r->name);
	d->lock = d->record = d->data = -1;
	pthread_mutex_init(&d->io, NULL);
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
	pthread_mutex_destroy(&d->io);
	free(d);
}

static int missing(struct replica *r, struct error *err)
{
	return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_MISSING, "%s/%s: not there", r->target->name, r->name);
}

/* The file that holds r's content, a point's or the live one: 0, 1 (not there), -1. */
static int open_content(struct replica *r, int *fd_out, struct stat *st, struct error *err)
{
	CLEANUP_FD int dir = -1;
	CLEANUP_FD int fd = -1;
	char base[NAME_MAX + 1] = "disk.vhd";
	int rc = r->point ? dir_point_folder(r, &dir, err)
			  : dir_parent(r->target, DIR_DATA, r->name, NULL, false, &dir, base, err);

	if (rc != 0)
		return rc;
	fd = openat(dir, base, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0 || fstat(fd, st) < 0)
		return dir_errno(r, errno, "open", err);
	if (!S_ISREG(st->st_mode))
		return error_set(err, ERR_REFUSED, "%s/%s: not a regular file", r->target->name, r->name);
	*fd_out = steal_fd(&fd);
	return 0;
}

static int read_meta(struct replica *r, struct dir_meta *out, struct error *err)
{
	CLEANUP_FD int dir = -1;
	char base[NAME_MAX + 1] = "meta.json";
	int rc = r->point ? dir_point_folder(r, &dir, err)
			  : dir_parent(r->target, DIR_META, r->name, ".json", false, &dir, base, err);

	if (rc == 0)
		rc = dir_meta_read(dir, base, r->name, out, err);
	if (rc < 0)
		return error_prefix(err, "%s/%s", r->target->name, r->name);
	return rc;
}

static int write_meta(struct replica *r, const struct dir_meta *m, struct error *err)
{
	CLEANUP_FD int dir = -1;
	char base[NAME_MAX + 1];
	struct error cause = ERROR_INIT;

	if (dir_parent(r->target, DIR_META, r->name, ".json", true, &dir, base, err) < 0)
		return -1;
	if (dir_meta_write(dir, base, r->name, m, 0644, &cause) < 0)
		return dir_explain(r, &cause, err);
	return dir_stat(r, DIR_META, ".json", &dir_of(r)->meta_seen, err);
}

int dir_look(struct replica *r, struct target_look *out, struct error *err)
{
	CLEANUP(cleanup_dir_meta) struct dir_meta m = { 0 };
	CLEANUP_FD int fd = -1;
	struct stat st;
	/* The version is taken before the number: a raise in between makes it stale, and the next condition fails. */
	int rc = open_content(r, &fd, &st, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (read_meta(r, &m, err) < 0)
		return -1;
	out->exists = true;
	out->size = (uint64_t)st.st_size;
	out->number = m.number;
	out->leased = !r->point && dir_is_leased(r);
	dir_version(&st, out->version);
	out->meta = m.meta;
	m.meta = (struct target_meta){ 0 };
	return 0;
}

/* Gives the finished file its name, never instead of another's. */
static int enter(struct replica *r, int from_dir, const char *from, int to_dir, const char *to, struct error *err)
{
	struct stat st;

	if (linkat(from_dir, from, to_dir, to, 0) == 0) {
		unlinkat(from_dir, from, 0);
		return 0;
	}
	/* Without hard links (FAT, some shares) a rename does it, if the name is still free: we hold its lock. */
	if ((errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS || errno == EMLINK) &&
	    fstatat(to_dir, to, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT &&
	    renameat(from_dir, from, to_dir, to) == 0)
		return 0;
	if (errno == EEXIST)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_EXISTS, "%s/%s: exists already", r->target->name,
				     r->name);
	if (errno == EXDEV)
		return error_set(err, ERR_REFUSED,
				 "%s/%s: on another file system than %s/%s: give it as a target of its own",
				 r->target->name, r->name, r->target->name, DIR_OWN);
	return dir_errno(r, errno, "create", err);
}

static int make_file(struct replica *r, int dir, const char *name, uint64_t size, struct error *err)
{
	CLEANUP_FD int fd = -1;
	struct stat st;
	struct error cause = ERROR_INIT;

	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return dir_errno(r, errno, "create", err);
	fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		return dir_errno(r, errno, "create", err);
	if (ftruncate(fd, (off_t)size) < 0) {
		char what[64];

		snprintf(what, sizeof(what), "create with %" PRIu64 " bytes", size);
		return dir_errno(r, errno, what, err);
	}
	if (dir_stamp(fd, &st, &cause) < 0)
		return dir_explain(r, &cause, err);
	return 0;
}

static int create_locked(struct replica *r, uint64_t size, const struct dir_meta *m, struct error *err)
{
	CLEANUP_FD int data_dir = -1;
	CLEANUP_FD int meta_dir = -1;
	CLEANUP_FD int fd = -1;
	char base[NAME_MAX + 1], fresh[NAME_MAX + 1];
	struct error cause = ERROR_INIT;
	struct stat st;

	if (dir_parent(r->target, DIR_DATA, r->name, NULL, true, &data_dir, base, err) < 0 ||
	    dir_parent(r->target, DIR_META, r->name, ".vhd.new", true, &meta_dir, fresh, err) < 0)
		return -1;
	if (fstatat(data_dir, base, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_EXISTS, "%s/%s: exists already", r->target->name,
				     r->name);
	if (make_file(r, meta_dir, fresh, size, err) < 0 || write_meta(r, m, err) < 0 ||
	    enter(r, meta_dir, fresh, data_dir, base, err) < 0) {
		unlinkat(meta_dir, fresh, 0);
		return -1;
	}
	fd = openat(data_dir, base, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return dir_errno(r, errno, "create", err);
	if (dir_stamp(fd, &st, &cause) < 0 || io_fsync_dir(data_dir, &cause) < 0) /* linking changed the ctime */
		return dir_explain(r, &cause, err);
	return 0;
}

int dir_create(struct replica *r, uint64_t size, uint64_t number, const struct target_meta *meta, struct error *err)
{
	CLEANUP(cleanup_dir_meta) struct dir_meta m = { .number = number };
	CLEANUP_FD int lock = -1;

	LOCK_SCOPE(&dir_of(r)->io);
	if (number > INT64_MAX)
		return error_set(err, ERR_BUG, "%s: number %" PRIu64, r->name, number);
	if (target_meta_copy(&m.meta, meta, err) < 0)
		return -1;
	if (!dir_of(r)->leased) {
		lock = dir_lock(r, err);
		if (lock < 0)
			return -1;
	}
	return create_locked(r, size, &m, err);
}

/* What ends each conditional change: a new version, and that it is ours. */
static int stamp(struct replica *r, char *version_out, struct error *err)
{
	struct dir_replica *d = dir_of(r);
	struct error cause = ERROR_INIT;

	if (dir_stamp(d->data, &d->expected, &cause) < 0) {
		dir_explain(r, &cause, &d->poison);
		if (err)
			*err = d->poison;
		return -1;
	}
	dir_record_idle(d);
	dir_version(&d->expected, version_out);
	return 0;
}

int dir_raise(struct replica *r, uint64_t number, const char *if_version, uint64_t *number_out, char *version_out,
	      struct error *err)
{
	CLEANUP(cleanup_dir_meta) struct dir_meta m = { 0 };

	LOCK_SCOPE(&dir_of(r)->io);
	if (number > INT64_MAX)
		return error_set(err, ERR_BUG, "%s: number %" PRIu64, r->name, number);
	if (dir_check_unchanged(r, if_version, err) < 0 || read_meta(r, &m, err) < 0)
		return -1;
	if (number > m.number)
		m.number = number;
	if (write_meta(r, &m, err) < 0 || stamp(r, version_out, err) < 0)
		return -1;
	*number_out = m.number;
	return 0;
}

int dir_set_meta(struct replica *r, const char *if_version, const struct target_meta *meta, char *version_out,
		 struct error *err)
{
	CLEANUP(cleanup_dir_meta) struct dir_meta m = { 0 };

	LOCK_SCOPE(&dir_of(r)->io);
	if (dir_check_unchanged(r, if_version, err) < 0 || read_meta(r, &m, err) < 0)
		return -1;
	target_meta_fini(&m.meta);
	if (target_meta_copy(&m.meta, meta, err) < 0 || write_meta(r, &m, err) < 0)
		return -1;
	return stamp(r, version_out, err);
}

int dir_resize(struct replica *r, uint64_t size, const char *if_version, char *version_out, struct error *err)
{
	LOCK_SCOPE(&dir_of(r)->io);
	if (dir_check_unchanged(r, if_version, err) < 0)
		return -1;
	if (ftruncate(dir_of(r)->data, (off_t)size) < 0) {
		char what[64];

		snprintf(what, sizeof(what), "resize to %" PRIu64 " bytes", size);
		return dir_errno(r, errno, what, err);
	}
	return stamp(r, version_out, err);
}

/* After the content was looked at: was it that of if_version? */
static int check_version(struct replica *r, int fd, const char *if_version, struct error *err)
{
	char version[TARGET_VERSION_LEN];
	struct stat st;

	if (!if_version)
		return 0;
	if (fstat(fd, &st) < 0)
		return dir_errno(r, errno, "stat", err);
	dir_version(&st, version);
	if (strcmp(version, if_version) != 0)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_VERSION, "%s/%s: changed by somebody else",
				     r->target->name, r->name);
	return 0;
}

int dir_read(struct replica *r, void *buf, size_t len, uint64_t off, const char *if_version, struct error *err)
{
	CLEANUP_FD int fd = -1;
	struct error cause = ERROR_INIT;
	struct stat st;
	int rc = open_content(r, &fd, &st, err);

	if (rc != 0)
		return rc < 0 ? -1 : missing(r, err);
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

int dir_extents(struct replica *r, uint64_t len, uint64_t off, const char *if_version, struct extent_list *out,
		struct error *err)
{
	CLEANUP_FD int fd = -1;
	uint64_t end = off + len; /* the wrapper checked the range */
	struct stat st;
	int rc = open_content(r, &fd, &st, err);

	if (rc != 0)
		return rc < 0 ? -1 : missing(r, err);
	if ((uint64_t)st.st_size < end)
		return error_set(err, ERR_CORRUPT, "%s/%s: ends at %#jx, before %#" PRIx64, r->target->name, r->name,
				 (uintmax_t)st.st_size, end);
	while (off < end) {
		uint64_t run_end;
		bool data;

		if (next_run(fd, off, end, &run_end, &data) < 0)
			return dir_errno(r, errno, "find holes", err);
		if (extent_list_add_run(out, off, run_end - off, data ? EXTENT_DATA : EXTENT_ZERO, 0, err) < 0)
			return -1;
		off = run_end;
	}
	return check_version(r, fd, if_version, err);
}

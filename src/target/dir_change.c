/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Creating a replica in a directory, and the changes that are conditional on its version: number, metadata, size.
 *
 * The first of them in a lease makes the content its own (dir_clone.c); each ends with a stamp, which is the new
 * version.
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

int dir_store_meta(struct replica *r, const struct dir_meta *m, struct error *err)
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
	if (make_file(r, meta_dir, fresh, size, err) < 0 || dir_store_meta(r, m, err) < 0 ||
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

	/* Who stops after this need not leave anything to be found out. */
	if (dir_undo_settle(r, err) < 0)
		return -1;
	dir_record_writing(d, d->now.content.st_ino);
	if (dir_stamp(d->data, &d->now.content, &cause) < 0) {
		dir_explain(r, &cause, &d->poison);
		if (err)
			*err = d->poison;
		return -1;
	}
	if (!d->now.in_work)
		d->now.named = d->now.content;
	dir_version(&d->now.content, d->now.version);
	dir_record_idle(d);
	memcpy(version_out, d->now.version, TARGET_VERSION_LEN);
	return 0;
}

/* A number that is higher (0: none) and other metadata (NULL: the same), stored once and stamped once. */
static int change(struct replica *r, uint64_t number, const struct target_meta *meta, const char *if_version,
		  char *version_out, struct error *err)
{
	CLEANUP(cleanup_target_meta) struct target_meta copy = { 0 };
	struct dir_replica *d = dir_of(r);
	struct target_meta before;

	if (number > INT64_MAX)
		return error_set(err, ERR_BUG, "%s: number %" PRIu64, r->name, number);
	if (dir_check_unchanged(r, if_version, err) < 0 || (meta && target_meta_copy(&copy, meta, err) < 0))
		return -1;
	if (number > d->now.meta.number)
		d->now.meta.number = number;
	if (meta) {
		before = d->now.meta.meta;
		d->now.meta.meta = copy;
		copy = before; /* freed here */
	}
	if ((d->owned ? dir_store_meta(r, &d->now.meta, err) : dir_own_content(r, err)) < 0)
		return -1;
	return stamp(r, version_out, err);
}

int dir_raise_with(struct replica *r, uint64_t number, const struct target_meta *meta, const char *if_version,
		   uint64_t *number_out, char *version_out, struct error *err)
{
	struct dir_replica *d = dir_of(r);

	LOCK_SCOPE(&d->io);
	if (change(r, number, meta, if_version, version_out, err) < 0)
		return -1;
	*number_out = d->now.meta.number;
	return 0;
}

int dir_raise(struct replica *r, uint64_t number, const char *if_version, uint64_t *number_out, char *version_out,
	      struct error *err)
{
	return dir_raise_with(r, number, NULL, if_version, number_out, version_out, err);
}

int dir_set_meta(struct replica *r, const char *if_version, const struct target_meta *meta, char *version_out,
		 struct error *err)
{
	LOCK_SCOPE(&dir_of(r)->io);
	return change(r, 0, meta, if_version, version_out, err);
}

int dir_resize(struct replica *r, uint64_t size, const char *if_version, char *version_out, struct error *err)
{
	struct dir_replica *d = dir_of(r);
	uint64_t before;

	LOCK_SCOPE(&d->io);
	if (dir_check_unchanged(r, if_version, err) < 0 || (!d->owned && dir_own_content(r, err) < 0))
		return -1;
	before = (uint64_t)d->now.content.st_size;
	if (size < before && (dir_undo_save(r, before - size, size, err) < 0 || dir_undo_sync(r, err) < 0))
		return -1;
	dir_record_writing(d, d->now.content.st_ino);
	if (ftruncate(d->data, (off_t)size) < 0) {
		char what[64];

		snprintf(what, sizeof(what), "resize to %" PRIu64 " bytes", size);
		return dir_errno(r, errno, what, err);
	}
	return stamp(r, version_out, err);
}

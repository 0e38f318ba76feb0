/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer of a replica: a batch is all that was submitted while the last one was synced.  One fdatasync a batch, and
 * only then are its operations acknowledged.
 *
 * A sync that failed leaves unknown what has arrived, and a second one would report success for pages that the kernel
 * has given up: the handle is poisoned, and every later change fails with that error.  What had no acknowledgement the
 * journal knows as unknown.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "target/dir_private.h"

#define ZEROS_LEN (256 << 10)
static const uint8_t zeros[ZEROS_LEN];

static int changed(struct replica *r, const char *how, struct error *err)
{
	return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_VERSION, "%s/%s: %s by somebody else", r->target->name,
			     r->name, how);
}

/* NAME.vhd is as our last operation, or the lease, found it. */
static int check_named(struct replica *r, struct error *err)
{
	const struct dir_state *s = &dir_of(r)->now;
	struct stat now;
	int rc = dir_stat(r, DIR_DATA, NULL, &now, err);

	if (rc > 0)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_MISSING, "%s/%s: removed by somebody else",
				     r->target->name, r->name);
	if (rc < 0)
		return -1;
	if (now.st_ino != s->named.st_ino)
		return changed(r, "replaced", err);
	return dir_same(&now, &s->named) ? 0 : changed(r, "changed", err);
}

/* So is the work file, under its name: a claim by somebody else removes it. */
static int check_work(struct replica *r, struct error *err)
{
	const struct dir_state *s = &dir_of(r)->now;
	CLEANUP_FD int dir = -1;
	struct stat now;
	int rc;

	if (!s->in_work)
		return 0;
	rc = dir_own_folder(r, DIR_WORK, false, &dir, err);
	if (rc < 0)
		return -1;
	if (rc > 0 || fstatat(dir, s->meta.work, &now, AT_SYMLINK_NOFOLLOW) < 0)
		return changed(r, "work file removed", err);
	return dir_same(&now, &s->content) ? 0 : changed(r, "work file changed", err);
}

int dir_check_unchanged(struct replica *r, const char *if_version, struct error *err)
{
	struct dir_replica *d = dir_of(r);
	struct stat meta = { 0 };

	if (d->poison.code != ERR_NONE) {
		if (err)
			*err = d->poison;
		return -1;
	}
	/* Whatever version the caller has seen since: nobody but us may change it while we hold the lease. */
	if (dir_check_lease(r, err) < 0 || check_named(r, err) < 0 || check_work(r, err) < 0)
		return -1;
	if (if_version && strcmp(d->now.version, if_version) != 0)
		return changed(r, "changed", err);
	if (dir_stat(r, DIR_META, ".json", &meta, err) < 0)
		return -1;
	if (!dir_same(&meta, &d->meta_seen))
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_NUMBER, "%s/%s: claimed by another liftfs",
				     r->target->name, r->name);
	return 0;
}

static int write_zeros(int fd, uint64_t len, uint64_t off, struct error *err)
{
	while (len > 0) {
		size_t n = len < ZEROS_LEN ? (size_t)len : ZEROS_LEN;

		if (io_pwrite(fd, zeros, n, off, err) < 0)
			return -1;
		off += n;
		len -= n;
	}
	return 0;
}

static int apply(int fd, const struct target_op *op, struct error *err)
{
	int rc;

	if (op->data)
		return io_pwrite(fd, op->data, (size_t)op->len, op->off, err);
	do
		rc = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)op->off, (off_t)op->len);
	while (rc < 0 && errno == EINTR);
	if (rc == 0)
		return 0;
	if (errno == EOPNOTSUPP || errno == ENOSYS)
		return write_zeros(fd, op->len, op->off, err);
	return error_errno(err, errno, "zero %" PRIu64 " bytes at %#" PRIx64, op->len, op->off);
}

static void fail_all(struct target_op *batch, const struct error *why)
{
	for (struct target_op *op = batch; op; op = op->next)
		op->err = *why;
}

/* What is to be overwritten, durably where it is kept for a recovery point; then the operations may begin. */
static int prepare_batch(struct replica *r, struct target_op *batch, struct error *err)
{
	struct dir_replica *d = dir_of(r);

	if (dir_check_unchanged(r, NULL, err) < 0 || (!d->owned && dir_own_content(r, err) < 0))
		return -1;
	for (struct target_op *op = batch; op; op = op->next)
		if (dir_undo_save(r, op->len, op->off, &op->err) < 0)
			log_info("dir", "%s: not overwritten: %s", r->name, op->err.msg);
	return dir_undo_sync(r, err);
}

static void write_batch(struct replica *r, struct target_op *batch)
{
	struct dir_replica *d = dir_of(r);
	struct error why = ERROR_INIT;

	LOCK_SCOPE(&d->io);
	if (prepare_batch(r, batch, &why) < 0) {
		fail_all(batch, &why);
		return;
	}
	for (struct target_op *op = batch; op; op = op->next) {
		struct error cause = ERROR_INIT;

		if (op->err.code != ERR_NONE)
			continue;
		dir_record_writing(d, d->now.content.st_ino);
		if (apply(d->data, op, &cause) < 0)
			dir_explain(r, &cause, &op->err);
	}
	if (fdatasync(d->data) < 0 || fstat(d->data, &d->now.content) < 0) {
		dir_errno(r, errno, "sync: what was written since the last one is unknown", &d->poison);
		fail_all(batch, &d->poison);
		return;
	}
	if (!d->now.in_work)
		d->now.named = d->now.content;
	dir_version(&d->now.content, d->now.version);
	dir_record_idle(d);
}

void dir_run_batch(struct replica *r, struct target_op *batch)
{
	write_batch(r, batch);
	while (batch) {
		struct target_op *next = batch->next;

		target_complete(r, batch);
		batch = next;
	}
}

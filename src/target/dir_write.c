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
#include "target/dir_private.h"

#define ZEROS_LEN (256 << 10)
static const uint8_t zeros[ZEROS_LEN];

int dir_check_unchanged(struct replica *r, const char *if_version, struct error *err)
{
	struct dir_replica *d = dir_of(r);
	char version[TARGET_VERSION_LEN];
	struct stat now, meta = { 0 };
	int rc;

	if (d->poison.code != ERR_NONE) {
		if (err)
			*err = d->poison;
		return -1;
	}
	if (dir_check_lease(r, err) < 0)
		return -1;
	rc = dir_stat(r, DIR_DATA, NULL, &now, err);
	if (rc < 0)
		return -1;
	if (rc > 0 || now.st_ino != d->expected.st_ino)
		return target_refuse(err, ERR_CONFLICT, rc > 0 ? TARGET_REFUSED_MISSING : TARGET_REFUSED_VERSION,
				     "%s/%s: %s by somebody else", r->target->name, r->name,
				     rc > 0 ? "removed" : "replaced");
	dir_version(&now, version);
	/* Whatever version the caller has seen since: nobody but us may change it while we hold the lease. */
	if (!dir_same(&now, &d->expected) || (if_version && strcmp(version, if_version) != 0))
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_VERSION, "%s/%s: changed by somebody else",
				     r->target->name, r->name);
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

static void write_batch(struct replica *r, struct target_op *batch)
{
	struct dir_replica *d = dir_of(r);
	struct error why = ERROR_INIT;

	LOCK_SCOPE(&d->io);
	if (dir_check_unchanged(r, NULL, &why) < 0) {
		for (struct target_op *op = batch; op; op = op->next)
			op->err = why;
		return;
	}
	for (struct target_op *op = batch; op; op = op->next) {
		struct error cause = ERROR_INIT;

		dir_record_writing(d);
		if (apply(d->data, op, &cause) < 0)
			dir_explain(r, &cause, &op->err);
	}
	if (fdatasync(d->data) < 0 || fstat(d->data, &d->expected) < 0) {
		dir_errno(r, errno, "sync: what was written since the last one is unknown", &d->poison);
		for (struct target_op *op = batch; op; op = op->next)
			op->err = d->poison;
		return;
	}
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

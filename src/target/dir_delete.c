/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deleting a recovery point.  A whole one is just removed.  One with an undo file is read through by the point before
 * it: that takes over what it has no entry for, durably; then the folder is renamed, which is the deletion, and
 * removed.  A crash before the rename leaves both points, reading as before; one after it leaves a folder that counts
 * for nothing.  Neither the live file nor a newer point is touched.
 */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "target/dir_private.h"

#define GONE ".gone"
#define SYNC_BLOCKS 256 /* 16 MiB between two syncs */

static struct undo_file *open_undo(struct replica *r, int points, const char *name, struct error *err)
{
	CLEANUP_FD int dir = -1;
	struct undo_file *u;

	if (dir_enter(points, name, false, &dir, err) != 0)
		return NULL;
	u = undo_file_open(dir, DIR_POINT_UNDO_FILE, true, err);
	if (!u)
		error_prefix(err, "%s@%s", r->name, name);
	return u;
}

/* One entry, unless `to` has its own or is no longer than where it lies. */
static int take_over(struct undo_file *to, const struct undo_file *from, uint64_t block, uint8_t *buf,
		     struct error *err)
{
	enum undo_entry kind;

	if (undo_file_block_len(to, block) == 0)
		return 0;
	if (undo_file_has(to, block, &kind, err) < 0)
		return -1;
	if (kind != UNDO_NONE) /* older than what `from` has */
		return 0;
	if (undo_file_block_len(to, block) > undo_file_block_len(from, block))
		return error_set(err, ERR_CORRUPT, "block %" PRIu64 " is not whole", block);
	if (undo_file_read(from, block, buf, &kind, err) < 0)
		return -1;
	if (kind == UNDO_ZERO)
		memset(buf, 0, UNDO_BLOCK);
	return kind == UNDO_NONE ? 0 : undo_file_add(to, block, buf, err);
}

static int merge(struct undo_file *to, const struct undo_file *from, struct error *err)
{
	CLEANUP_FREE uint8_t *buf = malloc(UNDO_BLOCK);
	uint64_t block;
	unsigned n = 0;

	if (!buf)
		return error_errno(err, ENOMEM, "merge");
	if (undo_file_next(from, 0, &block, err) < 0)
		return -1;
	while (block != UINT64_MAX) {
		if (take_over(to, from, block, buf, err) < 0 ||
		    (++n % SYNC_BLOCKS == 0 && undo_file_sync(to, err) < 0) ||
		    undo_file_next(from, block + 1, &block, err) < 0)
			return -1;
	}
	undo_file_cover(to, undo_file_covers(from));
	return undo_file_settle(to, err);
}

static int merge_into(struct replica *r, int points, const char *older, const char *gone, struct error *err)
{
	CLEANUP(cleanup_undo_file) struct undo_file *to = open_undo(r, points, older, err);
	CLEANUP(cleanup_undo_file) struct undo_file *from = to ? open_undo(r, points, gone, err) : NULL;
	struct error cause = ERROR_INIT;

	if (!from)
		return -1;
	return merge(to, from, &cause) < 0 ? dir_explain(r, &cause, err) : 0;
}

/* What the point before it needs; *there: false if the point is not. */
static int hand_over(struct replica *r, int points, const char *name, bool *there, struct error *err)
{
	CLEANUP(cleanup_dir_point_list) struct dir_point_list list = { 0 };
	const struct dir_point *older = NULL;
	size_t i = 0;

	if (dir_point_list(r, points, &list, err) < 0)
		return -1;
	while (i < list.n && strcmp(list.v[i].name, name) != 0)
		i++;
	*there = i < list.n;
	if (!*there)
		return 0;
	if (i > 0 && list.v[i - 1].kind == DIR_POINT_UNDO)
		older = &list.v[i - 1];
	if (!older)
		return 0;
	if (list.v[i].kind == DIR_POINT_UNDO)
		return merge_into(r, points, older->name, name, err);
	return error_set(err, ERR_REFUSED,
			 "%s/%s@%s: the recovery point before it, %s, reads from it: delete that one first",
			 r->target->name, r->name, name, older->name);
}

DEFINE_CLEANUP(cleanup_dir, DIR *, closedir);

/* What deletions left that did not end. */
static int sweep(int points, struct error *err)
{
	CLEANUP(cleanup_dir) DIR *dir = fdopendir(openat(points, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	const struct dirent *e;

	if (!dir)
		return error_errno(err, errno, "list recovery points");
	for (e = readdir(dir); e; e = readdir(dir))
		if (strncmp(e->d_name, GONE, strlen(GONE)) == 0 && dir_point_remove(points, e->d_name, err) < 0)
			return -1;
	return 0;
}

static int delete (struct replica *r, int points, const char *name, struct error *err)
{
	char gone[sizeof(GONE) + TARGET_POINT_LEN];
	struct error cause = ERROR_INIT;
	bool there;

	if (hand_over(r, points, name, &there, err) < 0)
		return -1;
	snprintf(gone, sizeof(gone), GONE ".%s", name);
	if (sweep(points, &cause) < 0 ||
	    (there && renameat(points, name, points, gone) < 0 && error_errno(&cause, errno, "delete %s", name) < 0) ||
	    (there && io_fsync_dir(points, &cause) < 0) || sweep(points, &cause) < 0)
		return dir_explain(r, &cause, err);
	return 0;
}

int dir_delete_point(struct replica *r, const char *point_id, struct error *err)
{
	struct dir_replica *d = dir_of(r);
	CLEANUP_FD int lock = -1;
	CLEANUP_FD int points = -1;
	int rc;

	if (dir_point_check_name(point_id, err) < 0)
		return -1;
	LOCK_SCOPE(&d->io);
	if (d->leased) {
		if (dir_check_unchanged(r, NULL, err) < 0)
			return -1;
	} else {
		lock = dir_lock(r, err); /* whoever writes in place saves into these files */
		if (lock < 0)
			return -1;
	}
	rc = dir_own_folder(r, DIR_POINTS, false, &points, err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (dir_undo_settle(r, err) < 0)
		return -1;
	dir_undo_end(d);
	return delete (r, points, point_id, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a replica that is written in place owes its newest recovery point: the old content of each block, durable before
 * the block is first overwritten, in the point's undo file (dir_undo_file.h).  Older points read through the newer
 * ones.
 */
#include <config.h>

#include <errno.h>
#include <string.h>

#include "base/io.h"
#include "target/dir_private.h"

static bool is_of(const struct undo_file *u, const struct dir_meta *m)
{
	const char *id = target_meta_get(&m->meta, "liftfsid");
	struct guid g = { 0 };

	if (!id || guid_parse(id, &g, NULL) < 0)
		g = (struct guid){ 0 };
	return guid_equal(&g, undo_file_replica(u));
}

static int open_newest(struct replica *r, int points, const struct dir_point *newest, struct error *err)
{
	struct dir_replica *d = dir_of(r);
	CLEANUP_FD int dir = -1;

	if (dir_enter(points, newest->name, false, &dir, err) != 0)
		return error_prefix(err, "recovery point %s", newest->name);
	d->undo = undo_file_open(dir, DIR_POINT_UNDO_FILE, true, err);
	if (!d->undo)
		return error_prefix(err, "%s/%s@%s", r->target->name, r->name, newest->name);
	/* Points of a replica that was made anew under this name are lost already. */
	if (!is_of(d->undo, &d->now.meta))
		dir_undo_end(d);
	return 0;
}

int dir_undo_begin(struct replica *r, struct error *err)
{
	CLEANUP(cleanup_dir_point_list) struct dir_point_list list = { 0 };
	struct dir_replica *d = dir_of(r);
	CLEANUP_FD int points = -1;
	int rc;

	if (d->undo_known || r->map_copy)
		return 0;
	rc = dir_own_folder(r, DIR_POINTS, false, &points, err);
	if (rc < 0 || (rc == 0 && dir_point_list(r, points, &list, err) < 0))
		return -1;
	if (list.n > 0 && list.v[list.n - 1].kind == DIR_POINT_UNDO &&
	    open_newest(r, points, &list.v[list.n - 1], err) < 0)
		return -1;
	d->undo_known = true;
	return 0;
}

void dir_undo_end(struct dir_replica *d)
{
	undo_file_close(d->undo);
	d->undo = NULL;
	d->undo_known = false;
}

static int save_block(struct replica *r, uint64_t block, uint8_t *buf, struct error *err)
{
	struct dir_replica *d = dir_of(r);
	size_t len = undo_file_block_len(d->undo, block);
	struct error cause = ERROR_INIT;
	enum undo_entry there;

	if (len == 0) /* the disk grew since */
		return 0;
	if (undo_file_has(d->undo, block, &there, &cause) == 0 &&
	    (there != UNDO_NONE || (io_pread(d->data, buf, len, block * UNDO_BLOCK, &cause) == 0 &&
				    undo_file_add(d->undo, block, buf, &cause) == 0)))
		return 0;
	return dir_explain(r, &cause, err);
}

int dir_undo_save(struct replica *r, uint64_t len, uint64_t off, struct error *err)
{
	struct dir_replica *d = dir_of(r);
	CLEANUP_FREE uint8_t *buf = NULL;

	if (dir_undo_begin(r, err) < 0)
		return -1;
	if (!d->undo || d->now.in_work)
		return 0;
	buf = malloc(UNDO_BLOCK);
	if (!buf)
		return error_errno(err, ENOMEM, "%s: undo", r->name);
	for (uint64_t b = off / UNDO_BLOCK; b * UNDO_BLOCK < off + len; b++)
		if (save_block(r, b, buf, err) < 0)
			return -1;
	return 0;
}

static int poison(struct replica *r, const struct error *cause, struct error *err)
{
	struct dir_replica *d = dir_of(r);

	dir_explain(r, cause, &d->poison);
	if (err)
		*err = d->poison;
	return -1;
}

int dir_undo_sync(struct replica *r, struct error *err)
{
	struct dir_replica *d = dir_of(r);
	struct error cause = ERROR_INIT;

	if (d->undo && undo_file_sync(d->undo, &cause) < 0)
		return poison(r, &cause, err);
	return 0;
}

int dir_undo_settle(struct replica *r, struct error *err)
{
	struct dir_replica *d = dir_of(r);
	struct error cause = ERROR_INIT;

	if (d->undo && undo_file_settle(d->undo, &cause) < 0)
		return poison(r, &cause, err);
	return 0;
}

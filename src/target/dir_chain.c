/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a recovery point that has an undo file: its entries, then those of the point after it, and so on; a point
 * that is whole ends the way, and else the live file does.
 *
 * The live file may be written meanwhile, by another process: a block that came from there is looked up once more in
 * the newest undo file, which has its old content since before it was overwritten; and the points are listed once more,
 * since for a new one that file is another.  Nothing is believed of the live file that was changed by somebody else:
 * the point shares its blocks.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "target/dir_private.h"

#define TRIES 8 /* points come and go once a cycle */

struct link {
	struct undo_file *undo; /* NULL: the last one, a whole point or the live file */
	int fd;
};

struct dir_chain {
	_Atomic unsigned refs;
	char *names; /* of all points, as they were when it was built */
	struct link *v;
	size_t n;
	bool live; /* the last link is the live file */
};

static void chain_put(struct dir_chain *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) > 1)
		return;
	for (size_t i = 0; i < c->n; i++) {
		undo_file_close(c->v[i].undo);
		if (c->v[i].fd >= 0)
			close(c->v[i].fd);
	}
	free(c->v);
	free(c->names);
	free(c);
}
DEFINE_CLEANUP(cleanup_chain, struct dir_chain *, chain_put);

void dir_chain_close(struct dir_chain *c)
{
	chain_put(c);
}

static int lost(struct replica *r, const char *why, struct error *err)
{
	return error_set(err, ERR_CORRUPT, "%s/%s@%s: %s: what it held is not known any more", r->target->name, r->name,
			 r->point, why);
}

/* The live file as the end of the way. */
static int add_live(struct replica *r, struct dir_chain *c, const struct dir_point *last, struct error *err)
{
	CLEANUP(cleanup_dir_state) struct dir_state s = { 0 };
	const struct undo_file *u = c->v[c->n - 1].undo;
	const char *id;
	struct guid g = { 0 };
	int rc = dir_state_load(r, false, &s, err);

	if (rc != 0)
		return rc < 0 ? -1 : lost(r, "the replica is gone", err);
	id = target_meta_get(&s.meta.meta, "liftfsid");
	if (!id || guid_parse(id, &g, NULL) < 0)
		g = (struct guid){ 0 };
	if (!guid_equal(&g, undo_file_replica(u)))
		return lost(r, "the replica was made anew", err);
	if (s.foreign && !dir_state_same_content(s.meta.named.file, &s.named))
		return lost(r, "the replica was changed by something other than liftfs", err);
	if (s.meta.order > undo_file_covers(u) && s.meta.order > last->order)
		return lost(r, "a recovery point after it was removed by something other than liftfs", err);
	rc = dir_state_open(r, &s, O_RDONLY, &c->v[c->n].fd, err);
	if (rc != 0)
		return rc < 0 ? -1 : lost(r, "the replica is gone", err);
	c->n++;
	c->live = true;
	return 0;
}

static int add_point(struct replica *r, struct dir_chain *c, int points, const struct dir_point *p, struct error *err)
{
	CLEANUP_FD int dir = -1;
	struct link *l = &c->v[c->n];
	const struct undo_file *before = c->n > 0 ? c->v[c->n - 1].undo : NULL;
	struct stat st;

	if (before && (p->previous < undo_file_order(before) || p->previous > undo_file_covers(before)))
		return lost(r, "a recovery point after it was removed by something other than liftfs", err);
	if (dir_enter(points, p->name, false, &dir, err) != 0)
		return error_prefix(err, "%s/%s@%s", r->target->name, r->name, p->name);
	if (p->kind == DIR_POINT_FULL) {
		l->fd = openat(dir, DIR_POINT_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
		if (l->fd < 0)
			return dir_errno(r, errno, p->name, err);
		c->n++;
		return 0;
	}
	if (fstatat(dir, DIR_POINT_FOREIGN, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return lost(r, "the replica was changed by something other than liftfs", err);
	l->undo = undo_file_open(dir, DIR_POINT_UNDO_FILE, false, err);
	if (!l->undo)
		return error_prefix(err, "%s/%s@%s", r->target->name, r->name, p->name);
	c->n++;
	return 0;
}

/* 0, 1 (the point is not there), -1 */
static int fill(struct replica *r, struct dir_chain *c, int points, struct error *err)
{
	CLEANUP(cleanup_dir_point_list) struct dir_point_list list = { 0 };
	size_t i = 0;

	if (dir_point_list(r, points, &list, err) < 0)
		return -1;
	while (i < list.n && strcmp(list.v[i].name, r->point) != 0)
		i++;
	if (i == list.n)
		return 1;
	c->v = calloc(list.n - i + 1, sizeof(*c->v));
	if (!c->v)
		return error_errno(err, ENOMEM, "%s", r->name);
	for (size_t k = 0; k < list.n - i + 1; k++)
		c->v[k].fd = -1;
	for (; i < list.n; i++) {
		if (add_point(r, c, points, &list.v[i], err) < 0)
			return -1;
		if (list.v[i].kind == DIR_POINT_FULL)
			return 0;
	}
	return add_live(r, c, &list.v[list.n - 1], err);
}

static int build(struct replica *r, int points, char *names, struct dir_chain **out, struct error *err)
{
	CLEANUP(cleanup_chain) struct dir_chain *c = calloc(1, sizeof(*c));
	int rc;

	if (!c) {
		free(names);
		return error_errno(err, ENOMEM, "%s", r->name);
	}
	atomic_init(&c->refs, 1);
	c->names = names;
	rc = fill(r, c, points, err);
	if (rc == 0)
		*out = steal_ptr(&c);
	return rc;
}

static int missing(struct replica *r, struct error *err)
{
	return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_MISSING, "%s/%s@%s: no such recovery point",
			     r->target->name, r->name, r->point);
}

/* Did a point come or go since the chain was built? */
static int is_current(struct replica *r, const struct dir_chain *c, bool *out, struct error *err)
{
	CLEANUP_FREE char *names = NULL;
	CLEANUP_FD int points = -1;
	int rc = dir_own_folder(r, DIR_POINTS, false, &points, err);

	if (rc != 0)
		return rc < 0 ? -1 : missing(r, err);
	names = dir_point_names(r, points, err);
	if (!names)
		return -1;
	*out = strcmp(names, c->names) == 0;
	return 0;
}

/* A chain of the points that are there now. */
static int load(struct replica *r, struct dir_chain **out, struct error *err)
{
	struct error why = ERROR_INIT;

	for (unsigned n = 0; n < TRIES; n++) {
		CLEANUP(cleanup_chain) struct dir_chain *c = NULL;
		CLEANUP_FD int points = -1;
		bool current = true;
		char *names;
		int rc = dir_own_folder(r, DIR_POINTS, false, &points, err);

		if (rc != 0)
			return rc < 0 ? -1 : missing(r, err);
		names = dir_point_names(r, points, err);
		if (!names)
			return -1;
		why = (struct error)ERROR_INIT;
		rc = build(r, points, names, &c, &why);
		if (rc > 0)
			return missing(r, err);
		/* One that was removed between the list and the look is no failure. */
		if (rc == 0 && is_current(r, c, &current, err) < 0)
			return -1;
		if (rc == 0 && current) {
			*out = steal_ptr(&c);
			return 0;
		}
	}
	if (why.code == ERR_NONE)
		return error_set(err, ERR_BUSY, "%s/%s@%s: its recovery points change all the time", r->target->name,
				 r->name, r->point);
	if (err)
		*err = why;
	return -1;
}

static struct dir_chain *chain_get(struct replica *r, struct error *err)
{
	struct dir_replica *d = dir_of(r);
	struct dir_chain *fresh = NULL;
	bool current = false;

	LOCK_SCOPE(&d->io);
	if (d->chain && is_current(r, d->chain, &current, err) < 0)
		return NULL;
	if (!current) {
		if (load(r, &fresh, err) < 0)
			return NULL;
		chain_put(d->chain);
		d->chain = fresh;
	}
	atomic_fetch_add(&d->chain->refs, 1);
	return d->chain;
}

int dir_chain_open(struct replica *r, struct error *err)
{
	CLEANUP(cleanup_chain) struct dir_chain *c = chain_get(r, err);

	return c ? 0 : -1;
}

/* The point's own file never changes: any chain has the same. */
static const struct undo_file *own(struct replica *r)
{
	return dir_of(r)->chain->v[0].undo;
}

uint64_t dir_chain_size(struct replica *r)
{
	LOCK_SCOPE(&dir_of(r)->io);
	return undo_file_size(own(r));
}

void dir_chain_version(struct replica *r, char out[TARGET_VERSION_LEN])
{
	char id[GUID_TEXT_LEN];

	LOCK_SCOPE(&dir_of(r)->io);
	guid_format(undo_file_id(own(r)), id);
	snprintf(out, TARGET_VERSION_LEN, "undo %s", id);
}

/* ---- reading ---- */

/* One of the undo files' entries: 1 if there is one, 0, -1. */
static int read_entry(const struct undo_file *u, uint64_t block, uint8_t *buf, struct error *err)
{
	enum undo_entry kind;

	if (undo_file_read(u, block, buf, &kind, err) < 0)
		return -1;
	if (kind == UNDO_ZERO)
		memset(buf, 0, UNDO_BLOCK);
	return kind != UNDO_NONE;
}

/* From the end of the way, which others may write to. */
static int read_last(const struct dir_chain *c, uint64_t block, size_t len, uint8_t *buf, struct error *err)
{
	struct error why = ERROR_INIT;
	uint8_t *content = buf + UNDO_BLOCK; /* looking for an entry may leave one that does not count in buf */
	int got = io_pread(c->v[c->n - 1].fd, content, len, block * UNDO_BLOCK, &why), rc = 0;

	if (c->live)
		rc = read_entry(c->v[c->n - 2].undo, block, buf, err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (got == 0)
		memcpy(buf, content, len);
	else if (err)
		*err = why;
	return got;
}

/* buf: two blocks. */
static int read_block(const struct dir_chain *c, uint64_t block, uint8_t *buf, struct error *err)
{
	size_t len = undo_file_block_len(c->v[0].undo, block);

	for (size_t i = 0; i + 1 < c->n; i++) {
		int rc = read_entry(c->v[i].undo, block, buf, err);

		if (rc != 0)
			return rc < 0 ? -1 : 0;
	}
	return read_last(c, block, len, buf, err);
}

static int read_blocks(const struct dir_chain *c, uint8_t *out, size_t len, uint64_t off, uint8_t *buf,
		       struct error *err)
{
	while (len > 0) {
		size_t skip = (size_t)(off % UNDO_BLOCK), n = UNDO_BLOCK - skip < len ? UNDO_BLOCK - skip : len;

		if (read_block(c, off / UNDO_BLOCK, buf, err) < 0)
			return -1;
		memcpy(out, buf + skip, n);
		out += n;
		off += n;
		len -= n;
	}
	return 0;
}

int dir_chain_read(struct replica *r, void *out, size_t len, uint64_t off, struct error *err)
{
	CLEANUP_FREE uint8_t *buf = malloc(2 * UNDO_BLOCK);

	if (!buf)
		return error_errno(err, ENOMEM, "%s", r->name);
	for (unsigned n = 0; n < TRIES; n++) {
		CLEANUP(cleanup_chain) struct dir_chain *c = chain_get(r, err);
		bool current = true;

		if (!c)
			return -1;
		if (read_blocks(c, out, len, off, buf, err) < 0)
			return error_prefix(err, "%s/%s@%s", r->target->name, r->name, r->point);
		if (is_current(r, c, &current, err) < 0)
			return -1;
		if (current)
			return 0;
	}
	return error_set(err, ERR_BUSY, "%s/%s@%s: its recovery points change all the time", r->target->name, r->name,
			 r->point);
}

/* ---- extents ---- */

/* What the undo files say of a block, and up to which byte nothing else may be said. */
static int find_entry(const struct dir_chain *c, uint64_t block, enum undo_entry *kind, uint64_t *until,
		      struct error *err)
{
	*until = (block + 1) * UNDO_BLOCK;
	for (size_t i = 0; i + 1 < c->n; i++) {
		if (undo_file_has(c->v[i].undo, block, kind, err) < 0)
			return -1;
		if (*kind != UNDO_NONE)
			return 0;
	}
	*until = UINT64_MAX;
	for (size_t i = 0; i + 1 < c->n; i++) {
		uint64_t next;

		if (undo_file_next(c->v[i].undo, block + 1, &next, err) < 0)
			return -1;
		if (next != UINT64_MAX && next * UNDO_BLOCK < *until)
			*until = next * UNDO_BLOCK;
	}
	return 0;
}

static int list_extents(struct replica *r, const struct dir_chain *c, uint64_t len, uint64_t off,
			struct extent_list *out, struct error *err)
{
	uint64_t end = off + len;

	while (off < end) {
		enum undo_entry kind = UNDO_NONE;
		uint64_t until;
		int rc;

		if (find_entry(c, off / UNDO_BLOCK, &kind, &until, err) < 0)
			return -1;
		if (until > end)
			until = end;
		rc = kind == UNDO_NONE ? dir_file_extents(r, c->v[c->n - 1].fd, until - off, off, out, err)
				       : extent_list_add_run(out, off, until - off,
							     kind == UNDO_ZERO ? EXTENT_ZERO : EXTENT_DATA, 0, err);
		if (rc < 0)
			return -1;
		off = until;
	}
	return 0;
}

/* Has nothing been overwritten since `count`? */
static int holds_still(struct replica *r, const struct dir_chain *c, uint64_t count, bool *out, struct error *err)
{
	uint64_t now = count;

	if (is_current(r, c, out, err) < 0 || (c->live && undo_file_count(c->v[c->n - 2].undo, &now, err) < 0))
		return -1;
	*out = *out && now == count;
	return 0;
}

int dir_chain_extents(struct replica *r, uint64_t len, uint64_t off, struct extent_list *out, struct error *err)
{
	for (unsigned n = 0; n < TRIES; n++) {
		CLEANUP(cleanup_chain) struct dir_chain *c = chain_get(r, err);
		uint64_t count = 0;
		bool still = false;

		if (!c || (c->live && undo_file_count(c->v[c->n - 2].undo, &count, err) < 0))
			return -1;
		extent_list_clear(out);
		if (list_extents(r, c, len, off, out, err) < 0 || holds_still(r, c, count, &still, err) < 0)
			return -1;
		if (still)
			return 0;
	}
	extent_list_clear(out); /* while it is written to all the time: data, which is always true */
	return extent_list_add_run(out, off, len, EXTENT_DATA, 0, err);
}

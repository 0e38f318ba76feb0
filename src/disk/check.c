/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk/check.h"

#define WINDOW (UINT64_C(256) << 20) /* asked for at a time: the list stays small */
#define PIECE ((size_t)64 << 10)     /* of compressed data read at a time */
#define STEP UINT64_C(512)           /* no format's entry covers less */
#define READ_STEP UINT64_C(4096)     /* no compressed piece is smaller */

struct run {
	uint64_t file_off, off;
	uint64_t len : 40; /* at most WINDOW */
	uint64_t file : 24;
};

_Static_assert(sizeof(struct run) == 24, "what the header promises");

struct check {
	struct disk *d;
	struct cancel *cancel;
	void (*found)(void *ctx, const struct disk_check_finding *f);
	void *ctx;
	struct disk_check_result *out;
	struct disk_check_finding damage; /* growing; len 0: none */
	struct run *runs;
	size_t n_runs, cap_runs;
	uint8_t *buf;
};

static void report(struct check *c, const struct disk_check_finding *f)
{
	if (c->out->findings == DISK_CHECK_FINDINGS_MAX) {
		c->out->ended_early = true;
		return;
	}
	c->out->findings++;
	c->found(c->ctx, f);
}

static void flush_damage(struct check *c)
{
	if (c->damage.len > 0)
		report(c, &c->damage);
	c->damage.len = 0;
}

static void add_damage(struct check *c, uint64_t off, uint64_t len, const struct error *why)
{
	c->out->damaged += len;
	if (c->damage.len > 0 && c->damage.off + c->damage.len == off) {
		c->damage.len += len;
		return;
	}
	flush_damage(c);
	c->damage.kind = DISK_CHECK_DAMAGED;
	c->damage.off = off;
	c->damage.len = len;
	memcpy(c->damage.msg, why->msg, sizeof(c->damage.msg));
}

/* Is it the walk that failed, and not the disk? */
static bool is_ours(const struct error *why)
{
	return why->code == ERR_NOMEM || why->code == ERR_CANCELLED || why->code == ERR_BUG;
}

static int add_run(struct check *c, const struct extent *e, struct error *err)
{
	size_t cap = c->cap_runs ? 2 * c->cap_runs : 1024;
	struct run *v;

	if (c->n_runs == DISK_CHECK_RUNS_MAX || e->file >= 1 << 24) {
		c->out->sharing_partly = true;
		return 0;
	}
	if (c->n_runs == c->cap_runs) {
		v = reallocarray(c->runs, cap, sizeof(*v));
		if (!v)
			return error_errno(err, ENOMEM, "%zu runs", cap);
		c->runs = v;
		c->cap_runs = cap;
	}
	c->runs[c->n_runs++] = (struct run){ .file_off = e->file_off, .off = e->off, .len = e->len, .file = e->file };
	return 0;
}

/* Damage of n bytes that was found in one step: a few bytes of tables can claim as much of it as a disk can be large. */
static void step_over(struct check *c, uint64_t off, uint64_t n, const struct error *why)
{
	add_damage(c, off, n, why);
	if (c->out->damaged >= DISK_CHECK_DAMAGE_MAX)
		c->out->ended_early = true;
}

static uint64_t until_multiple(uint64_t off, uint64_t of, uint64_t end)
{
	uint64_t n = of - off % of;

	return n < end - off ? n : end - off;
}

/* Reads compressed data: a piece at a time, and where one fails in small steps, so that what is good there is seen as good. */
static int read_run(struct check *c, const struct extent *e, struct error *err)
{
	uint64_t end = e->off + e->len, small_until = e->off, n;
	struct error why;

	for (uint64_t off = e->off; off < end && !c->out->ended_early;) {
		n = until_multiple(off, off < small_until ? READ_STEP : PIECE, end);
		why = (struct error)ERROR_INIT;
		if (cancel_check(c->cancel, err) < 0)
			return -1;
		if (disk_read(c->d, c->buf, (size_t)n, off, &why) == 0) {
			c->out->data += n;
			off += n;
		} else if (is_ours(&why)) {
			*err = why;
			return -1;
		} else if (off < small_until) {
			step_over(c, off, n, &why);
			off += n;
		} else {
			small_until = off + n;
		}
	}
	return 0;
}

static int take_extent(struct check *c, const struct extent *e, struct error *err)
{
	if (e->kind == EXTENT_ZERO) {
		c->out->zero += e->len;
		return 0;
	}
	if (e->file == EXTENT_NO_FILE)
		return read_run(c, e, err);
	c->out->data += e->len;
	return add_run(c, e, err);
}

static int walk(struct check *c, struct error *err)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	uint64_t size = disk_size(c->d), off = 0, len;
	struct error why;
	bool small;
	int rc;

	while (off < size && !c->out->ended_early) {
		if (cancel_check(c->cancel, err) < 0)
			return -1;
		/* Behind damage in small steps, for the same reason. */
		small = c->damage.len > 0 && c->damage.off + c->damage.len == off;
		len = until_multiple(off, small ? STEP : WINDOW, size);
		why = (struct error)ERROR_INIT;
		extent_list_clear(&list);
		rc = disk_extents(c->d, len, off, true, &list, &why);
		if (rc < 0 && is_ours(&why)) {
			*err = why;
			return -1;
		}
		for (size_t i = 0; i < list.n && !c->out->ended_early; i++) {
			if (take_extent(c, &list.v[i], err) < 0)
				return -1;
			off = list.v[i].off + list.v[i].len;
		}
		if (rc < 0 && !c->out->ended_early) {
			len = until_multiple(off, STEP, size);
			step_over(c, off, len, &why);
			off += len;
		}
	}
	flush_damage(c);
	return 0;
}

static int run_order(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	if (x->file_off != y->file_off)
		return x->file_off < y->file_off ? -1 : 1;
	return x->off < y->off ? -1 : x->off > y->off;
}

/* Runs in the order of their places: one that begins before the furthest end so far shares bytes with that one. */
static void find_shared(struct check *c)
{
	const struct run *furthest = NULL;
	struct disk_check_finding f = { .kind = DISK_CHECK_SHARED };
	uint64_t end;

	if (c->n_runs > 0)
		qsort(c->runs, c->n_runs, sizeof(*c->runs), run_order);
	for (size_t i = 0; i < c->n_runs && !c->out->ended_early; i++) {
		const struct run *r = &c->runs[i];

		end = furthest && furthest->file == r->file ? furthest->file_off + furthest->len : 0;
		if (r->file_off < end) {
			f.off = r->off;
			f.len = end - r->file_off < r->len ? end - r->file_off : r->len;
			snprintf(f.msg, sizeof(f.msg),
				 "%.400s: bytes at %" PRIu64 " stand for the disk's %" PRIu64 " and for %" PRIu64,
				 disk_file(c->d, r->file)->path, r->file_off,
				 furthest->off + (r->file_off - furthest->file_off), r->off);
			report(c, &f);
		}
		if (r->file_off + r->len > end)
			furthest = r;
	}
}

int disk_check(struct disk *d, struct cancel *cancel, void (*found)(void *ctx, const struct disk_check_finding *f),
	       void *ctx, struct disk_check_result *out, struct error *err)
{
	struct check c = { .d = d, .cancel = cancel, .found = found, .ctx = ctx, .out = out };
	struct error why = ERROR_INIT;
	int rc = -1;

	*out = (struct disk_check_result){ 0 };
	c.buf = malloc(PIECE);
	if (!c.buf)
		error_errno(&why, ENOMEM, "check");
	else
		rc = walk(&c, &why);
	if (rc == 0)
		find_shared(&c);
	else if (err)
		*err = why;
	free(c.runs);
	free(c.buf);
	return rc;
}

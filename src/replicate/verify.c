/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers claim units in disk order, read and compare them side by side, hash the leaves of what they read, and hand them to
 * the reporter, which is the caller's thread: see verify_report.h.
 *
 * Memory: with digests a unit of 4 MiB a thread and VERIFY_UNITS_AHEAD more; a list of mismatches for each; and the buffers
 * of what is compared, of one read each.
 */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/io.h"
#include "replicate/verify_report.h"
#include "replicate/zeros.h"

#define VERIFY_GRAIN (VERIFY_UNIT / 64) /* what is zero on both sides is left out in grains of 64 KiB */
#define LOCAL_PIECE (UINT64_C(256) << 10) /* one read of files here: both sides' stay in the cache until they are compared */

struct verify {
	struct disk *a, *b;
	const struct verify_options *opt;
	uint64_t size, compare_end; /* of the longer disk; where comparing ends */

	pthread_mutex_t claim_lock;
	struct zeros za, zb;
	uint64_t front, claimed; /* bytes; claims so far */

	struct verify_report report;
};

struct worker {
	struct verify *v;
	pthread_t thread;
	uint8_t *buf_a, *buf_b; /* one read each; with digest A is read into the unit */
	uint64_t mask;          /* of the unit in hand: the grains that are zero on both sides */
};

/* 1: claimed; 0: nothing is left; -1 with err. */
static int claim(struct verify *v, struct verify_unit *u, uint64_t *mask_out, struct error *err)
{
	uint64_t unit_end, limit, end_a, end_b, mask_a, mask_b;
	bool zero_a, zero_b;

	LOCK_SCOPE(&v->claim_lock);
	if (v->front >= v->size || verify_report_stopped(&v->report))
		return 0;
	if (cancel_check(v->opt->cancel, err) < 0)
		return -1;
	u->off = v->front;
	u->number = v->claimed;
	unit_end = v->size - u->off < VERIFY_UNIT ? v->size : u->off + VERIFY_UNIT;
	/* Not beyond the window, or the list of one side would be asked for again and again. */
	limit = align_down(u->off, ZEROS_WINDOW);
	limit = v->size - limit < ZEROS_WINDOW ? v->size : limit + ZEROS_WINDOW;
	if (zeros_run(&v->za, u->off, limit, &zero_a, &end_a, err) < 0 ||
	    zeros_run(&v->zb, u->off, limit, &zero_b, &end_b, err) < 0)
		return -1;
	if (end_b < end_a)
		end_a = end_b;
	u->zero = zero_a && zero_b && end_a >= unit_end;
	if (u->zero) {
		u->len = (end_a == v->size ? end_a : align_down(end_a, VERIFY_UNIT)) - u->off;
	} else {
		u->len = unit_end - u->off;
		if (zeros_mask(&v->za, u->off, unit_end, VERIFY_GRAIN, 64, &mask_a, err) < 0 ||
		    zeros_mask(&v->zb, u->off, unit_end, VERIFY_GRAIN, 64, &mask_b, err) < 0)
			return -1;
		*mask_out = mask_a & mask_b;
	}
	v->front += u->len;
	v->claimed++;
	return 1;
}

/* A disk's content, zeros beyond its end. */
static int read_side(struct disk *d, uint8_t *buf, uint64_t len, uint64_t off, struct error *err)
{
	uint64_t size = disk_size(d), n = 0;

	if (off < size)
		n = size - off < len ? size - off : len;
	memset(buf + n, 0, (size_t)(len - n));
	return n > 0 ? disk_read(d, buf, (size_t)n, off, err) : 0;
}

static void compare(const struct verify *v, struct verify_found *found, const uint8_t *a, const uint8_t *b, uint64_t len,
		    uint64_t off)
{
	uint64_t to;

	if (off >= v->compare_end)
		return;
	if (len > v->compare_end - off)
		len = v->compare_end - off;
	if (memcmp(a, b, (size_t)len) == 0)
		return;
	for (uint64_t from = 0; from < len; from = to) {
		bool differs = a[from] != b[from];

		for (to = from + 1; to < len && (a[to] != b[to]) == differs; to++)
			;
		if (differs)
			verify_found_add(found, off + from, to - from);
	}
}

/* Content of A that is zero throughout, in a whole chunk, has a leaf that is known. */
static int hash_leaves(struct verify *v, struct verify_unit *u, struct error *err)
{
	uint64_t size = disk_size(v->a), end = u->len, len;

	if (u->off >= size)
		return 0;
	if (end > size - u->off)
		end = size - u->off;
	for (uint64_t at = 0; at < end; at += len) {
		uint8_t *leaf = u->leaves[at / MERKLE_CHUNK];

		len = end - at < MERKLE_CHUNK ? end - at : MERKLE_CHUNK;
		if (len == MERKLE_CHUNK && io_is_zero(u->data + at, (size_t)len))
			memcpy(leaf, v->report.zero_leaf, MERKLE_HASH_LEN);
		else if (merkle_leaf(u->data + at, (size_t)len, leaf, err) < 0)
			return -1;
	}
	return 0;
}

static uint64_t piece_of(const struct verify_options *opt)
{
	return opt->remote ? VERIFY_UNIT : LOCAL_PIECE;
}

/* [at, end) of the unit, which is not zero on both sides. */
static int scan_run(struct worker *w, struct verify_unit *u, uint64_t at, uint64_t end, struct error *err)
{
	struct verify *v = w->v;
	uint64_t piece = piece_of(v->opt), len;

	for (; at < end; at += len) {
		uint8_t *a = v->opt->digest ? u->data + at : w->buf_a;

		len = end - at < piece ? end - at : piece;
		if (read_side(v->a, a, len, u->off + at, err) < 0 || read_side(v->b, w->buf_b, len, u->off + at, err) < 0)
			return -1;
		compare(v, &u->found, a, w->buf_b, len, u->off + at);
	}
	return 0;
}

static int scan(struct worker *w, struct verify_unit *u, struct error *err)
{
	unsigned n = (unsigned)((u->len + VERIFY_GRAIN - 1) / VERIFY_GRAIN), to;

	for (unsigned from = 0; from < n; from = to) {
		uint64_t at = from * VERIFY_GRAIN, end;
		bool zero = w->mask >> from & 1;

		for (to = from + 1; to < n && (w->mask >> to & 1) == zero; to++)
			;
		end = to * VERIFY_GRAIN < u->len ? to * VERIFY_GRAIN : u->len;
		if (zero && w->v->opt->digest)
			memset(u->data + at, 0, (size_t)(end - at));
		if (!zero && scan_run(w, u, at, end, err) < 0)
			return -1;
	}
	return w->v->opt->digest ? hash_leaves(w->v, u, err) : 0;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct verify_report *r = &w->v->report;
	struct error err = ERROR_INIT;
	struct verify_unit *u;
	int rc;

	for (;;) {
		u = verify_unit_get(r);
		if (!u)
			break;
		rc = claim(w->v, u, &w->mask, &err);
		if (rc > 0 && !u->zero && scan(w, u, &err) < 0)
			rc = -1;
		if (rc < 0)
			verify_report_fail(r, &err);
		if (rc <= 0)
			break;
		verify_unit_done(r, u);
	}
	verify_worker_ends(r, u);
	return NULL;
}

static void worker_free(struct worker *w)
{
	free(w->buf_a);
	free(w->buf_b);
	free(w);
}
DEFINE_CLEANUP(cleanup_worker, struct worker *, worker_free);

static struct worker *worker_new(struct verify *v, struct error *err)
{
	CLEANUP(cleanup_worker) struct worker *w = calloc(1, sizeof(*w));

	if (w) {
		w->v = v;
		w->buf_a = v->opt->digest ? NULL : aligned_alloc(4096, piece_of(v->opt));
		w->buf_b = aligned_alloc(4096, piece_of(v->opt));
	}
	if (!w || (!w->buf_a && !v->opt->digest) || !w->buf_b) {
		error_errno(err, ENOMEM, "buffers to compare");
		return NULL;
	}
	return steal_ptr(&w);
}

/* Each of the n workers ends, those that were not started at once. */
static void run_workers(struct verify *v, unsigned n)
{
	struct worker *workers[VERIFY_THREADS_MAX] = { NULL };
	struct error err = ERROR_INIT;
	unsigned started;
	int rc;

	for (started = 0; started < n; started++) {
		workers[started] = worker_new(v, &err);
		if (!workers[started])
			break;
		rc = pthread_create(&workers[started]->thread, NULL, work, workers[started]);
		if (rc != 0) {
			error_errno(&err, rc, "thread to compare");
			break;
		}
	}
	if (started < n)
		verify_report_fail(&v->report, &err);
	verify_report_run(&v->report);
	for (unsigned i = 0; i < started; i++)
		pthread_join(workers[i]->thread, NULL);
	for (unsigned i = 0; i < n; i++)
		if (workers[i])
			worker_free(workers[i]);
}

static unsigned threads_of(const struct verify_options *opt)
{
	long n = opt->threads ? (long)opt->threads : sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > VERIFY_THREADS_MAX ? VERIFY_THREADS_MAX : (unsigned)n;
}

static void fill_result(struct verify *v, struct verify_result *out)
{
	struct verify_found *f = v->report.found;

	if (v->compare_end < v->size) /* strict: what one side does not have differs */
		verify_found_add(f, v->compare_end, v->size - v->compare_end);
	memcpy(out->mismatches, f->v, f->n * sizeof(*f->v));
	out->n_mismatches = f->n;
	out->truncated = f->truncated;
	out->match = f->n == 0;
	out->bytes_compared = v->report.bytes;
}

static int run(struct verify *v, struct verify_result *out, struct error *err)
{
	unsigned threads = threads_of(v->opt);

	out->mismatches = calloc(VERIFY_MISMATCHES_MAX, sizeof(*out->mismatches));
	if (!out->mismatches)
		return error_errno(err, ENOMEM, "list of mismatches");
	run_workers(v, threads);
	if (verify_report_end(&v->report, out->sha256, out->merkle_root, err) < 0)
		return -1;
	fill_result(v, out);
	return 0;
}

int verify_disks(struct disk *a, struct disk *b, const struct verify_options *opt, struct verify_result *out,
		 struct error *err)
{
	struct verify_result found = { .size_a = disk_size(a), .size_b = disk_size(b) };
	struct verify v = { .a = a, .b = b, .opt = opt };
	int rc;

	v.size = found.size_a > found.size_b ? found.size_a : found.size_b;
	v.compare_end = !opt->strict ? v.size : found.size_a < found.size_b ? found.size_a : found.size_b;
	pthread_mutex_init(&v.claim_lock, NULL);
	zeros_init(&v.za, a);
	zeros_init(&v.zb, b);
	rc = verify_report_init(&v.report, opt, found.size_a, threads_of(opt), err);
	if (rc == 0)
		rc = run(&v, &found, err);
	verify_report_fini(&v.report);
	zeros_fini(&v.za);
	zeros_fini(&v.zb);
	pthread_mutex_destroy(&v.claim_lock);
	if (rc < 0)
		verify_result_fini(&found);
	else
		*out = found;
	return rc;
}

void verify_result_fini(struct verify_result *r)
{
	free(r->mismatches);
	*r = (struct verify_result){ 0 };
}

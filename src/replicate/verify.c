/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers claim units in disk order, read and compare them side by side, and report in the order of their claims: so
 * mismatches come out ascending, and the digests see the content from its first byte to its last.  Who waits for its
 * turn holds one claim; the lowest one never waits, so that the turn always moves on.
 *
 * Memory: two buffers of VERIFY_UNIT and a list of mismatches a thread.  Of the first the whole unit is kept for the digests; else
 * the same few bytes are used again and again.
 */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/checked.h"
#include "replicate/merkle.h"
#include "replicate/verify.h"
#include "replicate/zeros.h"

#define VERIFY_UNIT (UINT64_C(4) << 20) /* one read of a remote side */
#define VERIFY_GRAIN (VERIFY_UNIT / 64) /* what is zero on both sides is left out in grains of 64 KiB */
#define LOCAL_PIECE (UINT64_C(256) << 10) /* one read of files here: both sides' stay in the cache until they are compared */
#define CHUNKS (VERIFY_UNIT / MERKLE_CHUNK)
#define THREADS_MAX 8

struct verify {
	struct disk *a, *b;
	const struct verify_options *opt;
	uint64_t size, compare_end; /* of the longer disk; where comparing ends */

	pthread_mutex_t claim_lock;
	struct zeros za, zb;
	uint64_t front, claimed; /* bytes; claims so far */

	pthread_mutex_t lock;
	pthread_cond_t moved;
	uint64_t turn; /* the claim that reports next */
	bool stop;
	struct error err;

	/* Whose turn it is. */
	struct verify_result out;
	EVP_MD_CTX *flat;
	struct merkle tree;
	uint8_t *zeros;                     /* MERKLE_CHUNK bytes, with digest */
	uint8_t zero_leaf[MERKLE_HASH_LEN]; /* of a whole chunk */
};

struct ranges {
	struct verify_range v[VERIFY_MISMATCHES_MAX];
	size_t n;
	bool truncated;
};

struct worker {
	struct verify *v;
	pthread_t thread;
	uint8_t *buf_a, *buf_b;
	uint8_t leaves[CHUNKS][MERKLE_HASH_LEN];
	struct ranges found;
};

struct claim {
	uint64_t off, len, number;
	bool zero;     /* on both sides */
	uint64_t mask; /* else: the grains that are */
};

static void fail(struct verify *v, const struct error *cause)
{
	LOCK_SCOPE(&v->lock);
	if (v->err.code == ERR_NONE)
		v->err = *cause;
	v->stop = true;
	pthread_cond_broadcast(&v->moved);
}

static bool stopped(struct verify *v)
{
	LOCK_SCOPE(&v->lock);
	return v->stop;
}

/* 1: claimed; 0: nothing is left; -1 with err. */
static int claim(struct verify *v, struct claim *c, struct error *err)
{
	uint64_t unit_end, limit, end_a, end_b, mask_a, mask_b;
	bool zero_a, zero_b;

	LOCK_SCOPE(&v->claim_lock);
	if (v->front >= v->size || stopped(v))
		return 0;
	if (cancel_check(v->opt->cancel, err) < 0)
		return -1;
	*c = (struct claim){ .off = v->front, .number = v->claimed };
	unit_end = v->size - c->off < VERIFY_UNIT ? v->size : c->off + VERIFY_UNIT;
	/* Not beyond the window, or the list of one side would be asked for again and again. */
	limit = align_down(c->off, ZEROS_WINDOW);
	limit = v->size - limit < ZEROS_WINDOW ? v->size : limit + ZEROS_WINDOW;
	if (zeros_run(&v->za, c->off, limit, &zero_a, &end_a, err) < 0 ||
	    zeros_run(&v->zb, c->off, limit, &zero_b, &end_b, err) < 0)
		return -1;
	if (end_b < end_a)
		end_a = end_b;
	c->zero = zero_a && zero_b && end_a >= unit_end;
	if (c->zero) {
		c->len = (end_a == v->size ? end_a : align_down(end_a, VERIFY_UNIT)) - c->off;
	} else {
		c->len = unit_end - c->off;
		if (zeros_mask(&v->za, c->off, unit_end, VERIFY_GRAIN, 64, &mask_a, err) < 0 ||
		    zeros_mask(&v->zb, c->off, unit_end, VERIFY_GRAIN, 64, &mask_b, err) < 0)
			return -1;
		c->mask = mask_a & mask_b;
	}
	v->front += c->len;
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

static void add_range(struct verify_range *list, size_t *n, bool *truncated, uint64_t off, uint64_t len)
{
	if (*n > 0 && list[*n - 1].off + list[*n - 1].len == off && !*truncated)
		list[*n - 1].len += len;
	else if (*n < VERIFY_MISMATCHES_MAX)
		list[(*n)++] = (struct verify_range){ .off = off, .len = len };
	else
		*truncated = true;
}

static void compare(struct worker *w, const uint8_t *a, const uint8_t *b, uint64_t len, uint64_t off)
{
	uint64_t to;

	if (off >= w->v->compare_end)
		return;
	if (len > w->v->compare_end - off)
		len = w->v->compare_end - off;
	if (memcmp(a, b, (size_t)len) == 0)
		return;
	for (uint64_t from = 0; from < len; from = to) {
		bool differs = a[from] != b[from];

		for (to = from + 1; to < len && (a[to] != b[to]) == differs; to++)
			;
		if (differs)
			add_range(w->found.v, &w->found.n, &w->found.truncated, off + from, to - from);
	}
}

static int hash_leaves(struct worker *w, const struct claim *c, struct error *err)
{
	uint64_t size = disk_size(w->v->a), len;

	for (uint64_t i = 0; i < CHUNKS && c->off + i * MERKLE_CHUNK < size; i++) {
		len = size - c->off - i * MERKLE_CHUNK;
		if (len > MERKLE_CHUNK)
			len = MERKLE_CHUNK;
		if (merkle_leaf(w->buf_a + i * MERKLE_CHUNK, (size_t)len, w->leaves[i], err) < 0)
			return -1;
		if ((i + 1) * MERKLE_CHUNK >= c->len)
			break;
	}
	return 0;
}

/* [at, end) of the unit, which is not zero on both sides. */
static int scan_run(struct worker *w, const struct claim *c, uint64_t at, uint64_t end, struct error *err)
{
	uint64_t piece = w->v->opt->remote ? VERIFY_UNIT : LOCAL_PIECE, len;

	for (; at < end; at += len) {
		uint8_t *a = w->v->opt->digest ? w->buf_a + at : w->buf_a;

		len = end - at < piece ? end - at : piece;
		if (read_side(w->v->a, a, len, c->off + at, err) < 0 || read_side(w->v->b, w->buf_b, len, c->off + at, err) < 0)
			return -1;
		compare(w, a, w->buf_b, len, c->off + at);
	}
	return 0;
}

static int scan(struct worker *w, const struct claim *c, struct error *err)
{
	unsigned n = (unsigned)((c->len + VERIFY_GRAIN - 1) / VERIFY_GRAIN), to;

	for (unsigned from = 0; from < n; from = to) {
		uint64_t at = from * VERIFY_GRAIN, end;
		bool zero = c->mask >> from & 1;

		for (to = from + 1; to < n && (c->mask >> to & 1) == zero; to++)
			;
		end = to * VERIFY_GRAIN < c->len ? to * VERIFY_GRAIN : c->len;
		if (zero && w->v->opt->digest)
			memset(w->buf_a + at, 0, (size_t)(end - at));
		if (!zero && scan_run(w, c, at, end, err) < 0)
			return -1;
	}
	return w->v->opt->digest ? hash_leaves(w, c, err) : 0;
}

/* Adds the claim's content, as far as it is A's, to both digests. */
static int digest(struct worker *w, const struct claim *c, struct error *err)
{
	struct verify *v = w->v;
	uint64_t end = disk_size(v->a), len;

	if (end > c->off + c->len)
		end = c->off + c->len;
	for (uint64_t off = c->off; off < end; off += len) {
		const uint8_t *data = c->zero ? v->zeros : w->buf_a + (off - c->off);
		uint8_t short_leaf[MERKLE_HASH_LEN];
		const uint8_t *leaf = c->zero ? v->zero_leaf : w->leaves[(off - c->off) / MERKLE_CHUNK];

		len = end - off < MERKLE_CHUNK ? end - off : MERKLE_CHUNK;
		if (c->zero && len < MERKLE_CHUNK) {
			if (merkle_leaf(data, (size_t)len, short_leaf, err) < 0)
				return -1;
			leaf = short_leaf;
		}
		if (EVP_DigestUpdate(v->flat, data, (size_t)len) != 1)
			return error_set(err, ERR_UNSUPPORTED, "SHA-256: the crypto library does not give it");
		if (merkle_add(&v->tree, leaf, err) < 0)
			return -1;
	}
	return 0;
}

/* In the order of claims; false: stopped. */
static bool wait_turn(struct verify *v, uint64_t number)
{
	LOCK_SCOPE(&v->lock);
	while (v->turn != number && !v->stop)
		pthread_cond_wait(&v->moved, &v->lock);
	return !v->stop;
}

static void end_turn(struct verify *v)
{
	LOCK_SCOPE(&v->lock);
	v->turn++;
	pthread_cond_broadcast(&v->moved);
}

static int report(struct worker *w, const struct claim *c, struct error *err)
{
	struct verify_result *out = &w->v->out;

	if (w->v->opt->digest && digest(w, c, err) < 0)
		return -1;
	for (size_t i = 0; i < w->found.n; i++)
		add_range(out->mismatches, &out->n_mismatches, &out->truncated, w->found.v[i].off, w->found.v[i].len);
	if (w->found.truncated)
		out->truncated = true;
	out->bytes_compared += c->len;
	if (w->v->opt->bytes_done)
		atomic_fetch_add_explicit(w->v->opt->bytes_done, c->len, memory_order_relaxed);
	return 0;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct error err = ERROR_INIT;
	struct claim c = { 0 };
	int rc;

	for (;;) {
		rc = claim(w->v, &c, &err);
		if (rc == 0)
			break;
		w->found.n = 0;
		w->found.truncated = false;
		if (rc > 0 && !c.zero)
			rc = scan(w, &c, &err);
		if (rc >= 0 && !wait_turn(w->v, c.number))
			break;
		if (rc < 0 || report(w, &c, &err) < 0) {
			fail(w->v, &err);
			break;
		}
		end_turn(w->v);
	}
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
		w->buf_a = aligned_alloc(4096, VERIFY_UNIT);
		w->buf_b = aligned_alloc(4096, VERIFY_UNIT);
	}
	if (!w || !w->buf_a || !w->buf_b) {
		error_errno(err, ENOMEM, "buffers to compare");
		return NULL;
	}
	return steal_ptr(&w);
}

static void run_workers(struct verify *v, unsigned n)
{
	struct worker *workers[THREADS_MAX] = { NULL };
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
		fail(v, &err);
	for (unsigned i = 0; i < started; i++)
		pthread_join(workers[i]->thread, NULL);
	for (unsigned i = 0; i < n; i++)
		if (workers[i])
			worker_free(workers[i]);
}

static unsigned threads_of(const struct verify_options *opt)
{
	long n = opt->threads ? (long)opt->threads : sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : (unsigned)n;
}

static int begin(struct verify *v, struct error *err)
{
	v->out.mismatches = calloc(VERIFY_MISMATCHES_MAX, sizeof(*v->out.mismatches));
	if (!v->out.mismatches)
		return error_errno(err, ENOMEM, "list of mismatches");
	if (!v->opt->digest)
		return 0;
	merkle_init(&v->tree);
	v->flat = EVP_MD_CTX_new();
	v->zeros = calloc(1, MERKLE_CHUNK);
	if (!v->flat || !v->zeros)
		return error_errno(err, ENOMEM, "digests");
	if (EVP_DigestInit_ex(v->flat, EVP_sha256(), NULL) != 1)
		return error_set(err, ERR_UNSUPPORTED, "SHA-256: the crypto library does not give it");
	return merkle_leaf(v->zeros, MERKLE_CHUNK, v->zero_leaf, err);
}

static int end(struct verify *v, struct error *err)
{
	uint8_t hash[MERKLE_HASH_LEN];
	struct verify_result *out = &v->out;

	if (v->compare_end < v->size) /* strict: what one side does not have differs */
		add_range(out->mismatches, &out->n_mismatches, &out->truncated, v->compare_end,
			  v->size - v->compare_end);
	out->match = out->n_mismatches == 0;
	if (!v->opt->digest)
		return 0;
	if (EVP_DigestFinal_ex(v->flat, hash, NULL) != 1)
		return error_set(err, ERR_UNSUPPORTED, "SHA-256: the crypto library does not give it");
	merkle_hex(hash, out->sha256);
	if (merkle_root(&v->tree, hash, err) < 0)
		return -1;
	merkle_hex(hash, out->merkle_root);
	return 0;
}

int verify_disks(struct disk *a, struct disk *b, const struct verify_options *opt, struct verify_result *out,
		 struct error *err)
{
	struct verify v = { .a = a, .b = b, .opt = opt };
	int rc;

	v.out.size_a = disk_size(a);
	v.out.size_b = disk_size(b);
	v.size = v.out.size_a > v.out.size_b ? v.out.size_a : v.out.size_b;
	v.compare_end = !opt->strict ? v.size : v.out.size_a < v.out.size_b ? v.out.size_a : v.out.size_b;
	pthread_mutex_init(&v.claim_lock, NULL);
	pthread_mutex_init(&v.lock, NULL);
	pthread_cond_init(&v.moved, NULL);
	zeros_init(&v.za, a);
	zeros_init(&v.zb, b);
	rc = begin(&v, err);
	if (rc == 0) {
		run_workers(&v, threads_of(opt));
		if (v.stop) {
			rc = -1;
			if (err)
				*err = v.err;
		} else {
			rc = end(&v, err);
		}
	}
	zeros_fini(&v.za);
	zeros_fini(&v.zb);
	EVP_MD_CTX_free(v.flat);
	free(v.zeros);
	pthread_cond_destroy(&v.moved);
	pthread_mutex_destroy(&v.lock);
	pthread_mutex_destroy(&v.claim_lock);
	if (rc < 0)
		verify_result_fini(&v.out);
	else
		*out = v.out;
	return rc;
}

void verify_result_fini(struct verify_result *r)
{
	free(r->mismatches);
	*r = (struct verify_result){ 0 };
}

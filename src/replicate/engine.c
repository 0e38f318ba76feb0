/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's threads, how passes share them, and how a pass ends.  See engine.h and engine_priv.h. */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "replicate/engine_priv.h"

#define SLOTS_DEFAULT 16 /* 64 MiB.  A pass alone gets 12: four in flight, four being journalled, four being read */
#define HELD_TO_IDLE 3   /* slots that a pass may hold for each one that is left idle */
#define WORKERS_MAX 8
#define TICK_NS 100000000L /* how often a waiting pass looks at its cancel token */
#define GENTLE_NS (UINT64_C(10) * 1000 * 1000 * 1000)

static void fail(struct run *r, const struct error *cause, bool by_target)
{
	LOCK_SCOPE(&r->e->lock);
	if (r->err.code == ERR_NONE) {
		r->err = *cause;
		r->pass->target_failed = by_target;
	}
	atomic_store_explicit(&r->stop, true, memory_order_relaxed);
	cancel_set(&r->stopped, CANCEL_NOW);
	pthread_cond_signal(&r->moved);
	pthread_cond_broadcast(&r->e->work);
}

void run_fail(struct run *r, const struct error *cause)
{
	fail(r, cause, false);
}

void run_fail_by_target(struct run *r, const struct error *cause)
{
	fail(r, cause, true);
}

bool run_cancelled(struct run *r)
{
	struct error err = ERROR_INIT;

	if (cancel_check(r->pass->cancel, &err) == 0)
		return false;
	run_fail(r, &err);
	return true;
}

/*
 * May r have one more of the slots?  What it holds comes back only when its target answers, so that it must leave some to others,
 * those that are still to come included: at most its share among the present passes, and no more than three times of what stays
 * idle, which leaves a second pass beside a stuck one a quarter, a third beside two a part of that, and so on.  A pass that holds
 * none may take the last.
 */
static bool may_take_locked(const struct engine *e, const struct run *r)
{
	unsigned idle = e->pool.n_idle;

	if (r->held == 0)
		return idle > 0;
	return idle > 1 && r->held < HELD_TO_IDLE * idle && r->held < (e->pool.n + e->n_runs - 1) / e->n_runs;
}

/* Is there, or may there be, something to scan? */
static bool has_work_locked(const struct run *r)
{
	return (!r->exhausted || r->open) && !run_stopped(r);
}

/* Nothing will be queued any more: the caller of the pass wants to know. */
static bool is_over_locked(const struct run *r)
{
	return !has_work_locked(r) && r->workers == 0;
}

static struct slot *take_locked(struct run *r)
{
	struct slot *s = may_take_locked(r->e, r) ? slot_take_locked(&r->e->pool) : NULL;

	if (s) {
		s->run = r;
		r->held++;
	}
	return s;
}

struct slot *run_slot_try(struct run *r)
{
	LOCK_SCOPE(&r->e->lock);
	return take_locked(r);
}

struct slot *run_slot_get(struct run *r)
{
	struct engine *e = r->e;
	struct slot *s = NULL;

	LOCK_SCOPE(&e->lock);
	while (!run_stopped(r)) {
		s = take_locked(r);
		if (s)
			break;
		pthread_cond_wait(&e->work, &e->lock);
	}
	return s;
}

void run_slot_put(struct run *r, struct slot *s)
{
	struct engine *e = r->e;

	LOCK_SCOPE(&e->lock);
	slot_put_locked(&e->pool, s);
	r->held--;
	pthread_cond_broadcast(&e->work);
	if (r->held == 0 && is_over_locked(r))
		pthread_cond_signal(&r->moved);
}

void run_queue(struct run *r, struct slot *s)
{
	LOCK_SCOPE(&r->e->lock);
	s->next = NULL;
	*r->tail = s;
	r->tail = &s->next;
	pthread_cond_signal(&r->moved);
}

/* The next run that may go on, by turns. */
static struct run *pick_locked(struct engine *e)
{
	for (unsigned i = 0; i < e->n_runs; i++) {
		struct run *r = e->ring;

		e->ring = r->next;
		if (has_work_locked(r) && may_take_locked(e, r))
			return r;
	}
	return NULL;
}

/* A range that was left, or one that is done: then scan_step() claims. */
static struct scan_range *range_get_locked(struct run *r)
{
	struct scan_range **from = r->open ? &r->open : &r->idle_ranges, *range = *from;

	assert(range);
	*from = range->next;
	return range;
}

static void range_put_locked(struct run *r, struct scan_range *range)
{
	struct scan_range **to = range->at < range->n ? &r->open : &r->idle_ranges;

	range->next = *to;
	*to = range;
}

/* Scans a range with slots as it can get them.  False: there was nothing to claim, or the run stopped. */
static bool work_range(struct worker *w, struct run *r, struct scan_range *range, struct slot *s)
{
	bool more = scan_step(r, range, &s, w);

	while (more && range->at < range->n && !run_stopped(r)) {
		if (!s)
			s = run_slot_try(r);
		if (!s)
			break;
		more = scan_step(r, range, &s, w);
	}
	if (s)
		run_slot_put(r, s);
	return more;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct engine *e = w->e;
	struct scan_range *range;
	struct slot *s;
	struct run *r;
	bool more;

	pthread_mutex_lock(&e->lock);
	while (!e->shutdown) {
		r = e->pool.idle ? pick_locked(e) : NULL;
		if (!r) {
			pthread_cond_wait(&e->work, &e->lock);
			continue;
		}
		s = take_locked(r);
		range = range_get_locked(r);
		r->workers++;
		pthread_mutex_unlock(&e->lock);
		more = work_range(w, r, range, s);
		pthread_mutex_lock(&e->lock);
		range_put_locked(r, range);
		r->workers--;
		if (!more)
			r->exhausted = true;
		if (is_over_locked(r))
			pthread_cond_signal(&r->moved);
	}
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

static unsigned default_workers(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : (unsigned)n;
}

static int start_threads(struct engine *e, unsigned n, struct error *err)
{
	int rc = pthread_create(&e->acker, NULL, send_acks, e);

	if (rc != 0)
		return error_errno(err, rc, "ack thread");
	e->acker_started = true;
	e->workers = calloc(n, sizeof(*e->workers));
	if (!e->workers)
		return error_errno(err, ENOMEM, "%u scan threads", n);
	for (; e->n_workers < n; e->n_workers++) {
		struct worker *w = &e->workers[e->n_workers];

		w->e = e;
		w->piece = aligned_alloc(4096, SCAN_PIECE);
		rc = w->piece ? pthread_create(&w->thread, NULL, work, w) : ENOMEM;
		if (rc != 0) {
			free(w->piece);
			return error_errno(err, rc, "scan thread %u of %u", e->n_workers + 1, n);
		}
	}
	return 0;
}

struct engine *engine_new(const struct engine_config *config, struct error *err)
{
	CLEANUP(cleanup_engine) struct engine *e = calloc(1, sizeof(*e));

	if (!e) {
		error_errno(err, ENOMEM, "engine");
		return NULL;
	}
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->work, NULL);
	pthread_mutex_init(&e->done_lock, NULL);
	pthread_cond_init(&e->done_cond, NULL);
	e->done_tail = &e->done;
	if (slot_pool_init(&e->pool, config->slots ? config->slots : SLOTS_DEFAULT, err) < 0)
		return NULL;
	if (start_threads(e, config->scan_threads ? config->scan_threads : default_workers(), err) < 0)
		return NULL;
	return steal_ptr(&e);
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	assert(e->n_runs == 0);
	pthread_mutex_lock(&e->lock);
	e->shutdown = true;
	pthread_cond_broadcast(&e->work);
	pthread_mutex_unlock(&e->lock);
	for (unsigned i = 0; i < e->n_workers; i++) {
		pthread_join(e->workers[i].thread, NULL);
		free(e->workers[i].piece);
	}
	pthread_mutex_lock(&e->done_lock);
	e->done_shutdown = true;
	pthread_cond_signal(&e->done_cond);
	pthread_mutex_unlock(&e->done_lock);
	if (e->acker_started)
		pthread_join(e->acker, NULL);
	free(e->workers);
	slot_pool_fini(&e->pool);
	pthread_cond_destroy(&e->done_cond);
	pthread_mutex_destroy(&e->done_lock);
	pthread_cond_destroy(&e->work);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

/* Joins the ring as the last one before the run whose turn it is. */
static void enter(struct engine *e, struct run *r)
{
	struct run *last;

	LOCK_SCOPE(&e->lock);
	if (e->ring) {
		for (last = e->ring; last->next != e->ring; last = last->next)
			;
		last->next = r;
		r->next = e->ring;
	} else {
		r->next = e->ring = r;
	}
	e->n_runs++;
	pthread_cond_broadcast(&e->work);
}

static void leave(struct engine *e, struct run *r)
{
	struct run *last;

	LOCK_SCOPE(&e->lock);
	for (last = r; last->next != r; last = last->next)
		;
	last->next = r->next;
	if (e->ring == r)
		e->ring = r->next == r ? NULL : r->next;
	e->n_runs--;
	pthread_cond_broadcast(&e->work); /* shares have grown */
}

/* The caller's wait: something moved, or it is time to look at the token again. */
static void wait_locked(struct run *r)
{
	struct timespec until;

	if (!r->pass->cancel) {
		pthread_cond_wait(&r->moved, &r->e->lock);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += TICK_NS;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	pthread_cond_timedwait(&r->moved, &r->e->lock, &until);
}

/*
 * A cancelled pass stops claiming and drops what was not sent; what is in flight gets its time, after which the token
 * is set to CANCEL_NOW, so that the target completes it.
 */
static void watch_token(struct run *r, uint64_t *since)
{
	int level = cancel_level(r->pass->cancel);

	if (level == CANCEL_NONE)
		return;
	if (!run_stopped(r))
		run_cancelled(r);
	if (*since == 0)
		*since = clock_monotonic_ns();
	else if (level == CANCEL_GENTLE && clock_monotonic_ns() - *since >= GENTLE_NS)
		cancel_set(r->pass->cancel, CANCEL_NOW);
}

/* Sends what the workers hand over until all is claimed, or the run stopped, and no slot of ours is anywhere. */
static void drain(struct run *r)
{
	struct engine *e = r->e;
	struct slot *list;
	struct slot_op *refused;
	uint64_t cancelled_since = 0;

	for (;;) {
		watch_token(r, &cancelled_since);
		pthread_mutex_lock(&e->lock);
		if (!r->queue && !r->refused) {
			if (is_over_locked(r) && r->held == 0)
				break;
			wait_locked(r);
		}
		list = r->queue;
		r->queue = NULL;
		r->tail = &r->queue;
		refused = r->refused;
		r->refused = NULL;
		pthread_mutex_unlock(&e->lock);
		if (refused)
			send_again(r, refused);
		if (list)
			send_batch(r, list);
	}
	pthread_mutex_unlock(&e->lock);
}

/* One more block, written when all content is acknowledged: until then no reader takes a new replica for a VHD. */
static void send_footer(struct run *r)
{
	struct pass *p = r->pass;
	struct block_hash known, hash;
	struct coalesce_op op;
	struct slot *s;

	hasher_hash(&r->hasher, p->footer, VHD_FOOTER_LEN, &hash);
	atomic_fetch_add_explicit(&p->progress->blocks_hashed, 1, memory_order_relaxed);
	if (blockmap_get(p->map, r->blocks, &known) == BLOCK_HASHED && block_hash_equal(&known, &hash))
		return;
	s = run_slot_get(r);
	if (!s)
		return;
	atomic_fetch_add_explicit(&p->progress->blocks_changed, 1, memory_order_relaxed);
	memcpy(s->data, p->footer, VHD_FOOTER_LEN);
	s->first = r->blocks;
	s->hash[0] = hash;
	op = (struct coalesce_op){ .blk = r->blocks, .count = 1, .data = s->data, .off = r->content_size };
	op.len = VHD_FOOTER_LEN;
	slot_add_op(s, &op);
	run_queue(r, s);
	drain(r);
}

static int check_shape(const struct run *r, struct error *err)
{
	const struct pass *p = r->pass;

	if (disk_size(p->source) > r->content_size)
		return error_set(err, ERR_BUG, "disk of %" PRIu64 " bytes, map of %" PRIu64, disk_size(p->source),
				 r->content_size);
	return 0;
}

static void window_loaded(void *layers, const struct extent_list *list, uint64_t start, uint64_t end)
{
	layers_window(layers, list, start, end);
}

static int run_init(struct run *r, struct engine *e, struct pass *p, struct error *err)
{
	const struct blockmap_header *h = blockmap_header(p->map);
	pthread_condattr_t monotonic;

	*r = (struct run){ .e = e, .pass = p };
	r->ranges = calloc(e->n_workers, sizeof(*r->ranges));
	if (!r->ranges)
		return error_errno(err, ENOMEM, "ranges of a pass");
	for (unsigned i = 0; i < e->n_workers; i++)
		range_put_locked(r, &r->ranges[i]);
	if (cancel_init(&r->stopped, err) < 0) {
		free(r->ranges);
		return -1;
	}
	r->block_size = h->block_size;
	r->content_size = h->content_size;
	r->blocks = blockmap_blocks(p->map) - 1;
	r->tail = &r->queue;
	hasher_init(&r->hasher, h->secret);
	zeros_init(&r->zeros, p->source);
	if (p->layers) {
		r->zeros.loaded = window_loaded;
		r->zeros.loaded_ctx = p->layers;
	}
	pthread_mutex_init(&r->claim_lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&r->moved, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return 0;
}

static void run_fini(struct run *r)
{
	assert(r->held == 0 && r->workers == 0 && !r->queue && !r->refused);
	zeros_fini(&r->zeros);
	free(r->ranges);
	pthread_mutex_destroy(&r->claim_lock);
	pthread_cond_destroy(&r->moved);
	cancel_fini(&r->stopped);
}

int engine_run(struct engine *e, struct pass *p, struct error *err)
{
	struct error cause = ERROR_INIT;
	struct run r;
	int rc;

	p->target_failed = false;
	if (run_init(&r, e, p, err) < 0)
		return -1;
	rc = check_shape(&r, &r.err);
	if (rc == 0) {
		enter(e, &r);
		drain(&r);
		if (!run_stopped(&r) && p->until_ns == 0)
			send_footer(&r);
		leave(e, &r);
		replica_barrier(p->replica); /* the last completion may still be on its way out of our lock */
		if (blockmap_failed(p->map, &cause) < 0 || journal_sync(p->journal, &cause) < 0)
			run_fail(&r, &cause);
		log_debug("engine", "pass ended changed=%" PRIu64 " sent=%" PRIu64 " cleared=%" PRIu64 " read=%" PRIu64,
			  p->progress->blocks_changed, p->progress->bytes_sent, p->progress->bytes_cleared,
			  p->progress->bytes_read);
	}
	run_fini(&r);
	if (r.err.code == ERR_NONE)
		return 0;
	if (err)
		*err = r.err;
	return -1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes of one replica: a queue of operations, and slots that each carry one request at a time.
 *
 *   submit -> (batch of MD5s) -> queue -> slot: IDLE -> SENT -> (answer) -> next part of its range, or WAIT (a retry's
 *   time), or the operation's end
 *
 * An operation's range is cut into what the congestion window calls a chunk, each part goes to a slot, and a slot
 * halves what it sends when its request was too much; the operation is complete when all its parts are.  A retry sends
 * the same bytes: nothing but the caller's buffer is read, and it stays until `done`.
 *
 * Threads: submit() comes from any, answers and the timer from the network thread.  `lock` is held for list work only;
 * checksums, texts and curl are outside of it.  Whoever works on the writer without holding a slot counts in `inside`,
 * so that azure_writer_free() can wait for the last of them.
 */
#include <config.h>

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "target/azure.h"
#include "target/congestion.h"
#include "target/md5_batch.h"
#include "target/patience.h"

enum {
	TICK_MS = 100, /* how soon a cancel and a retry's time are noticed */
	CLEAR_PART_MIN = 1 << 20,
};

struct job {
	struct target_op *op;
	uint64_t given;   /* bytes of op that slots have got */
	unsigned slots;   /* that work on it */
	struct error err; /* the first failure */
	struct job *next; /* free list */
};

enum slot_state { SLOT_IDLE = 0, SLOT_SENT, SLOT_WAIT };

struct slot {
	struct azure_writer *w;
	enum slot_state state;
	struct job *job;
	uint64_t off, len; /* what is left of its range */
	uint64_t part;     /* of that, in the request */
	uint64_t part_max; /* what the last answers allow */
	unsigned timeout_ms; /* of its request */
	uint64_t started_ns, due_ns;
	struct azure_tries tries; /* of this part */
	enum azure_checksum sum_kind;
	uint64_t sum_len; /* bytes that sum is of; 0: none yet */
	char sum[AZURE_SUM_TEXT_LEN];
	char lease[GUID_TEXT_LEN];
	struct azure_call call;
	struct azure_text text;
	struct http_request req;
};

struct azure_writer {
	struct replica *r;
	pthread_mutex_t lock;
	pthread_cond_t quiet;
	struct congestion congestion;
	struct patience patience;
	struct md5_batch md5; /* operations on their way to the queue */
	struct target_op *head, **tail;
	struct job *current; /* the operation being cut, or NULL */
	struct job *free_jobs;
	unsigned sent, waiting; /* slots in those states */
	unsigned inside;
	bool ticking;
	uint64_t gentle_ns; /* network thread only: since when the cancel is gentle, 0: it is not */
	struct http_timer tick;
	unsigned n_slots;
	struct job *jobs; /* n_slots + 1: each slot may work on another, besides the one being cut */
	struct slot *slots;
};

static void on_reply(struct http_request *req);
static void on_tick(void *ctx);

static struct target *target_of(const struct azure_writer *w)
{
	return w->r->target;
}

/* ---- making and ending ---- */

static struct azure_writer *writer_new(struct replica *r)
{
	struct azure_writer *w = calloc(1, sizeof(*w));
	unsigned n = r->target->config.connections ? r->target->config.connections : 4;

	if (!w)
		return NULL;
	w->slots = calloc(n, sizeof(*w->slots));
	w->jobs = calloc(n + 1, sizeof(*w->jobs));
	if (!w->slots || !w->jobs) {
		free(w->slots);
		free(w->jobs);
		free(w);
		return NULL;
	}
	w->r = r;
	w->n_slots = n;
	w->tail = &w->head;
	md5_batch_init(&w->md5);
	w->tick = (struct http_timer){ .fn = on_tick, .ctx = w };
	congestion_init(&w->congestion, n);
	for (unsigned i = 0; i <= n; i++) {
		w->jobs[i].next = w->free_jobs;
		w->free_jobs = &w->jobs[i];
	}
	for (unsigned i = 0; i < n; i++)
		w->slots[i].w = w;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->quiet, NULL);
	return w;
}

void azure_writer_free(struct azure_writer *w)
{
	if (!w)
		return;
	if (http_timer_cancel(target_of(w)->config.http, &w->tick)) {
		LOCK_SCOPE(&w->lock);
		w->ticking = false;
	}
	{
		LOCK_SCOPE(&w->lock);
		while (w->inside > 0 || w->ticking)
			pthread_cond_wait(&w->quiet, &w->lock);
		assert(w->md5.n == 0 && !w->head && !w->current && w->sent == 0 && w->waiting == 0);
	}
	for (unsigned i = 0; i < w->n_slots; i++) {
		http_request_fini(&w->slots[i].req);
		azure_text_fini(&w->slots[i].text);
	}
	pthread_cond_destroy(&w->quiet);
	pthread_mutex_destroy(&w->lock);
	free(w->slots);
	free(w->jobs);
	free(w);
}

static void leave(struct azure_writer *w)
{
	LOCK_SCOPE(&w->lock);
	assert(w->inside > 0);
	if (--w->inside == 0)
		pthread_cond_broadcast(&w->quiet);
}

/* ---- one slot's request ---- */

static const void *part_data(const struct slot *s)
{
	const struct target_op *op = s->job->op;

	return op->data ? (const char *)op->data + (s->off - op->off) : NULL;
}

static void count(const struct slot *s)
{
	struct target_counters *c = &s->w->r->counters;

	atomic_fetch_add_explicit(s->job->op->data ? &c->writes : &c->clears, 1, memory_order_relaxed);
	if (s->tries.n > 0)
		atomic_fetch_add_explicit(&c->retries, 1, memory_order_relaxed);
}

static void arm_locked(struct azure_writer *w)
{
	if (w->ticking)
		return;
	w->ticking = true;
	http_after(target_of(w)->config.http, &w->tick, TICK_MS);
}

/* Until its credentials are there: the tick looks again. */
static void put_aside(struct slot *s)
{
	struct azure_writer *w = s->w;

	LOCK_SCOPE(&w->lock);
	s->state = SLOT_WAIT;
	s->due_ns = clock_monotonic_ns() + TICK_MS * UINT64_C(1000000);
	w->sent--;
	w->waiting++;
	arm_locked(w);
}

/* Sends the next part, now or once it may.  The slot is SENT already.  -1: nothing was or will be sent. */
static int send_part(struct slot *s, struct error *err)
{
	struct target *t = target_of(s->w);
	const void *data = part_data(s);
	enum token_state state = credentials_ready(t->config.creds, 0, err);

	if (state == TOKEN_COMING)
		put_aside(s);
	if (state != TOKEN_READY)
		return state == TOKEN_COMING ? 0 : -1;
	azure_call_init(s->w->r, data ? AZURE_WRITE : AZURE_CLEAR, &s->call, s->lease);
	s->call.off = s->off;
	s->call.len = s->part;
	s->call.checksum = (enum azure_checksum)atomic_load(&azure_place(t)->checksum);
	if (data && (s->sum_len != s->part || s->sum_kind != s->call.checksum)) {
		s->sum_len = 0;
		if (azure_sum(s->call.checksum, data, s->part, s->sum, err) < 0)
			return -1;
		s->sum_kind = s->call.checksum;
		s->sum_len = s->part;
	}
	s->call.sum = s->sum;
	if (azure_build(t, &s->call, data ? s->part : 0, &s->text, err) < 0)
		return -1;
	http_request_fini(&s->req);
	s->req.method = s->text.method;
	s->req.url = s->text.url.s;
	s->req.headers = s->text.headers;
	s->req.n_headers = s->text.n_headers;
	s->req.body = data;
	s->req.body_len = data ? s->part : 0;
	s->req.done = on_reply;
	s->req.ctx = s;
	s->req.timeout_ms = s->timeout_ms;
	count(s);
	s->started_ns = clock_monotonic_ns();
	http_submit(t->config.http, &s->req);
	return 0;
}

/* The checksum of what was stored, or NULL.  A service that does not say it may not have looked at ours either. */
static const char *stored_sum(const struct slot *s)
{
	return s->call.op == AZURE_WRITE ? http_reply_header(&s->req, azure_sum_header(s->sum_kind)) : NULL;
}

/* A stored part: is it what was sent? */
static int check_stored(const struct slot *s, struct error *err)
{
	const char *theirs = stored_sum(s);

	if (!theirs || strcmp(theirs, s->sum) == 0)
		return 0;
	return error_set(err, ERR_NETWORK,
			 "write of %" PRIu64 " bytes at %#" PRIx64 ": stored with checksum %s instead of %s", s->part,
			 s->off, theirs, s->sum);
}

/* ---- list work, under the lock ---- */

/* How much of what is left goes into one request, and how long to wait for its answer. */
static void choose_part_locked(struct slot *s)
{
	uint64_t max = s->part_max;

	if (s->job->op->data && s->w->congestion.chunk < max)
		max = s->w->congestion.chunk;
	s->part = s->len < max ? s->len : max;
	s->timeout_ms = patience_ms(&s->w->patience, s->job->op->data ? s->part : 0);
}

static struct slot *idle_slot_locked(struct azure_writer *w)
{
	if (w->sent + w->waiting >= w->congestion.window)
		return NULL;
	for (unsigned i = 0; i < w->n_slots; i++)
		if (w->slots[i].state == SLOT_IDLE)
			return &w->slots[i];
	return NULL;
}

/* The operation that is being cut, taken from the queue if there is none. */
static struct job *current_locked(struct azure_writer *w)
{
	struct job *j = w->current;

	if (j)
		return j;
	if (!w->head)
		return NULL;
	j = w->free_jobs;
	assert(j);
	w->free_jobs = j->next;
	*j = (struct job){ .op = w->head };
	w->head = w->head->next;
	if (!w->head)
		w->tail = &w->head;
	w->current = j;
	return j;
}

/* Gives a slot the next piece of work; NULL if there is no room or nothing to do. */
static struct slot *claim_locked(struct azure_writer *w)
{
	struct slot *s = idle_slot_locked(w);
	struct job *j = s ? current_locked(w) : NULL;
	uint64_t left;

	if (!j)
		return NULL;
	left = j->op->len - j->given;
	s->job = j;
	s->off = j->op->off + j->given;
	s->len = j->op->data && left > w->congestion.chunk ? w->congestion.chunk : left;
	s->part_max = UINT64_MAX;
	s->tries = (struct azure_tries){ 0 };
	choose_part_locked(s);
	s->sum_len = 0;
	if (j->op->sum[0] && s->part == j->op->len) {
		s->sum_kind = (enum azure_checksum)j->op->sum_kind;
		s->sum_len = s->part;
		memcpy(s->sum, j->op->sum, sizeof(s->sum));
	}
	s->state = SLOT_SENT;
	w->sent++;
	j->slots++;
	j->given += s->len;
	if (j->given == j->op->len)
		w->current = NULL;
	return s;
}

/* The slot's range is done with, well or not.  Returns the operation if that was the last of it. */
static struct target_op *release_locked(struct slot *s, const struct error *err)
{
	struct azure_writer *w = s->w;
	struct job *j = s->job;
	struct target_op *op = NULL;

	if (err->code != ERR_NONE && j->err.code == ERR_NONE)
		j->err = *err;
	if (s->state == SLOT_SENT)
		w->sent--;
	else
		w->waiting--;
	s->state = SLOT_IDLE;
	s->job = NULL;
	j->slots--;
	if (j->err.code != ERR_NONE && w->current == j) { /* what is left of it is not sent any more */
		j->given = j->op->len;
		w->current = NULL;
	}
	if (j->slots == 0 && j->given == j->op->len) {
		op = j->op;
		op->err = j->err;
		j->next = w->free_jobs;
		w->free_jobs = j;
	}
	return op;
}

/* ---- the flow ---- */

static void finish(struct slot *s, const struct error *err)
{
	struct azure_writer *w = s->w;
	struct target_op *op;

	{
		LOCK_SCOPE(&w->lock);
		op = release_locked(s, err);
	}
	if (op)
		target_complete(w->r, op);
}

/* Should work that has not been sent end instead? */
static int check_going(struct azure_writer *w, struct error *err)
{
	struct target *t = target_of(w);

	if (cancel_level(t->config.cancel) >= CANCEL_NOW || http_is_ending(t->config.http))
		return error_set(err, ERR_CANCELLED, "stopped");
	return 0;
}

static void enqueue_locked(struct azure_writer *w, struct target_op *op)
{
	op->next = NULL;
	*w->tail = op;
	w->tail = &op->next;
}

static void make_batch(struct azure_writer *w, struct target_op *list)
{
	md5_batch_make(list);
	LOCK_SCOPE(&w->lock);
	for (struct target_op *op = list, *next; op; op = next) {
		next = op->next;
		enqueue_locked(w, op);
	}
	md5_batch_done(&w->md5);
}

/* Sends what the window has room for.  The caller counts in `inside`. */
static void run(struct azure_writer *w)
{
	for (;;) {
		struct error err = ERROR_INIT;
		struct target_op *batch = NULL;
		struct slot *s;

		{
			LOCK_SCOPE(&w->lock);
			s = claim_locked(w);
			if (s)
				arm_locked(w);
			else
				batch = md5_batch_take(&w->md5, w->sent, w->congestion.window);
		}
		if (!s && !batch)
			return;
		if (batch)
			make_batch(w, batch);
		else if (check_going(w, &err) < 0 || send_part(s, &err) < 0)
			finish(s, &err);
	}
}

/* The slot goes on with its range: the same part again, or the next.  The caller counts in `inside`. */
static void go_on(struct slot *s)
{
	struct error err = ERROR_INIT;

	{
		LOCK_SCOPE(&s->w->lock);
		choose_part_locked(s);
	}
	if (check_going(s->w, &err) < 0 || send_part(s, &err) < 0)
		finish(s, &err);
}

/* The window's opinion of an answer; a request that was too much is halved. */
static void learn_locked(struct slot *s, bool congested, bool ok)
{
	struct azure_writer *w = s->w;
	bool changed = false;

	if (s->req.status != 0 && s->req.err.code == ERR_NONE)
		patience_answered(&w->patience, s->req.elapsed_us, s->req.body_len);
	else if (s->req.timed_out)
		patience_timed_out(&w->patience);
	if (congested) {
		changed = congestion_signal(&w->congestion, s->started_ns, clock_monotonic_ns());
		if (s->call.op == AZURE_CLEAR && s->req.status != 503 && s->part > CLEAR_PART_MIN)
			s->part_max = (s->part / 2 + 511) / 512 * 512;
	} else if (ok) {
		changed = congestion_success(&w->congestion, s->started_ns);
	}
	if (changed)
		log_info("azure", "%s: %s window=%u chunk=%u", replica_name(w->r), congested ? "slower" : "faster",
			 w->congestion.window, w->congestion.chunk);
}

static void on_reply(struct http_request *req)
{
	struct slot *s = req->ctx;
	struct azure_writer *w = s->w;
	struct error err = ERROR_INIT;
	struct azure_reply reply;
	enum azure_step step;
	unsigned wait_ms = 0;

	azure_answer(req, &reply);
	step = azure_next(target_of(w), &s->call, req, &reply, 201, false, &s->tries, &wait_ms, &err);
	if (step == AZURE_STEP_DONE && s->call.op == AZURE_WRITE && s->sum_kind == AZURE_CRC64 && !stored_sum(s)) {
		azure_fall_back(target_of(w));
		step = AZURE_STEP_AGAIN;
	}
	if (step == AZURE_STEP_DONE && check_stored(s, &err) < 0)
		step = AZURE_STEP_FAILED;
	if (step == AZURE_STEP_AGAIN && wait_ms > 0 && cancel_check(target_of(w)->config.cancel, &err) < 0)
		step = AZURE_STEP_FAILED;
	{
		LOCK_SCOPE(&w->lock);
		w->inside++;
		learn_locked(s, s->tries.congested, step == AZURE_STEP_DONE);
		if (step == AZURE_STEP_DONE) {
			s->off += s->part;
			s->len -= s->part;
			s->tries = (struct azure_tries){ 0 };
			s->sum_len = 0;
		} else if (step == AZURE_STEP_AGAIN && wait_ms > 0) {
			s->state = SLOT_WAIT;
			s->due_ns = clock_monotonic_ns() + (uint64_t)wait_ms * 1000000;
			w->sent--;
			w->waiting++;
			arm_locked(w);
		}
	}
	if (step == AZURE_STEP_FAILED || (step == AZURE_STEP_DONE && s->len == 0))
		finish(s, &err);
	else if (step == AZURE_STEP_DONE || wait_ms == 0)
		go_on(s);
	run(w);
	leave(w);
}

/* Retries whose time has come, as far as the window has room; all of them, to end, once that is asked for. */
static struct slot *due_locked(struct azure_writer *w, bool ending)
{
	uint64_t now = clock_monotonic_ns();

	for (unsigned i = 0; i < w->n_slots; i++) {
		struct slot *s = &w->slots[i];

		if (s->state != SLOT_WAIT || (!ending && (s->due_ns > now || w->sent >= w->congestion.window)))
			continue;
		s->state = SLOT_SENT;
		w->waiting--;
		w->sent++;
		return s;
	}
	return NULL;
}

static void on_tick(void *ctx)
{
	struct azure_writer *w = ctx;
	struct target *t = target_of(w);
	struct error gone = ERROR_INIT;
	bool ending = http_is_ending(t->config.http);
	int level = azure_cancel_level(t, &w->gentle_ns);
	bool now = level >= CANCEL_NOW;
	bool stop = ending || level != CANCEL_NONE;

	if (stop)
		error_set(&gone, ERR_CANCELLED, "stopped");
	{
		LOCK_SCOPE(&w->lock);
		w->inside++;
	}
	for (;;) {
		struct slot *s;

		{
			LOCK_SCOPE(&w->lock);
			s = due_locked(w, stop);
		}
		if (!s)
			break;
		if (stop)
			finish(s, &gone);
		else
			go_on(s);
	}
	for (unsigned i = 0; now && i < w->n_slots; i++)
		http_cancel(t->config.http, &w->slots[i].req); /* of an idle one: nothing */
	run(w);
	{
		LOCK_SCOPE(&w->lock);
		w->ticking = false;
		if (w->sent + w->waiting > 0 && !ending)
			arm_locked(w);
		if (--w->inside == 0)
			pthread_cond_broadcast(&w->quiet);
	}
}

void azure_submit(struct replica *r, struct target_op *op)
{
	struct azure_replica *a = azure_replica(r);
	struct azure_writer *w;

	{
		LOCK_SCOPE(&a->lock);
		if (!a->writer)
			a->writer = writer_new(r);
		w = a->writer;
	}
	if (!w)
		error_set(&op->err, ERR_NOMEM, "%s: slots for its writes", replica_name(r));
	if (!w || azure_sum_op(r->target, op, &op->err) < 0) {
		target_complete(r, op);
		return;
	}
	{
		LOCK_SCOPE(&w->lock);
		w->inside++;
		if (op->data && op->sum_kind == AZURE_MD5 && op->len <= w->congestion.chunk)
			md5_batch_add(&w->md5, op);
		else
			enqueue_locked(w, op);
	}
	run(w);
	leave(w);
}

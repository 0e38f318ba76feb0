/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the queue to the acknowledgement: a share of the rate, INTENT records of a batch of slots, one sync, submit; and, on the ack thread,
 * ACK records and map entries.  Between the two the map says unknown.
 */
#include <config.h>

#include "replicate/engine_priv.h"

static void hand_to_acker(struct slot_op *o)
{
	struct engine *e = o->slot->run->e;

	LOCK_SCOPE(&e->done_lock);
	o->next = NULL;
	*e->done_tail = o;
	e->done_tail = &o->next;
	pthread_cond_signal(&e->done_cond);
}

static void op_done(struct target_op *op)
{
	hand_to_acker(op->ctx);
}

static int write_intents(struct run *r, struct slot *list, struct error *err)
{
	struct journal *j = r->pass->journal;

	/* With a map that cannot be written every block is unknown: nothing sensible could be sent. */
	if (blockmap_make_writable(r->pass->map, err) < 0)
		return -1;
	for (struct slot *s = list; s; s = s->next)
		for (unsigned i = 0; i < s->n_ops; i++)
			if (journal_intent(j, s->ops[i].blk, s->ops[i].count, err) < 0)
				return -1;
	return journal_sync(j, err);
}

static void submit(struct run *r, struct slot *s)
{
	unsigned n = s->n_ops;

	s->ops_left = n;
	for (unsigned i = 0; i < n; i++) {
		s->ops[i].op.done = op_done;
		s->ops[i].renewals = r->renewals;
		blockmap_set_run(r->pass->map, s->ops[i].blk, s->ops[i].count, BLOCK_UNKNOWN, NULL);
	}
	/* After the last one the slot may be somebody else's. */
	for (unsigned i = 0; i < n; i++)
		replica_submit(r->pass->replica, &s->ops[i].op);
}

/* The slots' share of the rate, before anything is journalled: who waits has promised nothing. */
static int take_rate(struct run *r, const struct slot *list, struct error *err)
{
	uint64_t bytes = 0;

	for (const struct slot *s = list; s; s = s->next)
		for (unsigned i = 0; i < s->n_ops; i++)
			bytes += s->ops[i].op.data ? s->ops[i].op.len : RATE_CLEAR_BYTES;
	return rate_limit_take(r->pass->rate, bytes, r->pass->cancel, &r->stopped, err);
}

static void send_list(struct run *r, struct slot *list)
{
	struct error err = ERROR_INIT;
	struct slot *next;
	bool send = !run_stopped(r);

	if (send && take_rate(r, list, &err) < 0) {
		run_fail(r, &err);
		send = false;
	}
	if (send && write_intents(r, list, &err) < 0) {
		run_fail(r, &err);
		send = false;
	}
	for (struct slot *s = list; s; s = next) {
		next = s->next;
		if (send)
			submit(r, s);
		else
			run_slot_put(r, s);
	}
}

/* Under a rate one slot at a time: more would leave at once. */
void send_batch(struct run *r, struct slot *list)
{
	struct slot *next;

	if (!r->pass->rate) {
		send_list(r, list);
		return;
	}
	for (struct slot *s = list; s; s = next) {
		next = s->next;
		s->next = NULL;
		send_list(r, s);
	}
}

/*
 * Of what was refused before the last renewal nothing needs another one.  The blocks stay unknown and their INTENTs hold: the
 * same bytes go out once more.
 */
void send_again(struct run *r, struct slot_op *list)
{
	struct error err = ERROR_INIT;
	struct slot_op *next;
	bool renew = false;

	for (struct slot_op *o = list; o; o = o->next)
		renew |= o->renewals == r->renewals;
	if (renew && !run_stopped(r)) {
		if (r->pass->renew(r->pass->renew_ctx, &err) < 0)
			run_fail_by_target(r, &err);
		else
			r->renewals++;
	}
	for (struct slot_op *o = list; o; o = next) {
		next = o->next;
		if (run_stopped(r)) {
			hand_to_acker(o);
			continue;
		}
		o->op.err = (struct error)ERROR_INIT;
		o->renewals = r->renewals;
		replica_submit(r->pass->replica, &o->op);
	}
}

/* On the ack thread, which waits for nobody: the renewal is the caller's. */
static bool left_to_the_caller(struct run *r, struct slot_op *o)
{
	if (!target_refused_lease(&o->op.err) || !r->pass->renew || o->refusals >= PASS_RESENDS || run_stopped(r))
		return false;
	o->refusals++;
	LOCK_SCOPE(&r->e->lock);
	o->next = r->refused;
	r->refused = o;
	pthread_cond_signal(&r->moved);
	return true;
}

static int acknowledge(struct run *r, const struct slot_op *o, struct error *err)
{
	struct pass *p = r->pass;
	const struct block_hash *hashes;

	if (!o->op.data) {
		blockmap_set_run(p->map, o->blk, o->count, BLOCK_ZERO, NULL);
		atomic_fetch_add_explicit(&p->progress->bytes_cleared, o->op.len, memory_order_relaxed);
		return journal_ack_zero(p->journal, o->blk, o->count, err);
	}
	hashes = &o->slot->hash[o->blk - o->slot->first];
	if (o->blk < r->blocks)
		atomic_fetch_add_explicit(&p->progress->bytes_sent, o->op.len, memory_order_relaxed);
	blockmap_set_run(p->map, o->blk, o->count, BLOCK_HASHED, hashes);
	return journal_acks(p->journal, o->blk, hashes, (size_t)o->count, err);
}

static void finish(struct slot_op *o)
{
	struct slot *s = o->slot;
	struct run *r = s->run;
	struct error err = ERROR_INIT;

	if (left_to_the_caller(r, o))
		return;
	if (o->op.err.code != ERR_NONE)
		run_fail_by_target(r, &o->op.err);
	else if (acknowledge(r, o, &err) < 0)
		run_fail(r, &err);
	s->ops_left--;
	if (s->ops_left == 0)
		run_slot_put(r, s);
}

void *send_acks(void *engine)
{
	struct engine *e = engine;
	struct slot_op *list, *next;

	for (;;) {
		pthread_mutex_lock(&e->done_lock);
		while (!e->done && !e->done_shutdown)
			pthread_cond_wait(&e->done_cond, &e->done_lock);
		list = e->done;
		e->done = NULL;
		e->done_tail = &e->done;
		pthread_mutex_unlock(&e->done_lock);
		if (!list)
			return NULL;
		for (struct slot_op *o = list; o; o = next) {
			next = o->next;
			finish(o);
		}
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <signal.h>

#include "base/cleanup.h"
#include "target/op_queue.h"

void op_queue_init(struct op_queue *q, struct replica *r, void (*run)(struct replica *r, struct target_op *batch))
{
	*q = (struct op_queue){ .replica = r, .run = run };
	q->tail = &q->head;
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->wake, NULL);
}

/* Waits for work; NULL: stop. */
static struct target_op *take_all(struct op_queue *q)
{
	struct target_op *batch;

	LOCK_SCOPE(&q->lock);
	while (!q->head && !q->stop)
		pthread_cond_wait(&q->wake, &q->lock);
	batch = q->head;
	q->head = NULL;
	q->tail = &q->head;
	return batch;
}

static void *work(void *arg)
{
	struct op_queue *q = arg;

	for (struct target_op *batch = take_all(q); batch; batch = take_all(q))
		q->run(q->replica, batch);
	return NULL;
}

/* Signals are the program's: one thread of its own takes them. */
static int start_locked(struct op_queue *q, struct error *err)
{
	sigset_t all, before;
	int rc;

	if (q->running)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&q->thread, NULL, work, q);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		return error_errno(err, rc, "%s: start a thread", q->replica->name);
	q->running = true;
	return 0;
}

static int push(struct op_queue *q, struct target_op *op, struct error *err)
{
	LOCK_SCOPE(&q->lock);
	if (start_locked(q, err) < 0)
		return -1;
	op->next = NULL;
	*q->tail = op;
	q->tail = &op->next;
	pthread_cond_signal(&q->wake);
	return 0;
}

void op_queue_push(struct op_queue *q, struct target_op *op)
{
	struct error err = ERROR_INIT;

	if (push(q, op, &err) == 0)
		return; /* op may be gone already */
	op->err = err;
	target_complete(q->replica, op);
}

void op_queue_fini(struct op_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->stop = true;
	pthread_cond_signal(&q->wake);
	pthread_mutex_unlock(&q->lock);
	if (q->running)
		pthread_join(q->thread, NULL);
	pthread_cond_destroy(&q->wake);
	pthread_mutex_destroy(&q->lock);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread that works off a replica's operations in the order of their submission, in batches: for targets that have
 * no event loop of their own.  The thread starts with the first operation, so that a replica that is only looked at has
 * none.
 */
#ifndef LIFTFS_TARGET_OP_QUEUE_H
#define LIFTFS_TARGET_OP_QUEUE_H

#include <pthread.h>
#include <stdbool.h>

#include "target/ops.h"

struct op_queue {
	struct replica *replica;
	/* All that was queued, linked by ->next, at least one; to be completed each (->next is to be read before). */
	void (*run)(struct replica *r, struct target_op *batch);
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	struct target_op *head, **tail;
	bool running, stop;
};

void op_queue_init(struct op_queue *q, struct replica *r, void (*run)(struct replica *r, struct target_op *batch));
/* Runs what is left, ends the thread.  Nothing may be pushed any more. */
void op_queue_fini(struct op_queue *q);
/* Any thread; never waits for the work.  Without a thread the operation completes with the reason, here. */
void op_queue_push(struct op_queue *q, struct target_op *op);

#endif

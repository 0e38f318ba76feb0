/* SPDX-License-Identifier: Apache-2.0 */
/* One operation of a replica, waited for. */
#ifndef LIFTFS_TESTS_OP_WAIT_H
#define LIFTFS_TESTS_OP_WAIT_H

#include <semaphore.h>

#include "target/target.h"

static inline void op_wait_done(struct target_op *op)
{
	sem_post(op->ctx);
}

/* data NULL: zeroes.  The size of r is known (look, create). */
static inline int op_wait(struct replica *r, const void *data, uint64_t len, uint64_t off, struct error *err)
{
	sem_t ended;
	struct target_op op = { .off = off, .len = len, .data = data, .done = op_wait_done, .ctx = &ended };

	sem_init(&ended, 0, 0);
	replica_submit(r, &op);
	while (sem_wait(&ended) < 0)
		;
	replica_barrier(r); /* done() has returned: the semaphore is ours alone again */
	sem_destroy(&ended);
	if (op.err.code == ERR_NONE)
		return 0;
	if (err)
		*err = op.err;
	return -1;
}

#endif

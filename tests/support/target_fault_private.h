/* SPDX-License-Identifier: Apache-2.0 */
/* What the two rooms of the target that injects faults share. */
#ifndef LIFTFS_TESTS_TARGET_FAULT_PRIVATE_H
#define LIFTFS_TESTS_TARGET_FAULT_PRIVATE_H

#include "target/op_queue.h"
#include "target_fault.h"
#include "target_mem_private.h"

struct fault_target {
	struct fault *fault;
	struct target *inner;
};

struct fault_replica {
	struct replica *inner;
	struct op_queue queue;
};

static inline struct replica *fault_inner(struct replica *r)
{
	struct fault_replica *p = r->priv;

	return p->inner;
}

/* What becomes of a request of this kind; of a lease's, `lease` is 1 << its action.  A delay or a call is over on return. */
struct fault_rule fault_decide(struct replica *r, unsigned kind, unsigned lease);
int fault_fail(const struct fault_rule *rule, struct error *err);
/* Does it go wrong besides the inner handle? */
bool fault_goes_wrong(struct replica *r, const struct fault_rule *rule);
/* A single request that does, since that handle must not learn of an answer that nobody got.  Takes q. */
int fault_misdeliver(struct replica *r, struct mem_request *q, const struct fault_rule *rule, struct error *err);
/* After the call behind returned rc: was its answer lost? */
int fault_answer(const struct fault_rule *rule, int rc, struct error *err);
/* The answer of a look that is an old one. */
int fault_stale(struct replica *r, struct target_look *out, struct error *err);
void fault_keep_late(struct replica *r, struct mem_request *q, const struct fault_rule *rule);
/* One thread sends a replica's writes: while it waits here they all do. */
void fault_wait_while_held(struct replica *r);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "replicate/slot.h"

#define SLOT_ALIGN 4096

int slot_pool_init(struct slot_pool *p, unsigned n, struct error *err)
{
	*p = (struct slot_pool){ .n = n };
	for (unsigned i = 0; i < n; i++) {
		struct slot *s = calloc(1, sizeof(*s));

		if (!s)
			return error_errno(err, ENOMEM, "slot %u of %u", i + 1, n);
		s->all = p->all;
		p->all = s;
		s->data = aligned_alloc(SLOT_ALIGN, ENGINE_UNIT);
		if (!s->data)
			return error_errno(err, ENOMEM, "slot %u of %u", i + 1, n);
		slot_put_locked(p, s);
	}
	return 0;
}

void slot_pool_fini(struct slot_pool *p)
{
	struct slot *next;

	for (struct slot *s = p->all; s; s = next) {
		next = s->all;
		free(s->data);
		free(s);
	}
	*p = (struct slot_pool){ 0 };
}

struct slot *slot_take_locked(struct slot_pool *p)
{
	struct slot *s = p->idle;

	if (s) {
		p->idle = s->next;
		p->n_idle--;
		s->next = NULL;
		s->n_ops = s->ops_left = 0;
	}
	return s;
}

void slot_put_locked(struct slot_pool *p, struct slot *s)
{
	assert(s->ops_left == 0);
	s->run = NULL;
	s->next = p->idle;
	p->idle = s;
	p->n_idle++;
}

void slot_add_op(struct slot *s, const struct coalesce_op *op)
{
	struct slot_op *o = &s->ops[s->n_ops];

	assert(s->n_ops < SLOT_BLOCKS);
	*o = (struct slot_op){
		.op = { .off = op->off, .len = op->len, .data = op->data, .ctx = o },
		.slot = s,
		.blk = op->blk,
		.count = op->count,
	};
	s->n_ops++;
}

void slot_build_ops(struct slot *s, unsigned n, uint64_t len, uint64_t block_size)
{
	const struct coalesce_unit unit = {
		.blocks = s->blocks,
		.n = n,
		.off = s->first * block_size,
		.len = len,
		.block_size = block_size,
		.data = s->data,
	};
	size_t n_ops = coalesce(&unit, s->plan);

	for (size_t i = 0; i < n_ops; i++)
		slot_add_op(s, &s->plan[i]);
}

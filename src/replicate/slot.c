/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/io.h"
#include "replicate/slot.h"

#define SECTOR 512
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
}

void slot_add_op(struct slot *s, uint64_t blk, uint64_t count, const void *data, uint64_t len, uint64_t off)
{
	struct slot_op *o = &s->ops[s->n_ops];

	assert(s->n_ops < SLOT_BLOCKS);
	*o = (struct slot_op){ .op = { .off = off, .len = len, .data = data, .ctx = o }, .slot = s, .blk = blk, .count = count };
	s->n_ops++;
}

static void add_write(struct slot *s, unsigned from, unsigned to, uint64_t len, uint64_t block_size)
{
	uint8_t *data = s->data + from * block_size;
	uint64_t off = (s->first + from) * block_size;

	/* A block to write is not zero: each loop ends inside the block whose sectors it may leave out. */
	if (s->was_zero[to - 1])
		while (len > SECTOR && io_is_zero(data + len - SECTOR, SECTOR))
			len -= SECTOR;
	if (s->was_zero[from])
		while (len > SECTOR && io_is_zero(data, SECTOR)) {
			data += SECTOR;
			off += SECTOR;
			len -= SECTOR;
		}
	slot_add_op(s, s->first + from, to - from, data, len, off);
}

void slot_build_ops(struct slot *s, unsigned n, uint64_t block_size, uint64_t content_size)
{
	unsigned to;

	for (unsigned from = 0; from < n; from = to) {
		uint64_t off = (s->first + from) * block_size, len;

		for (to = from + 1; to < n && s->verdict[to] == s->verdict[from]; to++)
			;
		len = (to - from) * block_size;
		if (len > content_size - off)
			len = content_size - off; /* the last block may be short */
		if (s->verdict[from] == SLOT_WRITE)
			add_write(s, from, to, len, block_size);
		else if (s->verdict[from] == SLOT_CLEAR)
			slot_add_op(s, s->first + from, to - from, NULL, len, off);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>

#include "net/md5_lanes.h"
#include "target/md5_batch.h"

_Static_assert(sizeof(((struct target_op *)0)->sum) >= BASE64_LEN(MD5_LEN), "a target_op has room for an MD5's text");

void md5_batch_init(struct md5_batch *b)
{
	*b = (struct md5_batch){ .n = 0 };
	b->tail = &b->head;
}

void md5_batch_add(struct md5_batch *b, struct target_op *op)
{
	op->next = NULL;
	*b->tail = op;
	b->tail = &op->next;
	b->n++;
}

struct target_op *md5_batch_take(struct md5_batch *b, unsigned sent, unsigned window)
{
	struct target_op *list = b->head, *last = list;

	if (b->n == 0 || b->busy || (b->n < MD5_BATCH_LEAST && sent > window / 2))
		return NULL;
	b->n--;
	for (unsigned i = 1; i < MD5_BATCH_MOST && last->next; i++) {
		last = last->next;
		b->n--;
	}
	b->head = last->next;
	if (!b->head)
		b->tail = &b->head;
	last->next = NULL;
	b->busy = true;
	return list;
}

void md5_batch_make(struct target_op *list)
{
	struct md5_body v[MD5_BATCH_MOST];
	struct target_op *op;
	size_t n = 0;

	if (list && !list->next) { /* of one alone the library's own code is quicker */
		if (digest_md5_header(list->data, list->len, list->sum, NULL) < 0)
			list->sum[0] = '\0';
		return;
	}
	for (op = list; op; op = op->next) {
		assert(n < MD5_BATCH_MOST);
		v[n++] = (struct md5_body){ .data = op->data, .len = op->len };
	}
	md5_lanes(v, n);
	n = 0;
	for (op = list; op; op = op->next)
		base64_encode(v[n++].md5, MD5_LEN, op->sum);
}

void md5_batch_done(struct md5_batch *b)
{
	b->busy = false;
}

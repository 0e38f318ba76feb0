/* SPDX-License-Identifier: Apache-2.0 */
/* The seam's table of a target in which requests go wrong: each asks target_fault.c, then the target behind. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "target_fault_private.h"

struct fault_op { /* an operation on its way to the target behind */
	struct target_op inner;
	struct target_op *outer;
	struct replica *replica;
	struct fault_rule fault;
};

static bool fault_match(const char *url)
{
	(void)url;
	return false;
}

static _Thread_local struct fault_target *opening; /* handed to fault_open(), which knows only a URL */

static int fault_open(struct target *t, const char *url, struct error *err)
{
	(void)err;
	t->priv = opening;
	t->name = mem_must(strdup(url));
	t->caps = *target_caps(opening->inner);
	return 0;
}

static void fault_close(struct target *t)
{
	struct fault_target *p = t->priv;

	target_close(p->inner);
	free(p);
}

static int fault_prepare(struct target *t, bool dry_run, char **note, struct error *err)
{
	struct fault_target *p = t->priv;
	int rc = target_prepare(p->inner, dry_run, note, err);

	t->caps = *target_caps(p->inner);
	return rc;
}

static int fault_check_name(const struct target *t, const char *name, struct error *err)
{
	const struct fault_target *p = t->priv;

	return target_check_name(p->inner, name, err);
}

static int fault_check_space(struct target *t, uint64_t data_bytes, uint64_t full_size, struct error *err)
{
	struct fault_target *p = t->priv;

	return target_check_space(p->inner, data_bytes, full_size, err);
}

static int fault_list(struct target *t,
		      int (*each)(void *ctx, const char *name, const struct target_look *look, struct error *err),
		      void *ctx, struct error *err)
{
	struct fault_target *p = t->priv;

	return target_list(p->inner, each, ctx, err);
}

static void inner_done(struct target_op *inner)
{
	struct fault_op *f = inner->ctx;
	struct target_op *outer = f->outer;
	struct replica *r = f->replica;

	if (f->fault.action == FAULT_AFTER || f->fault.action == FAULT_TEAR)
		fault_fail(&f->fault, &outer->err);
	else
		outer->err = inner->err;
	free(f);
	target_complete(r, outer);
}

static void pass_on(struct replica *r, struct target_op *op, const struct fault_rule *rule)
{
	struct fault_op *f = mem_must(calloc(1, sizeof(*f)));

	f->outer = op;
	f->replica = r;
	f->fault = *rule;
	f->inner = (struct target_op){ .off = op->off, .len = op->len, .data = op->data, .done = inner_done, .ctx = f };
	if (rule->action == FAULT_TEAR)
		f->inner.len = op->len / 2 / 512 * 512;
	if (f->inner.len == 0) {
		free(f);
		fault_fail(rule, &op->err);
		target_complete(r, op);
		return;
	}
	atomic_store(&fault_inner(r)->size, atomic_load(&r->size)); /* this handle may not have looked through the other */
	replica_submit(fault_inner(r), &f->inner);
}

static void run_batch(struct replica *r, struct target_op *batch)
{
	while (batch) {
		struct target_op *op = batch;

		fault_wait_while_held(r);
		struct fault_rule rule = fault_decide(r, op->data ? MEM_WRITE : MEM_CLEAR, 0);

		batch = op->next;
		if (rule.action == FAULT_TWICE)
			fault_keep_late(r, mem_capture_op(fault_inner(r), op), &rule);
		if (rule.action == FAULT_BEFORE || rule.action == FAULT_LATE) {
			if (rule.action == FAULT_LATE)
				fault_keep_late(r, mem_capture_op(fault_inner(r), op), &rule);
			fault_fail(&rule, &op->err);
			target_complete(r, op);
		} else {
			pass_on(r, op, &rule);
		}
	}
}

static int wrap(struct replica *r, struct replica *inner)
{
	struct fault_replica *p;

	if (!inner)
		return -1;
	p = mem_must(calloc(1, sizeof(*p)));
	p->inner = inner;
	op_queue_init(&p->queue, r, run_batch);
	r->priv = p;
	return 0;
}

static int fault_replica_open(struct replica *r, struct error *err)
{
	struct fault_target *t = r->target->priv;

	return wrap(r, r->map_copy ? target_map_copy(t->inner, r->name, err) : target_replica(t->inner, r->name, err));
}

static int fault_at_point(struct replica *r, const char *point_id, struct replica *point, struct error *err)
{
	return wrap(point, replica_at_point(fault_inner(r), point_id, err));
}

static void fault_replica_close(struct replica *r)
{
	struct fault_replica *p = r->priv;

	if (!p)
		return;
	op_queue_fini(&p->queue);
	replica_close(p->inner);
	free(p);
}

static void fault_submit(struct replica *r, struct target_op *op)
{
	struct fault_replica *p = r->priv;

	op_queue_push(&p->queue, op);
}

static int fault_look(struct replica *r, struct target_look *out, struct error *err)
{
	struct fault_rule rule = fault_decide(r, MEM_LOOK, 0);

	if (rule.action == FAULT_BEFORE || rule.action == FAULT_AFTER) /* a look has no effect that could remain */
		return fault_fail(&rule, err);
	if (rule.action == FAULT_STALE)
		return fault_stale(r, out, err);
	return replica_look(fault_inner(r), out, err);
}

static int fault_create(struct replica *r, uint64_t size, uint64_t number, const struct target_meta *meta,
			struct error *err)
{
	struct fault_rule rule = fault_decide(r, MEM_CREATE, 0);

	if (rule.action == FAULT_BEFORE)
		return fault_fail(&rule, err);
	if (fault_goes_wrong(r, &rule))
		return fault_misdeliver(r, mem_capture_create(fault_inner(r), size, number, meta), &rule, err);
	if (rule.action == FAULT_TWICE)
		fault_keep_late(r, mem_capture_create(fault_inner(r), size, number, meta), &rule);
	return fault_answer(&rule, replica_create(fault_inner(r), size, number, meta, err), err);
}

static int fault_lease(struct replica *r, enum target_lease_action action, const struct guid *id, const char *if_version,
		       struct error *err)
{
	struct fault_rule rule = fault_decide(r, MEM_LEASE, 1u << action);

	if (rule.action == FAULT_BEFORE)
		return fault_fail(&rule, err);
	if (rule.action == FAULT_LATE)
		return fault_misdeliver(r, mem_capture_lease(fault_inner(r), action, id, if_version), &rule, err);
	if (rule.action == FAULT_TWICE)
		fault_keep_late(r, mem_capture_lease(fault_inner(r), action, id, if_version), &rule);
	return fault_answer(&rule, replica_lease_if(fault_inner(r), action, id, if_version, err), err);
}

static int fault_raise(struct replica *r, uint64_t number, const char *if_version, uint64_t *number_out,
		       char *version_out, struct error *err)
{
	struct fault_rule rule = fault_decide(r, MEM_RAISE, 0);

	if (rule.action == FAULT_BEFORE)
		return fault_fail(&rule, err);
	if (fault_goes_wrong(r, &rule))
		return fault_misdeliver(r, mem_capture_raise(fault_inner(r), number, if_version), &rule, err);
	if (rule.action == FAULT_TWICE)
		fault_keep_late(r, mem_capture_raise(fault_inner(r), number, if_version), &rule);
	return fault_answer(&rule, replica_raise(fault_inner(r), number, if_version, number_out, version_out, err), err);
}

static int fault_set_meta(struct replica *r, const char *if_version, const struct target_meta *meta, char *version_out,
			  struct error *err)
{
	struct fault_rule rule = fault_decide(r, MEM_META, 0);

	if (rule.action == FAULT_BEFORE)
		return fault_fail(&rule, err);
	return fault_answer(&rule, replica_set_meta(fault_inner(r), if_version, meta, version_out, err), err);
}

static int fault_resize(struct replica *r, uint64_t size, const char *if_version, char *version_out, struct error *err)
{
	struct fault_rule rule = fault_decide(r, MEM_RESIZE, 0);

	if (rule.action == FAULT_BEFORE)
		return fault_fail(&rule, err);
	return fault_answer(&rule, replica_resize(fault_inner(r), size, if_version, version_out, err), err);
}

static int fault_read(struct replica *r, void *buf, size_t len, uint64_t off, const char *if_version, struct error *err)
{
	struct fault_rule rule = fault_decide(r, MEM_READ, 0);

	if (rule.action == FAULT_BEFORE || rule.action == FAULT_AFTER)
		return fault_fail(&rule, err);
	return replica_read(fault_inner(r), buf, len, off, if_version, err);
}

static int fault_extents(struct replica *r, uint64_t len, uint64_t off, const char *if_version, struct extent_list *out,
			 struct error *err)
{
	struct fault_rule rule = fault_decide(r, MEM_EXTENTS, 0);

	if (rule.action == FAULT_BEFORE || rule.action == FAULT_AFTER)
		return fault_fail(&rule, err);
	return replica_extents(fault_inner(r), len, off, if_version, out, err);
}

static int fault_snapshot(struct replica *r, const char *if_version, const char *name, const struct target_meta *meta,
			  char *id_out, struct error *err)
{
	struct fault_rule rule = fault_decide(r, MEM_SNAPSHOT, 0);

	if (rule.action == FAULT_BEFORE)
		return fault_fail(&rule, err);
	if (fault_goes_wrong(r, &rule))
		return fault_misdeliver(r, mem_capture_snapshot(fault_inner(r), if_version, meta), &rule, err);
	if (rule.action == FAULT_TWICE)
		fault_keep_late(r, mem_capture_snapshot(fault_inner(r), if_version, meta), &rule);
	return fault_answer(&rule, replica_snapshot(fault_inner(r), if_version, name, meta, id_out, err), err);
}

static int fault_publish(struct replica *r, const char *if_version, struct error *err)
{
	struct fault_rule rule = fault_decide(r, MEM_PUBLISH, 0);

	if (rule.action == FAULT_BEFORE || rule.action == FAULT_LATE)
		return fault_fail(&rule, err);
	return fault_answer(&rule, replica_publish(fault_inner(r), if_version, err), err);
}

static int fault_points(struct replica *r, struct target_points *out, struct error *err)
{
	struct fault_rule rule = fault_decide(r, MEM_POINTS, 0);

	if (rule.action == FAULT_BEFORE || rule.action == FAULT_AFTER)
		return fault_fail(&rule, err);
	return replica_points(fault_inner(r), out, err);
}

static int fault_delete_point(struct replica *r, const char *point_id, struct error *err)
{
	struct fault_rule rule = fault_decide(r, MEM_DELETE_POINT, 0);

	if (rule.action == FAULT_BEFORE)
		return fault_fail(&rule, err);
	return fault_answer(&rule, replica_delete_point(fault_inner(r), point_id, err), err);
}

static const struct target_ops target_fault_ops = {
	.scheme = "fault",
	.map_copies = true,
	.match = fault_match,
	.open = fault_open,
	.close = fault_close,
	.prepare = fault_prepare,
	.check_space = fault_check_space,
	.check_name = fault_check_name,
	.list = fault_list,
	.replica_open = fault_replica_open,
	.replica_close = fault_replica_close,
	.look = fault_look,
	.create = fault_create,
	.lease = fault_lease,
	.raise = fault_raise,
	.set_meta = fault_set_meta,
	.resize = fault_resize,
	.submit = fault_submit,
	.read = fault_read,
	.extents = fault_extents,
	.snapshot = fault_snapshot,
	.publish = fault_publish,
	.points = fault_points,
	.delete_point = fault_delete_point,
	.at_point = fault_at_point,
};

struct target *fault_target_open(struct fault *f, struct target *inner, struct error *err)
{
	struct target *t;

	opening = mem_must(calloc(1, sizeof(*opening)));
	opening->fault = f;
	opening->inner = inner;
	t = target_open_ops(&target_fault_ops, target_name(inner), &inner->config, err);
	if (!t) {
		target_close(inner);
		free(opening);
	}
	return t;
}

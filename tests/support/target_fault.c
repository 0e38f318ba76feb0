/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "target/op_queue.h"
#include "target_fault.h"
#include "target_mem_private.h"

#define RULES_MAX 32

struct rule_state {
	struct fault_rule rule;
	uint64_t seen;
};

struct fault {
	pthread_mutex_t lock;
	pthread_cond_t released;
	char held_name[64]; /* replica whose writes wait; "" for none */
	size_t n_held;
	struct rule_state rules[RULES_MAX];
	size_t n_rules;
	unsigned random_kinds, random_actions, per_mille;
	uint64_t random_state;
	bool dead;
	uint64_t seen, fired;
	struct mem_request **late;
	size_t n_late;
};

struct fault_target {
	struct fault *fault;
	struct target *inner;
};

struct fault_replica {
	struct replica *inner;
	struct op_queue queue;
};

struct fault_op { /* an operation on its way to the target behind */
	struct target_op inner;
	struct target_op *outer;
	struct replica *replica;
	struct fault_rule fault;
};

struct fault *fault_new(void)
{
	struct fault *f = mem_must(calloc(1, sizeof(*f)));

	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->released, NULL);
	return f;
}

void fault_free(struct fault *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n_late; i++)
		mem_request_free(f->late[i]);
	free(f->late);
	pthread_cond_destroy(&f->released);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

void fault_hold(struct fault *f, const char *replica_name)
{
	LOCK_SCOPE(&f->lock);
	snprintf(f->held_name, sizeof(f->held_name), "%s", replica_name);
	pthread_cond_broadcast(&f->released);
}

size_t fault_held(struct fault *f)
{
	LOCK_SCOPE(&f->lock);
	return f->n_held;
}

/* One thread sends a replica's writes: while it waits here they all do. */
static void wait_while_held(struct replica *r)
{
	struct fault *f = ((struct fault_target *)r->target->priv)->fault;

	LOCK_SCOPE(&f->lock);
	while (strcmp(f->held_name, r->name) == 0) {
		f->n_held++;
		pthread_cond_wait(&f->released, &f->lock);
		f->n_held--;
	}
}

void fault_add(struct fault *f, const struct fault_rule *rule)
{
	LOCK_SCOPE(&f->lock);
	assert(f->n_rules < RULES_MAX);
	f->rules[f->n_rules++] = (struct rule_state){ .rule = *rule };
}

void fault_add_random(struct fault *f, unsigned kinds, unsigned actions, unsigned per_mille, uint64_t seed)
{
	LOCK_SCOPE(&f->lock);
	f->random_kinds = kinds;
	f->random_actions = actions;
	f->per_mille = per_mille;
	f->random_state = seed;
}

void fault_clear(struct fault *f)
{
	LOCK_SCOPE(&f->lock);
	f->n_rules = 0;
	f->per_mille = 0;
	f->dead = false;
}

uint64_t fault_seen(struct fault *f)
{
	LOCK_SCOPE(&f->lock);
	return f->seen;
}

uint64_t fault_fired(struct fault *f)
{
	LOCK_SCOPE(&f->lock);
	return f->fired;
}

size_t fault_release_late(struct fault *f)
{
	struct mem_request **late;
	size_t n;

	pthread_mutex_lock(&f->lock);
	late = f->late;
	n = f->n_late;
	f->late = NULL;
	f->n_late = 0;
	pthread_mutex_unlock(&f->lock);
	for (size_t i = 0; i < n; i++) {
		struct error ignored = ERROR_INIT;

		mem_apply(late[i], &ignored);
	}
	free(late);
	return n;
}

static uint64_t next_random(struct fault *f) /* splitmix64 */
{
	uint64_t z = f->random_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static struct fault_rule random_rule(struct fault *f, unsigned kind)
{
	struct fault_rule rule = { .ms = 1 };
	unsigned pick;

	if (!(f->random_kinds & kind) || next_random(f) % 1000 >= f->per_mille)
		return rule;
	pick = (unsigned)(next_random(f) % (unsigned)__builtin_popcount(f->random_actions));
	for (unsigned a = 0; a < 32; a++)
		if (f->random_actions & 1u << a && pick-- == 0)
			rule.action = (enum fault_action)a;
	return rule;
}

static struct fault_rule decide_locked(struct fault *f, unsigned kind, const char *name)
{
	struct fault_rule found = { .action = FAULT_NONE };

	for (size_t i = 0; i < f->n_rules; i++) {
		struct rule_state *s = &f->rules[i];

		if (!(s->rule.kinds & kind) || (s->rule.name && strcmp(s->rule.name, name) != 0))
			continue;
		s->seen++;
		if (found.action == FAULT_NONE && (s->rule.nth == 0 || s->rule.nth == s->seen))
			found = s->rule;
	}
	return found.action == FAULT_NONE ? random_rule(f, kind) : found;
}

static struct fault *fault_of(struct replica *r)
{
	struct fault_target *t = r->target->priv;

	return t->fault;
}

static struct replica *inner_of(struct replica *r)
{
	struct fault_replica *p = r->priv;

	return p->inner;
}

static bool before_mem(struct replica *r)
{
	return inner_of(r)->ops == &target_mem_ops;
}

static struct fault_rule decide(struct replica *r, unsigned kind)
{
	const unsigned can_be_late = MEM_WRITE | MEM_CLEAR | MEM_CREATE | MEM_RAISE | MEM_SNAPSHOT;
	struct fault *f = fault_of(r);
	struct fault_rule rule;

	pthread_mutex_lock(&f->lock);
	f->seen++;
	rule = f->dead ? (struct fault_rule){ .action = FAULT_DIE } : decide_locked(f, kind, r->name);
	if (rule.action != FAULT_NONE)
		f->fired++;
	if (rule.action == FAULT_DIE) {
		f->dead = true;
		rule.action = FAULT_BEFORE;
		rule.code = ERR_CANCELLED;
	}
	pthread_mutex_unlock(&f->lock);
	if (rule.action == FAULT_TEAR && !(kind & (MEM_WRITE | MEM_CLEAR)))
		rule.action = FAULT_BEFORE;
	if (rule.action == FAULT_LATE && !(kind & can_be_late && before_mem(r)))
		rule.action = FAULT_BEFORE;
	if (rule.action == FAULT_CALL)
		rule.call(rule.ctx);
	if (rule.action == FAULT_DELAY)
		nanosleep(&(struct timespec){ .tv_nsec = (long)(rule.ms % 1000) * 1000000, .tv_sec = rule.ms / 1000 },
			  NULL);
	return rule;
}

static int fail(const struct fault_rule *rule, struct error *err)
{
	static const char *const what[] = {
		[FAULT_BEFORE] = "injected fault",
		[FAULT_AFTER] = "injected: the answer was lost",
		[FAULT_TEAR] = "injected: torn",
		[FAULT_LATE] = "injected: will arrive later",
	};

	error_set(err, rule->code ? rule->code : ERR_NETWORK, "%s", what[rule->action]);
	if (err)
		err->detail = rule->detail;
	return -1;
}

static void keep_late(struct replica *r, struct mem_request *q)
{
	struct fault *f = fault_of(r);

	LOCK_SCOPE(&f->lock);
	f->late = mem_must(reallocarray(f->late, f->n_late + 1, sizeof(struct mem_request *)));
	f->late[f->n_late++] = q;
}

/* A single request that goes wrong besides the inner handle, which must not learn of an answer that nobody got. */
static int misdeliver(struct replica *r, struct mem_request *q, const struct fault_rule *rule, struct error *err)
{
	struct error ignored = ERROR_INIT;

	if (rule->action == FAULT_LATE)
		keep_late(r, q);
	else
		mem_apply(q, &ignored);
	return fail(rule, err);
}

static bool goes_wrong(struct replica *r, const struct fault_rule *rule)
{
	return rule->action == FAULT_LATE || (rule->action == FAULT_AFTER && before_mem(r));
}

/* After the call behind returned rc: was its answer lost? */
static int answer(const struct fault_rule *rule, int rc, struct error *err)
{
	struct error lost = ERROR_INIT;

	if (rule->action != FAULT_AFTER)
		return rc;
	fail(rule, &lost);
	if (err)
		*err = lost;
	return -1;
}

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
		fail(&f->fault, &outer->err);
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
		fail(rule, &op->err);
		target_complete(r, op);
		return;
	}
	atomic_store(&inner_of(r)->size, atomic_load(&r->size)); /* this handle may not have looked through the other */
	replica_submit(inner_of(r), &f->inner);
}

static void run_batch(struct replica *r, struct target_op *batch)
{
	while (batch) {
		struct target_op *op = batch;

		wait_while_held(r);
		struct fault_rule rule = decide(r, op->data ? MEM_WRITE : MEM_CLEAR);

		batch = op->next;
		if (rule.action == FAULT_BEFORE || rule.action == FAULT_LATE) {
			if (rule.action == FAULT_LATE)
				keep_late(r, mem_capture_op(inner_of(r), op));
			fail(&rule, &op->err);
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
	return wrap(point, replica_at_point(inner_of(r), point_id, err));
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
	struct fault_rule rule = decide(r, MEM_LOOK);

	if (rule.action == FAULT_BEFORE || rule.action == FAULT_AFTER) /* a look has no effect that could remain */
		return fail(&rule, err);
	return replica_look(inner_of(r), out, err);
}

static int fault_create(struct replica *r, uint64_t size, uint64_t number, const struct target_meta *meta,
			struct error *err)
{
	struct fault_rule rule = decide(r, MEM_CREATE);

	if (rule.action == FAULT_BEFORE)
		return fail(&rule, err);
	if (goes_wrong(r, &rule))
		return misdeliver(r, mem_capture_create(inner_of(r), size, number, meta), &rule, err);
	return answer(&rule, replica_create(inner_of(r), size, number, meta, err), err);
}

static int fault_lease(struct replica *r, enum target_lease_action action, const struct guid *id, struct error *err)
{
	struct fault_rule rule = decide(r, MEM_LEASE);

	if (rule.action == FAULT_BEFORE)
		return fail(&rule, err);
	return answer(&rule, replica_lease(inner_of(r), action, id, err), err);
}

static int fault_raise(struct replica *r, uint64_t number, const char *if_version, uint64_t *number_out,
		       char *version_out, struct error *err)
{
	struct fault_rule rule = decide(r, MEM_RAISE);

	if (rule.action == FAULT_BEFORE)
		return fail(&rule, err);
	if (goes_wrong(r, &rule))
		return misdeliver(r, mem_capture_raise(inner_of(r), number, if_version), &rule, err);
	return answer(&rule, replica_raise(inner_of(r), number, if_version, number_out, version_out, err), err);
}

static int fault_set_meta(struct replica *r, const char *if_version, const struct target_meta *meta, char *version_out,
			  struct error *err)
{
	struct fault_rule rule = decide(r, MEM_META);

	if (rule.action == FAULT_BEFORE)
		return fail(&rule, err);
	return answer(&rule, replica_set_meta(inner_of(r), if_version, meta, version_out, err), err);
}

static int fault_resize(struct replica *r, uint64_t size, const char *if_version, char *version_out, struct error *err)
{
	struct fault_rule rule = decide(r, MEM_RESIZE);

	if (rule.action == FAULT_BEFORE)
		return fail(&rule, err);
	return answer(&rule, replica_resize(inner_of(r), size, if_version, version_out, err), err);
}

static int fault_read(struct replica *r, void *buf, size_t len, uint64_t off, const char *if_version, struct error *err)
{
	struct fault_rule rule = decide(r, MEM_READ);

	if (rule.action == FAULT_BEFORE || rule.action == FAULT_AFTER)
		return fail(&rule, err);
	return replica_read(inner_of(r), buf, len, off, if_version, err);
}

static int fault_extents(struct replica *r, uint64_t len, uint64_t off, const char *if_version, struct extent_list *out,
			 struct error *err)
{
	struct fault_rule rule = decide(r, MEM_EXTENTS);

	if (rule.action == FAULT_BEFORE || rule.action == FAULT_AFTER)
		return fail(&rule, err);
	return replica_extents(inner_of(r), len, off, if_version, out, err);
}

static int fault_snapshot(struct replica *r, const char *if_version, const char *name, const struct target_meta *meta,
			  char *id_out, struct error *err)
{
	struct fault_rule rule = decide(r, MEM_SNAPSHOT);

	if (rule.action == FAULT_BEFORE)
		return fail(&rule, err);
	if (goes_wrong(r, &rule))
		return misdeliver(r, mem_capture_snapshot(inner_of(r), if_version, meta), &rule, err);
	return answer(&rule, replica_snapshot(inner_of(r), if_version, name, meta, id_out, err), err);
}

static int fault_publish(struct replica *r, const char *if_version, struct error *err)
{
	struct fault_rule rule = decide(r, MEM_PUBLISH);

	if (rule.action == FAULT_BEFORE || rule.action == FAULT_LATE)
		return fail(&rule, err);
	return answer(&rule, replica_publish(inner_of(r), if_version, err), err);
}

static int fault_points(struct replica *r, struct target_points *out, struct error *err)
{
	struct fault_rule rule = decide(r, MEM_POINTS);

	if (rule.action == FAULT_BEFORE || rule.action == FAULT_AFTER)
		return fail(&rule, err);
	return replica_points(inner_of(r), out, err);
}

static int fault_delete_point(struct replica *r, const char *point_id, struct error *err)
{
	struct fault_rule rule = decide(r, MEM_DELETE_POINT);

	if (rule.action == FAULT_BEFORE)
		return fail(&rule, err);
	return answer(&rule, replica_delete_point(inner_of(r), point_id, err), err);
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

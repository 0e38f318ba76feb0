/* SPDX-License-Identifier: Apache-2.0 */
/* Which request goes wrong, and what becomes of it; target_fault_ops.c stands before the other target. */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "target_fault_private.h"

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
	struct target_look remembered;
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
	target_look_fini(&f->remembered);
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

void fault_wait_while_held(struct replica *r)
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

static struct fault_rule decide_locked(struct fault *f, unsigned kind, unsigned lease, const char *name)
{
	struct fault_rule found = { .action = FAULT_NONE };

	for (size_t i = 0; i < f->n_rules; i++) {
		struct rule_state *s = &f->rules[i];

		if (!(s->rule.kinds & kind) || (s->rule.name && strcmp(s->rule.name, name) != 0) ||
		    (s->rule.leases && !(s->rule.leases & lease)))
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

static bool before_mem(struct replica *r)
{
	return fault_inner(r)->ops == &target_mem_ops;
}

struct fault_rule fault_decide(struct replica *r, unsigned kind, unsigned lease)
{
	const unsigned can_be_late = MEM_WRITE | MEM_CLEAR | MEM_CREATE | MEM_RAISE | MEM_SNAPSHOT | MEM_LEASE;
	struct fault *f = fault_of(r);
	struct fault_rule rule;

	pthread_mutex_lock(&f->lock);
	f->seen++;
	rule = f->dead ? (struct fault_rule){ .action = FAULT_DIE } : decide_locked(f, kind, lease, r->name);
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
	if ((rule.action == FAULT_LATE || rule.action == FAULT_TWICE) && !(kind & can_be_late && before_mem(r)))
		rule.action = rule.action == FAULT_LATE ? FAULT_BEFORE : FAULT_NONE;
	if (rule.action == FAULT_CALL)
		rule.call(rule.ctx);
	if (rule.action == FAULT_DELAY)
		nanosleep(&(struct timespec){ .tv_nsec = (long)(rule.ms % 1000) * 1000000, .tv_sec = rule.ms / 1000 },
			  NULL);
	return rule;
}

int fault_fail(const struct fault_rule *rule, struct error *err)
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

void fault_keep_late(struct replica *r, struct mem_request *q, const struct fault_rule *rule)
{
	struct fault *f = fault_of(r);

	if (rule->after > 0) {
		mem_send_late(fault_inner(r)->target->priv, q, rule->after);
		return;
	}
	LOCK_SCOPE(&f->lock);
	f->late = mem_must(reallocarray(f->late, f->n_late + 1, sizeof(struct mem_request *)));
	f->late[f->n_late++] = q;
}

int fault_misdeliver(struct replica *r, struct mem_request *q, const struct fault_rule *rule, struct error *err)
{
	struct error ignored = ERROR_INIT;

	if (rule->action == FAULT_LATE)
		fault_keep_late(r, q, rule);
	else
		mem_apply(q, &ignored);
	return fault_fail(rule, err);
}

bool fault_goes_wrong(struct replica *r, const struct fault_rule *rule)
{
	return rule->action == FAULT_LATE || (rule->action == FAULT_AFTER && before_mem(r));
}

int fault_answer(const struct fault_rule *rule, int rc, struct error *err)
{
	struct error lost = ERROR_INIT;

	if (rule->action != FAULT_AFTER)
		return rc;
	fault_fail(rule, &lost);
	if (err)
		*err = lost;
	return -1;
}

int fault_remember_look(struct fault *f, struct target *t, const char *name, struct error *err)
{
	CLEANUP(cleanup_replica) struct replica *r = target_replica(t, name, err);

	target_look_fini(&f->remembered);
	f->remembered = (struct target_look){ 0 };
	return r ? replica_look(r, &f->remembered, err) : -1;
}

int fault_stale(struct replica *r, struct target_look *out, struct error *err)
{
	const struct target_look *old = &fault_of(r)->remembered;
	struct target_meta meta = { 0 };

	if (target_meta_copy(&meta, &old->meta, err) < 0)
		return -1;
	*out = *old;
	out->meta = meta;
	return 0;
}

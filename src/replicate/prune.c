/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "replicate/prune.h"

/* Longer than any cycle's way from its first snapshot to its last, and than clocks of two hosts differ. */
#define OVER_NS (UINT64_C(24) * 3600 * 1000000000)

/* ---- what should become of them ---- */

/* The complete point whose cycle was the last; NULL: none. */
static const struct point *last_of(const struct point *v, size_t n)
{
	const struct point *last = NULL;
	bool shared;

	for (size_t i = 0; i < n; i++)
		if (v[i].complete && (!last || point_is_later(&v[i], last, &shared)))
			last = &v[i];
	return last;
}

static bool is_over(const struct point *p, const struct point *last)
{
	bool shared, later;

	if (!last)
		return false;
	later = point_is_later(last, p, &shared);
	return shared ? later : last->moment_ns > p->moment_ns && last->moment_ns - p->moment_ns > OVER_NS;
}

/* One VM's points, oldest first.  `moments` and `reasons` have room for n. */
static void judge_group(const struct point *v, size_t n, const struct retention_policy *policy, uint64_t *moments,
			unsigned *reasons, struct prune_verdict *out)
{
	const struct point *last = last_of(v, n);
	size_t complete = 0;

	for (size_t i = 0; i < n; i++)
		if (v[i].complete)
			moments[complete++] = v[i].moment_ns;
	retention_apply(policy, moments, complete, reasons);
	complete = 0;
	for (size_t i = 0; i < n; i++) {
		if (!v[i].complete) {
			out[i].fate = is_over(&v[i], last) ? PRUNE_LEFTOVER : PRUNE_PENDING;
			continue;
		}
		out[i].reasons = reasons[complete++];
		if (&v[i] == last && !out[i].reasons) /* a clock was set back */
			out[i].reasons = RETENTION_NEWEST;
		out[i].fate = out[i].reasons ? PRUNE_KEPT : PRUNE_DROPPED;
	}
}

static size_t end_of_group(const struct points *p, size_t from)
{
	size_t end = from + 1;

	while (end < p->n && p->v[end].group == p->v[from].group)
		end++;
	return end;
}

int prune_plan(const struct points *p, const struct retention_policy *policy, prune_takes *takes, void *ctx,
	       struct prune_verdict *verdicts_out, struct error *err)
{
	CLEANUP_FREE uint64_t *moments = calloc(p->n + 1, sizeof(*moments));
	CLEANUP_FREE unsigned *reasons = calloc(p->n + 1, sizeof(*reasons));

	if (!moments || !reasons)
		return error_errno(err, ENOMEM, "recovery points");
	for (size_t i = 0; i < p->n; i++)
		verdicts_out[i] = (struct prune_verdict){ .fate = PRUNE_OTHER };
	for (size_t at = 0, end; at < p->n; at = end) {
		end = end_of_group(p, at);
		if (!takes || takes(ctx, p->v + at, end - at))
			judge_group(p->v + at, end - at, policy, moments, reasons, verdicts_out + at);
	}
	return 0;
}

/* ---- removing ---- */

struct removal {
	const struct prune_options *opt;
	struct prune_result *out;
	struct error first; /* of all */
	bool stop;          /* nothing after it would go better */
};

static bool has_replica(const struct point *p, size_t replica)
{
	for (size_t i = 0; p && i < p->n; i++)
		if (p->v[i].replica == replica)
			return true;
	return false;
}

static int remove_snapshot(struct removal *r, const struct point_snapshot *s, struct error *err)
{
	const char *name = r->out->points.replicas[s->replica].name;
	CLEANUP(cleanup_replica) struct replica *replica = NULL;

	if (cancel_check(r->opt->cancel, err) < 0)
		return -1;
	replica = target_replica(r->opt->target, name, err);
	if (!replica)
		return -1;
	return replica_delete_point(replica, s->id, err) < 0 ? error_prefix(err, "%s", name) : 0;
}

/* In two passes: what the VM's last point has too comes last. */
static void remove_point(struct removal *r, const struct point *p, const struct point *last, struct prune_verdict *v)
{
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < p->n; i++) {
			if (has_replica(last, p->v[i].replica) != (pass == 1))
				continue;
			if (remove_snapshot(r, &p->v[i], &v->err) < 0)
				return;
			v->removed++;
			r->out->snapshots_removed++;
			if (r->opt->removed)
				r->opt->removed(r->opt->removed_ctx, r->out->points.replicas[p->v[i].replica].name, p->name);
		}
	}
	r->out->points_removed++;
	log_info("prune", "%s@%s: removed", p->vm_now, p->name);
}

static void remove_group(struct removal *r, const struct point *v, size_t n, struct prune_verdict *verdicts)
{
	const struct point *last = last_of(v, n);

	for (size_t i = 0; i < n; i++) {
		if (verdicts[i].fate != PRUNE_DROPPED && verdicts[i].fate != PRUNE_LEFTOVER)
			continue;
		remove_point(r, &v[i], last, &verdicts[i]);
		if (verdicts[i].err.code == ERR_NONE)
			continue;
		error_prefix(&verdicts[i].err, "recovery point %s of %s", v[i].name, v[i].vm_now);
		if (r->first.code == ERR_NONE)
			r->first = verdicts[i].err;
		r->stop = verdicts[i].err.code == ERR_REFUSED || verdicts[i].err.code == ERR_CANCELLED ||
			  verdicts[i].err.code == ERR_UNSUPPORTED;
		return;
	}
}

static int plan_and_remove(const struct prune_options *opt, struct prune_result *out, struct error *err)
{
	struct removal r = { .opt = opt, .out = out };

	out->v = calloc(out->points.n + 1, sizeof(*out->v));
	if (!out->v)
		return error_errno(err, ENOMEM, "recovery points");
	if (prune_plan(&out->points, opt->policy, opt->takes, opt->ctx, out->v, err) < 0)
		return -1;
	for (size_t at = 0, end; !opt->dry_run && !r.stop && at < out->points.n; at = end) {
		end = end_of_group(&out->points, at);
		remove_group(&r, out->points.v + at, end - at, out->v + at);
	}
	if (r.first.code == ERR_NONE)
		return 0;
	if (err)
		*err = r.first;
	return -1;
}

/* ---- what is asked for ---- */

int prune_run(const struct prune_options *opt, struct prune_result *out, struct error *err)
{
	*out = (struct prune_result){ .points_removed = 0 };
	if (points_list(opt->target, &out->points, err) < 0)
		return -1;
	return plan_and_remove(opt, out, err);
}

/* A VM by its name and replicas: another can have the name, from another source, but shares no replica. */
struct one_vm {
	const char *name;
	const char *const *replicas;
	size_t n;
	const struct points *points;
};

static bool is_vms(const struct one_vm *vm, size_t replica)
{
	for (size_t i = 0; i < vm->n; i++)
		if (strcmp(vm->points->replicas[replica].name, vm->replicas[i]) == 0)
			return true;
	return false;
}

static bool is_one_vm(void *ctx, const struct point *v, size_t n)
{
	const struct one_vm *vm = ctx;

	if (strcmp(v[0].vm_now, vm->name) != 0)
		return false;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < v[i].n; k++)
			if (is_vms(vm, v[i].v[k].replica))
				return true;
	return false;
}

int prune_vm(const struct prune_options *opt, const char *vm, const char *const *replicas, size_t n,
	     struct prune_result *out, struct error *err)
{
	struct one_vm one = { .name = vm, .replicas = replicas, .n = n, .points = &out->points };
	struct prune_options this_vm = *opt;
	bool partial;

	*out = (struct prune_result){ .points_removed = 0 };
	this_vm.takes = is_one_vm;
	this_vm.ctx = &one;
	if (points_list_some(opt->target, replicas, n, &out->points, &partial, err) < 0)
		return -1;
	if (partial) {
		points_fini(&out->points);
		if (points_list(opt->target, &out->points, err) < 0)
			return -1;
	}
	return plan_and_remove(&this_vm, out, err);
}

static size_t removed_of(const struct prune_result *r, size_t replica)
{
	size_t n = 0;

	for (size_t i = 0; r->v && i < r->points.n; i++)
		for (size_t k = 0; r->v[i].removed == r->points.v[i].n && k < r->points.v[i].n; k++)
			n += r->points.v[i].v[k].replica == replica;
	return n;
}

size_t prune_snapshots_left(const struct prune_result *r, const char *replica)
{
	for (size_t i = 0; i < r->points.n_replicas; i++)
		if (strcmp(r->points.replicas[i].name, replica) == 0)
			return r->points.replicas[i].snapshots - removed_of(r, i);
	return 0;
}

void prune_result_fini(struct prune_result *r)
{
	points_fini(&r->points);
	free(r->v);
	*r = (struct prune_result){ .points_removed = 0 };
}

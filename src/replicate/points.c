/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "replicate/points.h"
#include "replicate/seed.h"

#define DISKS_MAX 100000 /* of one VM: more is no number that liftfs wrote */

/* ---- collecting ---- */

struct seen { /* a snapshot of ours, before it is known what belongs together */
	struct point point; /* without snapshots */
	struct point_snapshot snapshot;
};

struct collect {
	struct points *out;
	struct seen *v;
	size_t n, cap;
};

static void collect_fini(struct collect *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->v[i].point.vm);
	free(c->v);
}

static const char *meta(const struct target_meta *m, const char *key)
{
	const char *value = target_meta_get(m, key);

	return value ? value : "";
}

/* False: somebody else's.  Owns nothing yet. */
static bool read_snapshot(const struct target_point *p, const char *liftfs_id, struct seen *out)
{
	const char *moment = meta(&p->meta, "moment");
	struct guid token;
	uint64_t disks;

	*out = (struct seen){ .snapshot = { .replica = 0 } };
	if (!*liftfs_id || strcmp(meta(&p->meta, "liftfsid"), liftfs_id) != 0 ||
	    guid_parse(meta(&p->meta, "token"), &token, NULL) < 0 || strlen(moment) >= sizeof(out->point.name) ||
	    clock_parse(moment, &out->point.moment_ns, NULL) < 0 ||
	    parse_u64(meta(&p->meta, "disks"), DISKS_MAX, &disks, NULL) < 0 || disks == 0 ||
	    parse_u64(meta(&p->meta, "number"), UINT64_MAX, &out->snapshot.number, NULL) < 0)
		return false;
	out->point.disks = (unsigned)disks;
	memcpy(out->point.name, moment, strlen(moment) + 1);
	guid_format(&token, out->point.token);
	snprintf(out->point.consistency, sizeof(out->point.consistency), "%s", meta(&p->meta, "consistency"));
	memcpy(out->snapshot.id, p->id, sizeof(out->snapshot.id));
	return true;
}

static int add_seen(struct collect *c, const struct target_point *p, const struct seen *seen, struct error *err)
{
	if (c->n == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 64;
		struct seen *v = reallocarray(c->v, cap, sizeof(*v));

		if (!v)
			return error_errno(err, ENOMEM, "recovery points");
		c->v = v;
		c->cap = cap;
	}
	c->v[c->n] = *seen;
	c->v[c->n].point.vm = strdup(meta(&p->meta, "vm"));
	if (!c->v[c->n].point.vm)
		return error_errno(err, ENOMEM, "recovery points");
	c->n++;
	return 0;
}

int points_add_replica(struct points *p, const char *name, const struct target_look *look, struct error *err)
{
	struct points_replica *v = reallocarray(p->replicas, p->n_replicas + 1, sizeof(*v)), *r;
	const char *unverified = meta(&look->meta, SEED_UNVERIFIED);

	if (!v)
		return error_errno(err, ENOMEM, "%s", name);
	p->replicas = v;
	r = &v[p->n_replicas++];
	*r = (struct points_replica){ .name = strdup(name), .vm = strdup(meta(&look->meta, "vm")), .size = look->size,
				      .leased = look->leased, .is_new = strcmp(meta(&look->meta, "state"), "new") == 0 };
	if (*unverified)
		r->unverified = strdup(unverified);
	if (!r->name || !r->vm || (*unverified && !r->unverified))
		return error_errno(err, ENOMEM, "%s", name);
	if (parse_u64(meta(&look->meta, "vsize"), UINT64_MAX, &r->virtual_size, NULL) < 0)
		r->virtual_size = look->size > 512 ? look->size - 512 : 0;
	return 0;
}

static int collect_replica(void *ctx, const char *name, const struct target_look *look, const struct target_points *points,
			   struct error *err)
{
	struct collect *c = ctx;
	struct points_replica *r;

	if (points_add_replica(c->out, name, look, err) < 0)
		return -1;
	r = &c->out->replicas[c->out->n_replicas - 1];
	r->snapshots = points->n;
	for (size_t i = 0; i < points->n; i++) {
		struct seen seen;

		if (!read_snapshot(&points->v[i], meta(&look->meta, "liftfsid"), &seen)) {
			r->foreign++;
			c->out->foreign++;
			continue;
		}
		seen.snapshot.replica = c->out->n_replicas - 1;
		if (add_seen(c, &points->v[i], &seen, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- by token ---- */

static int by_token(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;
	int tokens = strcmp(x->point.token, y->point.token);

	if (tokens)
		return tokens;
	if (x->snapshot.replica != y->snapshot.replica)
		return x->snapshot.replica < y->snapshot.replica ? -1 : 1;
	return strcmp(x->snapshot.id, y->snapshot.id);
}

/* n snapshots of one token: the first one's word counts for the number of disks, unless another says more. */
static int make_point(struct seen *v, size_t n, struct point *out, struct error *err)
{
	*out = v[0].point;
	v[0].point.vm = NULL;
	out->v = calloc(n, sizeof(*out->v));
	if (!out->v)
		return error_errno(err, ENOMEM, "recovery points");
	for (size_t i = 0; i < n; i++) {
		out->v[out->n++] = v[i].snapshot;
		out->found += i == 0 || v[i].snapshot.replica != v[i - 1].snapshot.replica;
		if (v[i].point.disks > out->disks)
			out->disks = v[i].point.disks;
	}
	out->complete = out->found >= out->disks;
	return 0;
}

static int make_points(struct collect *c, struct error *err)
{
	struct points *out = c->out;

	if (c->n > 1)
		qsort(c->v, c->n, sizeof(*c->v), by_token);
	out->v = calloc(c->n ? c->n : 1, sizeof(*out->v));
	if (!out->v)
		return error_errno(err, ENOMEM, "recovery points");
	for (size_t at = 0, end; at < c->n; at = end) {
		for (end = at + 1; end < c->n && strcmp(c->v[end].point.token, c->v[at].point.token) == 0;)
			end++;
		out->n++; /* counted before it can fail, for points_fini() */
		if (make_point(c->v + at, end - at, &out->v[out->n - 1], err) < 0)
			return -1;
	}
	return 0;
}

/* ---- by VM ---- */

/* A VM that was renamed keeps its replicas: they say what it is called now.  Where they do not agree, a disk changed its VM. */
static const char *vm_now(const struct points *p, const struct point *point)
{
	const char *first = p->replicas[point->v[0].replica].vm;

	for (size_t i = 1; i < point->n; i++)
		if (strcmp(p->replicas[point->v[i].replica].vm, first) != 0)
			return point->vm;
	return *first ? first : point->vm;
}

static int by_vm(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	return strcmp(x->vm_now, y->vm_now);
}

static int by_group(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (x->moment_ns != y->moment_ns)
		return x->moment_ns < y->moment_ns ? -1 : 1;
	return strcmp(x->token, y->token);
}

/* Union-find over replicas: the one that stands for all that points have tied together. */
static size_t root_of(size_t *parent, size_t i)
{
	while (parent[i] != i) {
		parent[i] = parent[parent[i]];
		i = parent[i];
	}
	return i;
}

/* The points of one VM's name.  Two VMs can have it, from two sources: no point of one has a replica of the other. */
static size_t group_vm(struct point *v, size_t n, size_t *parent, size_t *group_of, size_t next)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < v[i].n; k++) {
			parent[v[i].v[k].replica] = v[i].v[k].replica;
			group_of[v[i].v[k].replica] = SIZE_MAX;
		}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 1; k < v[i].n; k++)
			parent[root_of(parent, v[i].v[k].replica)] = root_of(parent, v[i].v[0].replica);
	for (size_t i = 0; i < n; i++) {
		size_t root = root_of(parent, v[i].v[0].replica);

		if (group_of[root] == SIZE_MAX)
			group_of[root] = next++;
		v[i].group = group_of[root];
	}
	return next;
}

static int group(struct points *p, struct error *err)
{
	CLEANUP_FREE size_t *parent = calloc(p->n_replicas + 1, sizeof(*parent));
	CLEANUP_FREE size_t *group_of = calloc(p->n_replicas + 1, sizeof(*group_of));
	size_t next = 0;

	if (!parent || !group_of)
		return error_errno(err, ENOMEM, "recovery points");
	for (size_t i = 0; i < p->n; i++)
		p->v[i].vm_now = vm_now(p, &p->v[i]);
	if (p->n > 1)
		qsort(p->v, p->n, sizeof(*p->v), by_vm);
	for (size_t at = 0, end; at < p->n; at = end) {
		for (end = at + 1; end < p->n && strcmp(p->v[end].vm_now, p->v[at].vm_now) == 0;)
			end++;
		next = group_vm(p->v + at, end - at, parent, group_of, next);
	}
	if (p->n > 1)
		qsort(p->v, p->n, sizeof(*p->v), by_group);
	return 0;
}

static int finish(struct collect *c, struct error *err)
{
	return make_points(c, err) < 0 ? -1 : group(c->out, err);
}

/* ---- what is asked for ---- */

int points_list(struct target *t, struct points *out, struct error *err)
{
	CLEANUP(cleanup_points) struct points p = { 0 };
	CLEANUP(collect_fini) struct collect c = { .out = &p };

	if (target_list_points(t, NULL, collect_replica, &c, err) < 0 || finish(&c, err) < 0)
		return -1;
	*out = p;
	p = (struct points){ 0 };
	return 0;
}

int points_list_some(struct target *t, const char *const *names, size_t n, struct points *out, bool *partial_out,
		     struct error *err)
{
	CLEANUP(cleanup_points) struct points p = { 0 };
	CLEANUP(collect_fini) struct collect c = { .out = &p };

	for (size_t i = 0; i < n; i++)
		if (target_list_points(t, names[i], collect_replica, &c, err) < 0)
			return -1;
	if (finish(&c, err) < 0)
		return -1;
	*partial_out = false;
	for (size_t i = 0; i < p.n; i++)
		*partial_out |= !p.v[i].complete;
	*out = p;
	p = (struct points){ 0 };
	return 0;
}

void points_fini(struct points *p)
{
	for (size_t i = 0; i < p->n_replicas; i++) {
		free(p->replicas[i].name);
		free(p->replicas[i].vm);
		free(p->replicas[i].unverified);
	}
	for (size_t i = 0; p->v && i < p->n; i++) {
		free(p->v[i].vm);
		free(p->v[i].v);
	}
	free(p->replicas);
	free(p->v);
	*p = (struct points){ 0 };
}

bool point_is_later(const struct point *b, const struct point *a, bool *shared_out)
{
	*shared_out = false;
	for (size_t i = 0, k = 0; i < a->n && k < b->n;) { /* both by replica */
		if (a->v[i].replica < b->v[k].replica) {
			i++;
		} else if (a->v[i].replica > b->v[k].replica) {
			k++;
		} else {
			*shared_out = true;
			return b->v[k].number > a->v[i].number;
		}
	}
	return b->moment_ns > a->moment_ns;
}

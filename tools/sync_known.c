/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/cleanup.h"
#include "sync_known.h"
#include "sync_schedule.h"

/* A VM, or a disk of one: both are known by a name. */
struct known {
	char *name;
	char *vm;         /* of a disk: whose; of a VM NULL */
	bool here;        /* in the round that is looked at */
	/* A disk's. */
	char *said;       /* the last message, NULL: it was well */
	unsigned ago;     /* rounds since it was said */
	/* A VM's. */
	unsigned tries;   /* failures in a row that may pass; 0: not parked */
	uint64_t retry_ns;
	bool failing;
};

struct known_list {
	struct known *v; /* in byte order of names */
	size_t n, cap;
};

struct sync_known {
	struct known_list vms, disks;
	bool begun; /* there was a whole round */
};

static int no_memory(struct error *err)
{
	return error_errno(err, ENOMEM, "list of VMs");
}

static void known_fini(struct known *e)
{
	free(e->name);
	free(e->vm);
	free(e->said);
}

static void list_fini(struct known_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		known_fini(&l->v[i]);
	free(l->v);
}

struct sync_known *sync_known_new(struct error *err)
{
	struct sync_known *k = calloc(1, sizeof(*k));

	if (!k)
		no_memory(err);
	return k;
}

void sync_known_free(struct sync_known *k)
{
	if (!k)
		return;
	list_fini(&k->vms);
	list_fini(&k->disks);
	free(k);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct known *)a)->name, ((const struct known *)b)->name);
}

static struct known *look_up(const struct known_list *l, const char *name)
{
	const struct known key = { .name = (char *)name };

	return l->n ? bsearch(&key, l->v, l->n, sizeof(*l->v), by_name) : NULL;
}

/* Behind the others: the list is sorted again when all are added. */
static int add(struct known_list *l, const char *name, const char *vm, struct error *err)
{
	struct known e = { .here = true };

	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		struct known *v = reallocarray(l->v, cap, sizeof(*v));

		if (!v)
			return no_memory(err);
		l->v = v;
		l->cap = cap;
	}
	e.name = strdup(name);
	e.vm = vm ? strdup(vm) : NULL;
	if (!e.name || (vm && !e.vm)) {
		known_fini(&e);
		return no_memory(err);
	}
	l->v[l->n++] = e;
	return 0;
}

/* Names that are not known yet, among the n that are sorted. */
static int mark(struct known_list *l, size_t n, const char *name, const char *vm, struct error *err)
{
	struct known_list sorted = { .v = l->v, .n = n };
	struct known *e = look_up(&sorted, name);

	if (!e)
		return add(l, name, vm, err);
	e->here = true;
	return 0;
}

static int mark_all(struct sync_known *k, const struct sync_set *s, struct error *err)
{
	size_t vms = k->vms.n, disks = k->disks.n;

	for (size_t i = 0; i < s->n; i++) {
		const struct cycle_vm *vm = &s->runs[i].cycle;

		if (vm->n > 0 && mark(&k->vms, vms, s->vms[i].name, NULL, err) < 0)
			return -1;
		for (size_t d = 0; d < vm->n; d++)
			if (mark(&k->disks, disks, vm->disks[d].name, s->vms[i].name, err) < 0)
				return -1;
	}
	for (size_t i = 0; i < s->n_broken; i++) {
		const struct sync_vm *vm = s->broken[i].vm;
		bool alone = s->runs[vm - s->vms].cycle.n == 0 && (i == 0 || s->broken[i - 1].vm != vm); /* a VM's are in a row */

		if ((alone && mark(&k->vms, vms, vm->name, NULL, err) < 0) ||
		    mark(&k->disks, disks, s->broken[i].name, vm->name, err) < 0)
			return -1;
	}
	return 0;
}

typedef void tell_fn(void *ctx, const char *line);

static void say(tell_fn *tell, void *ctx, const char *what, const char *name, const char *then)
{
	CLEANUP_FREE char *line = NULL;

	if (asprintf(&line, "%s %s%s", what, name, then) < 0)
		line = NULL;
	else
		tell(ctx, line);
}

/* A VM that came or went says so for its disks. */
static bool vm_is_known(const struct sync_known *k, const char *vm, size_t known_vms)
{
	struct known_list sorted = { .v = k->vms.v, .n = known_vms };
	const struct known *e = look_up(&sorted, vm);

	return e && e->here;
}

static void tell_new(const struct sync_known *k, size_t vms, size_t disks, tell_fn *tell, void *ctx)
{
	for (size_t i = vms; i < k->vms.n; i++)
		say(tell, ctx, "new:", k->vms.v[i].name, "");
	for (size_t i = disks; i < k->disks.n; i++)
		if (vm_is_known(k, k->disks.v[i].vm, vms))
			say(tell, ctx, "new: disk", k->disks.v[i].name, "");
}

static void tell_gone(const struct sync_known *k, size_t vms, size_t disks, tell_fn *tell, void *ctx)
{
	for (size_t i = 0; i < vms; i++)
		if (!k->vms.v[i].here)
			say(tell, ctx, "gone:", k->vms.v[i].name, ": its replicas and their points stay");
	for (size_t i = 0; i < disks; i++)
		if (!k->disks.v[i].here && vm_is_known(k, k->disks.v[i].vm, vms))
			say(tell, ctx, "gone: disk", k->disks.v[i].name, ": its replica and points stay");
}

static void drop_gone(struct known_list *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i].here)
			l->v[n++] = l->v[i];
		else
			known_fini(&l->v[i]);
	}
	l->n = n;
}

static void unmark(struct known_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		l->v[i].here = false;
}

static void sort(struct known_list *l)
{
	if (l->n > 0)
		qsort(l->v, l->n, sizeof(*l->v), by_name);
}

int sync_known_found(struct sync_known *k, const struct sync_set *s, bool whole, tell_fn *tell, void *ctx, struct error *err)
{
	size_t vms = k->vms.n, disks = k->disks.n;
	int rc;

	unmark(&k->vms);
	unmark(&k->disks);
	rc = mark_all(k, s, err);
	if (rc == 0 && k->begun) {
		tell_new(k, vms, disks, tell, ctx);
		if (whole)
			tell_gone(k, vms, disks, tell, ctx);
	}
	if (rc == 0 && whole) {
		drop_gone(&k->vms);
		drop_gone(&k->disks);
		k->begun = true;
	}
	sort(&k->vms);
	sort(&k->disks);
	return rc;
}

bool sync_known_tell(struct sync_known *k, const char *disk, const char *message)
{
	struct known *e = look_up(&k->disks, disk);

	if (!e)
		return message != NULL;
	if (message && e->said && error_alike(e->said, message) && e->ago + 1 < SYNC_KNOWN_AGAIN) {
		e->ago++;
		return false;
	}
	free(e->said);
	e->said = message ? strdup(message) : NULL;
	e->ago = 0;
	return message != NULL;
}

/* Fuzzy made progress, and a disk that was stopped is no failure: neither is parked. */
static bool may_pass(const struct cycle_disk *d)
{
	return d->err.code != ERR_NONE && d->err.code != ERR_CANCELLED && run_disk_status(d) == EX_TEMPFAIL;
}

static bool needs_person(const struct cycle_disk *d)
{
	return d->err.code != ERR_NONE && d->err.code != ERR_CANCELLED && run_disk_status(d) != EX_TEMPFAIL;
}

static void park(struct known *vm, uint64_t now_ns, uint64_t interval_ms)
{
	vm->tries++;
	vm->retry_ns = now_ns + sync_schedule_retry_ms(vm->tries, interval_ms) * 1000000;
}

static void judge_vm(struct known *vm, const struct cycle_vm *cycle, uint64_t now_ns, uint64_t interval_ms)
{
	bool parked = false;

	vm->failing = false;
	for (size_t d = 0; d < cycle->n; d++) {
		parked |= may_pass(&cycle->disks[d]);
		vm->failing |= needs_person(&cycle->disks[d]);
	}
	if (parked)
		park(vm, now_ns, interval_ms);
	else
		vm->tries = 0;
}

static void judge_all(struct sync_known *k, const struct sync_set *s, uint64_t now_ns, uint64_t interval_ms)
{
	struct known *vm;

	for (size_t i = 0; i < s->n; i++) {
		vm = s->runs[i].cycle.n > 0 ? look_up(&k->vms, s->vms[i].name) : NULL;
		if (vm)
			judge_vm(vm, &s->runs[i].cycle, now_ns, interval_ms);
	}
	for (size_t i = 0; i < s->n_broken; i++) {
		vm = look_up(&k->vms, s->broken[i].vm->name);
		if (vm)
			vm->failing = true;
	}
}

void sync_known_ended(struct sync_known *k, const struct sync_set *s, uint64_t now_ns, uint64_t interval_ms)
{
	if (s)
		judge_all(k, s, now_ns, interval_ms);
	for (size_t i = 0; i < k->vms.n; i++)
		if (k->vms.v[i].tries > 0 && k->vms.v[i].retry_ns <= now_ns)
			park(&k->vms.v[i], now_ns, interval_ms);
}

uint64_t sync_known_retry_ns(const struct sync_known *k)
{
	uint64_t first = UINT64_MAX;

	for (size_t i = 0; i < k->vms.n; i++)
		if (k->vms.v[i].tries > 0 && k->vms.v[i].retry_ns < first)
			first = k->vms.v[i].retry_ns;
	return first;
}

void sync_known_retry_now(struct sync_known *k)
{
	for (size_t i = 0; i < k->vms.n; i++)
		k->vms.v[i].retry_ns = 0;
}

bool sync_known_is_due(const struct sync_known *k, const char *vm, uint64_t now_ns)
{
	const struct known *e = look_up(&k->vms, vm);

	return e && e->tries > 0 && e->retry_ns <= now_ns;
}

void sync_known_count(const struct sync_known *k, struct sync_known_count *out)
{
	*out = (struct sync_known_count){ .vms = k->vms.n };
	for (size_t i = 0; i < k->vms.n; i++) {
		out->parked += k->vms.v[i].tries > 0;
		out->failing += k->vms.v[i].failing;
	}
}

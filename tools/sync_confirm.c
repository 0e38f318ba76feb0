/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/parallel.h"
#include "sync_confirm.h"

struct confirm {
	const struct sync_run *run;
	const struct survey *survey;
	struct sync_set *set;
	struct target_glance *fresh; /* one for each of the survey's disks */
	_Atomic size_t next;         /* of the VMs that may have to be looked at */
	_Atomic bool differs, renewed;
};

/* ---- glances ---- */

static int glance_at_vm(void *ctx, size_t i, struct error *err)
{
	struct confirm *c = ctx;
	const struct survey_vm *vm = &c->survey->vms[i];
	size_t n = 0;

	for (size_t k = 0; k < vm->n; k++) {
		bool same;

		if (cancel_check(c->run->cancel, err) < 0 ||
		    cycle_confirm_by_glance(&c->set->runs[i].cycle.disks[k], c->run->target, &c->survey->disks[vm->first + k].left,
					    &same, err) < 0)
			return -1;
		n += same;
	}
	c->set->runs[i].unchanged = n == vm->n;
	return 0;
}

/* ---- looks ---- */

static bool look_at_disk(struct confirm *c, struct cycle_disk *d, size_t at)
{
	struct target_glance *fresh = &c->fresh[at];
	struct error why = ERROR_INIT;
	bool same;

	if (d->result == CYCLE_SKIPPED) /* a glance told */
		return true;
	if (cancel_check(c->run->cancel, &why) < 0 ||
	    cycle_confirm_by_look(d, c->run->target, &c->survey->disks[at].left, fresh, &same, &why) < 0 || !same)
		return false;
	if (!fresh->settled)
		fresh->text[0] = '\0';
	if (fresh->text[0])
		atomic_store(&c->renewed, true);
	return true;
}

static bool look_at_vm(struct confirm *c, size_t i)
{
	const struct survey_vm *vm = &c->survey->vms[i];

	for (size_t k = 0; k < vm->n; k++)
		if (!look_at_disk(c, &c->set->runs[i].cycle.disks[k], vm->first + k))
			return false;
	return true;
}

static void *look_at_vms(void *arg)
{
	struct confirm *c = arg;

	while (!atomic_load(&c->differs)) {
		size_t i = atomic_fetch_add(&c->next, 1);

		if (i >= c->set->n)
			break;
		if (!c->set->runs[i].unchanged && !look_at_vm(c, i))
			atomic_store(&c->differs, true);
		else
			c->set->runs[i].unchanged = true;
	}
	return NULL;
}

/* The n VMs that no glance told of. */
static bool look(struct confirm *c, size_t n)
{
	size_t want = n < c->run->opt->jobs ? n : c->run->opt->jobs, started = 0;
	CLEANUP_FREE pthread_t *threads = calloc(want, sizeof(*threads));

	c->fresh = calloc(c->survey->n_disks, sizeof(*c->fresh));
	if (!threads || !c->fresh)
		return false;
	while (started + 1 < want && pthread_create(&threads[started], NULL, look_at_vms, c) == 0)
		started++;
	look_at_vms(c);
	while (started > 0)
		pthread_join(threads[--started], NULL);
	return !atomic_load(&c->differs);
}

bool sync_confirm(const struct sync_run *run, const struct survey *survey, struct sync_set *s, struct target_glance **fresh)
{
	struct confirm c = { .run = run, .survey = survey, .set = s };
	struct error why = ERROR_INIT;
	size_t left = 0;
	bool same;

	*fresh = NULL;
	if (parallel_each(s->n, glance_at_vm, &c, &why) < 0)
		return false;
	for (size_t i = 0; i < s->n; i++)
		left += !s->runs[i].unchanged;
	same = left == 0 || look(&c, left);
	if (same && atomic_load(&c.renewed))
		*fresh = steal_ptr(&c.fresh);
	free(c.fresh);
	return same;
}

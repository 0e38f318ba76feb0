/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/log.h"
#include "replicate/prune.h"
#include "replicate/run.h"

struct run {
	const struct run_options *opt;
	struct run_vm *vms;
	size_t n;
	_Atomic size_t next;
	pthread_mutex_t report; /* one call of the caller's functions at a time */
};

/* A VM that was not begun, or whose cycle could not begin: every disk says why. */
static void fail_rest(struct cycle_vm *vm, const struct error *why)
{
	for (size_t i = 0; i < vm->n; i++) {
		struct cycle_disk *d = &vm->disks[i];

		if (d->err.code != ERR_NONE || d->finished_ns)
			continue;
		d->result = why->code == ERR_CANCELLED ? CYCLE_PARKED : CYCLE_FAILED;
		d->err = *why;
		if (!d->started_ns)
			d->started_ns = clock_realtime_ns();
		d->finished_ns = clock_realtime_ns();
	}
}

static void warn_of_many(struct cycle_vm *vm, const struct prune_result *r)
{
	for (size_t i = 0; i < vm->n; i++) {
		struct cycle_disk *d = &vm->disks[i];
		size_t n = prune_snapshots_left(r, d->name), len = strlen(d->warning);

		if (n >= PRUNE_POINTS_WARN)
			snprintf(d->warning + len, sizeof(d->warning) - len, "%s%zu recovery points are kept of it: --keep-daily "
				 "and its like, or liftfs prune, remove the old ones", len ? "; " : "", n);
	}
}

/* A disk's cycles are counted: one with fewer of them cannot have so many points, and need not be asked. */
static bool may_have_many(const struct cycle_vm *vm)
{
	for (size_t i = 0; i < vm->n; i++)
		if (vm->disks[i].cycle >= PRUNE_POINTS_WARN)
			return true;
	return false;
}

static void removed(void *ctx, const char *replica, const char *point)
{
	struct run *run = ctx;

	LOCK_SCOPE(&run->report);
	run->opt->removed(run->opt->ctx, replica, point);
}

/* The VM's point is made; whatever happens here is no failure of its cycle. */
static void prune_points(struct run *run, struct run_vm *vm, const struct cycle_options *opt)
{
	const struct retention_policy *policy = run->opt->keep;
	CLEANUP(cleanup_prune_result) struct prune_result r = { .v = NULL };
	const struct prune_options prune = { .target = opt->target, .policy = policy, .cancel = opt->cancel,
					     .removed = run->opt->removed ? removed : NULL, .removed_ctx = run };
	CLEANUP_FREE const char **names = calloc(vm->cycle.n, sizeof(*names));
	struct error err = ERROR_INIT;
	bool keep = policy && retention_given(policy), partial;

	if (!names || (!keep && !may_have_many(&vm->cycle)))
		return;
	for (size_t i = 0; i < vm->cycle.n; i++)
		names[i] = vm->cycle.disks[i].name;
	if (!keep) {
		if (points_list_some(opt->target, names, vm->cycle.n, &r.points, &partial, &err) < 0)
			log_info("prune", "%s: cannot count its recovery points: %s", vm->cycle.name, err.msg);
	} else if (prune_vm(&prune, vm->cycle.name, names, vm->cycle.n, &r, &err) < 0 && err.code != ERR_CANCELLED) {
		vm->pruned.err = err;
	}
	vm->pruned.points = r.points_removed;
	vm->pruned.snapshots = r.snapshots_removed;
	warn_of_many(&vm->cycle, &r);
}

static void run_one(struct run *run, struct run_vm *vm)
{
	struct cycle_options opt = *run->opt->cycle;
	struct error err = ERROR_INIT;

	if (vm->cycle.n == 0) {
		atomic_store(&vm->done, true);
		return;
	}
	opt.no_points = opt.no_points || vm->no_points;
	if (!vm->unchanged &&
	    (cancel_check(opt.cancel, &err) < 0 ||
	     (run->opt->plan ? cycle_plan(&vm->cycle, &opt, &err) : cycle_run(&vm->cycle, &opt, &err)) < 0)) {
		bool told = false; /* by some disk; else the VM as a whole failed */

		for (size_t i = 0; i < vm->cycle.n; i++)
			told = told || vm->cycle.disks[i].err.code != ERR_NONE;
		if (!told)
			fail_rest(&vm->cycle, &err);
	}
	if (!run->opt->plan && *vm->cycle.point)
		prune_points(run, vm, &opt);
	atomic_store(&vm->done, true);
	if (run->opt->finished) {
		LOCK_SCOPE(&run->report);
		run->opt->finished(run->opt->ctx, vm);
	}
}

static void *work(void *arg)
{
	struct run *run = arg;

	for (;;) {
		size_t i = atomic_fetch_add(&run->next, 1);

		if (i >= run->n)
			return NULL;
		run_one(run, &run->vms[i]);
	}
}

int run_vms(struct run_vm *vms, size_t n, const struct run_options *opt, struct error *err)
{
	struct run run = { .opt = opt, .vms = vms, .n = n, .report = PTHREAD_MUTEX_INITIALIZER };
	size_t jobs = opt->jobs ? opt->jobs : 1, started = 0;
	CLEANUP_FREE pthread_t *threads = NULL;
	int rc = 0;

	if (jobs > n)
		jobs = n;
	if (jobs == 0)
		return 0;
	threads = calloc(jobs, sizeof(*threads));
	if (!threads)
		return error_errno(err, ENOMEM, "%zu jobs", jobs);
	while (started < jobs && rc == 0) {
		rc = pthread_create(&threads[started], NULL, work, &run);
		started += rc == 0;
	}
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	pthread_mutex_destroy(&run.report);
	/* Fewer threads than wished for do all the work too. */
	return started > 0 ? 0 : error_errno(err, rc, "thread");
}

int run_disk_status(const struct cycle_disk *d)
{
	if (d->given_up)
		return EX_CONFIG;
	if (d->err.code != ERR_NONE)
		return error_exit_status(&d->err);
	return d->result == CYCLE_FUZZY ? EX_TEMPFAIL : d->result == CYCLE_FAILED ? EX_SOFTWARE : 0;
}

const char *run_result_name(const struct cycle_disk *d)
{
	if (d->err.code != ERR_NONE)
		return d->result == CYCLE_PARKED ? "parked" : "failed";
	switch (d->result) {
	case CYCLE_OK:
		return "ok";
	case CYCLE_FUZZY:
		return "fuzzy";
	case CYCLE_SKIPPED:
		return "skipped";
	case CYCLE_PARKED:
		return "parked";
	case CYCLE_FAILED:
		break;
	}
	return "failed";
}

const char *run_kind_name(enum cycle_kind kind)
{
	return kind == CYCLE_INITIAL ? "initial" : "delta";
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/log.h"
#include "project/project.h"
#include "log_line.h"
#include "paths.h"
#include "sync_batch.h"
#include "sync_record.h"

struct sync_record {
	const struct sync_run *run;
	pthread_mutex_t lock;     /* for what follows */
	struct project *project;  /* NULL: there was trouble, and a warning */
	struct sync_batch *batch; /* of VMs that were skipped */
	char **streaks;           /* disks that had one when the round began, in byte order */
	size_t n_streaks;
};

/* Under the lock.  The first trouble is told; what comes after it would be the same. */
static void give_up_recording(struct sync_record *r, const struct error *why)
{
	log_warn("project", "%s; the cycles go on, and liftfs status will not know of them", why->msg);
	sync_metrics_use(r->run->metrics, NULL);
	project_close(r->project);
	r->project = NULL;
}

static void tell(struct sync_record *r, const struct project_event *e)
{
	struct error why = ERROR_INIT;

	LOCK_SCOPE(&r->lock);
	if (r->project && project_event(r->project, e, &why) < 0)
		give_up_recording(r, &why);
}

/* ---- the round ---- */

static struct project_found found_at(const struct sync_set *s, const struct sync_vm *vm, char *const *sources)
{
	return (struct project_found){ .vm = vm->name, .label = vm->vm->label, .source = sources[vm->store - s->stores] };
}

static size_t list_found(const struct sync_set *s, char *const *sources, struct project_found *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		for (size_t k = 0; k < s->runs[i].cycle.n; k++) {
			const struct cycle_disk *d = &s->runs[i].cycle.disks[k];

			out[n] = found_at(s, &s->vms[i], sources);
			out[n].disk = d->name;
			out[n].path = d->source_path;
			out[n++].virtual_size = d->virtual_size;
		}
	}
	for (size_t i = 0; i < s->n_broken; i++) {
		const struct sync_broken *b = &s->broken[i];

		out[n] = found_at(s, b->vm, sources);
		out[n].disk = b->name;
		out[n].path = b->image;
		out[n].virtual_size = b->virtual_size;
		out[n++].broken = &b->err;
	}
	return n;
}

static int record_round(struct sync_record *r, const struct sync_round *round, char *const *sources, uint64_t started_ns,
			struct error *err)
{
	const struct sync_set *s = &round->set;
	CLEANUP_FREE struct project_found *found = calloc(s->n_disks ? s->n_disks : 1, sizeof(*found));
	struct project_round row = { .target = target_name(r->run->target), .found = found, .started_ns = started_ns };

	if (!found)
		return error_errno(err, ENOMEM, "database");
	row.n = list_found(s, sources, found);
	if (!s->narrowed) {
		row.whole = (const char *const *)sources;
		row.n_whole = r->run->n_sources;
	}
	return project_record_round(r->project, &row, err);
}

/* By what the command line calls them: where --before or a link leads may be another place each time. */
static int record_sources(struct sync_record *r, const struct sync_round *round, uint64_t started_ns, struct error *err)
{
	size_t n = r->run->n_sources;
	CLEANUP_FREE char **sources = calloc(n, sizeof(*sources));
	int rc = sources ? 0 : error_errno(err, ENOMEM, "database");

	for (size_t i = 0; rc == 0 && i < n; i++) {
		sources[i] = paths_named(r->run->named[i], err);
		if (!sources[i])
			rc = -1;
	}
	if (rc == 0)
		rc = record_round(r, round, sources, started_ns, err);
	for (size_t i = 0; sources && i < n; i++)
		free(sources[i]);
	return rc;
}

static void tell_begin(struct sync_record *r, const struct sync_set *s)
{
	const struct sync_options *o = r->run->opt;
	const struct {
		bool made;
		const char *option;
	} decisions[] = {
		{ o->adopt, "--adopt" },   { o->replace, "--replace" }, { o->break_lease, "--break-lease" },
		{ o->shrink, "--shrink" }, { o->frozen, "--frozen" },   { o->seed, "--seed" },
	};
	char text[1024];

	snprintf(text, sizeof(text), "%zu disk%s to %s", s->n_disks, s->n_disks == 1 ? "" : "s", target_name(r->run->target));
	tell(r, &(struct project_event){ .kind = PROJECT_RUN_STARTED, .text = text });
	for (size_t i = 0; i < ARRAY_LEN(decisions); i++)
		if (decisions[i].made)
			tell(r, &(struct project_event){ .kind = PROJECT_DECISION, .text = decisions[i].option });
}

static int add_streak(void *ctx, const char *disk, struct error *err)
{
	struct sync_record *r = ctx;
	char **v = reallocarray(r->streaks, r->n_streaks + 1, sizeof(*v));

	if (!v)
		return error_errno(err, ENOMEM, "database");
	r->streaks = v;
	v[r->n_streaks] = strdup(disk);
	if (!v[r->n_streaks])
		return error_errno(err, ENOMEM, "database");
	r->n_streaks++;
	return 0;
}

static int text_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/*
 * A cycle that ends a streak must not be forgotten, else a disk could be given up that went well in between: it is recorded at
 * once.  A VM that was skipped without one has nothing to tell but that it was looked at.
 */
static bool may_wait(const struct sync_record *r, const struct run_vm *vm)
{
	for (size_t i = 0; i < vm->cycle.n; i++) {
		const struct cycle_disk *d = &vm->cycle.disks[i];

		if (d->err.code != ERR_NONE || d->result != CYCLE_SKIPPED ||
		    (r->n_streaks > 0 && bsearch(&d->name, r->streaks, r->n_streaks, sizeof(*r->streaks), text_order)))
			return false;
	}
	return true;
}

static struct project_cycle cycle_of(const struct sync_record *r, const struct run_vm *vm)
{
	const struct sync_run *run = r->run;

	return (struct project_cycle){ .target = target_name(run->target), .vm = &vm->cycle,
				       .points = target_caps(run->target)->points && !run->opt->no_points && !vm->no_points };
}

static void write_batch(void *ctx, struct run_vm *const *vms, size_t n)
{
	struct sync_record *r = ctx;
	CLEANUP_FREE struct project_cycle *cycles = calloc(n, sizeof(*cycles));
	struct error why = ERROR_INIT;

	for (size_t i = 0; cycles && i < n; i++)
		cycles[i] = cycle_of(r, vms[i]);
	LOCK_SCOPE(&r->lock);
	if (!r->project)
		return;
	if (!cycles)
		error_errno(&why, ENOMEM, "database");
	if (!cycles || project_record_vms(r->project, cycles, n, &why) < 0)
		give_up_recording(r, &why);
}

struct sync_record *sync_record_begin(const struct sync_run *run, const struct sync_round *round, struct state *state,
				      uint64_t started_ns, struct error *err)
{
	CLEANUP(cleanup_sync_record) struct sync_record *r = calloc(1, sizeof(*r));
	struct error why = ERROR_INIT;

	if (!r) {
		error_errno(err, ENOMEM, "database");
		return NULL;
	}
	r->run = run;
	pthread_mutex_init(&r->lock, NULL);
	r->batch = sync_batch_new(write_batch, r);
	if (!r->batch) {
		error_errno(err, ENOMEM, "database");
		return NULL;
	}
	r->project = project_open(state, PROJECT_WRITE, &why);
	if (!r->project && why.code == ERR_REFUSED) {
		if (err)
			*err = why;
		return NULL;
	}
	if (!r->project)
		give_up_recording(r, &why);
	tell_begin(r, &round->set);
	if (r->project && (record_sources(r, round, started_ns, &why) < 0 ||
			   project_streaks(r->project, target_name(run->target), add_streak, r, &why) < 0))
		give_up_recording(r, &why);
	sync_metrics_use(run->metrics, r->project);
	return steal_ptr(&r);
}

void sync_record_close(struct sync_record *r)
{
	if (!r)
		return;
	sync_batch_free(r->batch);
	sync_metrics_use(r->run->metrics, NULL);
	project_close(r->project);
	for (size_t i = 0; i < r->n_streaks; i++)
		free(r->streaks[i]);
	free(r->streaks);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* ---- cycles ---- */

static const char *remedy(const struct error *e)
{
	switch (e->code) {
	case ERR_BUSY:
		return "end what holds the replica, or take it over with --break-lease";
	case ERR_CHANGED:
		return "replicate from a storage snapshot";
	default:
		return "see whether the target can be reached: liftfs sync -n tests it";
	}
}

static void mark(struct sync_record *r, const struct run_vm *vm, struct cycle_disk *d, const char *text)
{
	d->given_up = true;
	tell(r, &(struct project_event){ .kind = PROJECT_GIVEN_UP, .vm = vm->cycle.name, .disk = d->name,
					 .target = target_name(r->run->target), .err = &d->err, .status = EX_CONFIG, .text = text });
}

/* Only of outcomes that would be tried again: a stop that was asked for is none. */
static void give_up_disk(struct sync_record *r, const struct run_vm *vm, struct cycle_disk *d,
			 const struct project_streak *streak)
{
	char text[ERROR_HEAD_MAX];

	if (d->err.code != ERR_NONE) {
		if (run_disk_status(d) != EX_TEMPFAIL || d->err.code == ERR_CANCELLED || streak->stalls < SYNC_GIVE_UP)
			return;
		snprintf(text, sizeof(text), "%u cycles in a row without progress: %s", streak->stalls, remedy(&d->err));
		mark(r, vm, d, text);
		error_prefix(&d->err, "%s", text);
		return;
	}
	if (streak->pointless < SYNC_GIVE_UP || d->result == CYCLE_SKIPPED ||
	    (d->result == CYCLE_FUZZY && r->run->opt->allow_fuzzy))
		return;
	snprintf(text, sizeof(text), "%u cycles in a row without a recovery point: %s", streak->pointless,
		 d->result == CYCLE_FUZZY ? "replicate from a storage snapshot, or while the VM is off" :
					    "make room for points on the target, or do without them: --no-points");
	mark(r, vm, d, text);
	output_line("liftfs sync: %s: %s", d->name, text);
}

static bool write_vm(struct sync_record *r, const struct run_vm *vm, struct project_streak *streaks)
{
	const struct project_cycle c = cycle_of(r, vm);
	struct error why = ERROR_INIT;

	LOCK_SCOPE(&r->lock);
	if (!r->project)
		return false;
	if (project_record_vm(r->project, &c, streaks, &why) == 0)
		return true;
	give_up_recording(r, &why);
	return false;
}

static void record_vm(struct sync_record *r, struct run_vm *vm, unsigned *longest_out)
{
	CLEANUP_FREE struct project_streak *streaks = calloc(vm->cycle.n ? vm->cycle.n : 1, sizeof(*streaks));

	if (!streaks || !write_vm(r, vm, streaks))
		return;
	for (size_t i = 0; i < vm->cycle.n; i++) {
		give_up_disk(r, vm, &vm->cycle.disks[i], &streaks[i]);
		if (streaks[i].stalls > *longest_out)
			*longest_out = streaks[i].stalls;
	}
}

static void log_disk(const struct run_vm *vm, const struct cycle_disk *d)
{
	char disk[LOG_LINE_MAX / 2], name[LOG_LINE_MAX / 4], failure[64] = "";
	const struct pass_progress *p = &d->progress;

	log_line_value(d->name, disk, sizeof(disk));
	log_line_value(vm->cycle.name, name, sizeof(name));
	if (d->err.code != ERR_NONE)
		snprintf(failure, sizeof(failure), " code=%s", error_code_name(d->err.code));
	log_info("sync", "cycle ended disk=%s vm=%s cycle=%" PRIu64 " result=%s kind=%s status=%d read=%" PRIu64 " sent=%" PRIu64
			 " cleared=%" PRIu64 " retries=%" PRIu64 "%s", disk, name, d->cycle, run_result_name(d),
		 run_kind_name(d->kind), run_disk_status(d), atomic_load(&p->bytes_read), atomic_load(&p->bytes_sent),
		 atomic_load(&p->bytes_cleared), d->retries, failure);
}

void sync_record_vm(void *ctx, struct run_vm *vm)
{
	struct sync_record *r = ctx;
	unsigned longest = 0;

	if (r && may_wait(r, vm))
		sync_batch_add(r->batch, vm);
	else if (r)
		record_vm(r, vm, &longest);
	for (size_t i = 0; ctx && i < vm->cycle.n; i++)
		log_disk(vm, &vm->cycle.disks[i]);
	sync_vm_finished(ctx ? ((struct sync_record *)ctx)->run->known : NULL, vm);
}

void sync_record_failed(struct sync_record *r, struct sync_set *set, struct error *why)
{
	uint64_t now_ns = clock_realtime_ns();
	unsigned longest = 0;

	if (!r)
		return;
	sync_batch_flush(r->batch);
	for (size_t i = 0; i < set->n; i++) {
		struct cycle_vm *vm = &set->runs[i].cycle;

		if (vm->n == 0 || set->runs[i].done)
			continue;
		for (size_t k = 0; k < vm->n; k++) {
			vm->disks[k].result = why->code == ERR_NETWORK ? CYCLE_PARKED : CYCLE_FAILED;
			vm->disks[k].err = *why;
			vm->disks[k].started_ns = vm->disks[k].finished_ns = now_ns;
		}
		record_vm(r, &set->runs[i], &longest);
	}
	tell(r, &(struct project_event){ .kind = PROJECT_RUN_ENDED, .err = why, .text = why->msg });
	if (longest >= SYNC_GIVE_UP && error_exit_status(why) == EX_TEMPFAIL && why->code != ERR_CANCELLED) {
		error_prefix(why, "%u runs in a row without progress: %s", longest, remedy(why));
		why->code = ERR_REFUSED; /* a person must act */
	}
}

void sync_record_hurry(struct sync_record *r)
{
	if (r)
		sync_batch_hurry(r->batch);
}

void sync_record_end(struct sync_record *r, int status)
{
	char text[32];

	if (!r)
		return;
	sync_batch_flush(r->batch);
	snprintf(text, sizeof(text), "status=%d", status);
	tell(r, &(struct project_event){ .kind = PROJECT_RUN_ENDED, .status = status, .text = text });
}

void sync_record_removed(void *ctx, const char *replica, const char *point)
{
	struct sync_record *r = ctx;
	struct error why = ERROR_INIT;

	if (!r)
		return;
	LOCK_SCOPE(&r->lock);
	if (r->project && project_record_deleted(r->project, target_name(r->run->target), replica, point, &why) < 0)
		give_up_recording(r, &why);
}

void sync_record_reloaded(const struct sync_run *run)
{
	const struct project_event e = { .kind = PROJECT_RELOADED, .text = "SIGHUP" };
	struct error why = ERROR_INIT;
	CLEANUP(cleanup_state) struct state *state = state_open(run->state, true, &why);
	CLEANUP(cleanup_project) struct project *p = state ? project_open(state, PROJECT_WRITE, &why) : NULL;

	if (!p || project_event(p, &e, &why) < 0)
		log_warn("project", "%s; liftfs status will not know of the reload", why.msg);
}

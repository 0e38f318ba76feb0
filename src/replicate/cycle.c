/* SPDX-License-Identifier: Apache-2.0 */
/* The order of a VM's cycle; what each step does to one disk is in cycle_disk.c. */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "replicate/cycle_disk.h"

/* Below this much data reading a disk again is cheaper than waiting for its stamps to settle. */
#define SETTLE_WORTH_BYTES (UINT64_C(1) << 30)

struct cycle {
	const struct cycle_options *opt;
	struct cycle_vm *vm;
	struct disk_run *runs;
	struct lease_keeper *keeper;
	struct guid token;
	uint64_t moment_ns;
};

static bool good(const struct disk_run *r)
{
	return r->d->err.code == ERR_NONE;
}

static void failed(struct disk_run *r)
{
	/* Stopped, but not by the run's token: by the keeper. */
	if (r->d->err.code == ERR_CANCELLED && cancel_level(r->opt->cancel) == CANCEL_NONE &&
	    cancel_level(&r->stop) != CANCEL_NONE)
		error_set(&r->d->err, ERR_BUSY, "%s: the lease was lost during the cycle: somebody else may have written",
			  r->d->name);
	r->d->result = CYCLE_FAILED;
	r->d->finished_ns = clock_realtime_ns();
}

static size_t count_good(const struct cycle *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->vm->n; i++)
		n += good(&c->runs[i]);
	return n;
}

static void open_disks(struct cycle *c)
{
	for (size_t i = 0; i < c->vm->n; i++) {
		struct disk_run *r = &c->runs[i];

		*r = (struct disk_run){ .opt = c->opt, .vm = c->vm, .d = &c->vm->disks[i], .keeper = c->keeper,
					.rs = REPLICA_STATE_INIT, .stop = { .event_fd = -1 } };
		r->d->started_ns = clock_realtime_ns();
		if (disk_run_open(r, &r->d->err) < 0)
			failed(r);
	}
}

/* F0, of all disks before the first byte of the first. */
static int take_evidence(struct cycle *c, struct error *err)
{
	uint64_t wait_ns = 0, bytes = 0;

	c->moment_ns = clock_realtime_ns();
	for (size_t i = 0; i < c->vm->n; i++) {
		struct disk_run *r = &c->runs[i];

		if (!good(r))
			continue;
		if (evidence_take(r->source, &r->f0, &r->d->err) < 0) {
			failed(r);
			continue;
		}
		evidence_inherit(&r->f0, &r->rs.last.evidence);
		if (evidence_settle_wait_ns(&r->f0) > wait_ns)
			wait_ns = evidence_settle_wait_ns(&r->f0);
		bytes += disk_allocated(r->source);
	}
	if (wait_ns > 0 && bytes > SETTLE_WORTH_BYTES && cancel_sleep(c->opt->cancel, (unsigned)(wait_ns / 1000000) + 1, err) < 0)
		return -1;
	for (size_t i = 0; i < c->vm->n; i++) {
		struct disk_run *r = &c->runs[i];
		const struct replica_state *rs = &r->rs;

		if (!good(r))
			continue;
		evidence_settle(&r->f0);
		if (rs->kind == STATE_CLEAN && rs->has_clean && !c->opt->full)
			r->unchanged = !rs->last.fuzzy && !rs->touched && rs->last.cycle > 0 &&
				       evidence_proves_unchanged(&r->f0, &rs->last.evidence, &r->d->read_why);
		if (rs->has_clean && rs->last.fuzzy && !c->opt->full)
			r->d->read_why = "the last cycle was cut short, or its source moved while it was read";
	}
	return 0;
}

/* Every disk proven, and the replicas as they were left: nothing to read, send, or make a point of. */
static bool nothing_to_do(struct cycle *c)
{
	bool points = target_caps(c->opt->target)->points && !c->opt->no_points;
	bool same = true;

	for (size_t i = 0; i < c->vm->n && same; i++) {
		struct disk_run *r = &c->runs[i];

		same = good(r) && r->unchanged && (r->rs.last.kept || !points) &&
		       blockmap_header(r->rs.map)->virtual_size == r->d->virtual_size;
	}
	for (size_t i = 0; i < c->vm->n && same; i++)
		if (disk_run_check_unchanged(&c->runs[i], &same, NULL) < 0)
			same = false;
	for (size_t i = 0; i < c->vm->n && same; i++) {
		struct cycle_disk *d = c->runs[i].d;

		d->result = CYCLE_SKIPPED;
		d->kind = CYCLE_DELTA;
		d->cycle = c->runs[i].rs.last.cycle;
		d->proven = true;
		d->finished_ns = clock_realtime_ns();
		atomic_store_explicit(&d->progress.bytes_done, d->virtual_size, memory_order_relaxed);
	}
	return same;
}

static void *scan_disk(void *arg)
{
	struct disk_run *r = arg;
	struct pass p = {
		.source = r->source, .map = r->rs.map, .journal = r->rs.journal, .replica = r->replica,
		.unchanged = r->unchanged, .cancel = &r->stop, .progress = &r->d->progress,
	};
	int rc;

	vhd_footer_encode(r->content, &blockmap_header(r->rs.map)->liftfs_id, p.footer);
	atomic_store(&r->d->active, true);
	rc = r->opt->serial ? serial_run(&p, &r->d->err) : engine_run(r->opt->engine, &p, &r->d->err);
	atomic_store(&r->d->active, false);
	if (rc == 0)
		rc = blockmap_failed(r->rs.map, &r->d->err);
	r->scanned = rc == 0;
	if (rc < 0)
		failed(r);
	return NULL;
}

/* 6: all disks of the VM at once; the engine shares its threads and slots among them. */
static void scan_disks(struct cycle *c)
{
	pthread_t *threads = calloc(c->vm->n, sizeof(*threads));
	bool *started = calloc(c->vm->n, sizeof(*started));

	for (size_t i = 0; i < c->vm->n; i++) {
		struct disk_run *r = &c->runs[i];

		if (!good(r) || !r->claimed)
			continue;
		if (threads && started && pthread_create(&threads[i], NULL, scan_disk, r) == 0)
			started[i] = true;
		else
			scan_disk(r); /* one after the other does too */
	}
	for (size_t i = 0; i < c->vm->n; i++)
		if (started && started[i])
			pthread_join(threads[i], NULL);
	free(threads);
	free(started);
}

/* 7: F1, of all disks after the last byte of the last.  A disk that failed says nothing: then there is no point anyway. */
static bool source_moved(struct cycle *c)
{
	bool moved = false;

	for (size_t i = 0; i < c->vm->n; i++) {
		struct disk_run *r = &c->runs[i];
		struct evidence f1 = { 0 };

		if (!good(r))
			continue;
		r->d->proven = evidence_take(r->source, &f1, &r->d->err) == 0 && evidence_equal(&r->f0, &f1);
		if (!good(r))
			failed(r);
		moved |= !r->d->proven;
		evidence_fini(&f1);
	}
	return moved;
}

/*
 * 10 for all.  Without an answer for one disk the others go on: the next run sends what is missing under the same token.
 * Once a disk can have none, the point cannot come to be.
 */
static bool make_points(struct cycle *c)
{
	bool complete = true, possible = true;

	for (size_t i = 0; i < c->vm->n && possible; i++) {
		struct disk_run *r = &c->runs[i];
		struct error why = ERROR_INIT;

		if (disk_run_point(r, &why) == 0)
			continue;
		complete = false;
		if (recovery_point_stops(&why)) {
			possible = why.code != ERR_CONFLICT;
			r->d->err = why;
			failed(r);
		} else {
			possible = false;
			snprintf(r->d->warning, sizeof(r->d->warning), "no recovery point: %.200s", why.msg);
		}
	}
	return complete;
}

/* 8 and 9 for all, then 10 for all: a crash leaves few points with some of their snapshots missing. */
static void commit_disks(struct cycle *c, bool fuzzy)
{
	bool points = target_caps(c->opt->target)->points && !c->opt->no_points && !fuzzy && count_good(c) == c->vm->n;
	char moment[CLOCK_TEXT_LEN];

	clock_format_point(c->moment_ns, moment);
	for (size_t i = 0; i < c->vm->n; i++) {
		struct disk_run *r = &c->runs[i];

		if (good(r) && disk_run_fence(r, &c->token, moment, (unsigned)c->vm->n, fuzzy, &r->d->err) < 0)
			failed(r);
	}
	points = points && count_good(c) == c->vm->n;
	points = points && make_points(c);
	for (size_t i = 0; i < c->vm->n; i++) {
		struct disk_run *r = &c->runs[i];

		if (!good(r))
			continue;
		if (disk_run_commit(r, &r->d->err) < 0) {
			failed(r);
			continue;
		}
		r->d->result = fuzzy ? CYCLE_FUZZY : CYCLE_OK;
		r->d->finished_ns = clock_realtime_ns();
	}
	if (points && count_good(c) == c->vm->n)
		memcpy(c->vm->point, moment, sizeof(c->vm->point));
}

static void add_counters(struct cycle_disk *d, const struct replica *replica)
{
	const struct target_counters *n = replica ? replica_counters(replica) : NULL;

	if (!n)
		return;
	d->requests.writes += atomic_load(&n->writes);
	d->requests.clears += atomic_load(&n->clears);
	d->requests.reads += atomic_load(&n->reads);
	d->requests.others += atomic_load(&n->others);
	d->retries += atomic_load(&n->retries);
}

static int run_disks(struct cycle *c, struct error *err)
{
	open_disks(c);
	if (take_evidence(c, err) < 0)
		return -1;
	if (nothing_to_do(c))
		return 0;
	if (guid_random(&c->token, err) < 0)
		return -1;
	for (size_t i = 0; i < c->vm->n; i++) {
		struct disk_run *r = &c->runs[i];

		if (good(r) && (cancel_check(c->opt->cancel, &r->d->err) < 0 || disk_run_enter(r, &r->d->err) < 0))
			failed(r);
	}
	scan_disks(c);
	commit_disks(c, source_moved(c));
	for (size_t i = 0; i < c->vm->n; i++)
		if (!good(&c->runs[i]))
			disk_run_abandon(&c->runs[i]);
	return 0;
}

/* A schedulable status for the whole: the heaviest of 70, 78, 75, 74, 65, 69, 1 that any disk has. */
static int first_error(const struct cycle *c, struct error *err)
{
	static const int weights[] = { 70, 78, 75, 74, 65, 69, 1, 2 };

	for (size_t w = 0; w < sizeof(weights) / sizeof(weights[0]); w++) {
		for (size_t i = 0; i < c->vm->n; i++) {
			const struct error *e = &c->vm->disks[i].err;

			if (e->code == ERR_NONE || error_exit_status(e) != weights[w])
				continue;
			if (err)
				*err = *e;
			return -1;
		}
	}
	return 0;
}

int cycle_run(struct cycle_vm *vm, const struct cycle_options *opt, struct error *err)
{
	struct cycle c = { .opt = opt, .vm = vm };
	struct error why = ERROR_INIT;

	vm->point[0] = '\0';
	c.runs = calloc(vm->n ? vm->n : 1, sizeof(*c.runs));
	if (!c.runs)
		error_errno(&why, ENOMEM, "%s", vm->name);
	else
		c.keeper = lease_keeper_new(opt->cancel, LEASE_RENEW_MS, &why);
	if (!c.keeper) {
		free(c.runs);
		for (size_t i = 0; i < vm->n; i++) {
			vm->disks[i].err = why;
			vm->disks[i].result = CYCLE_FAILED;
		}
		if (err)
			*err = why;
		return -1;
	}
	if (run_disks(&c, &why) < 0) {
		for (size_t i = 0; i < vm->n; i++) {
			if (good(&c.runs[i])) {
				vm->disks[i].err = why;
				failed(&c.runs[i]);
			}
		}
	}
	for (size_t i = 0; i < vm->n; i++) {
		memset(&c.runs[i].d->requests, 0, sizeof(c.runs[i].d->requests));
		c.runs[i].d->retries = 0;
		add_counters(c.runs[i].d, c.runs[i].replica);
		add_counters(c.runs[i].d, c.runs[i].copy);
		disk_run_close(&c.runs[i]);
	}
	lease_keeper_free(c.keeper);
	free(c.runs);
	return first_error(&c, err);
}

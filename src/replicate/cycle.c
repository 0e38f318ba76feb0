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

/*
 * With less data than this reading a disk again in the next cycle is cheaper than waiting for its stamps to settle (2 s at most,
 * where nothing can be sent meanwhile).
 */
#define SETTLE_WORTH_BYTES (UINT64_C(1) << 30)

struct cycle {
	const struct cycle_options *opt;
	struct cycle_vm *vm;
	struct disk_run *runs;
	struct lease_keeper *keeper;
	struct guid token;
	uint64_t moment_ns;
	bool entered; /* steps 1 to 5 are done: what they found is in the runs */
};

static size_t count_good(const struct cycle *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->vm->n; i++)
		n += disk_run_good(&c->runs[i]);
	return n;
}

static void open_disks(struct cycle *c)
{
	for (size_t i = 0; i < c->vm->n; i++) {
		struct disk_run *r = &c->runs[i];

		*r = (struct disk_run){ .opt = c->opt, .vm = c->vm, .d = &c->vm->disks[i], .keeper = c->keeper, .token = &c->token,
					.rs = REPLICA_STATE_INIT, .stop = { .event_fd = -1 } };
		r->d->started_ns = clock_realtime_ns();
		if (disk_run_open(r, &r->d->err) < 0)
			disk_run_failed(r);
	}
}

/* 1 to 5, each step for all before the next for any: what the last cycle left undone is finished before a version moves. */
static int enter_disks(struct cycle *c, struct error *err)
{
	if (guid_random(&c->token, err) < 0)
		return -1;
	c->entered = true;
	for (size_t i = 0; i < c->vm->n; i++) {
		struct disk_run *r = &c->runs[i];

		if (disk_run_good(r) && (cancel_check(c->opt->cancel, &r->d->err) < 0 || disk_run_approach(r, &r->d->err) < 0))
			disk_run_failed(r);
	}
	cycle_finish_points(c->runs, c->vm->n);
	for (size_t i = 0; i < c->vm->n; i++) {
		struct disk_run *r = &c->runs[i];

		if (disk_run_good(r) && (cancel_check(c->opt->cancel, &r->d->err) < 0 || disk_run_enter(r, &r->d->err) < 0))
			disk_run_failed(r);
	}
	return 0;
}

/* All disks of the VM at once; the engine shares its threads and slots among them. */
static void pass_over(struct cycle *c, void *(*body)(void *run))
{
	pthread_t *threads = calloc(c->vm->n, sizeof(*threads));
	bool *started = calloc(c->vm->n, sizeof(*started));

	for (size_t i = 0; i < c->vm->n; i++) {
		struct disk_run *r = &c->runs[i];

		if (!disk_run_good(r) || !r->claimed)
			continue;
		if (threads && started && pthread_create(&threads[i], NULL, body, r) == 0)
			started[i] = true;
		else
			body(r); /* one after the other does too */
	}
	for (size_t i = 0; i < c->vm->n; i++)
		if (started && started[i])
			pthread_join(threads[i], NULL);
	free(threads);
	free(started);
}

/* Within the pass: a write was refused for the lease. */
static int renew(void *run, struct error *err)
{
	struct disk_run *r = run;

	return lease_keeper_renew(r->keeper, r->replica, err);
}

static struct pass pass_of(struct disk_run *r, struct pass_progress *progress)
{
	struct pass p = {
		.source = r->source, .map = r->rs.map, .journal = r->rs.journal, .replica = r->replica,
		.cancel = &r->stop, .rate = r->opt->rate, .progress = progress, .renew = renew, .renew_ctx = r,
	};

	vhd_footer_encode(r->content, &blockmap_header(r->rs.map)->liftfs_id, p.footer);
	return p;
}

/* May anything of the source be proven to be as at the last clean point? */
static bool may_prove(const struct disk_run *r)
{
	const struct replica_state *rs = &r->rs;

	return !r->opt->full && rs->kind == STATE_CLEAN && rs->has_clean && !rs->last.fuzzy && !rs->touched && rs->last.cycle > 0;
}

/* Is there no disk of which a part may be proven unchanged?  Then all will be read, whatever the stamps say. */
static bool all_is_read(const struct cycle *c)
{
	for (size_t i = 0; i < c->vm->n; i++)
		if (disk_run_good(&c->runs[i]) && may_prove(&c->runs[i]))
			return false;
	return !c->opt->serial;
}

/*
 * A first pass for as long as the stamps take to settle, of which only that counts which arrived on the target: the second reads
 * all of it again.  What fails here at the source is left for that one.
 */
static void *begin_disk(void *arg)
{
	struct disk_run *r = arg;
	struct pass_progress *all = &r->d->progress, progress = { 0 };
	struct error err = ERROR_INIT;
	struct pass p = pass_of(r, &progress);
	int rc;

	p.until_ns = r->settled_ns;
	atomic_store(&r->d->active, true);
	rc = engine_run(r->opt->engine, &p, &err);
	atomic_store(&r->d->active, false);
	all->bytes_read += progress.bytes_read;
	all->blocks_hashed += progress.blocks_hashed;
	all->blocks_changed += progress.blocks_changed;
	all->bytes_sent += progress.bytes_sent;
	all->bytes_cleared += progress.bytes_cleared;
	if (rc < 0 && !p.target_failed && err.code != ERR_CANCELLED) {
		log_info("cycle", "%s: while its files' times settled: %s", r->d->name, err.msg);
	} else if (rc < 0) {
		r->d->err = err;
		disk_run_failed(r);
	}
	return NULL;
}

/* The disk as it is now that its stamps have settled. */
static int begin_anew(struct disk_run *r, bool entered, struct error *err)
{
	uint64_t size = r->d->virtual_size;

	if (disk_run_reopen(r, err) < 0)
		return -1;
	r->source_failed = true;
	if (evidence_at_open(r->source, &r->f0, err) < 0)
		return -1;
	if (entered && r->d->virtual_size != size)
		return error_set(err, ERR_CHANGED, "%s: had %" PRIu64 " bytes when the cycle began, and has %" PRIu64,
				 r->d->source_path, size, r->d->virtual_size);
	r->source_failed = false;
	return entered ? disk_run_claim_again(r, err) : 0;
}

/*
 * Until the stamps have settled; then the disks are opened anew, as their tables were read before.  If all is read anyway the time
 * is used to send.
 */
static int settle(struct cycle *c, uint64_t wait_ns, struct error *err)
{
	uint64_t until_ns = clock_boottime_ns() + wait_ns, now_ns;
	struct error why = ERROR_INIT;

	if (all_is_read(c)) {
		if (enter_disks(c, err) < 0)
			return -1;
		for (size_t i = 0; i < c->vm->n; i++)
			c->runs[i].settled_ns = until_ns;
		pass_over(c, begin_disk);
	}
	now_ns = clock_boottime_ns();
	if (now_ns < until_ns && count_good(c) > 0 &&
	    cancel_sleep(c->opt->cancel, (unsigned)((until_ns - now_ns) / 1000000) + 1, &why) < 0 && !c->entered) {
		if (err)
			*err = why;
		return -1;
	}
	c->moment_ns = clock_realtime_ns();
	for (size_t i = 0; i < c->vm->n; i++) {
		struct disk_run *r = &c->runs[i];
		struct evidence seen = r->f0;

		r->f0 = (struct evidence){ 0 };
		if (disk_run_good(r) && (cancel_check(c->opt->cancel, &r->d->err) < 0 || begin_anew(r, c->entered, &r->d->err) < 0))
			disk_run_failed(r);
		evidence_inherit(&r->f0, &seen);
		evidence_fini(&seen);
	}
	return 0;
}

static bool is_worth_settling(const struct cycle *c)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < c->vm->n; i++)
		if (disk_run_good(&c->runs[i]))
			bytes += disk_allocated(c->runs[i].source);
	return bytes > (c->opt->settle_worth ? c->opt->settle_worth : SETTLE_WORTH_BYTES);
}

/* F0, of all disks before the first byte of the first. */
static int take_evidence(struct cycle *c, struct error *err)
{
	uint64_t wait_ns = 0;

	c->moment_ns = clock_realtime_ns();
	for (size_t i = 0; i < c->vm->n; i++) {
		struct disk_run *r = &c->runs[i];

		if (!disk_run_good(r))
			continue;
		if (evidence_at_open(r->source, &r->f0, &r->d->err) < 0) {
			r->source_failed = true;
			disk_run_failed(r);
			continue;
		}
		evidence_inherit(&r->f0, &r->rs.last.evidence);
		if (evidence_settle_wait_ns(&r->f0) > wait_ns)
			wait_ns = evidence_settle_wait_ns(&r->f0);
	}
	if (wait_ns > 0 && is_worth_settling(c) && settle(c, wait_ns, err) < 0)
		return -1;
	for (size_t i = 0; i < c->vm->n; i++) {
		struct disk_run *r = &c->runs[i];
		const struct replica_state *rs = &r->rs;

		if (!disk_run_good(r))
			continue;
		evidence_settle(&r->f0, r->opened_ns);
		if (may_prove(r)) {
			if (evidence_proves_unchanged(&r->f0, &rs->last.evidence, &r->d->read_why))
				r->proof = PROOF_WHOLE;
			else if (evidence_is_settled(&rs->last.evidence))
				r->proof = PROOF_PARTS;
		}
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

		same = disk_run_good(r) && r->proof == PROOF_WHOLE && r->rs.last.pointed && (r->rs.last.kept || !points) &&
		       blockmap_header(r->rs.map)->virtual_size == r->d->virtual_size;
	}
	for (size_t i = 0; i < c->vm->n && same; i++)
		if (disk_run_check_unchanged(&c->runs[i], &same, NULL) < 0)
			same = false;
	for (size_t i = 0; i < c->vm->n && same; i++) {
		struct cycle_disk *d = c->runs[i].d;

		memcpy(d->version, c->runs[i].version, sizeof(d->version));
		cycle_skip(d, c->runs[i].rs.last.cycle);
	}
	return same;
}

/* Where the blocks come from is looked at in every pass that looks at all of them. */
static struct layers *begin_layers(struct disk_run *r)
{
	const struct layers_config config = {
		.dirfd = r->rs.dirfd,
		.disk = r->source,
		.now = &r->f0,
		.map = r->rs.map,
		.token = r->token,
		.last = r->proof == PROOF_PARTS ? &r->rs.last.token : NULL,
	};
	struct error why = ERROR_INIT;
	struct layers *l = layers_begin(&config, &why);

	if (!l)
		log_info("cycle", "%s: %s", r->d->name, why.msg);
	return l;
}

/* 6. */
static void *scan_disk(void *arg)
{
	struct disk_run *r = arg;
	bool unchanged = r->proof == PROOF_WHOLE;
	CLEANUP(cleanup_layers) struct layers *layers = unchanged || r->opt->serial ? NULL : begin_layers(r);
	struct pass p = pass_of(r, &r->d->progress);
	int rc;

	p.unchanged = unchanged;
	p.layers = layers;
	atomic_store(&r->d->active, true);
	rc = r->opt->serial ? serial_run(&p, &r->d->err) : engine_run(r->opt->engine, &p, &r->d->err);
	atomic_store(&r->d->active, false);
	if (rc == 0)
		rc = blockmap_failed(r->rs.map, &r->d->err);
	r->scanned = rc == 0;
	r->source_failed = rc < 0 && !p.target_failed;
	if (rc < 0) {
		disk_run_blame_change(r);
		disk_run_failed(r);
	} else if (unchanged) {
		layers_carry(r->rs.dirfd, &r->rs.last.token, r->token);
	} else if (layers) {
		layers_commit(layers);
	}
	if (atomic_load(&r->d->progress.blocks_proven) > 0)
		r->d->read_why = NULL;
	return NULL;
}

/* 7: F1, of all disks after the last byte of the last.  A disk that failed says nothing: then there is no point anyway. */
static bool source_moved(struct cycle *c)
{
	bool moved = false;

	for (size_t i = 0; i < c->vm->n; i++) {
		struct disk_run *r = &c->runs[i];
		struct evidence f1 = { 0 };

		if (!disk_run_good(r))
			continue;
		r->source_failed = evidence_take(r->source, &f1, &r->d->err) < 0;
		if (r->source_failed)
			disk_run_failed(r);
		if (!r->source_failed && evidence_equal(&r->f0, &f1)) {
			r->d->consistency = cycle_consistency(&r->f0, r->opt->frozen);
		} else {
			moved = true;
			if (r->opt->frozen && !r->source_failed)
				disk_run_warn(r, "the source changed while it was read, although it was said to be frozen");
		}
		evidence_fini(&f1);
	}
	return moved;
}

/* 8 and 9 for all, then 10 for all: a crash leaves few points with some of their snapshots missing. */
static void commit_disks(struct cycle *c, bool fuzzy)
{
	bool whole = !fuzzy && count_good(c) == c->vm->n, point;
	char moment[CLOCK_TEXT_LEN];

	clock_format_point(c->moment_ns, moment);
	for (size_t i = 0; i < c->vm->n; i++) {
		struct disk_run *r = &c->runs[i];

		if (disk_run_good(r) && disk_run_fence(r, &c->token, moment, (unsigned)c->vm->n, fuzzy, &r->d->err) < 0)
			disk_run_failed(r);
	}
	/* Half a VM is no recovery point. */
	point = whole && count_good(c) == c->vm->n && cycle_make_points(c->runs, c->vm->n);
	for (size_t i = 0; i < c->vm->n; i++) {
		struct disk_run *r = &c->runs[i];

		if (!disk_run_good(r))
			continue;
		/* A snapshot has published it; a source that moved is no state of anything. */
		if ((!fuzzy && !r->d->snapshot[0] && disk_run_publish(r, &r->d->err) < 0) || disk_run_commit(r, &r->d->err) < 0) {
			disk_run_failed(r);
			continue;
		}
		r->d->result = fuzzy ? CYCLE_FUZZY : CYCLE_OK;
		r->d->finished_ns = clock_realtime_ns();
	}
	if (point && count_good(c) == c->vm->n)
		memcpy(c->vm->point, moment, sizeof(c->vm->point));
}

static int run_disks(struct cycle *c, struct error *err)
{
	open_disks(c);
	if (take_evidence(c, err) < 0)
		return -1;
	if (nothing_to_do(c))
		return 0;
	if (!c->entered && enter_disks(c, err) < 0)
		return -1;
	pass_over(c, scan_disk);
	commit_disks(c, source_moved(c));
	for (size_t i = 0; i < c->vm->n; i++)
		if (!disk_run_good(&c->runs[i]))
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
			if (disk_run_good(&c.runs[i])) {
				vm->disks[i].err = why;
				disk_run_failed(&c.runs[i]);
			}
		}
	}
	for (size_t i = 0; i < vm->n; i++) {
		memset(&c.runs[i].d->requests, 0, sizeof(c.runs[i].d->requests));
		c.runs[i].d->retries = 0;
		cycle_add_requests(c.runs[i].d, c.runs[i].replica);
		cycle_add_requests(c.runs[i].d, c.runs[i].copy);
		disk_run_close(&c.runs[i]);
	}
	lease_keeper_free(c.keeper);
	free(c.runs);
	return first_error(&c, err);
}

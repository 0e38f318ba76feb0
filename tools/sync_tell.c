/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/rate_limit.h"
#include "replicate/evidence.h"
#include "sync_private.h"

int sync_sampled_init(struct sync_sampled *s, const struct sync_set *set, struct rate_limit *rate, struct error *err)
{
	size_t n = 0;

	*s = (struct sync_sampled){ .set = set, .rate = rate };
	s->disks = calloc(set->n_disks ? set->n_disks : 1, sizeof(*s->disks));
	if (!s->disks)
		return error_errno(err, ENOMEM, "progress");
	for (size_t i = 0; i < set->n; i++) {
		for (size_t k = 0; k < set->runs[i].cycle.n; k++) {
			const struct cycle_disk *d = &set->runs[i].cycle.disks[k];

			s->disks[n++] = (struct sync_extent){ .size = d->virtual_size, .data = d->data_bytes };
		}
	}
	return 0;
}

void sync_sampled_fini(struct sync_sampled *s)
{
	free(s->disks);
}

static uint64_t load(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Of a disk that is being read: what the tables say is data, or if they said too little, as much of the rest as so far. */
static uint64_t left_of(const struct sync_extent *e, uint64_t done, uint64_t read)
{
	uint64_t rest = done < e->size ? e->size - done : 0;
	uint64_t data = e->data > read ? e->data - read : 0;

	if (read > e->data && done > 0)
		return (uint64_t)((double)rest * ((double)read / (double)done));
	return data < rest ? data : rest;
}

struct reads {
	uint64_t left, waiting; /* of disks that were begun; data of those that were not */
	uint64_t ended_data, ended_read; /* of those that are over */
};

static void count_reads(const struct cycle_disk *d, const struct sync_extent *e, bool over, struct reads *r)
{
	uint64_t done = load(&d->progress.bytes_done), read = load(&d->progress.bytes_read);

	if (over) {
		r->ended_data += e->data;
		r->ended_read += read < e->data ? read : e->data;
	} else if (done > 0 || atomic_load(&d->active)) {
		r->left += left_of(e, done, read);
	} else {
		r->waiting += e->data;
	}
}

void sync_sample(void *ctx, struct progress_now *out)
{
	const struct sync_sampled *in = ctx;
	const struct sync_set *s = in->set;
	struct reads reads = { .left = 0 };
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		bool over = atomic_load(&s->runs[i].done);

		for (size_t k = 0; k < s->runs[i].cycle.n; k++) {
			const struct cycle_disk *d = &s->runs[i].cycle.disks[k];
			const struct pass_progress *p = &d->progress;

			out->done += load(&p->bytes_done);
			out->read += load(&p->bytes_read);
			out->sent += load(&p->bytes_sent);
			out->changed += load(&p->bytes_sent) + load(&p->bytes_cleared);
			out->disks++;
			out->disks_done += over;
			count_reads(d, &in->disks[n++], over, &reads);
		}
	}
	out->total = s->virtual_bytes;
	out->counts_reads = true;
	/* Most disks of a round have not changed: those that wait will be read as much as those before them were. */
	if (reads.ended_data > 0)
		reads.waiting = (uint64_t)((double)reads.waiting * ((double)reads.ended_read / (double)reads.ended_data));
	out->left = reads.left + reads.waiting;
	out->paused = in->rate && rate_limit_now(in->rate) == 0 && rate_limit_waiting(in->rate);
}

/* In a watch not again in each round. */
static bool shall_tell(struct sync_known *known, const char *disk, const char *message)
{
	return known ? sync_known_tell(known, disk, message) : message != NULL;
}

static void tell_disk(const struct cycle_disk *d, struct sync_known *known)
{
	/* That the run was told to stop is no news of a disk: its row says how far it is. */
	if (d->err.code != ERR_CANCELLED && shall_tell(known, d->name, d->err.code != ERR_NONE ? d->err.msg : NULL))
		output_line("liftfs sync: %s", d->err.msg);
	if (d->err.code == ERR_NONE && d->result == CYCLE_FUZZY)
		output_line("liftfs sync: warning: %s: the source changed while it was read: progress, but no recovery point",
			    d->name);
	if (*d->warning)
		output_line("liftfs sync: warning: %s: %s", d->name, d->warning);
	if (d->err.code == ERR_NONE && d->read_why)
		log_info("sync", "%s: everything was read: %s", d->name, d->read_why);
}

void sync_vm_finished(void *ctx, struct run_vm *vm)
{
	for (size_t i = 0; i < vm->cycle.n; i++)
		tell_disk(&vm->cycle.disks[i], ctx);
	if (vm->pruned.err.code != ERR_NONE)
		output_line("liftfs sync: warning: %s: old recovery points were not removed: %s", vm->cycle.name, vm->pruned.err.msg);
}

/* Says a reason once, of however many disks: the ones from (i, k) on, if it is the first of them. */
static void tell_read_why(const struct sync_set *s, size_t i, size_t k)
{
	const struct cycle_disk *first = &s->runs[i].cycle.disks[k];
	size_t n = 0;

	if (first->err.code != ERR_NONE || !first->read_why || evidence_why_passes(first->read_why))
		return;
	for (size_t j = 0; j < s->n; j++) {
		for (size_t l = 0; l < s->runs[j].cycle.n; l++) {
			const struct cycle_disk *d = &s->runs[j].cycle.disks[l];

			if (d->err.code != ERR_NONE || !d->read_why || strcmp(d->read_why, first->read_why) != 0)
				continue;
			if (n == 0 && d != first)
				return;
			n++;
		}
	}
	if (n == 1)
		output_line("%s: everything was read: %s", first->name, first->read_why);
	else
		output_line("%s and %zu more: everything was read: %s", first->name, n - 1, first->read_why);
}

void sync_tell_read_whys(const struct sync_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->runs[i].cycle.n; k++)
			tell_read_why(s, i, k);
}

void sync_tell_stopped(const struct sync_set *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->runs[i].cycle.n; k++)
			n += s->runs[i].cycle.disks[k].err.code == ERR_CANCELLED;
	if (n > 0)
		output_line("liftfs sync: stopped; the next run goes on with %zu disk%s where %s", n, n == 1 ? "" : "s",
			    n == 1 ? "it was" : "they were");
}

void sync_tell_broken(const struct sync_set *s, struct sync_known *known)
{
	for (size_t i = 0; i < s->n_broken; i++)
		if (shall_tell(known, s->broken[i].name, s->broken[i].err.msg))
			output_line("liftfs sync: %s", s->broken[i].err.msg);
}

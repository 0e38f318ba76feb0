/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <string.h>

#include "base/log.h"
#include "sync_private.h"

void sync_sample(void *ctx, struct progress_now *out)
{
	const struct sync_set *s = ctx;

	for (size_t i = 0; i < s->n; i++) {
		for (size_t k = 0; k < s->runs[i].cycle.n; k++) {
			const struct cycle_disk *d = &s->runs[i].cycle.disks[k];
			const struct pass_progress *p = &d->progress;

			out->done += atomic_load_explicit(&p->bytes_done, memory_order_relaxed);
			out->sent += atomic_load_explicit(&p->bytes_sent, memory_order_relaxed);
			out->changed += atomic_load_explicit(&p->bytes_sent, memory_order_relaxed) +
					atomic_load_explicit(&p->bytes_cleared, memory_order_relaxed);
			out->disks++;
			out->disks_done += atomic_load(&s->runs[i].done);
		}
	}
	out->total = s->virtual_bytes;
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

	if (first->err.code != ERR_NONE || !first->read_why)
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

/* SPDX-License-Identifier: Apache-2.0 */
/* Machines by name, and the disks that several of them have: these are sent once, and such machines go together. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assess/move_private.h"
#include "base/compiler.h"

static int by_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

/* ---- by name ---- */

struct ranked {
	const struct machine *m;
	size_t at;
};

static int by_machine(const void *a, const void *b)
{
	const struct machine *x = ((const struct ranked *)a)->m, *y = ((const struct ranked *)b)->m;
	int diff = by_text(x->name, y->name);

	if (!diff)
		diff = by_text(x->uuid, y->uuid);
	return diff ? diff : by_text(x->origin, y->origin);
}

static int rank_machines(const struct move *m, struct wave_units *u, struct error *err)
{
	CLEANUP_FREE struct ranked *all = calloc(m->n_vms + 1, sizeof(*all));

	u->by_name = calloc(m->n_vms + 1, sizeof(*u->by_name));
	if (!all || !u->by_name)
		return error_errno(err, ENOMEM, "machines");
	u->n = m->n_vms;
	for (size_t i = 0; i < m->n_vms; i++)
		all[i] = (struct ranked){ .m = m->vms[i].vm->machine, .at = i };
	qsort(all, m->n_vms, sizeof(*all), by_machine);
	for (size_t r = 0; r < m->n_vms; r++)
		u->by_name[r] = all[r].at;
	return 0;
}

/* ---- shared disks ---- */

struct shared { /* one that a machine has */
	const struct machine *m;
	const struct machine_disk *d;
	struct move_disk *out;
	size_t rank, vm; /* of the machine, and its index */
	bool replicate;
};

/* An image is what it is in one datacenter of one vCenter; a path that comes again with another size is another image.
 */
static int by_image(const struct shared *x, const struct shared *y)
{
	double size_x = x->d->capacity_mib.known ? x->d->capacity_mib.v : -1;
	double size_y = y->d->capacity_mib.known ? y->d->capacity_mib.v : -1;
	int diff = strcmp(x->d->path, y->d->path);

	if (!diff)
		diff = by_text(x->m->vcenter, y->m->vcenter);
	if (!diff)
		diff = by_text(x->m->datacenter, y->m->datacenter);
	return diff ? diff : (size_x > size_y) - (size_x < size_y);
}

/* Those that are replicated first, then by machine; a machine's own in their order. */
static int by_image_and_machine(const void *a, const void *b)
{
	const struct shared *x = a, *y = b;
	int diff = by_image(x, y);

	if (!diff)
		diff = (int)y->replicate - (int)x->replicate;
	if (!diff)
		diff = (x->rank > y->rank) - (x->rank < y->rank);
	return diff ? diff : (x->d > y->d) - (x->d < y->d);
}

/* Returns how many there are; those without a path are in *nameless_out only. */
static size_t collect(const struct move *m, const size_t *by_name, struct shared *out, size_t *nameless_out)
{
	size_t n = 0;

	*nameless_out = 0;
	for (size_t r = 0; r < m->n_vms; r++) {
		const struct move_vm *v = &m->vms[by_name[r]];

		for (size_t i = 0; i < v->vm->machine->n_disks; i++) {
			const struct machine_disk *d = &v->vm->machine->disks[i];

			if (!d->shared)
				continue;
			if (!d->path) {
				*nameless_out += v->vm->disks[i].replicate;
				continue;
			}
			if (out)
				out[n] = (struct shared){ .m = v->vm->machine,
							  .d = d,
							  .out = m->disks + (v->disks - m->disks) + i,
							  .rank = r,
							  .vm = by_name[r],
							  .replicate = v->vm->disks[i].replicate };
			n++;
		}
	}
	return n;
}

int move_find_shared(struct move *m, struct wave_units *u, struct error *err)
{
	CLEANUP_FREE struct shared *all = NULL;
	size_t n, nameless, first = 0;

	if (rank_machines(m, u, err) < 0)
		return -1;
	n = collect(m, u->by_name, NULL, &nameless);
	all = calloc(n + 1, sizeof(*all));
	u->sharing = calloc(n + 1, sizeof(*u->sharing));
	if (!all || !u->sharing)
		return error_errno(err, ENOMEM, "shared disks");
	collect(m, u->by_name, all, &nameless);
	qsort(all, n, sizeof(*all), by_image_and_machine);
	for (size_t i = 1; i < n; i++) {
		if (by_image(&all[i], &all[first]) != 0) {
			first = i;
			continue;
		}
		if (all[i].replicate)
			all[i].out->with = m->vms[all[first].vm].vm;
		if (all[i].rank != all[first].rank)
			u->sharing[u->n_sharing++] = (struct wave_edge){ .from = all[first].rank, .to = all[i].rank };
	}
	if (nameless > 0)
		machine_notice(&m->notices,
			       "%zu shared disk%s name no image: what machines share of them is counted more than once",
			       nameless, nameless == 1 ? "" : "s");
	return 0;
}

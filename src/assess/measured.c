/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "assess/measured.h"

#define DEDUPE_MAX 10

static double capacity_mib(const struct machine_list *l)
{
	double sum = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct machine *m = &l->v[i];

		for (size_t k = 0; k < m->n_disks && !machine_left_out(m); k++)
			if (!m->disks[k].raw && m->disks[k].capacity_mib.known)
				sum += m->disks[k].capacity_mib.v;
	}
	return sum;
}

double assess_measured_dedupe(const struct machine_list *machines, const struct machines_looked *looked)
{
	double all = capacity_mib(machines), share = looked->fleet.duplicate, factor;

	if (!looked->fleet.known)
		return 0;
	if (looked->fleet_mib < all)
		share *= looked->fleet_mib / all;
	factor = share < 1 - 1.0 / DEDUPE_MAX ? 1 / (1 - share) : DEDUPE_MAX;
	return (double)(uint64_t)(factor * 10 + 1e-9) / 10;
}

struct move_measured *assess_measured_moves(const struct assessment *a, struct error *err)
{
	struct move_measured *v = calloc(a->n_vms + 1, sizeof(*v));

	if (!v) {
		error_errno(err, ENOMEM, "machines");
		return NULL;
	}
	for (size_t i = 0; i < a->n_vms; i++) {
		const struct machine_shares *s = &a->vms[i].machine->shares;

		if (s->known && s->blocks > 0)
			v[i].zero_share =
				(struct machine_number){ .known = true, .v = (double)s->zero / (double)s->blocks };
	}
	return v;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine would cost a month at list prices; nothing where one of them is missing. */
#include <config.h>

#include "assess/rules.h"

void assess_cost(const struct assess_frame *f, const struct machine *m, struct assess_vm *vm)
{
	struct assess_azure *a = &vm->azure;

	if (a->hourly_usd.known)
		a->compute_usd = (struct machine_number){ .known = true, .v = a->hourly_usd.v * f->o->uptime_hours };
	a->disks_usd.known = m->n_disks > 0;
	for (size_t i = 0; i < m->n_disks; i++) {
		if (!vm->disks[i].replicate)
			continue;
		a->disks_usd.known = a->disks_usd.known && vm->disks[i].monthly_usd.known;
		a->disks_usd.v += vm->disks[i].monthly_usd.v;
	}
	if (!a->disks_usd.known)
		a->disks_usd.v = 0;
	if (a->compute_usd.known && a->disks_usd.known)
		a->total_usd = (struct machine_number){ .known = true, .v = a->compute_usd.v + a->disks_usd.v };
}

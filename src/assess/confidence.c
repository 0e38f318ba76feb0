/* SPDX-License-Identifier: Apache-2.0 */
/* How much is known rather than taken on trust: the rule is in assessment.h. */
#include <config.h>

#include <string.h>

#include "assess/rules.h"

static int level_of_os(struct assess_vm *vm)
{
	struct machine_notices *why = &vm->confidence.reasons;

	if (strcmp(vm->os_from, "disk") == 0)
		return 5;
	if (strcmp(vm->os_from, "os_tools") == 0) {
		machine_notice(why, "the system is what VMware Tools say; no disk shows it");
		return 4;
	}
	if (*vm->os_from) {
		machine_notice(why, "the system is what somebody entered; no disk shows it");
		return 3;
	}
	machine_notice(why, "the system is not known");
	return 2;
}

static bool lacks_a_size(const struct machine *m)
{
	bool lacks = !assess_size_known(m) || m->n_disks == 0;

	for (size_t i = 0; i < m->n_disks; i++)
		lacks |= !m->disks[i].raw && !m->disks[i].capacity_mib.known;
	return lacks;
}

void assess_find_confidence(const struct machine *m, struct assess_vm *vm)
{
	const struct machine_facts *f = &vm->facts;
	const struct {
		bool applies;
		const char *reason;
	} less[] = {
		{ vm->firmware == MACHINE_FIRMWARE_UNKNOWN, "the firmware is not known" },
		{ vm->arch == ARCH_UNKNOWN, "the architecture is not known" },
		{ lacks_a_size(m), "vCPUs, memory or the size of a disk is not known" },
	};
	int level = level_of_os(vm);

	for (size_t i = 0; i < ARRAY_LEN(less); i++)
		if (less[i].applies) {
			level--;
			machine_notice(&vm->confidence.reasons, "%s", less[i].reason);
		}
	if ((f->looked > 0 || f->unreadable > 0) && f->whole < f->disks) {
		level--;
		machine_notice(
			&vm->confidence.reasons,
			"of %zu disks %zu could be looked at completely; %zu could not be read, or not all of it",
			f->disks, f->whole, f->unreadable);
	}
	vm->confidence.level = level > 1 ? (unsigned)level : 1;
}

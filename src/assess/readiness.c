/* SPDX-License-Identifier: Apache-2.0 */
/* Would the machine start in Azure, with what reservations, and what should be known about it. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assess/rules.h"
#include "base/compiler.h"

#define AZURE_DISKS_MAX 65 /* with that of the operating system */
#define AZURE_NICS_MAX 32
#define PAGE_BLOB_MIB (8.0 * 1024 * 1024) /* a page blob, in which a disk shares the space with its footer */
#define NAME_MAX_LEN 63

struct rule {
	bool applies;
	const char *code;
	enum assess_verdict verdict;
};

static int judge_all(struct assess_vm *vm, const struct rule *rules, size_t n, struct error *err)
{
	for (size_t i = 0; i < n; i++)
		if (rules[i].applies &&
		    assess_judge(&vm->azure.codes, &vm->azure.verdict, rules[i].code, rules[i].verdict, err) < 0)
			return -1;
	return 0;
}

static int judge_guest(const struct machine *m, struct assess_vm *vm, struct error *err)
{
	enum os_azure_state state = vm->os->azure_state;
	bool efi = vm->firmware == MACHINE_EFI, x86 = vm->arch == ARCH_X86;
	const struct rule rules[] = {
		{ state == OS_UNKNOWN, "GuestOperatingSystemUnknown", VERDICT_UNKNOWN },
		{ state == OS_NO_BOOT, vm->os->azure_code, VERDICT_NOT_READY },
		{ state == OS_CONDITIONAL || state == OS_END_OF_SUPPORT || state == OS_UNSUPPORTED, vm->os->azure_code,
		  VERDICT_CONDITIONAL },
		{ x86, "GuestOperatingSystemArchitectureNotSupported", VERDICT_CONDITIONAL },
		{ vm->arch == ARCH_ARM64, "GuestOperatingSystemArchitectureNotSupported", VERDICT_NOT_READY },
		{ efi && (vm->os->gen2 == OS_NO || x86), "BootTypeNotSupported", VERDICT_NOT_READY },
		{ vm->firmware == MACHINE_FIRMWARE_UNKNOWN, "BootTypeUnknown", VERDICT_CONDITIONAL },
		{ !assess_size_known(m), "LiftfsSizeUnknown", VERDICT_UNKNOWN },
		{ m->nics.known && m->nics.v > AZURE_NICS_MAX, "OneOrMoreAdaptersNotSuitable", VERDICT_NOT_READY },
	};

	return judge_all(vm, rules, ARRAY_LEN(rules), err);
}

static int judge_disks(const struct machine *m, struct assess_vm *vm, struct error *err)
{
	bool unknown = m->n_disks == 0, unfit = false, raw = false, shared = false, independent = false, large = false;
	size_t replicated = 0;

	for (size_t i = 0; i < m->n_disks; i++) {
		const struct machine_disk *d = &m->disks[i];

		raw |= d->raw;
		shared |= d->shared;
		if (!vm->disks[i].replicate)
			continue;
		replicated++;
		independent |= d->independent;
		large |= d->capacity_mib.known && d->capacity_mib.v >= PAGE_BLOB_MIB;
		unknown |= !d->capacity_mib.known;
		unfit |= d->capacity_mib.known && vm->disks[i].codes.n > 0;
	}
	const struct rule rules[] = {
		{ unknown, "LiftfsDiskUnknown", VERDICT_UNKNOWN },
		{ replicated > AZURE_DISKS_MAX, "MoreDisksThanSupported", VERDICT_NOT_READY },
		{ unfit, "OneOrMoreDisksNotSuitable", VERDICT_NOT_READY },
		{ raw, "LiftfsDiskRawDeviceMapping", VERDICT_CONDITIONAL },
		{ shared, "LiftfsDiskShared", VERDICT_CONDITIONAL },
		{ independent, "LiftfsDiskIndependent", VERDICT_CONDITIONAL },
		{ large, "LiftfsDiskExceedsPageBlob", VERDICT_CONDITIONAL },
	};

	return judge_all(vm, rules, ARRAY_LEN(rules), err);
}

/* ---- the name ---- */

static bool is_alnum_ascii(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static size_t without_hyphens_at_the_end(const char *name, size_t len)
{
	while (len > 0 && name[len - 1] == '-')
		len--;
	return len;
}

/* What Azure would allow, nearest to the name: "vm" if there is nothing to keep. */
static char *propose_name(const char *name, struct error *err)
{
	char *out = calloc(1, strlen(name) + sizeof("vm"));
	size_t n = 0;

	if (!out) {
		error_errno(err, ENOMEM, "name");
		return NULL;
	}
	for (const char *p = name; *p; p++) {
		bool other = !is_alnum_ascii(*p) && *p != '-';

		if (other && p > name && !is_alnum_ascii(p[-1]) && p[-1] != '-')
			continue; /* a run of others is one hyphen */
		if ((other || *p == '-') && n == 0)
			continue;
		out[n++] = other ? '-' : *p;
	}
	n = without_hyphens_at_the_end(out, n);
	if (n > NAME_MAX_LEN)
		n = without_hyphens_at_the_end(out, NAME_MAX_LEN);
	out[n] = '\0';
	if (n == 0)
		memcpy(out, "vm", sizeof("vm"));
	return out;
}

static int check_name(const struct machine *m, struct assess_vm *vm, struct error *err)
{
	char *proposed = propose_name(m->name, err);

	if (!proposed)
		return -1;
	if (strcmp(proposed, m->name) == 0) {
		free(proposed);
		return 0;
	}
	vm->azure.proposed_name = proposed;
	return assess_codes_add(&vm->azure.notes, "LiftfsNameNeedsChange", err);
}

int assess_readiness(const struct machine *m, struct assess_vm *vm, struct error *err)
{
	const struct machine_facts *seen = &vm->facts;
	const struct {
		bool applies;
		const char *code;
	} notes[] = {
		{ m->power == MACHINE_OFF || m->power == MACHINE_SUSPENDED, "LiftfsPoweredOff" },
		{ m->secure_boot, "LiftfsSecureBoot" },
		{ m->snapshot, "LiftfsSnapshotPresent" },
		{ m->consolidation_needed, "LiftfsConsolidationNeeded" },
		{ m->disks_collapsed, "LiftfsDisksCollapsed" },
		{ vm->n_conflicts > 0, "LiftfsDiskContradicts" },
		{ seen->unreadable > 0, "LiftfsDiskUnreadable" },
		{ seen->encrypted_by.disk, "LiftfsDiskEncrypted" },
		{ seen->dynamic_by.disk, "LiftfsDynamicDisk" },
		{ seen->dirty_by.disk, "LiftfsFileSystemDirty" },
		{ seen->fstab_by.disk, "LiftfsFstabDeviceName" },
		{ seen->hibernated_by.disk, "LiftfsHibernated" },
		{ seen->drivers == LOOK_DRIVERS_NONE || seen->drivers == LOOK_DRIVERS_SOME, "LiftfsHyperVDriversMissing" },
		{ seen->pending_by.disk, "LiftfsUpdatesPending" },
	};

	vm->azure.verdict = VERDICT_READY;
	vm->azure.trusted_launch = vm->azure.gen2 && vm->os->gen2 == OS_YES && vm->arch != ARCH_X86;
	if (judge_guest(m, vm, err) < 0 || judge_disks(m, vm, err) < 0 || check_name(m, vm, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(notes); i++)
		if (notes[i].applies && assess_codes_add(&vm->azure.notes, notes[i].code, err) < 0)
			return -1;
	return 0;
}

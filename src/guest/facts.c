/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from the findings.  Nothing is concluded from what was not found, unless all of the place was read. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "guest/look_private.h"

static size_t first_of(const struct look *l, enum finding_kind kind)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].kind == kind)
			return i;
	return LOOK_NOTHING;
}

static bool take_first(const struct look *l, enum finding_kind kind, size_t *by)
{
	*by = first_of(l, kind);
	return *by != LOOK_NOTHING;
}

/*
 * Windows writes boot code into the MBR of every disk: it counts with an active partition, or an operating system to
 * start.  That of a GPT counts with a partition that it can load the rest from.
 */
static void derive_firmware(const struct looker *lk, struct look_facts *f)
{
	const struct look *l = lk->out;
	bool efi = take_first(l, FINDING_LOADER, &f->firmware_by), os = first_of(l, FINDING_OS) != LOOK_NOTHING, gpt,
	     bios;
	size_t table = first_of(l, FINDING_TABLE), code = first_of(l, FINDING_BOOT_CODE);

	gpt = table != LOOK_NOTHING && strcmp(l->v[table].value, "gpt") == 0;
	bios = lk->boot_code && (gpt ? lk->bios_boot : lk->active || (os && !efi));
	if (bios && !efi)
		f->firmware_by = code;
	f->firmware = efi && bios ? LOOK_FIRMWARE_BOTH
		      : efi       ? LOOK_FIRMWARE_EFI
		      : bios      ? LOOK_FIRMWARE_BIOS
				  : LOOK_FIRMWARE_UNKNOWN;
}

static void derive_arch(const struct look *l, struct look_facts *f)
{
	const char *text;

	if (!take_first(l, FINDING_ARCH, &f->arch_by))
		return;
	text = l->v[f->arch_by].value;
	f->arch = strcmp(text, "x86_64") == 0 ? LOOK_ARCH_X64
		  : strcmp(text, "x86") == 0  ? LOOK_ARCH_X86
					      : LOOK_ARCH_ARM64;
}

static void derive_os(const struct look *l, struct look_facts *f)
{
	size_t id = first_of(l, FINDING_OS_ID);

	f->os = take_first(l, FINDING_OS, &f->os_by);
	if (f->os)
		f->os_text = l->v[f->os_by].value;
	if (id != LOOK_NOTHING) {
		const char *text = l->v[id].value;
		size_t len = strcspn(text, " ");

		snprintf(f->os_id, sizeof(f->os_id), "%.*s", (int)(len < 31 ? len : 31), text);
		snprintf(f->os_version, sizeof(f->os_version), "%.31s", text[len] ? text + len + 1 : "");
		if (!f->os)
			f->os_by = id;
	}
}

static void derive_drivers(const struct looker *lk, struct look_facts *f)
{
	unsigned needed = DRIVER_VMBUS | DRIVER_STORVSC, all = 0, none = 0, unknown = 0;

	take_first(lk->out, FINDING_DRIVERS, &f->drivers_by);
	for (size_t i = 0; i < lk->n_kernels; i++) {
		const struct look_kernel *k = &lk->kernels[i];
		unsigned have = k->in_ramdisk | k->built_in;

		if ((have & needed) == needed)
			all++;
		else if (!k->ramdisk_read || !k->built_in_read) /* the missing ones may be where nobody looked */
			unknown++;
		else
			none++;
	}
	if (f->drivers_by != LOOK_NOTHING && unknown == 0)
		f->drivers = none == 0 ? LOOK_DRIVERS_ALL : all == 0 ? LOOK_DRIVERS_NONE : LOOK_DRIVERS_SOME;
	if (f->drivers == LOOK_DRIVERS_UNKNOWN)
		f->drivers_by = LOOK_NOTHING;
}

void look_facts_system(struct look *l)
{
	derive_arch(l, &l->facts);
	derive_os(l, &l->facts);
}

void look_facts_derive(const struct looker *lk)
{
	struct look *l = lk->out;
	struct look_facts *f = &l->facts;

	derive_firmware(lk, f);
	look_facts_system(l);
	derive_drivers(lk, f);
	f->encrypted = take_first(l, FINDING_ENCRYPTION, &f->encrypted_by);
	f->dirty = take_first(l, FINDING_DIRTY, &f->dirty_by);
	f->hibernated = take_first(l, FINDING_HIBERNATED, &f->hibernated_by);
	f->pending = take_first(l, FINDING_PENDING, &f->pending_by);
	f->fstab_devices = take_first(l, FINDING_FSTAB, &f->fstab_by);
	f->dynamic_by = LOOK_NOTHING;
	for (size_t i = 0; i < l->n && !f->dynamic_disk; i++)
		if (l->v[i].kind == FINDING_VOLUMES && strcmp(l->v[i].value, "LDM") == 0) {
			f->dynamic_disk = true;
			f->dynamic_by = i;
		}
	f->used_whole = f->used_whole && lk->used_known == lk->file_systems;
}

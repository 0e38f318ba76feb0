/* SPDX-License-Identifier: Apache-2.0 */
/* What a disk shows, made up: for tests of what follows from it. */
#ifndef LIFTFS_TESTS_LOOK_MADE_H
#define LIFTFS_TESTS_LOOK_MADE_H

#include <stdlib.h>
#include <string.h>

#include "inventory/machine_look.h"

static inline void look_made_release(struct machine_look *l)
{
	look_fini(&l->found);
}

/* A disk that was looked at completely and shows nothing but a table. */
static inline struct machine_look *look_made(struct machine_disk *d)
{
	struct machine_look *l = calloc(1, sizeof(*l));
	struct look_facts *f;

	assert_non_null(l);
	l->release = look_made_release;
	l->found.v = calloc(8, sizeof(*l->found.v));
	assert_non_null(l->found.v);
	l->found.v[l->found.n++] =
		(struct finding){ .kind = FINDING_TABLE, .value = strdup("dos"), .where = strdup("partition table") };
	l->found.complete = true;
	f = &l->found.facts;
	f->firmware_by = f->arch_by = f->drivers_by = f->os_by = f->encrypted_by = f->dirty_by = f->hibernated_by =
		f->pending_by = f->fstab_by = f->dynamic_by = LOOK_NOTHING;
	d->look = l;
	return l;
}

/* Its index. */
static inline size_t look_made_add(struct machine_look *l, enum finding_kind kind, const char *value, uint64_t off)
{
	assert_true(l->found.n < 8);
	l->found.v[l->found.n] =
		(struct finding){ .kind = kind, .value = strdup(value), .where = strdup("partition 1"), .off = off };
	return l->found.n++;
}

static inline void look_made_os(struct machine_look *l, const char *text, const char *id, const char *version)
{
	struct look_facts *f = &l->found.facts;

	f->os = true;
	f->os_by = look_made_add(l, FINDING_OS, text, 4096);
	f->os_text = l->found.v[f->os_by].value;
	snprintf(f->os_id, sizeof(f->os_id), "%s", id);
	snprintf(f->os_version, sizeof(f->os_version), "%s", version);
}

static inline void look_made_arch(struct machine_look *l, enum look_arch arch)
{
	l->found.facts.arch = arch;
	l->found.facts.arch_by = look_made_add(l, FINDING_ARCH,
					       arch == LOOK_ARCH_X64   ? "x86_64"
					       : arch == LOOK_ARCH_X86 ? "x86"
								       : "aarch64",
					       8192);
}

static inline void look_made_firmware(struct machine_look *l, enum look_firmware firmware)
{
	l->found.facts.firmware = firmware;
	l->found.facts.firmware_by = look_made_add(l, FINDING_LOADER, "EFI/BOOT/BOOTX64.EFI", 1234567);
}

static inline void look_made_flag(struct machine_look *l, bool *flag, size_t *by, enum finding_kind kind)
{
	*flag = true;
	*by = look_made_add(l, kind, "seen", 512);
}

#endif

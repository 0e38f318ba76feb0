/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a disk shows goes before what the inventory says.  Where the two differ the inventory's word is not lost: it
 * becomes a conflict.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assess/rules.h"
#include "base/compiler.h"

void assess_firmware(const struct machine *m, struct assess_vm *vm)
{
	enum look_firmware seen;

	machine_facts(m, &vm->facts);
	seen = vm->facts.firmware;
	vm->firmware = seen == LOOK_FIRMWARE_EFI    ? MACHINE_EFI
		       : seen == LOOK_FIRMWARE_BIOS ? MACHINE_BIOS
						    : m->firmware;
	vm->firmware_from = seen == LOOK_FIRMWARE_EFI || seen == LOOK_FIRMWARE_BIOS ? "disk"
			    : m->firmware != MACHINE_FIRMWARE_UNKNOWN               ? "inventory"
										    : "";
}

static int add(struct assess_vm *vm, const char *field, const char *kept, const struct machine_proof *by,
	       const char *other, const char *from, struct error *err)
{
	struct machine_conflict *v = reallocarray(vm->conflicts, vm->n_conflicts + 1, sizeof(*v)), *c;
	char *place = NULL, *proof;

	if (!v)
		return error_errno(err, ENOMEM, "conflicts");
	vm->conflicts = v;
	proof = machine_proof_text(by, err);
	if (!proof)
		return -1;
	if (asprintf(&place, "%s%s%s", vm->machine->origin, *from ? ": " : "", from) < 0)
		place = NULL;
	c = &v[vm->n_conflicts++];
	*c = (struct machine_conflict){ .field = strdup(field),
					.kept = strdup(kept),
					.kept_from = proof,
					.other = strdup(other),
					.other_from = place };
	return c->field && c->kept && c->other && c->other_from ? 0 : error_errno(err, ENOMEM, "conflicts");
}

void assess_conflicts_fini(struct assess_vm *vm)
{
	for (size_t i = 0; i < vm->n_conflicts; i++) {
		free(vm->conflicts[i].field);
		free(vm->conflicts[i].kept);
		free(vm->conflicts[i].kept_from);
		free(vm->conflicts[i].other);
		free(vm->conflicts[i].other_from);
	}
	free(vm->conflicts);
}

/* "ubuntu" and "debian-unknown" say less than "ubuntu-22.04" and "debian-12", but nothing else; any Linux is an other
 * one. */
static bool says_less(const struct catalogue_os *os, const struct catalogue_os *seen)
{
	const char *key = os->key, *than = seen->key;
	static const char unknown[] = "-unknown";
	size_t len = strlen(key), tail = sizeof(unknown) - 1;

	if (strcmp(key, "other-linux") == 0)
		return !seen->windows;
	if (len > tail && strcmp(key + len - tail, unknown) == 0)
		len -= tail;
	return strncmp(key, than, len) == 0 && (than[len] == '\0' || than[len] == '-');
}

static int check_os(const struct assess_frame *f, const struct machine *m, struct assess_vm *vm, struct error *err)
{
	const struct catalogue_os *unknown = catalogue_os(f->c, "unknown");
	struct assess_sources from;

	if (assess_read_sources(f, m, &from, err) < 0)
		return -1;
	for (size_t i = 0; i < ASSESS_SOURCES && strcmp(vm->os_from, "disk") == 0; i++) {
		const struct catalogue_os *os = from.os[i];

		/* a name with its version was said already */
		if (i == SOURCE_NAME && from.os[SOURCE_NAME_VERSION] && from.os[SOURCE_NAME_VERSION] != unknown)
			os = NULL;

		if (os && os != unknown && os != vm->os && !says_less(os, vm->os) &&
		    add(vm, "os_key", vm->os->key, &vm->facts.os_by, os->key, assess_source_name((enum assess_source)i),
			err) < 0)
			return -1;
	}
	if (strcmp(vm->arch_from, "disk") != 0 || from.arch == ARCH_UNKNOWN || from.arch == vm->arch)
		return 0;
	return add(vm, "arch", catalogue_arch_name(vm->arch), &vm->facts.arch_by, catalogue_arch_name(from.arch), "",
		   err);
}

int assess_contradictions(const struct assess_frame *f, const struct machine *m, struct assess_vm *vm,
			  struct error *err)
{
	bool efi = vm->firmware == MACHINE_EFI;

	if (strcmp(vm->firmware_from, "disk") == 0 && m->firmware != MACHINE_FIRMWARE_UNKNOWN &&
	    m->firmware != vm->firmware &&
	    add(vm, "firmware", efi ? "efi" : "bios", &vm->facts.firmware_by, efi ? "bios" : "efi", "", err) < 0)
		return -1;
	return check_os(f, m, vm, err);
}

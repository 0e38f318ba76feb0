/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assess_evidence.h"

const char *assess_look_firmware_name(enum look_firmware f)
{
	static const char *const names[] = {
		[LOOK_FIRMWARE_UNKNOWN] = "unknown",
		[LOOK_FIRMWARE_BIOS] = "bios",
		[LOOK_FIRMWARE_EFI] = "efi",
		[LOOK_FIRMWARE_BOTH] = "both",
	};

	return names[f];
}

/* value NULL: this source says nothing.  by NULL: it is the inventory. */
static int say(struct assess_said_list *l, const struct assess_vm *vm, const char *field, const char *from,
	       const char *value, const struct machine_proof *by, const char *decided, struct error *err)
{
	struct assess_said *s = &l->v[l->n];

	if (!value || !*value)
		return 0;
	*s = (struct assess_said){ .field = field, .from = from, .counts = strcmp(decided, from) == 0 };
	l->n++;
	s->value = strdup(value);
	s->where = by ? machine_proof_text(by, err) : strdup(vm->machine->origin);
	if (by && !s->where)
		return -1;
	return s->value && s->where ? 0 : error_errno(err, ENOMEM, "sources");
}

static int say_os(struct assess_said_list *l, const struct assess_vm *vm, struct error *err)
{
	const struct machine_facts *f = &vm->facts;
	const struct machine *m = vm->machine;

	return say(l, vm, "os", "disk", *f->os_text ? f->os_text : f->os_id, &f->os_by, vm->os_from, err) < 0 ||
			       say(l, vm, "os", "os_tools", m->os_tools, NULL, vm->os_from, err) < 0 ||
			       say(l, vm, "os", "os_config", m->os_config, NULL, vm->os_from, err) < 0 ||
			       say(l, vm, "os", "guest_id", m->guest_id, NULL, vm->os_from, err) < 0
		       ? -1
		       : say(l, vm, "os", "os_name", m->os_name, NULL, vm->os_from, err);
}

static int say_firmware(struct assess_said_list *l, const struct assess_vm *vm, struct error *err)
{
	const struct machine_facts *f = &vm->facts;
	const struct machine *m = vm->machine;

	if (f->firmware != LOOK_FIRMWARE_UNKNOWN &&
	    say(l, vm, "firmware", "disk", assess_look_firmware_name(f->firmware), &f->firmware_by, vm->firmware_from,
		err) < 0)
		return -1;
	return m->firmware == MACHINE_FIRMWARE_UNKNOWN
		       ? 0
		       : say(l, vm, "firmware", "inventory", assess_firmware_name(m->firmware), NULL, vm->firmware_from,
			     err);
}

static int say_arch(struct assess_said_list *l, const struct assess_vm *vm, struct error *err)
{
	const struct machine_facts *f = &vm->facts;

	if (f->arch_by.finding &&
	    say(l, vm, "arch", "disk", f->arch_by.finding->value, &f->arch_by, vm->arch_from, err) < 0)
		return -1;
	if (say(l, vm, "arch", "inventory",
		strcmp(vm->arch_from, "inventory") == 0 ? assess_arch_name(vm->arch) : vm->machine->architecture, NULL,
		vm->arch_from, err) < 0)
		return -1;
	return strcmp(vm->arch_from, "default") == 0
		       ? say(l, vm, "arch", "default", assess_arch_name(vm->arch), NULL, vm->arch_from, err)
		       : 0;
}

int assess_said_by_all(const struct assess_vm *vm, struct assess_said_list *out, struct error *err)
{
	*out = (struct assess_said_list){ .n = 0 };
	if (say_os(out, vm, err) < 0 || say_firmware(out, vm, err) < 0 || say_arch(out, vm, err) < 0) {
		assess_said_fini(out);
		return -1;
	}
	return 0;
}

void assess_said_fini(struct assess_said_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].value);
		free(l->v[i].where);
	}
	l->n = 0;
}

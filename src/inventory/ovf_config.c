/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "disk/ovf.h"
#include "inventory/ovf_config.h"

static int add_disk(const struct ovf_disk *d, struct vm_config *vm, struct error *err)
{
	const char *name = d->href ? d->href : d->id;

	if (!d->href && d->err.code == ERR_NONE) {
		log_warn("inventory", "%s: disk '%s' is empty and has no file: left out", vm->label ? vm->label : "OVF",
			 d->id);
		return 0;
	}
	for (size_t i = 0; i < vm->n_disks; i++) {
		if (strcmp(vm->disks[i], name) == 0) { /* two of its disks begin as the same file */
			log_warn("inventory", "%s: has more than one disk of the file '%s': it is taken once",
				 vm->label ? vm->label : "OVF", name);
			return 0;
		}
	}
	return vm_config_add_disk(vm, name, err);
}

static int ovf_config_parse(const char *text, size_t len, struct vm_config_list *out, struct error *err)
{
	CLEANUP(cleanup_ovf) struct ovf o = { 0 };

	if (ovf_parse(text, len, &o, err) < 0)
		return -1;
	for (size_t i = 0; i < o.n_systems; i++) {
		struct vm_config *vm = vm_config_add(out, o.systems[i].name, err);

		if (!vm)
			return -1;
		for (size_t k = 0; k < o.systems[i].n_disks; k++)
			if (add_disk(&o.disks[o.systems[i].disks[k]], vm, err) < 0)
				return -1;
	}
	return 0;
}

const struct vm_config_format ovf_config_format = {
	.suffix = ".ovf",
	.len_max = OVF_MAX,
	.exported = true,
	.parse = ovf_config_parse,
	.describe = ovf_describe,
};

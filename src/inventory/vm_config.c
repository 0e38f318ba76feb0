/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "inventory/hyperv_json.h"
#include "inventory/hyperv_xml.h"
#include "inventory/ovf_config.h"
#include "inventory/vm_config.h"
#include "inventory/vmcx.h"
#include "inventory/vmx.h"

static const struct vm_config_format *const formats[] = {
	&vmx_config_format,
	&ovf_config_format,
	&vmcx_format,
	&hyperv_xml_format,
	&hyperv_json_format,
	NULL,
};

const struct vm_config_format *vm_config_format_of_path(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');

	for (size_t i = 0; dot && dot != name && formats[i]; i++)
		if (strcasecmp(dot, formats[i]->suffix) == 0)
			return formats[i];
	return NULL;
}

struct vm_config *vm_config_add(struct vm_config_list *l, const char *label, struct error *err)
{
	struct vm_config *vm;

	if (l->n == VM_CONFIG_VMS_MAX) {
		error_set(err, ERR_CORRUPT, "more than %d virtual machines", VM_CONFIG_VMS_MAX);
		return NULL;
	}
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 1;
		struct vm_config *v = reallocarray(l->v, cap, sizeof(*v));

		if (!v) {
			error_errno(err, ENOMEM, "configuration");
			return NULL;
		}
		l->v = v;
		l->cap = cap;
	}
	vm = &l->v[l->n];
	*vm = (struct vm_config){ .label = label ? strdup(label) : NULL };
	if (label && !vm->label) {
		error_errno(err, ENOMEM, "configuration");
		return NULL;
	}
	l->n++;
	return vm;
}

int vm_config_add_disk(struct vm_config *vm, const char *file, struct error *err)
{
	char **disks;

	if (vm->n_disks == VM_CONFIG_DISKS_MAX)
		return error_set(err, ERR_CORRUPT, "more than %d disks", VM_CONFIG_DISKS_MAX);
	disks = reallocarray(vm->disks, vm->n_disks + 1, sizeof(*disks));
	if (!disks)
		return error_errno(err, ENOMEM, "configuration");
	vm->disks = disks;
	disks[vm->n_disks] = strdup(file);
	if (!disks[vm->n_disks])
		return error_errno(err, ENOMEM, "configuration");
	vm->n_disks++;
	return 0;
}

void vm_config_list_fini(struct vm_config_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		for (size_t k = 0; k < l->v[i].n_disks; k++)
			free(l->v[i].disks[k]);
		free(l->v[i].disks);
		free(l->v[i].label);
	}
	free(l->v);
	*l = (struct vm_config_list){ 0 };
}

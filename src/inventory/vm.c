/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <stdlib.h>

#include "inventory/vm.h"

static void vm_fini(struct vm *vm)
{
	for (size_t i = 0; i < vm->n_disks; i++) {
		free(vm->disks[i].image);
		free(vm->disks[i].root);
		free(vm->disks[i].replica_name);
		free(vm->disks[i].id);
	}
	free(vm->disks);
	free(vm->name);
	free(vm->label);
	free(vm->config);
}

void vm_list_fini(struct vm_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		vm_fini(&l->v[i]);
	free(l->v);
	*l = (struct vm_list){ 0 };
}

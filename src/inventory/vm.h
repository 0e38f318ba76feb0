/* SPDX-License-Identifier: Apache-2.0 */
/* The model: VMs and their disks, whatever inventory they were found in. */
#ifndef LIFTFS_INVENTORY_VM_H
#define LIFTFS_INVENTORY_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct vm_disk {
	char *image;        /* path of the leaf below the source's folder */
	char *root;         /* path of the chain's root image; the leaf itself without a chain or if the chain is broken */
	char *replica_name; /* escaped; ends in .vhd */
	char *id;           /* the root's own id, or "" */
	uint64_t virtual_size; /* 0 if the image could not be opened: see err */
	uint64_t allocated;
	struct error err;   /* why this disk cannot be replicated; ERR_NONE: it can */
};

struct vm {
	char *name;   /* folder and name, as paths below the source: "web01/web01" */
	char *label;  /* what people call it: "web01" */
	char *config; /* path of the configuration, or NULL: guessed from file names */
	size_t nth;   /* of the configuration's VMs, which one: from 0 */
	struct vm_disk *disks;
	size_t n_disks;
};

struct vm_list {
	struct vm *v;
	size_t n;
};
void vm_list_fini(struct vm_list *l);

#endif

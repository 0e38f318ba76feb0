/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between an inventory's rooms: disks while they are sorted into VMs.  First what configurations pick, then what leaves do,
 * of which datastore_vms.c makes the model.
 */
#ifndef LIFTFS_INVENTORY_DATASTORE_PICK_H
#define LIFTFS_INVENTORY_DATASTORE_PICK_H

#include <stdbool.h>
#include <stddef.h>

#include "inventory/datastore.h"

/* A VM that a configuration describes. */
struct configured {
	const char *path; /* of the configuration: one of ds->configs */
	char *name;       /* the VM's, as paths below the source */
	char *label;      /* or NULL */
	size_t nth;       /* of its configuration */
	size_t n_refused; /* of its disks that another configuration names too */
};

struct configured_list {
	struct configured *v;
	size_t n;
};

/* A disk while it is sorted into a VM; image NULL: a configuration names something that is not here. */
struct pick {
	struct datastore_image *image;
	char *path;    /* of the image, or what the configuration wrote */
	size_t config; /* index into the configured VMs, or SIZE_MAX */
	size_t order;  /* within its VM */
	char *vm;      /* the VM's name */
	struct error err;
};

struct picks {
	struct pick *v;
	size_t n, cap;
};

void datastore_configured_fini(struct configured_list *l);
void datastore_picks_fini(struct picks *p);

/* A pick of no configuration, and with the image's error.  vm need not end after vm_len bytes. */
struct pick *datastore_pick_add(struct picks *p, struct datastore_image *image, const char *path, const char *vm,
				size_t vm_len, struct error *err) MUST_CHECK;

size_t datastore_folder_len(const char *path);

/* In the same folder, or in folders that Hyper-V keeps one VM in? */
bool datastore_same_place(const char *a, const char *b);

/* Adds the disks that configurations name, and marks their images. */
int datastore_pick_configured(struct datastore *ds, struct configured_list *l, struct picks *p,
			      struct error *err) MUST_CHECK;
/* Adds the leaves that no configuration names, in VMs that their names tell. */
int datastore_pick_leaves(struct datastore *ds, const struct configured_list *l, struct picks *p,
			  struct error *err) MUST_CHECK;

#endif
